//! The handle: threads, files, and what survives.

use atome_proto::seed::Record;

use crate::sqlite::migrate::{Kind, REPLICA};
use crate::sqlite::{self, Durability};
use crate::{Fault, OpenError, ReplicaStore};

use super::*;

fn open(dir: &tempfile::TempDir) -> ReplicaStore {
    let path = dir.path().join("anna/replica.db");
    ReplicaStore::open(&path, ANNA, ReplicaId(1), Durability::Full).unwrap()
}

#[tokio::test]
async fn writes_are_there_for_readers_and_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let mut positions = store.subscribe();
    let written = store.write(ANNA, vec![create(1)], now(0)).await.unwrap();
    assert!(positions.has_changed().unwrap());
    assert_eq!(positions.borrow_and_update().number, written.number);
    assert_eq!(store.position().await.unwrap().change, written.change);
    assert!(store.get(atome(1)).await.unwrap().is_some());
    let many: Vec<_> = (0..100)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move { store.write(ANNA, vec![create(n + 100)], now(0)).await })
        })
        .collect();
    let mut numbers = vec![];
    for writing in many {
        numbers.push(writing.await.unwrap().unwrap().number);
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (2..=101).collect::<Vec<_>>());
    let position = store.position().await.unwrap();
    store.close().await;
    let closed = store.write(ANNA, vec![create(2)], now(0)).await;
    assert!(matches!(closed, Err(StoreError::Fault(Fault::Stopped))));
    let again = open(&dir);
    let revision = position.revision;
    let found = again.position().await.unwrap();
    assert_eq!(
        atome_engine::replica::Position { revision, ..found },
        position
    );
}

#[tokio::test]
async fn an_export_is_of_one_moment() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    for n in 1..=50 {
        let mut draft = create(n);
        draft
            .set
            .insert(key("a"), Value::from_text(&"x".repeat(20_000)));
        store.write(ANNA, vec![draft], now(0)).await.unwrap();
    }
    let mut export = store.export().await.unwrap();
    store.write(ANNA, vec![create(60)], now(0)).await.unwrap();
    store
        .write(ANNA, vec![set(50, "a", 1)], now(0))
        .await
        .unwrap();
    let (mut ids, mut pages) = (vec![], 0);
    loop {
        let page = export.next_page().await.unwrap();
        if page.is_empty() {
            break;
        }
        pages += 1;
        for state in page {
            assert!(state.value("a").unwrap().as_str().len() > 20_000);
            ids.push(state.atome);
        }
    }
    assert_eq!(ids, (1..=50).map(atome).collect::<Vec<_>>());
    assert!(pages > 1);
}

#[tokio::test]
async fn a_dry_run_counts_and_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let record = Record::parse(r#"{"key":"k","type":"t","properties":{"a":1}}"#).unwrap();
    let records = vec![(record.atome(ANNA).unwrap(), record)];
    for created in [1, 1] {
        let dry = store
            .seed(ANNA, records.clone(), true, now(0))
            .await
            .unwrap();
        assert_eq!(dry.created, created);
    }
    assert_eq!(store.position().await.unwrap().number, 0);
    store
        .seed(ANNA, records.clone(), false, now(0))
        .await
        .unwrap();
    let dry = store.seed(ANNA, records, true, now(0)).await.unwrap();
    assert_eq!((dry.created, dry.unchanged), (0, 1));
}

/// A file of the first schema, with what an account wrote before there was sharing.
fn old_file(path: &std::path::Path) {
    let scratch = path.with_file_name("scratch.db");
    let first = Kind {
        migrations: &REPLICA.migrations[..1],
        ..REPLICA
    };
    let old = sqlite::open(path, &first, Durability::Full).unwrap();
    let mut db = ReplicaDb::open(&scratch, ANNA, ReplicaId(1), Durability::Full).unwrap();
    write(&mut db, create(1));
    write(&mut db, set(1, "a", 7));
    drop(db);
    let scratch = scratch.to_str().unwrap();
    old.execute("ATTACH ? AS new", [scratch]).unwrap();
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table'";
    let columns = "SELECT group_concat(name) FROM pragma_table_info(?)";
    let mut tables = old.prepare(tables).unwrap();
    let tables = tables.query_map([], |row| row.get::<_, String>(0)).unwrap();
    for table in tables.map(Result::unwrap) {
        let names: String = old.query_row(columns, [&table], |row| row.get(0)).unwrap();
        let sql = format!("INSERT INTO {table} ({names}) SELECT {names} FROM new.{table}");
        old.execute(&sql, []).unwrap();
    }
}

#[test]
fn a_file_from_before_there_was_sharing_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("anna/replica.db");
    old_file(&path);
    let mut db = ReplicaDb::open(&path, ANNA, ReplicaId(9), Durability::Full).unwrap();
    check(&db);
    let position = db.position().unwrap();
    assert_eq!((position.replica, position.number), (ReplicaId(1), 2));
    assert_eq!(
        (position.evicted, value(&db, 1, "a").unwrap()),
        (0, "7".to_owned())
    );
    assert_eq!(db.grants(crate::replica::Which::All).unwrap(), []);
    write(&mut db, set(1, "a", 8));
    check(&db);
    assert!(
        path.with_file_name("replica.db.v1").exists(),
        "as it was before"
    );
}

#[tokio::test]
async fn a_store_is_of_one_account() {
    let dir = tempfile::tempdir().unwrap();
    open(&dir).close().await;
    let path = dir.path().join("anna/replica.db");
    let other = ReplicaStore::open(&path, MALLORY, ReplicaId(1), Durability::Full);
    assert!(matches!(other, Err(OpenError::OtherAccount { .. })));
}

#[tokio::test]
async fn a_full_disk_refuses_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("anna/replica.db");
    let mut db = ReplicaDb::open(&path, ANNA, ReplicaId(1), Durability::Full).unwrap();
    write(&mut db, create(1));
    db.base
        .connection
        .pragma_update(None, "max_page_count", 60)
        .unwrap();
    let mut written = 0;
    let full = loop {
        let mut draft = Draft::new(atome(1));
        draft.set.insert(
            key(&format!("k{written}")),
            Value::from_text(&"x".repeat(50_000)),
        );
        match db.write(ANNA, vec![draft], now(0)) {
            Ok(_) => written += 1,
            Err(error) => break error,
        }
    };
    assert!(
        matches!(full, StoreError::Fault(Fault::LowSpace(_))),
        "{full}"
    );
    assert_eq!(full.code(), atome_proto::Code::LowSpace);
    check(&db);
    assert_eq!(db.position().unwrap().number, written + 1);
    db.base
        .connection
        .pragma_update(None, "max_page_count", 100_000)
        .unwrap();
    write(&mut db, set(1, "after", 1));
    check(&db);
}
