//! What was evicted is in no file any more.

use std::collections::BTreeSet;
use std::path::Path;

use crate::ReplicaStore;
use crate::replica::ReadBatch;
use crate::sqlite::Durability;

use super::*;

/// What every marked value begins with; the index for searches has it in lower case.
const MARK: &[u8] = b"MARK";
/// Digits of a mark.
const DIGITS: usize = 16;

/// A mark that stands in no other value.
pub(super) fn mark(n: u64) -> String {
    let digits = &blake3::hash(&n.to_be_bytes()).to_hex()[..DIGITS];
    format!("MARK{digits}")
}

/// A value of about `len` bytes in which a mark stands again and again: every part of it can be found.
pub(super) fn marked(mark: &str, len: usize) -> Value {
    Value::from_text(&mark.repeat(len / mark.len() + 1))
}

/// The marks in all files below a folder.
pub(super) fn marks(folder: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(marks(&path));
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        let places = bytes.windows(MARK.len() + DIGITS);
        // One that the end of a page divides stands whole beside it.
        let whole = |place: &&[u8]| {
            let (mark, digits) = place.split_at(MARK.len());
            mark.eq_ignore_ascii_case(MARK) && digits.iter().all(u8::is_ascii_hexdigit)
        };
        let places = places.filter(whole);
        found.extend(places.map(|place| {
            let digits = String::from_utf8(place[MARK.len()..].to_vec()).unwrap();
            format!("MARK{digits}")
        }));
    }
    found
}

/// The mark of a value of an atome of Bob's that was written so many times before.
fn mark_of(n: u128, times: u64) -> String {
    mark(u64::try_from(n).unwrap() * 10 + times)
}

fn len_of(n: u128) -> usize {
    // Short ones, some that fill a page, some that need several.
    [40, 300, 900, 3_900, 30_000][usize::try_from(n % 5).unwrap()]
}

/// Bob's atomes from `first` on, each written three times, between those of Anna.
fn fill(db: &mut ReplicaDb, ids: std::ops::Range<u128>) {
    for n in ids {
        let mut change = made(n, Some(10));
        for times in 0..3 {
            change
                .set
                .insert(key("a"), marked(&mark_of(n, times), len_of(n)));
            let number = 100 + u64::try_from(n).unwrap() * 10 + times;
            let commit = commit_of(BOB, number, number, vec![change.clone()]);
            let entry = if n % 2 == 0 {
                state_entry(&state_of(&commit.changes[0], &commit))
            } else {
                Entry::Commit(RawCommit::encode(&commit).unwrap())
            };
            let from = db.position().unwrap().feed() + 1;
            let batch = Batch {
                from,
                entries: vec![entry],
                head: 0,
            };
            db.apply(&batch, at(from)).unwrap();
        }
        let mut own = create(n + 5_000);
        own.set
            .insert(key("a"), Value::from_text(&"x".repeat(len_of(n + 2))));
        write(db, own);
    }
}

#[test]
fn no_byte_of_what_was_evicted_is_left_in_any_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("anna/replica.db");
    let mut db = ReplicaDb::open(&path, ANNA, ReplicaId(1), Durability::Normal).unwrap();
    let told = accepted(grant(1, 10, BOB, ANNA, &[]));
    feed(&mut db, vec![tell(told), state_entry(&bobs()[0])]);
    let ids = 100..400u128;
    fill(&mut db, ids.clone());
    // The index for searches has them too.
    check(&db);
    let index = dir.path().join("anna/replica.search.db");
    assert!(index.exists());
    let last = |n: &u128| mark_of(*n, 2);
    // What is staged and never installed goes as well.
    let mut page = Snapshot {
        since: 1,
        page: 0,
        states: vec![],
        gone: vec![],
        grants: vec![],
        policies: vec![],
        total: 0,
        end: None,
    };
    let mut staged = bobs().remove(1);
    staged.particles.get_mut(Key::TYPE).unwrap().base = Some(marked(&mark(7), 9_000));
    page.states = vec![RawState::encode(&staged).unwrap()];
    db.stage(&page).unwrap();
    let some: Vec<AtomeId> = ids.clone().filter(|n| n % 3 != 0).map(atome).collect();
    feed(&mut db, vec![Entry::Evict(some)]);
    db.scrub().unwrap();
    assert!(!index.exists());
    let left = marks(dir.path());
    let expected: BTreeSet<String> = ids
        .clone()
        .filter(|n| n % 3 == 0)
        .map(|n| last(&n))
        .collect();
    assert!(left.is_superset(&expected), "what may be seen is there");
    let allowed: BTreeSet<String> = ids
        .clone()
        .filter(|n| n % 3 == 0)
        .flat_map(|n| (0..3).map(move |times| mark_of(n, times)))
        .collect();
    let leaked: Vec<_> = left.difference(&allowed).collect();
    assert_eq!(leaked, Vec::<&String>::new());
    check(&db);
    assert!(index.exists());
    feed(&mut db, vec![Entry::Evict(ids.map(atome).collect())]);
    db.scrub().unwrap();
    assert_eq!(marks(dir.path()), BTreeSet::new());
    check(&db);
    assert_eq!(marks(dir.path()), BTreeSet::new());
    drop(db);
    assert_eq!(marks(dir.path()), BTreeSet::new());
}

#[test]
fn a_crash_between_eviction_and_scrub_is_made_good_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("anna/replica.db");
    let mut db = ReplicaDb::open(&path, ANNA, ReplicaId(1), Durability::Full).unwrap();
    feed(&mut db, vec![tell(accepted(grant(1, 10, BOB, ANNA, &[])))]);
    fill(&mut db, 100..110);
    check(&db);
    feed(&mut db, vec![Entry::Evict((100..110).map(atome).collect())]);
    assert!(!marks(dir.path()).is_empty(), "the WALs have them still");
    // As the files are when the process dies.
    let after = dir.path().join("after");
    std::fs::create_dir(&after).unwrap();
    for name in [
        "replica.db",
        "replica.db-wal",
        "replica.search.db",
        "replica.search.db-wal",
    ] {
        std::fs::copy(path.with_file_name(name), after.join(name)).unwrap();
    }
    drop(db);
    use std::os::unix::fs::PermissionsExt;
    let private = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(&after, private).unwrap();
    assert!(!marks(&after).is_empty());
    let path = after.join("replica.db");
    let db = ReplicaDb::open(&path, ANNA, ReplicaId(1), Durability::Full).unwrap();
    let position = db.position().unwrap();
    assert_eq!(position.evicted, position.feed());
    assert_eq!(marks(&after), BTreeSet::new());
    check(&db);
}

#[test]
fn copies_from_before_a_migration_go_with_what_was_evicted() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("anna/replica.db");
    let mut db = ReplicaDb::open(&path, ANNA, ReplicaId(1), Durability::Full).unwrap();
    feed(&mut db, vec![tell(accepted(grant(1, 10, BOB, ANNA, &[])))]);
    let copies = ["replica.db.v1", "replica.db.v2", "replica.db.v2.new"];
    let copies = copies.map(|name| path.with_file_name(name));
    for copy in &copies {
        std::fs::write(copy, mark(1)).unwrap();
    }
    db.scrub().unwrap();
    assert!(copies.iter().all(|copy| copy.exists()), "none was evicted");
    fill(&mut db, 100..110);
    feed(&mut db, vec![Entry::Evict((100..110).map(atome).collect())]);
    db.scrub().unwrap();
    assert!(!copies.iter().any(|copy| copy.exists()));
    assert_eq!(marks(dir.path()), BTreeSet::new());
}

#[tokio::test]
async fn a_reader_in_the_way_only_delays_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("anna/replica.db");
    let store = ReplicaStore::open(&path, ANNA, ReplicaId(1), Durability::Full).unwrap();
    let batch = |from, entries| Batch {
        from,
        entries,
        head: 0,
    };
    let mut change = made(10, None);
    change.set.insert(key("a"), marked(&mark(1), 9_000));
    let commit = commit_of(BOB, 1, 0, vec![change]);
    let seen = state_entry(&state_of(&commit.changes[0], &commit));
    let read = |from, entry| ReadBatch::of(&batch(from, vec![entry])).unwrap();
    store.apply(read(1, seen), at(1)).await.unwrap();
    let reader = rusqlite::Connection::open(&path).unwrap();
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM states")
        .unwrap();
    let gone = Entry::Evict(vec![atome(10)]);
    store.apply(read(2, gone), at(2)).await.unwrap();
    // Its own turn of the writer comes after the attempt.
    store.write(ANNA, vec![create(1)], now(0)).await.unwrap();
    assert_eq!(store.position().await.unwrap().evicted, 0);
    assert!(!marks(dir.path()).is_empty());
    reader.execute_batch("COMMIT").unwrap();
    let mut positions = store.subscribe();
    store.write(ANNA, vec![create(2)], now(0)).await.unwrap();
    let evicted = positions.wait_for(|position| position.evicted == 2).await;
    assert!(evicted.is_ok());
    assert_eq!(marks(dir.path()), BTreeSet::new());
    store.close().await;
}
