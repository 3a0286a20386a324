//! Accounts, sessions, invitations, the directory: what every hub store must do with them.

use atome_proto::directory::DirectoryEvent;

use super::*;

const CARL: AccountId = AccountId(Uuid::from_u128(3));

/// Runs every case, each on a store of its own.
pub(super) async fn conform<S: HubStore>(fresh: &mut impl FnMut() -> S) {
    an_invitation_is_good_once(&fresh()).await;
    a_closed_hub_knows_its_own(&fresh()).await;
    a_repeated_registration_brings_its_password_until_it_is_changed(&fresh()).await;
    sessions_are_listed_and_closed(&fresh()).await;
    a_changed_password_may_close_the_others(&fresh()).await;
    a_disabled_account_is_closed_and_opened(&fresh()).await;
    a_deleted_account_is_gone_for_good(&fresh()).await;
    the_directory_is_listed_by_name(&fresh()).await;
    the_directory_tells_what_changed(&fresh()).await;
}

fn public(id: AccountId, name: &str) -> NewAccount {
    let mut account = new_account(id, name);
    account.entry.visibility = Visibility::Public;
    account
}

async fn list(store: &impl HubStore, id: AccountId, name: &str, token: u8) {
    let done = store.register(public(id, name), new_session(id, token));
    assert_eq!(done.await.unwrap(), Registered::New);
}

async fn stands(store: &impl HubStore, token: u8) -> bool {
    store.session([token; 32], NOW_MS).await.unwrap().is_some()
}

async fn an_invitation_is_good_once(store: &impl HubStore) {
    let invite = |code: u8, expires_at_ms| Invite {
        code_hash: [code; 32],
        created_at_ms: NOW_MS,
        expires_at_ms,
    };
    store.add_invite(invite(1, NOW_MS + 9)).await.unwrap();
    store.add_invite(invite(2, NOW_MS)).await.unwrap();
    let invited = |id, name, code: Option<u8>| NewAccount {
        admission: Admission::Invited(code.map(|code| [code; 32])),
        ..new_account(id, name)
    };
    for bad in [None, Some(2), Some(3)] {
        let refused = store.register(invited(ANNA, "Anna", bad), new_session(ANNA, 1));
        assert!(
            matches!(refused.await, Err(HubError::NotInvited)),
            "{bad:?}"
        );
    }
    // A name that is taken does not use the invitation up.
    register(store, BOB, "Bob", 2).await;
    let taken = store.register(invited(ANNA, "Bob", Some(1)), new_session(ANNA, 1));
    assert!(matches!(taken.await, Err(HubError::NameTaken)));
    for again in [Registered::New, Registered::Again] {
        let session = new_session(ANNA, if again == Registered::New { 1 } else { 3 });
        let done = store.register(invited(ANNA, "Anna", Some(1)), session);
        assert_eq!(done.await.unwrap(), again);
    }
    let used = store.register(invited(CARL, "Carl", Some(1)), new_session(CARL, 4));
    assert!(matches!(used.await, Err(HubError::NotInvited)));
}

async fn a_closed_hub_knows_its_own(store: &impl HubStore) {
    register(store, ANNA, "Anna", 1).await;
    let closed = |id, name| NewAccount {
        admission: Admission::Closed,
        ..new_account(id, name)
    };
    let again = store.register(closed(ANNA, "Anna"), new_session(ANNA, 2));
    assert_eq!(again.await.unwrap(), Registered::Again);
    let new = store.register(closed(BOB, "Bob"), new_session(BOB, 3));
    assert!(matches!(new.await, Err(HubError::Closed)));
}

async fn a_repeated_registration_brings_its_password_until_it_is_changed(store: &impl HubStore) {
    register(store, ANNA, "Anna", 1).await;
    let again = |hash: &str| NewAccount {
        password_hash: hash.to_owned(),
        ..new_account(ANNA, "Anna")
    };
    let kept = async || store.account(ANNA).await.unwrap().unwrap().password_hash;
    store
        .register(again("two"), new_session(ANNA, 2))
        .await
        .unwrap();
    assert_eq!(kept().await, "two");
    let change = PasswordChange {
        account: ANNA,
        password_hash: "three".to_owned(),
        only_session: None,
        now_ms: NOW_MS,
    };
    store.set_password(change).await.unwrap();
    store
        .register(again("four"), new_session(ANNA, 3))
        .await
        .unwrap();
    assert_eq!(kept().await, "three");
}

async fn sessions_are_listed_and_closed(store: &impl HubStore) {
    register(store, ANNA, "Anna", 1).await;
    register(store, BOB, "Bob", 9).await;
    let mut second = new_session(ANNA, 2);
    second.created_at_ms += 1;
    store.open_session(second).await.unwrap();
    let ids = async |now_ms| -> Vec<u128> {
        let sessions = store.sessions(ANNA, now_ms).await.unwrap();
        sessions.iter().map(|s| s.session.as_u128()).collect()
    };
    assert_eq!(ids(NOW_MS).await, [2, 1], "the newest first");
    assert_eq!(ids(NOW_MS + 10_000_000).await, [2], "one is over");
    let mut signals = store.subscribe(ANNA);
    let kept = Uuid::from_u128(1);
    assert_eq!(store.close_other_sessions(ANNA, kept).await.unwrap(), 1);
    signals.changed().await.unwrap();
    assert!(signals.borrow_and_update().sessions > 0);
    assert!(stands(store, 1).await && !stands(store, 2).await && stands(store, 9).await);
    store.close_session(ANNA, kept).await.unwrap();
    assert!(signals.has_changed().unwrap());
    // Another account's session is not closed by its id.
    assert!(!store.close_session(ANNA, Uuid::from_u128(9)).await.unwrap());
    assert!(stands(store, 9).await);
}

async fn a_changed_password_may_close_the_others(store: &impl HubStore) {
    register(store, ANNA, "Anna", 1).await;
    store.open_session(new_session(ANNA, 2)).await.unwrap();
    let change = |account, only_session: Option<u128>| PasswordChange {
        account,
        password_hash: "new".to_owned(),
        only_session: only_session.map(Uuid::from_u128),
        now_ms: NOW_MS,
    };
    let none = store.set_password(change(BOB, None)).await;
    assert!(matches!(none, Err(HubError::NoSuchAccount)));
    store.set_password(change(ANNA, None)).await.unwrap();
    assert!(stands(store, 1).await && stands(store, 2).await);
    store.set_password(change(ANNA, Some(2))).await.unwrap();
    assert!(!stands(store, 1).await && stands(store, 2).await);
}

async fn a_disabled_account_is_closed_and_opened(store: &impl HubStore) {
    register(store, ANNA, "Anna", 1).await;
    let mut signals = store.subscribe(ANNA);
    store.set_disabled(ANNA, true).await.unwrap();
    signals.changed().await.unwrap();
    assert!(!stands(store, 1).await);
    store.set_disabled(ANNA, false).await.unwrap();
    assert!(stands(store, 1).await);
    let none = store.set_disabled(BOB, true).await;
    assert!(matches!(none, Err(HubError::NoSuchAccount)));
}

async fn a_deleted_account_is_gone_for_good(store: &impl HubStore) {
    register(store, ANNA, "Anna", 1).await;
    register(store, BOB, "Bob", 9).await;
    admit(store, ONE, 1, makes(ONE, 30)).await;
    let mut signals = store.subscribe(ANNA);
    store.delete_account(ANNA, NOW_MS).await.unwrap();
    signals.changed().await.unwrap();
    let none = store.delete_account(ANNA, NOW_MS).await;
    assert!(matches!(none, Err(HubError::NoSuchAccount)));
    let told = store.session([1; 32], NOW_MS).await;
    assert!(matches!(told, Err(HubError::AccountDeleted)));
    let over = store.session([1; 32], NOW_MS + 10_000_000).await;
    assert!(over.unwrap().is_none(), "it would have ended by then");
    let pushed = store
        .admit(ReadPush::of(ANNA, ONE, 31, &makes(ONE, 1)), NOW_MS)
        .await;
    assert!(matches!(pushed, Err(HubError::AccountDeleted)));
    while store.purge(7).await.unwrap() {}
    assert_eq!(store.states(ANNA, None, 9).await.unwrap().total, 0);
    assert_eq!(store.position(ANNA, ONE).await.unwrap().head, 0);
    assert_eq!(store.digest(ANNA).await.unwrap(), (0, Buckets::default()));
    // The name is free again; the id is not.
    let id = store.register(new_account(ANNA, "Anna"), new_session(ANNA, 2));
    assert!(matches!(id.await, Err(HubError::AccountDeleted)));
    register(store, CARL, "Anna", 3).await;
    assert!(stands(store, 9).await);
}

async fn the_directory_is_listed_by_name(store: &impl HubStore) {
    list(store, ANNA, "Ännchen", 1).await;
    list(store, BOB, "Bob", 2).await;
    register(store, CARL, "Carl", 3).await;
    let names = async |prefix: &str, after: &str, limit| -> Vec<String> {
        let page = store.directory(prefix, after, limit).await.unwrap();
        page.into_iter().map(|entry| entry.username).collect()
    };
    assert_eq!(
        names("", "", 9).await,
        ["Bob", "Ännchen"],
        "private ones are not listed"
    );
    assert_eq!(names("", "", 1).await, ["Bob"]);
    assert_eq!(names("", "bob", 9).await, ["Ännchen"]);
    assert_eq!(names("bo", "", 9).await, ["Bob"]);
    assert_eq!(names("bo_", "", 9).await, [""; 0], "a prefix is no pattern");
    let found = async |key| {
        store
            .directory_lookup(key)
            .await
            .unwrap()
            .map(|e| e.user_id)
    };
    let name = |name: &str| DirectoryKey::Name(name.to_owned());
    let phone = |phone: &str| DirectoryKey::Phone(phone.to_owned());
    assert_eq!(found(name("bob")).await, Some(BOB));
    assert_eq!(found(name("carl")).await, None);
    assert_eq!(found(phone("+41Carl")).await, Some(CARL));
    assert_eq!(found(phone("+41Car")).await, None);
}

async fn the_directory_tells_what_changed(store: &impl HubStore) {
    let mut heads = store.subscribe_directory();
    list(store, ANNA, "Anna", 1).await;
    register(store, CARL, "Carl", 3).await;
    list(store, BOB, "Bob", 2).await;
    assert_eq!(
        *heads.borrow_and_update(),
        2,
        "of a private one nothing is told"
    );
    let changed = async |after, limit| {
        let (changes, head) = store.directory_changes(after, limit).await.unwrap();
        let told: Vec<_> = changes
            .into_iter()
            .map(|one| match one.change {
                DirectoryEvent::Created(entry) => (one.number, entry.user_id, true),
                DirectoryEvent::Deleted(account) => (one.number, account, false),
            })
            .collect();
        (told, head)
    };
    assert_eq!(changed(0, 1).await, (vec![(1, ANNA, true)], 2));
    assert_eq!(changed(1, 9).await, (vec![(2, BOB, true)], 2));
    store.delete_account(ANNA, NOW_MS).await.unwrap();
    store.delete_account(CARL, NOW_MS).await.unwrap();
    assert_eq!(*heads.borrow_and_update(), 3);
    assert_eq!(
        changed(0, 9).await,
        (vec![(2, BOB, true), (3, ANNA, false)], 3)
    );
    assert_eq!(changed(3, 9).await, (vec![], 3));
    assert_eq!(store.position(BOB, ONE).await.unwrap().directory, 3);
}
