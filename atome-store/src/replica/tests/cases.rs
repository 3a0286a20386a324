//! One case each, said in full.

use atome_proto::Code;
use atome_proto::local::v1::{ChangeKind, VersionState};
use atome_proto::seed::Record;
use atome_proto::sync::v1::{Refusal, Ruling, Verdict};

use super::*;
use crate::replica::{family, read};

fn refused(number: u64) -> Verdict {
    let refusal = Refusal {
        code: Code::NotAllowed,
        message: "no".to_owned(),
        states: vec![],
    };
    Verdict {
        number,
        ruling: Ruling::Refused(Box::new(refusal)),
    }
}

fn clamped(number: u64, stamp: Stamp) -> Verdict {
    Verdict {
        number,
        ruling: Ruling::Clamped { stamp },
    }
}

fn earlier(stamp: Stamp) -> Stamp {
    let mut stamp = stamp;
    stamp.time.0 -= 1_000_000;
    stamp
}

#[test]
fn a_write_is_checked_against_what_is_there() {
    let mut db = replica(1);
    let missing = db.write(ANNA, vec![set(1, "a", 1)], now(0)).unwrap_err();
    assert!(matches!(missing, StoreError::NotFound(id) if id == atome(1)));
    let written = write(&mut db, create(1));
    assert_eq!((written.number, written.change), (1, 1));
    let again = db.write(ANNA, vec![create(1)], now(0)).unwrap_err();
    assert!(matches!(again, StoreError::Exists(_)));
    let twice = db.write(ANNA, vec![set(1, "a", 1), set(1, "b", 1)], now(0));
    assert!(matches!(twice, Err(StoreError::BadData(_))));
    let none = db.write(ANNA, vec![], now(0));
    assert!(matches!(none, Err(StoreError::BadData(_))));
    assert_eq!(db.position().unwrap().number, 1, "nothing was written");
    write(&mut db, add(1, "n", 2));
    write(&mut db, add(1, "n", 3));
    assert_eq!(value(&db, 1, "n").unwrap(), "5");
    check(&db);
}

#[test]
fn what_a_refused_commit_said_is_undone_and_can_be_retried() {
    let mut db = replica(1);
    write(&mut db, create(1));
    write(&mut db, set(1, "n", 10));
    write(&mut db, set(1, "n", 20));
    write(&mut db, add(1, "n", 1));
    write(&mut db, create(2));
    let said = [refused(3), refused(5)];
    let position = db.acknowledge(5, &said).unwrap();
    assert_eq!((position.acked, position.refused), (5, 2));
    check(&db);
    assert_eq!(
        value(&db, 1, "n").unwrap(),
        "10",
        "the addition was to the refused value"
    );
    assert!(
        db.get(atome(2)).unwrap().is_none(),
        "its making was refused"
    );
    let history = db.history(atome(1), Some("n")).unwrap();
    let past: Vec<_> = history
        .versions
        .iter()
        .map(|version| version.state)
        .collect();
    use VersionState::{Current, Refused, Superseded};
    assert_eq!(past, [Current, Refused, Superseded]);
    assert!(history.complete);
    assert_eq!(
        db.history(atome(2), None).unwrap().versions[0].state,
        Refused
    );

    db.acknowledge(5, &said).unwrap();
    assert_eq!(
        db.refused().unwrap().len(),
        2,
        "said again, it changes nothing"
    );
    assert_eq!(db.refused().unwrap()[0].number, 3);
    let written = db.retry_refused(3, now(0)).unwrap();
    assert_eq!(
        (written.number, value(&db, 1, "n").unwrap().as_str()),
        (6, "20")
    );
    assert_eq!(db.discard_refused(5).unwrap().refused, 0);
    let none = db.discard_refused(5).unwrap_err();
    assert!(matches!(none, StoreError::NoSuchCommit(5)));
    db.acknowledge(5, &said).unwrap();
    assert!(
        db.refused().unwrap().is_empty(),
        "what was discarded does not come back"
    );
    check(&db);
}

#[test]
fn a_clamped_commit_takes_its_stamp_and_additions_follow() {
    let mut db = replica(1);
    write(&mut db, create(1));
    write(&mut db, set(1, "n", 10));
    let claimed = stamp_of(&db, 1, "n");
    write(&mut db, add(1, "n", 5));
    let given = earlier(claimed);
    let said = [clamped(2, given)];
    db.acknowledge(2, &said).unwrap();
    check(&db);
    assert_eq!(stamp_of(&db, 1, "n"), given);
    assert_eq!(
        value(&db, 1, "n").unwrap(),
        "15",
        "the pending addition names the new stamp"
    );
    let pending = db.pending(2, 9, usize::MAX).unwrap()[0].decode().unwrap();
    assert_eq!(pending.changes[0].add["n"].to, given);
    let history = db.history(atome(1), Some("n")).unwrap();
    let version = history
        .versions
        .iter()
        .find(|v| v.number == Some(2))
        .unwrap();
    assert_eq!((version.stamp, version.claimed), (given, Some(claimed)));
    assert!(history.versions.iter().any(|version| version.pending));
    let before = db.position().unwrap();
    db.acknowledge(2, &said).unwrap();
    assert_eq!(
        before.change,
        db.position().unwrap().change,
        "said again, it changes nothing"
    );
}

#[test]
fn a_clock_ahead_is_set_right_by_the_hub() {
    let (mut hub, mut dbs) = (hub(), [replica(1), replica(2)]);
    let ahead = now(400 * 86_400_000);
    for draft in [create(1), set(1, "n", 1), add(1, "n", 2)] {
        dbs[0].write(ANNA, vec![draft], ahead).unwrap();
    }
    settle(&mut dbs, &mut hub);
    dbs[0].write(ANNA, vec![add(1, "n", 3)], now(0)).unwrap();
    dbs[1].write(ANNA, vec![set(1, "a", 1)], now(0)).unwrap();
    let late = stamp_of(&dbs[1], 1, "a");
    assert!(
        late.time.ms() < NOW_MS + 100,
        "no one goes by the wrong clock"
    );
    settle(&mut dbs, &mut hub);
    assert_eq!(value(&dbs[1], 1, "n").unwrap(), "6");
    dbs.iter().for_each(|db| assert_same(db, &hub));
}

#[test]
fn pending_work_can_be_thrown_away() {
    let (mut hub, mut db) = (hub(), replica(1));
    write(&mut db, create(1));
    push(&mut db, &mut hub, 1, false);
    write(&mut db, set(1, "a", 1));
    write(&mut db, create(2));
    let position = db.discard_pending().unwrap();
    assert_eq!((position.number, position.acked), (1, 1));
    check(&db);
    assert!(position.change > 3, "watchers hear of it");
    while pull(&mut db, &hub, 9) {}
    assert_same(&db, &hub);
    assert_eq!(write(&mut db, set(1, "a", 2)).number, 2);
}

#[test]
fn seeding_makes_few_commits_and_none_twice() {
    let mut db = replica(1);
    let record = |n: u32| {
        let line =
            format!(r#"{{"key":"k/{n}","type":"t","parent":"k/0","properties":{{"a":{n}}}}}"#);
        let record = Record::parse(&line).unwrap();
        (record.atome(ANNA).unwrap(), record)
    };
    let mut records: Vec<_> = (0..3_000).map(record).collect();
    records[0].1.parent = None;
    let dry = db.seed(ANNA, &records, true, now(0)).unwrap();
    assert_eq!((dry.created, db.position().unwrap().number), (3_000, 0));
    let reply = db.seed(ANNA, &records, false, now(0)).unwrap();
    assert_eq!(reply, dry);
    assert_eq!(reply.commits, 2, "at most 10,000 changes in one");
    check(&db);
    records[7].1.deleted = true;
    records.push(records[7].clone());
    records[3_000].1.kind = Some("k".to_owned());
    let reply = db.seed(ANNA, &records, false, now(0)).unwrap();
    assert_eq!(
        (reply.altered, reply.unchanged, reply.commits),
        (2, 2_999, 2)
    );
    check(&db);
    let root = records[0].0;
    assert_eq!(db.children(Some(root)).unwrap().len(), 2_998);
    assert_eq!(db.children(None).unwrap().len(), 1);
}

#[test]
fn a_commit_leaves_room_for_the_stamp_that_it_claims() {
    let mut db = replica(1);
    write(&mut db, create(1));
    let mut draft = Draft::new(atome(1));
    for name in ["a", "b", "c"] {
        draft
            .set
            .insert(key(name), Value::from_text(&"x".repeat((1 << 20) - 2)));
    }
    let fits = db.write(ANNA, vec![draft.clone()], now(0)).unwrap();
    let len = db.pending(fits.number - 1, 1, usize::MAX).unwrap()[0]
        .as_str()
        .len();
    let rest = atome_proto::limit::COMMIT_LEN_MAX - len;
    draft
        .set
        .insert(key("d"), Value::from_text(&"x".repeat(rest - 70)));
    let full = db.write(ANNA, vec![draft.clone()], now(0)).unwrap_err();
    assert!(matches!(full, StoreError::BadData(_)), "{full}");
    draft
        .set
        .insert(key("d"), Value::from_text(&"x".repeat(rest - 140)));
    db.write(ANNA, vec![draft], now(0)).unwrap();
}

#[test]
fn what_changed_is_told_from_any_moment() {
    let (mut hub, mut dbs) = (hub(), [replica(1), replica(2)]);
    write(&mut dbs[0], create(1));
    write(&mut dbs[0], set(1, "a", 1));
    let mut delete = Draft::new(atome(1));
    delete.set.insert(
        Key::of_envelope(Key::DELETED),
        Value::parse("true").unwrap(),
    );
    write(&mut dbs[0], delete);
    dbs[0].acknowledge(3, &[refused(2)]).unwrap();
    use ChangeKind::{Altered, Created, Deleted};
    let told = dbs[0].changes(0, 100).unwrap();
    let kinds: Vec<_> = told
        .events
        .iter()
        .map(|(change, kind, _)| (*change, *kind))
        .collect();
    assert_eq!(
        kinds,
        [(1, Created), (2, Altered), (3, Deleted), (4, Altered)]
    );
    assert_eq!((told.through, told.reset), (4, false));
    assert_eq!(dbs[0].changes(0, 2).unwrap().through, 2);
    assert_eq!(dbs[0].changes(4, 2).unwrap().events, []);
    push(&mut dbs[0], &mut hub, 9, true);
    snapshot(&mut dbs[1], &hub, 1, true);
    assert!(
        !dbs[1].changes(0, 9).unwrap().reset,
        "few are told one by one"
    );
    snapshot(&mut dbs[1], &hub, 1, false);
    let told = dbs[1].changes(0, 9).unwrap();
    assert_eq!((told.reset, told.events.len()), (true, 0));
    assert_eq!(dbs[1].changes(told.through, 9).unwrap().events, []);
}

#[test]
fn lists_are_paged_and_rings_are_cut() {
    let mut db = replica(1);
    for n in 1..=5 {
        write(&mut db, create(n));
    }
    let under = |n: u128, parent: u128| {
        let mut draft = Draft::new(atome(n));
        let parent = Value::from_text(&atome(parent).to_string());
        draft.set.insert(Key::of_envelope(Key::PARENT), parent);
        draft
    };
    for (n, parent) in [(1, 2), (2, 3), (3, 1), (4, 1)] {
        write(&mut db, under(n, parent));
    }
    let ids = |states: Vec<AtomeState>| states.iter().map(|s| s.atome).collect::<Vec<_>>();
    assert_eq!(
        ids(db.children(None).unwrap()),
        [atome(3), atome(5)],
        "3 moved last"
    );
    assert_eq!(ids(db.children(Some(atome(1))).unwrap()), [atome(4)]);
    assert_eq!(db.effective_parent(atome(3)).unwrap(), None);
    assert_eq!(db.effective_parent(atome(4)).unwrap(), Some(atome(1)));
    let mut scan = Scan {
        type_name: Some("t".to_owned()),
        limit: 2,
        ..Scan::default()
    };
    let mut all = vec![];
    loop {
        let page = db.scan(&scan).unwrap();
        let Some(last) = page.last() else { break };
        scan.after = Some(last.atome);
        all.extend(ids(page));
    }
    assert_eq!(all, (1..=5).map(atome).collect::<Vec<_>>());
    let text = atome(3).to_string();
    assert_eq!(db.find_prefix(&text[..30], 9).unwrap(), [atome(3)]);
    assert_eq!(db.find_prefix("0000", 3).unwrap().len(), 3);
    assert_eq!(db.find_prefix("zz", 3).unwrap(), []);
    assert_eq!(db.find_prefix("", 9).unwrap().len(), 5);
}

#[test]
fn lists_and_trees_go_by_an_index() {
    let db = replica(1);
    let plan = |sql: &str| {
        let explain = format!("EXPLAIN QUERY PLAN {sql}");
        let mut statement = db.base.connection.prepare(&explain).unwrap();
        for n in 1..=statement.parameter_count() {
            statement.raw_bind_parameter(n, n).unwrap();
        }
        let mut rows = statement.raw_query();
        let mut plan = String::new();
        while let Some(row) = rows.next().unwrap() {
            plan.push_str(&row.get::<_, String>(3).unwrap());
            plan.push('\n');
        }
        plan
    };
    let scan = |type_name: Option<&str>, parent| {
        let type_name = type_name.map(str::to_owned);
        plan(
            &read::query(&Scan {
                type_name,
                parent,
                ..Scan::default()
            })
            .0,
        )
    };
    let by_parent = "INDEX atomes_by_parent (gen=? AND parent=?";
    let states = "SEARCH s USING INTEGER PRIMARY KEY (rowid=?)";
    for (plan, by) in [
        (scan(None, Some(atome(1))), by_parent),
        (scan(Some("t"), Some(atome(1))), by_parent),
        (plan(family::BELOW), by_parent),
        // By id, and the state is read only of those that are of the type.
        (
            scan(Some("t"), None),
            "SEARCH a USING PRIMARY KEY (gen=? AND atome>?)",
        ),
        (scan(Some("t"), None), states),
    ] {
        assert!(plan.contains(by), "{plan}");
        assert!(!plan.contains("TEMP B-TREE"), "nothing is sorted: {plan}");
    }
}

#[test]
fn a_fork_that_is_seen_after_a_snapshot_keeps_what_was_pending() {
    let (mut hub, mut first, mut copy) = (hub(), replica(1), replica(1));
    for db in [&mut first, &mut copy] {
        write(db, create(1));
    }
    write(&mut first, set(1, "a", 1));
    write(&mut copy, set(1, "b", 2));
    push(&mut first, &mut hub, usize::MAX, false);
    // The snapshot names number 2 of the very id, which is the other's.
    snapshot(&mut copy, &hub, usize::MAX, false);
    copy.fork(2, ReplicaId(9)).unwrap();
    assert_eq!(value(&copy, 1, "a").as_deref(), Some("1"));
    assert_eq!(value(&copy, 1, "b").as_deref(), Some("2"));
    push(&mut copy, &mut hub, usize::MAX, false);
    while pull(&mut copy, &hub, usize::MAX) {}
    assert_eq!(copy.digest().unwrap(), hub.digest(ANNA).unwrap());
}
