//! What comes from the hub: the feed, snapshots, another life of it.

use super::*;
use crate::Durability;

#[test]
fn batches_come_in_order_and_once() {
    let (mut hub, mut dbs) = (hub(), [replica(1), replica(2)]);
    for n in 1..=4 {
        write(&mut dbs[0], create(n));
    }
    push(&mut dbs[0], &mut hub, usize::MAX, false);
    let read = |after, entries| {
        hub.feed(ANNA, ReplicaId(2), after, entries, usize::MAX)
            .unwrap()
    };
    let gap = dbs[1].apply(&read(1, 1), cursor(&hub, 2)).unwrap_err();
    assert!(matches!(
        gap,
        StoreError::Gap {
            expected: 1,
            found: 2
        }
    ));
    dbs[1].apply(&read(0, 2), cursor(&hub, 2)).unwrap();
    let first = states(&dbs[1]);
    let again = dbs[1].apply(&read(0, 2), cursor(&hub, 2)).unwrap();
    assert_eq!((again.feed(), states(&dbs[1])), (2, first));
    dbs[1].apply(&read(1, 3), cursor(&hub, 4)).unwrap();
    assert_eq!(
        dbs[1].position().unwrap().feed(),
        4,
        "an overlap is passed over"
    );
    assert_same(&dbs[1], &hub);
}

#[test]
fn a_snapshot_takes_the_place_of_all_but_what_is_pending() {
    let (mut hub, mut dbs) = (hub(), [replica(1), replica(2)]);
    for n in 1..=20 {
        write(&mut dbs[0], create(n));
    }
    settle(&mut dbs, &mut hub);
    write(&mut dbs[1], set(3, "a", 1));
    push(&mut dbs[1], &mut hub, 1, true);
    write(&mut dbs[1], add(3, "n", 1));
    write(&mut dbs[1], create(99));
    write(&mut dbs[0], set(3, "b", 2));
    push(&mut dbs[0], &mut hub, 1, false);
    snapshot(&mut dbs[1], &hub, 600, false);
    check(&dbs[1]);
    let position = dbs[1].position().unwrap();
    assert_eq!(
        (position.number, position.acked, position.feed()),
        (3, 0, 22)
    );
    assert_eq!(value(&dbs[1], 3, "b").unwrap(), "2");
    assert_eq!(value(&dbs[1], 3, "n").unwrap(), "1");
    let history = dbs[1].history(atome(3), None).unwrap();
    assert!(!history.complete);
    assert!(
        history
            .versions
            .iter()
            .any(|v| v.key == "b" && v.author.is_none())
    );
    settle(&mut dbs, &mut hub);
    settle(&mut dbs, &mut hub);
    dbs.iter().for_each(|db| assert_same(db, &hub));
}

#[test]
fn a_first_snapshot_is_joined_to_what_is_here() {
    let (mut hub, mut dbs) = (hub(), [replica(1), replica(2), replica(3)]);
    for n in 1..=5 {
        write(&mut dbs[0], create(n));
        write(&mut dbs[0], add(n, "n", 1));
    }
    push(&mut dbs[0], &mut hub, usize::MAX, false);
    for n in 4..=8 {
        write(&mut dbs[1], create(n));
        write(&mut dbs[1], set(n, "a", 1));
    }
    for db in &mut dbs {
        snapshot(db, &hub, 1, true);
        check(db);
    }
    assert!(
        dbs[0].history(atome(1), None).unwrap().complete,
        "it has all of it anyway"
    );
    assert!(!dbs[1].history(atome(4), None).unwrap().complete);
    settle(&mut dbs, &mut hub);
    settle(&mut dbs, &mut hub);
    dbs.iter().for_each(|db| assert_same(db, &hub));
}

#[test]
fn long_states_come_in_parts() {
    let (mut hub, mut dbs) = (hub(), [replica(1), replica(2)]);
    write(&mut dbs[0], create(1));
    for name in ["a", "b", "c"] {
        let mut draft = Draft::new(atome(1));
        draft
            .set
            .insert(key(name), Value::from_text(&name.repeat(900_000)));
        write(&mut dbs[0], draft);
    }
    push(&mut dbs[0], &mut hub, usize::MAX, false);
    assert_eq!(hub.states(ANNA, None, 1).unwrap().states.len(), 3);
    snapshot(&mut dbs[1], &hub, 1, true);
    assert_same(&dbs[1], &hub);
}

#[test]
fn a_fork_moves_what_is_pending_to_a_new_replica() {
    let (mut hub, mut db) = (hub(), replica(1));
    write(&mut db, create(1));
    write(&mut db, set(1, "n", 1));
    push(&mut db, &mut hub, 1, false);
    write(&mut db, add(1, "n", 2));
    let time = stamp_of(&db, 1, "n").time;
    let position = db.fork(2, ReplicaId(77)).unwrap();
    let replica = position.replica;
    assert_ne!(replica, ReplicaId(1));
    assert_eq!((position.number, position.acked), (2, 0));
    check(&db);
    assert_eq!(value(&db, 1, "n").unwrap(), "3");
    assert_eq!(stamp_of(&db, 1, "n"), Stamp { time, replica });
    let mut dbs = [db];
    settle(&mut dbs, &mut hub);
    assert_same(&dbs[0], &hub);
    let position = dbs[0].fork(3, ReplicaId(77)).unwrap();
    assert_eq!((position.replica, position.number), (ReplicaId(77), 0));
}

#[test]
fn what_two_copies_have_pending_is_taken_once() {
    // Whether the feed, after a snapshot, tells the second copy what the first has brought before it forks itself.
    for is_told in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let restrict = |path: &std::path::Path, mode| {
            let private = std::os::unix::fs::PermissionsExt::from_mode(mode);
            std::fs::set_permissions(path, private).unwrap();
        };
        restrict(dir.path(), 0o700);
        let copy = |db: &ReplicaDb, name: &str| {
            let path = dir.path().join(name);
            let main = rusqlite::MAIN_DB;
            db.base.connection.backup(main, &path, None).unwrap();
            restrict(&path, 0o600);
            ReplicaDb::open(&path, ANNA, ReplicaId(99), Durability::Full).unwrap()
        };
        let (mut hub, mut db) = (hub(), replica(1));
        write(&mut db, create(1));
        push(&mut db, &mut hub, 1, false);
        let mut first = copy(&db, "first");
        // What all three have, and then what each has alone.
        write(&mut db, add(1, "n", 2));
        let mut copies = [copy(&db, "second"), db];
        for (copy, by) in copies.iter_mut().zip([10, 100]) {
            write(copy, add(1, "n", by));
        }
        write(&mut first, set(1, "a", 1));
        push(&mut first, &mut hub, usize::MAX, false);
        if is_told {
            snapshot(&mut copies[1], &hub, usize::MAX, false);
        }
        for (copy, fresh) in copies.iter_mut().zip([77, 78]) {
            let is_told = copy.position().unwrap().cursor.is_some();
            while is_told && pull(copy, &hub, usize::MAX) {}
            push_as_another(copy, &mut hub, ReplicaId(fresh));
            write(copy, add(1, "n", 1_000));
            push_as_another(copy, &mut hub, ReplicaId(fresh));
        }
        for db in &mut copies {
            while pull(db, &hub, usize::MAX) {}
            check(db);
            assert_same(db, &hub);
            assert_eq!(value(db, 1, "n").unwrap(), "2112");
        }
    }
}

/// Pushes all; where a number means something else at the hub, as another replica.
fn push_as_another(db: &mut ReplicaDb, hub: &mut HubDb, fresh: ReplicaId) {
    loop {
        let position = db.position().unwrap();
        let commits = db.pending(position.acked, 100, usize::MAX).unwrap();
        let (replica, first) = (position.replica, position.acked + 1);
        let admitted = hub.admit(ANNA, replica, first, &commits, NOW_MS).unwrap();
        let same = admitted.fork.map_or(u64::MAX, |fork| fork - 1);
        db.acknowledge(admitted.number.min(same), &admitted.verdicts)
            .unwrap();
        let Some(fork) = admitted.fork else { return };
        db.fork(fork, fresh).unwrap();
    }
}

#[test]
fn another_life_of_the_hub_is_told_again() {
    let (mut hub, mut db) = (hub(), replica(1));
    write(&mut db, create(1));
    db.write(MALLORY, vec![set(1, "a", 1)], now(0)).unwrap();
    let identity = hub.identity().unwrap();
    db.adopt_hub(identity.hub, identity.epoch, 0).unwrap();
    push(&mut db, &mut hub, usize::MAX, false);
    assert_eq!(db.position().unwrap().refused, 1);
    let position = db
        .adopt_hub(identity.hub, atome_proto::Epoch(5), 1)
        .unwrap();
    assert_eq!(
        (position.acked, position.refused, position.cursor),
        (1, 0, None)
    );
    assert_eq!(value(&db, 1, "a").unwrap(), "1", "it is pending again");
    check(&db);
}
