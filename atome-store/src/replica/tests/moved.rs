//! Random histories written offline and moved: the store is as if they had been written by the other
//! account from the start, and meets at the hub what that account has.

use std::collections::BTreeSet;

use atome_engine::seed::record_of;
use atome_proto::seed::Record;
use proptest::prelude::*;

use super::moving::{OFFLINE, kept};
use super::*;

#[derive(Clone, Debug)]
enum Step {
    /// Makes an atome, its owner named or not.
    Create(u128, bool),
    Set(u128, usize, i64),
    /// A value that happens to be the id of an atome.
    SetId(u128, usize, u128),
    Unset(u128, usize),
    Add(u128, usize, i64),
    Move(u128, u128),
    Delete(u128, bool),
    /// One commit of two atomes: the first is made, and put under the second.
    MakeUnder(u128, u128),
    Seed(Vec<(u128, u128, i64)>),
    Discard,
}

const ATOMES: std::ops::Range<u128> = 1..7;
const KEYS: [&str; 3] = ["a", "b", "n"];

fn step() -> impl Strategy<Value = Step> {
    let (atome, key, by) = (ATOMES, 0..3usize, -9..9i64);
    let record = (ATOMES, ATOMES, by.clone());
    prop_oneof![
        6 => (atome.clone(), any::<bool>()).prop_map(|(a, o)| Step::Create(a, o)),
        6 => (atome.clone(), key.clone(), by.clone()).prop_map(|(a, k, v)| Step::Set(a, k, v)),
        2 => (atome.clone(), key.clone(), atome.clone()).prop_map(|(a, k, b)| Step::SetId(a, k, b)),
        2 => (atome.clone(), key.clone()).prop_map(|(a, k)| Step::Unset(a, k)),
        6 => (atome.clone(), key, by).prop_map(|(a, k, v)| Step::Add(a, k, v)),
        6 => (atome.clone(), atome.clone()).prop_map(|(a, b)| Step::Move(a, b)),
        2 => (atome.clone(), any::<bool>()).prop_map(|(a, d)| Step::Delete(a, d)),
        2 => (atome.clone(), atome).prop_map(|(a, b)| Step::MakeUnder(a, b)),
        3 => prop::collection::vec(record, 1..4).prop_map(Step::Seed),
        1 => Just(Step::Discard),
    ]
}

/// The external key of an atome, of every other one.
fn key_of(n: u128) -> Option<String> {
    (n % 2 == 1).then(|| format!("k/{n}"))
}

fn id(account: AccountId, n: u128) -> AtomeId {
    key_of(n).map_or(atome(n), |key| AtomeId::from_key(account, &key))
}

/// The name of an atome in a record.
fn name(n: u128) -> String {
    key_of(n).unwrap_or_else(|| atome(n).to_string())
}

fn make(account: AccountId, n: u128, named: bool) -> Draft {
    let mut draft = Draft::new(id(account, n));
    draft.create = Some(Create {
        key: key_of(n),
        owner: named.then_some(account),
    });
    let kind = Value::from_text("t");
    draft.set.insert(Key::of_envelope(Key::TYPE), kind);
    draft
}

fn put_under(account: AccountId, draft: &mut Draft, parent: u128) {
    let parent = Value::from_text(&id(account, parent).to_string());
    draft.set.insert(Key::of_envelope(Key::PARENT), parent);
}

fn record(account: AccountId, (n, parent, v): (u128, u128, i64)) -> (AtomeId, Record) {
    let part = key_of(n).map_or("id", |_| "key");
    let (name, parent) = (name(n), name(parent));
    let line =
        format!(r#"{{"{part}":"{name}","type":"t","parent":"{parent}","properties":{{"a":{v}}}}}"#);
    (id(account, n), Record::parse(&line).unwrap())
}

fn take(db: &mut ReplicaDb, step: &Step, ms: u64) {
    let account = db.account();
    let of = |n: u128| Draft::new(id(account, n));
    let mut drafts = vec![];
    match *step {
        Step::Create(n, named) => drafts.push(make(account, n, named)),
        Step::Set(n, k, v) => {
            drafts.push(of(n));
            drafts[0].set.insert(key(KEYS[k]), number(v));
        }
        Step::SetId(n, k, other) => {
            drafts.push(of(n));
            let value = Value::from_text(&id(OFFLINE, other).to_string());
            drafts[0].set.insert(key(KEYS[k]), value);
        }
        Step::Unset(n, k) => {
            drafts.push(of(n));
            drafts[0].unset.insert(key(KEYS[k]));
        }
        Step::Add(n, k, v) => {
            drafts.push(of(n));
            drafts[0].add.insert(key(KEYS[k]), Number::Whole(v));
        }
        Step::Move(n, parent) => {
            drafts.push(of(n));
            put_under(account, &mut drafts[0], parent);
        }
        Step::Delete(n, deleted) => {
            drafts.push(of(n));
            let deleted = Value::of_bool(deleted);
            drafts[0]
                .set
                .insert(Key::of_envelope(Key::DELETED), deleted);
        }
        Step::MakeUnder(n, parent) => {
            drafts.extend([make(account, n, false), of(parent)]);
            put_under(account, &mut drafts[0], parent);
            drafts[1].set.insert(key("a"), number(0));
        }
        Step::Seed(ref records) => {
            let records: Vec<_> = records.iter().map(|r| record(account, *r)).collect();
            return allow(db.seed(account, &records, false, now(ms)));
        }
        Step::Discard => return allow(db.discard_pending()),
    }
    allow(db.write(account, drafts, now(ms)));
}

/// Whether something may be written is decided by what is there.
fn allow<T>(done: Result<T, StoreError>) {
    match done {
        Ok(_) | Err(StoreError::NotFound(_) | StoreError::Exists(_) | StoreError::BadData(_)) => {}
        Err(error) => panic!("{error}"),
    }
}

/// Writes a history; in the end every atome that it names is there.
fn written(account: AccountId, replica: u64, steps: &[Step]) -> ReplicaDb {
    let mut db = ReplicaDb::open_in_memory(account, ReplicaId(replica)).unwrap();
    let all = ATOMES.map(|n| Step::Create(n, false)).collect::<Vec<_>>();
    for (ms, step) in (0..).zip(steps.iter().chain(&all)) {
        take(&mut db, step, ms * 10);
    }
    db
}

/// The lines of an export.
fn exported(db: &ReplicaDb) -> BTreeSet<String> {
    let states = states(db);
    let line = |state: &AtomeState| {
        let parent = state.parent().and_then(|id| states.get(&id)?.key.clone());
        serde_json::to_string(&record_of(state, parent)).unwrap()
    };
    states.values().map(line).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn a_moved_store_is_as_if_written_by_its_new_account(
        steps in prop::collection::vec(step(), 1..50),
    ) {
        let mut moved = written(OFFLINE, 1, &steps);
        let direct = written(ANNA, 1, &steps);
        let (before, lines) = (kept(&moved), exported(&moved));
        moved.move_to(ANNA).unwrap();
        check(&moved);
        assert_eq!(kept(&moved), kept(&direct));
        assert_eq!(states(&moved), states(&direct));
        assert_eq!(moved.digest().unwrap(), direct.digest().unwrap());
        assert_eq!(exported(&moved), lines);
        for n in ATOMES {
            let atome = id(ANNA, n);
            let history = moved.history(atome, None).unwrap();
            assert!(history.complete);
            assert_eq!(history, direct.history(atome, None).unwrap());
        }
        moved.move_to(OFFLINE).unwrap();
        assert_eq!(kept(&moved), before, "and back again");
    }

    #[test]
    fn a_moved_store_meets_its_account_at_the_hub(
        here in prop::collection::vec(step(), 1..40),
        there in prop::collection::vec(step(), 1..40),
    ) {
        let (mut hub, mut moved) = (hub(), written(OFFLINE, 1, &here));
        let mut dbs = vec![written(ANNA, 2, &there)];
        write(&mut dbs[0], create(99));
        settle(&mut dbs, &mut hub);
        moved.move_to(ANNA).unwrap();
        let mut all = states(&dbs[0]);
        for (atome, state) in states(&moved) {
            let joined = all.remove(&atome).map_or_else(|| state.clone(), |all| join(all, &state));
            all.insert(atome, joined);
        }
        dbs.push(moved);
        for _ in 0..2 {
            settle(&mut dbs, &mut hub);
        }
        for db in &dbs {
            assert_same(db, &hub);
            assert_eq!(states(db), all, "nothing is lost");
            let position = db.position().unwrap();
            assert_eq!((position.pending(), position.refused), (0, 0));
        }
        assert!(matches!(dbs[1].move_to(OFFLINE), Err(StoreError::HasSynced)));
    }
}
