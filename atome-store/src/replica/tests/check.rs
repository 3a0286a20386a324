//! Rows that were damaged by another hand: found, named, mended.

use atome_proto::local::v1::{Found, FoundKind};
use atome_proto::sync::v1::AskStates;

use super::*;
use crate::replica::{Part, read_states};

/// Two replicas that hold the same as the hub: one that wrote, one that pulled.
fn world() -> (HubDb, ReplicaDb, ReplicaDb) {
    let (mut hub, mut writer, mut reader) = (hub(), replica(1), replica(2));
    for n in 1..=40 {
        write(&mut writer, create(n));
        write(&mut writer, set(n, "a", i64::try_from(n).unwrap()));
    }
    write(&mut writer, add(7, "n", 5));
    push(&mut writer, &mut hub, usize::MAX, false);
    for db in [&mut writer, &mut reader] {
        while pull(db, &hub, usize::MAX) {}
    }
    (hub, writer, reader)
}

/// Every atome in which the store differs from the hub, asked for in small pages.
fn differences(db: &ReplicaDb, hub: &HubDb, buckets: &[u8]) -> (Vec<Found>, Vec<AtomeState>) {
    let (mut found, mut states, mut after) = (vec![], vec![], None);
    loop {
        let ask = AskStates {
            ask: 1,
            buckets: buckets.to_vec(),
            after,
        };
        let page = hub.buckets(ANNA, &ask, 500).unwrap();
        assert_eq!(page.feed, db.position().unwrap().feed());
        let part = Part {
            buckets: buckets.to_vec(),
            after,
            through: page.last,
            states: read_states(&page.states).unwrap(),
        };
        found.extend(db.compare(&part).unwrap());
        states.extend(part.states);
        after = page.last;
        if after.is_none() {
            return (found, states);
        }
    }
}

/// Has the damage found, checks what it is found to be, and mends it.
fn find_and_mend(sql: &str, expected: &[(u128, FoundKind, &[&str])]) {
    let (hub, _, mut db) = world();
    let (feed, right) = hub.digest(ANNA).unwrap();
    let sound = db.recount().unwrap();
    assert_eq!((&sound.kept, &sound.counted), (&right, &right));
    assert_eq!(sound.at_odds(), [0; 0]);

    db.base.connection.execute_batch(sql).unwrap();
    let recount = db.recount().unwrap();
    let at_odds = recount.at_odds();
    assert_ne!(at_odds, [0; 0], "{sql}");
    let (found, states) = differences(&db, &hub, &at_odds);
    let shown: Vec<(AtomeId, FoundKind, Vec<&str>)> = found
        .iter()
        .map(|found| {
            (
                found.atome,
                found.kind,
                found.keys.iter().map(String::as_str).collect(),
            )
        })
        .collect();
    let expected: Vec<(AtomeId, FoundKind, Vec<&str>)> = expected
        .iter()
        .map(|(n, kind, keys)| (atome(*n), *kind, keys.to_vec()))
        .collect();
    assert_eq!(shown, expected, "{sql}");

    let states: Vec<AtomeState> = states
        .into_iter()
        .filter(|state| found.iter().any(|found| found.atome == state.atome))
        .collect();
    assert_eq!(
        db.mend(&states, feed + 1).unwrap(),
        None,
        "of another moment"
    );
    assert!(db.mend(&states, feed).unwrap().is_some());
    let extra = found.iter().any(|found| found.kind == FoundKind::Extra);
    let recount = db.recount().unwrap();
    assert_eq!(recount.at_odds(), [0; 0], "{sql}");
    assert_eq!(
        recount.counted == right,
        !extra,
        "what only this store has stays"
    );
    if !extra {
        let rest = differences(&db, &hub, &(0..=u8::MAX).collect::<Vec<_>>()).0;
        assert_eq!(rest, []);
        assert_eq!(value(&db, 7, "n").as_deref(), Some("5"));
        assert_eq!(value(&db, 7, "a").as_deref(), Some("7"));
    }
}

/// The row of an atome's state.
fn row(n: u128) -> String {
    let id = atome(n).0.simple();
    format!("id = (SELECT state FROM atomes WHERE atome = x'{id}')")
}

#[test]
fn a_value_that_was_changed() {
    let sql = format!(
        "UPDATE states SET body = replace(body, '\"v\":7', '\"v\":8') WHERE {}",
        row(7)
    );
    find_and_mend(&sql, &[(7, FoundKind::Different, &["a"])]);
}

#[test]
fn a_row_that_cannot_be_read_or_contradicts_itself() {
    let unreadable = format!("UPDATE states SET body = '{{' WHERE {}", row(7));
    find_and_mend(&unreadable, &[(7, FoundKind::Unreadable, &[])]);
    let gone = format!("DELETE FROM states WHERE {}", row(7));
    find_and_mend(&gone, &[(7, FoundKind::Unreadable, &[])]);
    let id = atome(7).0.simple();
    let deleted = format!("UPDATE atomes SET deleted = TRUE WHERE atome = x'{id}'");
    find_and_mend(&deleted, &[(7, FoundKind::Unreadable, &[])]);
}

#[test]
fn an_atome_that_was_taken_out_or_put_in() {
    let id = atome(7).0.simple();
    let out = format!("DELETE FROM atomes WHERE atome = x'{id}'");
    find_and_mend(&out, &[(7, FoundKind::Missing, &[])]);
    let (from, to) = (atome(7).0, atome(99).0);
    let put = format!(
        "INSERT INTO states (body) SELECT replace(body, '{from}', '{to}') FROM states WHERE {}; \
         INSERT INTO atomes (gen, atome, state, deleted, type) \
         SELECT gen, x'{}', last_insert_rowid(), FALSE, 't' FROM replica",
        row(7),
        to.simple()
    );
    find_and_mend(&put, &[(99, FoundKind::Extra, &[])]);
}

#[test]
fn a_digest_that_is_not_what_the_states_come_to() {
    find_and_mend(
        "UPDATE digests SET digest = zeroblob(32) WHERE bucket = 7",
        &[],
    );
    find_and_mend("DELETE FROM digests WHERE bucket = 7", &[]);
}

#[test]
fn what_is_pending_is_not_written_over() {
    let (hub, mut db, _) = world();
    let feed = hub.digest(ANNA).unwrap().0;
    write(&mut db, set(7, "a", 70));
    let states = differences(&db, &hub, &[7]).1;
    assert_eq!(db.mend(&states, feed).unwrap(), None);
    assert_eq!(value(&db, 7, "a").as_deref(), Some("70"));
}
