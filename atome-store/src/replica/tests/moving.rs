//! A store that becomes another account's: case by case. At random: [`super::moved`].

use atome_proto::Code;

use super::*;
use crate::sqlite::Durability;
use crate::{OpenError, ReplicaStore};

/// An account made offline, which turns out to be Anna's.
pub(super) const OFFLINE: AccountId = AccountId(Uuid::from_u128(0xc));

/// An atome that an account makes under a key.
fn keyed(account: AccountId, name: &str) -> Draft {
    let mut draft = create(1);
    draft.atome = AtomeId::from_key(account, name);
    draft.create = Some(Create {
        key: Some(name.to_owned()),
        owner: None,
    });
    draft
}

fn id_of(id: AtomeId) -> Value {
    Value::from_text(&id.to_string())
}

fn under(mut draft: Draft, parent: AtomeId) -> Draft {
    draft
        .set
        .insert(Key::of_envelope(Key::PARENT), id_of(parent));
    draft
}

fn offline() -> ReplicaDb {
    ReplicaDb::open_in_memory(OFFLINE, ReplicaId(1)).unwrap()
}

fn write_offline(db: &mut ReplicaDb, draft: Draft) {
    db.write(OFFLINE, vec![draft], now(0)).unwrap();
}

/// All that a store keeps and moves, each row as text.
pub(super) fn kept(db: &ReplicaDb) -> Vec<String> {
    let rows = |sql: &str| -> Vec<String> {
        let mut statement = db.base.connection.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| row.get(0)).unwrap();
        rows.map(Result::unwrap).collect()
    };
    let mut kept = rows(
        "SELECT concat_ws(' ', id, replica, number, quote(feed), body) FROM commits ORDER BY id",
    );
    kept.extend(rows(
        "SELECT concat_ws(' ', hex(a.atome), a.gen, a.deleted, a.type, quote(a.parent), s.body, \
         quote(s.base)) FROM atomes a JOIN states s ON s.id = a.state ORDER BY a.atome",
    ));
    kept.extend(rows(
        "SELECT concat_ws(' ', hex(a.atome), s.made) FROM atomes a JOIN states s ON s.id = a.state \
         UNION SELECT concat_ws(' ', hex(atome), commit_id) FROM touched ORDER BY 1",
    ));
    kept.extend(rows(
        "SELECT concat_ws(' ', replica, acked, seen, quote(hub), quote(feed), gen, baseline, \
         schedule, paused) FROM replica",
    ));
    kept
}

#[test]
fn what_names_a_keyed_atome_follows_it() {
    let mut db = offline();
    let (old, new) = (
        AtomeId::from_key(OFFLINE, "k"),
        AtomeId::from_key(ANNA, "k"),
    );
    let never = AtomeId::from_key(OFFLINE, "never made");
    let mut child = under(create(1), old);
    child.set.insert(key("a"), id_of(old));
    write_offline(&mut db, child);
    write_offline(&mut db, keyed(OFFLINE, "k"));
    let mut more = Draft::new(old);
    more.add.insert(key("n"), Number::Whole(2));
    write_offline(&mut db, under(more, atome(1)));
    write_offline(&mut db, under(create(2), never));
    let before = db.position().unwrap();
    let history = db.history(old, None).unwrap();

    db.move_to(ANNA).unwrap();
    check(&db);
    assert_eq!(db.account(), ANNA);
    assert!(db.get(old).unwrap().is_none());
    assert!(db.history(old, None).is_err());
    let parent = |id| db.get(id).unwrap().unwrap().parent();
    assert_eq!(parent(atome(1)), Some(new));
    assert_eq!(parent(new), Some(atome(1)));
    assert_eq!(
        parent(atome(2)),
        Some(never),
        "of what key it is nobody knows"
    );
    assert_eq!(value(&db, 1, "a").unwrap(), id_of(old).as_str());
    let moved = db.history(new, None).unwrap();
    assert!(moved.complete);
    assert_eq!(moved.versions.len(), history.versions.len());
    for (now, then) in moved.versions.iter().zip(&history.versions) {
        assert_eq!(now.author, Some(ANNA));
        assert_eq!(
            (&now.key, now.stamp, &now.value, now.number, now.state),
            (&then.key, then.stamp, &then.value, then.number, then.state)
        );
    }
    let after = db.position().unwrap();
    assert_eq!((after.number, after.acked), (before.number, 0));
    write(&mut db, set(1, "a", 1));
    check(&db);
}

#[test]
fn watchers_are_told_once_to_look_at_all() {
    let mut db = offline();
    write_offline(&mut db, create(1));
    write_offline(&mut db, create(2));
    db.discard_pending().unwrap();
    write_offline(&mut db, create(1));
    let seen = db.position().unwrap();
    db.move_to(ANNA).unwrap();
    let moved = db.position().unwrap();
    assert_eq!(moved.change, seen.change + 1);
    for since in [0, seen.change] {
        let told = db.changes(since, 9).unwrap();
        assert_eq!(
            (told.reset, told.events.len(), told.through),
            (true, 0, moved.change)
        );
    }
    db.move_to(ANNA).unwrap();
    assert_eq!(
        db.position().unwrap(),
        moved,
        "said again, it changes nothing"
    );
    write(&mut db, create(3));
    let told = db.changes(moved.change, 9).unwrap();
    assert_eq!((told.reset, told.events.len()), (false, 1));
}

#[test]
fn what_was_with_a_hub_stays() {
    let mut hub = hub();
    let mut other = replica(9);
    write(&mut other, create(9));
    push(&mut other, &mut hub, 1, false);
    let identity = hub.identity().unwrap();
    let page = Snapshot {
        since: 0,
        page: 0,
        states: hub.states(ANNA, None, usize::MAX).unwrap().states,
        gone: vec![],
        grants: vec![],
        policies: vec![],
        total: 1,
        end: None,
    };
    let with_hub: [&dyn Fn(&mut ReplicaDb); 5] = [
        &|db| {
            db.adopt_hub(identity.hub, identity.epoch, 0).unwrap();
        },
        &|db| {
            db.acknowledge(1, &[]).unwrap();
        },
        &|db| {
            db.stage(&page).unwrap();
        },
        &|db| {
            pull(db, &hub, 9);
        },
        &|db| {
            db.write(MALLORY, vec![set(1, "a", 1)], now(0)).unwrap();
        },
    ];
    for (place, meet) in with_hub.into_iter().enumerate() {
        let mut db = replica(1);
        write(&mut db, create(1));
        meet(&mut db);
        let before = (kept(&db), db.position().unwrap());
        let error = db.move_to(OFFLINE).unwrap_err();
        assert!(matches!(error, StoreError::HasSynced), "{place}: {error}");
        assert_eq!(error.code(), Code::Conflict);
        assert_eq!((kept(&db), db.position().unwrap()), before, "{place}");
        assert_eq!(db.account(), ANNA);
        db.move_to(ANNA).unwrap();
        write(&mut db, set(1, "a", 2));
    }
}

#[test]
fn no_atome_is_merged_into_another() {
    let mut db = offline();
    write_offline(&mut db, keyed(OFFLINE, "k"));
    let mut same = create(1);
    same.atome = AtomeId::from_key(ANNA, "k");
    write_offline(&mut db, same.clone());
    let before = kept(&db);
    let error = db.move_to(ANNA).unwrap_err();
    assert!(
        matches!(error, StoreError::Exists(id) if id == same.atome),
        "{error}"
    );
    assert_eq!(error.code(), Code::Conflict);
    assert_eq!(kept(&db), before);
    db.move_to(MALLORY).unwrap();
    check(&db);
}

#[test]
fn a_move_that_fails_at_its_end_leaves_all() {
    let mut db = offline();
    write_offline(&mut db, keyed(OFFLINE, "k"));
    write_offline(&mut db, under(create(1), AtomeId::from_key(OFFLINE, "k")));
    let before = (kept(&db), db.position().unwrap());
    let sql =
        "CREATE TEMP TRIGGER no BEFORE UPDATE ON replica BEGIN SELECT RAISE(ABORT, 'no'); END";
    db.base.connection.execute_batch(sql).unwrap();
    let error = db.move_to(ANNA).unwrap_err();
    assert!(matches!(error, StoreError::Fault(_)), "{error}");
    assert_eq!((kept(&db), db.position().unwrap()), before);
    assert_eq!(db.account(), OFFLINE);
    db.base.connection.execute_batch("DROP TRIGGER no").unwrap();
    check(&db);
    db.move_to(ANNA).unwrap();
    check(&db);
}

#[test]
fn a_refused_move_leaves_the_file_to_the_last_byte() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("anna/replica.db");
    let open = || ReplicaDb::open(&path, ANNA, ReplicaId(1), Durability::Full).unwrap();
    let mut db = open();
    write(&mut db, create(1));
    db.acknowledge(1, &[]).unwrap();
    drop(db);
    let before = std::fs::read(&path).unwrap();
    let mut db = open();
    db.move_to(OFFLINE).unwrap_err();
    drop(db);
    assert!(std::fs::read(&path).unwrap() == before);
    write(&mut open(), set(1, "a", 1));
}

#[tokio::test]
async fn whose_a_store_is_can_be_told_after_a_crash() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("offline/replica.db");
    assert_eq!(ReplicaDb::account_of(&path).unwrap(), None);
    let store = ReplicaStore::open(&path, OFFLINE, ReplicaId(1), Durability::Full).unwrap();
    let made = keyed(OFFLINE, "k");
    store.write(OFFLINE, vec![made], now(0)).await.unwrap();
    assert_eq!(ReplicaDb::account_of(&path).unwrap(), Some(OFFLINE));
    let mut positions = store.subscribe();
    positions.mark_unchanged();
    store.move_to(ANNA).await.unwrap();
    assert!(positions.has_changed().unwrap());

    // What a crash leaves: the move stands in the WAL alone.
    let crashed = dir.path().join("crashed/replica.db");
    let wal_of = |path: &std::path::Path| path.with_extension("db-wal");
    std::fs::create_dir(crashed.parent().unwrap()).unwrap();
    for (from, to) in [
        (path.clone(), crashed.clone()),
        (wal_of(&path), wal_of(&crashed)),
    ] {
        std::fs::copy(from, to).unwrap();
    }
    let read = || [&crashed, &wal_of(&crashed)].map(|path| std::fs::read(path).unwrap());
    let before = read();
    assert!(before[1].len() > 4096);
    assert_eq!(ReplicaDb::account_of(&crashed).unwrap(), Some(ANNA));
    assert!(read() == before, "it was only read");

    store.close().await;
    for path in [&path, &crashed] {
        restrict(path);
        let other = ReplicaStore::open(path, OFFLINE, ReplicaId(1), Durability::Full);
        assert!(matches!(other, Err(OpenError::OtherAccount { .. })));
        let store = ReplicaStore::open(path, ANNA, ReplicaId(1), Durability::Full).unwrap();
        let id = AtomeId::from_key(ANNA, "k");
        assert_eq!(store.get(id).await.unwrap().unwrap().owner, ANNA);
        store.close().await;
    }
}

/// As a store's folder is, whatever the umask.
fn restrict(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    let folder = path.parent().unwrap();
    std::fs::set_permissions(folder, PermissionsExt::from_mode(0o700)).unwrap();
}

#[test]
fn a_file_that_is_no_store_is_nobodys() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("replica.db");
    std::fs::write(&path, "").unwrap();
    assert_eq!(ReplicaDb::account_of(&path).unwrap(), None);
    std::fs::write(
        &path,
        "this is no database, and much longer than a header is, surely",
    )
    .unwrap();
    let foreign = ReplicaDb::account_of(&path).unwrap_err();
    assert!(matches!(foreign, OpenError::Foreign { .. }), "{foreign}");
}
