//! What a machine store must do.

use std::path::{Path, PathBuf};

use atome_proto::account::{DirectoryEntry, Secret, Visibility};
use atome_proto::directory::{DirectoryChange, DirectoryEvent};
use atome_proto::{AccountId, Code, Epoch, HubId};
use uuid::Uuid;

use super::{DirectoryCursor, MachineAccount, MachineDb, MachineStore, SessionTerm, Tie, carry};
use crate::error::StoreError;
use crate::sqlite::Durability;

fn id(n: u128) -> AccountId {
    AccountId(Uuid::from_u128(n))
}

fn account(n: u128, name: &str) -> MachineAccount {
    MachineAccount {
        entry: DirectoryEntry {
            user_id: id(n),
            username: name.to_owned(),
            phone: Some("+41".to_owned()),
            visibility: Visibility::Private,
        },
        password_hash: Some(Secret("$argon2id$".to_owned())),
        registered: false,
        conflict: false,
        retry_secret: Some(Secret("secret".to_owned())),
        invite: Some(Secret("invited".to_owned())),
        session: None,
        joins: None,
        created_at_ms: 5,
    }
}

#[test]
fn names_are_compared_folded() {
    let mut db = MachineDb::open_in_memory().unwrap();
    db.create_account(&account(1, "Straße")).unwrap();
    for (n, name) in [(1, "other"), (2, "STRASSE")] {
        let there = db.create_account(&account(n, name)).unwrap_err();
        assert!(matches!(there, StoreError::AccountExists));
        assert_eq!(there.code(), Code::Conflict);
    }
    let bad = db.create_account(&account(3, " x")).unwrap_err();
    assert!(matches!(bad, StoreError::BadName(_)));
    let found = db.view().account_by_name("strasse").unwrap().unwrap();
    assert_eq!(found.entry, account(1, "Straße").entry);
    assert_eq!(found.created_at_ms, 5);
    assert!(db.view().account_by_name(" x").unwrap().is_none());
    assert!(db.view().account(id(9)).unwrap().is_none());
}

#[test]
fn a_registration_is_pending_until_the_hub_has_said() {
    let mut db = MachineDb::open_in_memory().unwrap();
    for (n, name) in [(1, "b"), (2, "a"), (3, "c")] {
        db.create_account(&account(n, name)).unwrap();
    }
    let pending = |db: &MachineDb| -> Vec<String> {
        let accounts = db.view().pending_registrations().unwrap();
        accounts
            .into_iter()
            .map(|account| account.entry.username)
            .collect()
    };
    assert_eq!(pending(&db), ["a", "b", "c"]);
    db.set_registered(id(1), TERM).unwrap();
    db.set_conflict(id(2)).unwrap();
    assert_eq!(pending(&db), ["c"]);
    let registered = db.view().account(id(1)).unwrap().unwrap();
    assert!(registered.registered && registered.retry_secret.is_none());
    assert!(registered.invite.is_none());
    assert_eq!(registered.session, Some(TERM));
    let none = db.set_registered(id(9), TERM).unwrap_err();
    assert!(matches!(none, StoreError::NoSuchAccount));
}

const TERM: SessionTerm = SessionTerm {
    expires_at_ms: 900,
    life_ms: 300,
};

#[test]
fn a_conflict_ends_with_another_name() {
    let mut db = MachineDb::open_in_memory().unwrap();
    db.create_account(&account(1, "a")).unwrap();
    db.create_account(&account(2, "b")).unwrap();
    db.set_conflict(id(1)).unwrap();
    let mut entry = account(1, "B").entry;
    let taken = db.alter_unregistered(&entry, None).unwrap_err();
    assert!(matches!(taken, StoreError::AccountExists));
    entry.username = "C".to_owned();
    entry.phone = None;
    let code = Secret("code".to_owned());
    db.alter_unregistered(&entry, Some(&code)).unwrap();
    let altered = db.view().account_by_name("c").unwrap().unwrap();
    assert_eq!(altered.entry, entry);
    assert!(!altered.conflict && altered.retry_secret.is_some());
    assert_eq!(altered.invite, Some(code));
    db.set_registered(id(1), TERM).unwrap();
    let late = db.alter_unregistered(&entry, None).unwrap_err();
    assert!(matches!(late, StoreError::NoSuchAccount));
}

#[test]
fn a_session_is_due_at_two_thirds_of_its_life() {
    assert_eq!(SessionTerm::used(900, 600), TERM);
    assert_eq!(TERM.due_ms(), Some(800));
    let by_a_clock_ahead = SessionTerm::used(900, 901);
    assert_eq!(
        by_a_clock_ahead.due_ms(),
        None,
        "not at once, again and again"
    );
    let mut db = MachineDb::open_in_memory().unwrap();
    db.create_account(&account(1, "a")).unwrap();
    let session = |db: &MachineDb| db.view().account(id(1)).unwrap().unwrap().session;
    db.set_session(id(1), Some(TERM)).unwrap();
    assert_eq!(session(&db), Some(TERM));
    db.set_session(id(1), None).unwrap();
    assert_eq!(session(&db), None);
}

#[test]
fn an_account_becomes_another_with_its_ties() {
    let mut db = MachineDb::open_in_memory().unwrap();
    db.create_account(&account(1, "a")).unwrap();
    let tie = Tie {
        uid: 1000,
        account: id(1),
        since_ms: 5,
    };
    db.tie(tie).unwrap();
    let to = DirectoryEntry {
        username: "A".to_owned(),
        phone: None,
        visibility: Visibility::Public,
        user_id: id(2),
    };
    let hash = Secret("other".to_owned());
    db.begin_join(id(1), &to, &hash, TERM).unwrap();
    let begun = db.view().account(id(1)).unwrap().unwrap();
    assert_eq!((begun.joins, begun.registered), (Some(id(2)), false));
    let joined = db.finish_join(id(1)).unwrap();
    assert!(db.view().account(id(1)).unwrap().is_none());
    let found = db.view().account_by_name("a").unwrap().unwrap();
    assert_eq!((&found.entry, &joined.entry), (&to, &to));
    assert!(found.registered && found.joins.is_none() && found.retry_secret.is_none());
    assert_eq!(
        (found.session, found.password_hash),
        (Some(TERM), Some(hash))
    );
    let again = db.finish_join(id(1));
    assert!(matches!(again, Err(StoreError::NoSuchAccount)));
    let account = id(2);
    assert_eq!(db.view().ties_of(1000).unwrap(), [Tie { account, ..tie }]);
    assert_eq!(db.view().removals().unwrap(), []);
}

#[test]
fn revocations_wait_in_their_order_and_can_be_taken_back() {
    let mut db = MachineDb::open_in_memory().unwrap();
    db.create_account(&account(1, "a")).unwrap();
    db.set_session(id(1), Some(TERM)).unwrap();
    for (n, secret) in [(1, "revoke-1"), (2, "revoke-2"), (1, "revoke-3")] {
        db.add_revocation(id(n), secret, 7).unwrap();
    }
    assert!(db.view().account(id(1)).unwrap().unwrap().session.is_none());
    let waiting = |db: &MachineDb| -> Vec<String> {
        let all = db.view().revocations().unwrap();
        all.into_iter().map(|one| one.secret).collect()
    };
    assert_eq!(waiting(&db), ["revoke-1", "revoke-2", "revoke-3"]);
    let taken = db.take_back_revocation(id(1)).unwrap();
    assert_eq!(taken.as_deref(), Some("revoke-3"), "the last one");
    let first = db.view().revocations().unwrap().remove(0);
    assert_eq!((first.account, first.since_ms), (id(1), 7));
    assert!(db.drop_revocation(first.id).unwrap());
    assert!(!db.drop_revocation(first.id).unwrap());
    assert_eq!(db.take_back_revocation(id(1)).unwrap(), None);
    assert_eq!(waiting(&db), ["revoke-2"]);
}

#[test]
fn the_copy_of_the_directory_follows_its_hub() {
    let mut db = MachineDb::open_in_memory().unwrap();
    let entry = |n, name: &str| DirectoryEntry {
        phone: Some(format!("+{n}")),
        ..account(n, name).entry
    };
    let created = |number, n, name: &str| DirectoryChange {
        number,
        change: DirectoryEvent::Created(entry(n, name)),
    };
    let cursor = |hub, number| DirectoryCursor {
        hub: HubId(Uuid::from_u128(hub)),
        epoch: Epoch(1),
        number,
        true_ms: 9,
    };
    let changes = [created(1, 1, "Anna"), created(2, 2, "Bob")];
    db.apply_directory(&changes, cursor(1, 2), 6).unwrap();
    assert_eq!(db.view().directory_cursor().unwrap(), Some(cursor(1, 2)));
    let names = |db: &MachineDb, find: &str, after: &str, limit| -> Vec<String> {
        let page = db.view().directory_page(find, after, limit).unwrap();
        page.into_iter().map(|entry| entry.username).collect()
    };
    assert_eq!(names(&db, "", "", 9), ["Anna", "Bob"]);
    assert_eq!(names(&db, "", "", 1), ["Anna"]);
    assert_eq!(names(&db, "", "anna", 9), ["Bob"]);
    assert_eq!(names(&db, "nn", "", 9), ["Anna"]);
    assert_eq!(names(&db, "%", "", 9), [""; 0]);
    assert_eq!(
        db.view().directory_by_phone("+2").unwrap(),
        Some(entry(2, "Bob"))
    );
    assert_eq!(
        db.view().directory_by_name("anna").unwrap(),
        Some(entry(1, "Anna"))
    );
    assert_eq!(db.view().directory_kept_ms().unwrap(), Some(6));
    let gone = DirectoryChange {
        number: 3,
        change: DirectoryEvent::Deleted(id(1)),
    };
    db.apply_directory(&[gone], cursor(1, 3), 6).unwrap();
    assert_eq!(names(&db, "", "", 9), ["Bob"]);
    db.apply_directory(&[created(1, 3, "Carl")], cursor(2, 1), 6)
        .unwrap();
    assert_eq!(
        names(&db, "", "", 9),
        ["Carl"],
        "another hub's copy is no use"
    );
}

async fn of(store: &MachineStore, uid: u32) -> Vec<Tie> {
    store.read(move |view| view.ties_of(uid)).await.unwrap()
}

#[tokio::test]
async fn ties_outlive_a_restart_and_end_with_their_account() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state/machine.db");
    let store = MachineStore::open(&path, Durability::Full).unwrap();
    let make = |db: &mut MachineDb| db.create_account(&account(1, "a"));
    store.write(make).await.unwrap();
    let tie = |since_ms| Tie {
        uid: 1000,
        account: id(1),
        since_ms,
    };
    for tie in [tie(5), tie(6)] {
        store.write(move |db| db.tie(tie)).await.unwrap();
    }
    let nobody = Tie {
        account: id(2),
        ..tie(5)
    };
    assert!(matches!(
        store.write(move |db| db.tie(nobody)).await,
        Err(StoreError::NoSuchAccount)
    ));
    store.close().await;
    let store = MachineStore::open(&path, Durability::Full).unwrap();
    assert_eq!(of(&store, 1000).await, [tie(5)]);
    assert_eq!(of(&store, 0).await, []);
    for was in [true, false] {
        let untied = store.write(|db| db.untie(1000, id(1))).await;
        assert_eq!(untied.unwrap(), was);
    }
    store.write(move |db| db.tie(tie(7))).await.unwrap();
    let to = store.read(|view| view.ties_to(id(1))).await;
    assert_eq!(to.unwrap(), [tie(7)]);
    store.write(|db| db.remove_account(id(1))).await.unwrap();
    assert_eq!(of(&store, 1000).await, []);
    let (accounts, removals) = store
        .read(|view| Ok((view.accounts()?.len(), view.removals()?)))
        .await
        .unwrap();
    assert_eq!((accounts, removals), (0, vec![id(1)]));
    store.write(|db| db.files_removed(id(1))).await.unwrap();
    let removals = store.read(|view| view.removals()).await;
    assert_eq!(removals.unwrap(), []);
    store.close().await;
}

#[tokio::test]
async fn the_revision_moves_with_each_write_that_is_answered() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state/machine.db");
    let store = MachineStore::open(&path, Durability::Full).unwrap();
    let tie = Tie {
        uid: 1000,
        account: id(1),
        since_ms: 5,
    };
    let mut before = store.revision();
    for n in 0..3 {
        let wrote = store.write(move |db| match n {
            0 => db.create_account(&account(1, "a")),
            1 => db.tie(tie),
            _ => db.untie(1000, id(1)).map(drop),
        });
        wrote.await.unwrap();
        assert!(store.revision() > before, "write {n}");
        before = store.revision();
        of(&store, 1000).await;
        assert_eq!(store.revision(), before, "reading moves nothing");
    }
    store.close().await;
}

#[test]
fn what_nothing_else_knows_is_carried_into_a_new_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join("state").join(name);
    let mut db = MachineDb::open(&path("old.db"), Durability::Full).unwrap();
    let tie = |uid, n| Tie {
        uid,
        account: id(n),
        since_ms: 7,
    };
    for (n, name) in [(1, "a"), (2, "b"), (3, "gone")] {
        db.create_account(&account(n, name)).unwrap();
        db.tie(tie(1000, n)).unwrap();
    }
    let hash = Secret("$argon2id$other".to_owned());
    let term = SessionTerm::used(9, 1);
    let to = account(4, "at the hub").entry;
    db.begin_join(id(2), &to, &hash, term).unwrap();
    db.add_revocation(id(1), "a-1", 6).unwrap();
    drop(db);
    // The copy is older than a removal.
    carry(&[&path("old.db")], &path("copy.db")).unwrap();
    let mut db = MachineDb::open(&path("old.db"), Durability::Full).unwrap();
    db.remove_account(id(3)).unwrap();
    db.execute("DROP TABLE accounts", []).unwrap();
    drop(db);

    let sources = [path("old.db"), path("none.db"), path("copy.db")];
    let sources: Vec<&Path> = sources.iter().map(PathBuf::as_path).collect();
    let carried = carry(&sources, &path("new.db")).unwrap();
    assert_eq!((carried.accounts, carried.lost), (2, vec![]));
    let new = MachineDb::open(&path("new.db"), Durability::Full).unwrap();
    let view = new.view();
    let names: Vec<_> = view.accounts().unwrap();
    let names: Vec<_> = names.iter().map(|it| it.entry.username.as_str()).collect();
    assert_eq!(names, ["a", "at the hub"]);
    let joining = view.account(id(2)).unwrap().unwrap();
    assert_eq!((joining.joins, joining.session), (Some(id(4)), Some(term)));
    assert_eq!(view.all_ties().unwrap(), [tie(1000, 1), tie(1000, 2)]);
    assert_eq!(view.removals().unwrap(), [id(3)]);
    assert_eq!(view.revocations().unwrap()[0].secret, "a-1");

    let nothing = carry(&[&path("none.db")], &path("empty.db")).unwrap();
    assert_eq!((nothing.accounts, nothing.lost.len()), (0, 4));
}
