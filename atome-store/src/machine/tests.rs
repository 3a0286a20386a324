//! What a machine store must do.

use atome_proto::account::{DirectoryEntry, Secret, Visibility};
use atome_proto::{AccountId, Code};
use uuid::Uuid;

use super::{MachineAccount, MachineDb, MachineStore, Tie};
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
        password_hash: Secret("$argon2id$".to_owned()),
        registered: false,
        conflict: false,
        retry_secret: Some(Secret("secret".to_owned())),
        session_expires_at_ms: None,
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
    let found = db.account_by_name("strasse").unwrap().unwrap();
    assert_eq!(found.entry, account(1, "Straße").entry);
    assert_eq!(found.created_at_ms, 5);
    assert!(db.account_by_name(" x").unwrap().is_none());
    assert!(db.account(id(9)).unwrap().is_none());
}

#[test]
fn a_registration_is_pending_until_the_hub_has_said() {
    let mut db = MachineDb::open_in_memory().unwrap();
    for (n, name) in [(1, "b"), (2, "a"), (3, "c")] {
        db.create_account(&account(n, name)).unwrap();
    }
    let pending = |db: &MachineDb| -> Vec<String> {
        let accounts = db.pending_registrations().unwrap();
        accounts
            .into_iter()
            .map(|account| account.entry.username)
            .collect()
    };
    assert_eq!(pending(&db), ["a", "b", "c"]);
    db.set_registered(id(1), true).unwrap();
    db.set_conflict(id(2), true).unwrap();
    assert_eq!(pending(&db), ["c"]);
    let registered = db.account(id(1)).unwrap().unwrap();
    assert!(registered.registered && registered.retry_secret.is_none());
    db.set_conflict(id(2), false).unwrap();
    assert_eq!(pending(&db), ["a", "c"]);
    db.set_session_expiry(id(3), Some(7)).unwrap();
    db.set_password_hash(id(3), &Secret("new".to_owned()))
        .unwrap();
    let altered = db.account(id(3)).unwrap().unwrap();
    assert_eq!(altered.session_expires_at_ms, Some(7));
    assert_eq!(altered.password_hash.0, "new");
    let none = db.set_registered(id(9), true).unwrap_err();
    assert!(matches!(none, StoreError::NoSuchAccount));
}

#[tokio::test]
async fn ties_outlive_a_restart_and_end_with_their_account() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state/machine.db");
    let store = MachineStore::open(&path, Durability::Full).unwrap();
    store.create_account(account(1, "a")).await.unwrap();
    let tie = |since_ms| Tie {
        uid: 1000,
        account: id(1),
        since_ms,
    };
    store.tie(tie(5)).await.unwrap();
    store.tie(tie(6)).await.unwrap();
    let nobody = Tie {
        account: id(2),
        ..tie(5)
    };
    assert!(matches!(
        store.tie(nobody).await,
        Err(StoreError::NoSuchAccount)
    ));
    store.close().await;
    let store = MachineStore::open(&path, Durability::Full).unwrap();
    assert_eq!(store.ties_of(1000).await.unwrap(), [tie(5)]);
    assert_eq!(store.ties_of(0).await.unwrap(), []);
    assert!(store.untie(1000, id(1)).await.unwrap());
    assert!(!store.untie(1000, id(1)).await.unwrap());
    store.tie(tie(7)).await.unwrap();
    store.remove_account(id(1)).await.unwrap();
    assert_eq!(store.ties_of(1000).await.unwrap(), []);
    assert_eq!(store.accounts().await.unwrap().len(), 0);
    store.close().await;
}
