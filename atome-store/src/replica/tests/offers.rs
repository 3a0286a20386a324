//! What another life of a hub gave, and the present one has lost.

use atome_proto::Epoch;

use super::*;

/// A hub that knows of one atome, and machines that know of another, which one has made and the other altered;
/// the hub begins another life.
fn gone_back() -> (HubDb, [ReplicaDb; 2]) {
    let (mut hub, mut dbs) = (hub(), [replica(1), replica(2)]);
    for db in &mut dbs {
        snapshot(db, &hub, 700, true);
    }
    write(&mut dbs[0], create(1));
    settle(&mut dbs, &mut hub);
    let backup = hub.copy();
    write(&mut dbs[0], create(2));
    write(&mut dbs[0], add(2, "n", 1));
    settle(&mut dbs, &mut hub);
    write(&mut dbs[1], add(2, "n", 5));
    settle(&mut dbs, &mut hub);
    let mut hub = backup;
    hub.set_epoch(Epoch(5)).unwrap();
    (hub, dbs)
}

fn meet(db: &mut ReplicaDb, hub: &HubDb) {
    let identity = hub.identity().unwrap();
    let own = db.position().unwrap().replica;
    let number = hub.position(ANNA, own).unwrap().number;
    let position = db.adopt_hub(identity.hub, Epoch(5), number).unwrap();
    assert!(position.owes);
    check(db);
    snapshot(db, hub, 700, true);
    check(db);
}

fn bring(db: &mut ReplicaDb, hub: &mut HubDb) {
    let (atomes, states) = db.offers(usize::MAX).unwrap();
    assert_eq!(atomes, [atome(2)], "only what is missing");
    assert_eq!(hub.offer(ANNA, &states, NOW_MS).unwrap(), []);
    assert_eq!(db.offered(&atomes).unwrap().offers, 0);
}

#[test]
fn a_machine_brings_what_another_has_made_and_nothing_counts_twice() {
    let (mut hub, mut dbs) = gone_back();
    let [first, second] = &mut dbs;
    meet(second, &hub);
    bring(second, &mut hub);
    push(second, &mut hub, usize::MAX, false);
    assert_eq!(second.position().unwrap().refused, 0);
    // It has all of that too, and its own commits come after.
    meet(first, &hub);
    assert_eq!(first.position().unwrap().offers, 0);
    settle(&mut dbs, &mut hub);
    settle(&mut dbs, &mut hub);
    for db in &dbs {
        check(db);
        assert_same(db, &hub);
        assert_eq!(value(db, 2, "n").unwrap(), "6");
    }
}

#[test]
fn what_is_pending_is_pushed_and_not_offered() {
    let (mut hub, mut dbs) = gone_back();
    write(&mut dbs[1], set(2, "a", 7));
    write(&mut dbs[1], create(3));
    meet(&mut dbs[1], &hub);
    let (atomes, states) = dbs[1].offers(usize::MAX).unwrap();
    assert_eq!(atomes, [atome(2)]);
    let state = states[0].decode().unwrap();
    assert!(!state.particles.contains_key("a"), "{state:?}");
    bring(&mut dbs[1], &mut hub);
    push(&mut dbs[1], &mut hub, usize::MAX, false);
    while pull(&mut dbs[1], &hub, 9) {}
    assert_same(&dbs[1], &hub);
}

#[test]
fn a_snapshot_takes_nothing_away_that_is_yet_to_be_offered() {
    let (mut hub, [_, mut db]) = gone_back();
    meet(&mut db, &hub);
    // Its connection broke, and it was away for so long that it is sent another one.
    snapshot(&mut db, &hub, 700, false);
    check(&db);
    assert_eq!(value(&db, 2, "n").unwrap(), "6");
    bring(&mut db, &mut hub);
    push(&mut db, &mut hub, usize::MAX, false);
    while pull(&mut db, &hub, 9) {}
    assert_same(&db, &hub);
}
