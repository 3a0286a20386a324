//! What a replica store must do: a small world of replicas and one hub, all in memory.

mod cases;
mod check;
mod coming;
mod moved;
mod moving;
mod offers;
mod random;
mod searching;
mod sharing;
mod stores;

use std::collections::BTreeMap;

use atome_engine::clock::{BUILD_TIME_MS, Now};
use atome_engine::digest::add_state;
use atome_engine::merge::join;
use atome_proto::account::{DirectoryEntry, Visibility};
use atome_proto::commit::{Create, Key};
use atome_proto::digest::Buckets;
use atome_proto::stamp::Stamp;
use atome_proto::state::AtomeState;
use atome_proto::sync::v1::{Cursor, Snapshot, SnapshotEnd};
use atome_proto::value::{Number, Value};
use atome_proto::{AccountId, AtomeId, ReplicaId};
use uuid::Uuid;

use super::bench::Bench;
use super::head::Head;
use super::recompute::recompute;
use super::{Draft, ReplicaDb, Scan, Written};
use crate::error::StoreError;
use crate::hub::{HubDb, NewAccount, NewSession};

const ANNA: AccountId = AccountId(Uuid::from_u128(0xa));
const MALLORY: AccountId = AccountId(Uuid::from_u128(0xb));
const NOW_MS: u64 = BUILD_TIME_MS + 1_000_000_000;

fn now(ms: u64) -> Now {
    Now {
        mono_ms: ms,
        wall_ms: NOW_MS + ms,
    }
}

fn atome(n: u128) -> AtomeId {
    // The place in time and the bucket both differ.
    AtomeId(Uuid::from_u128(n << 64 | n))
}

fn key(name: &str) -> Key {
    Key::of_particle(name).unwrap()
}

fn number(n: i64) -> Value {
    Value::from_number(Number::Whole(n))
}

fn create(n: u128) -> Draft {
    let mut draft = Draft::new(atome(n));
    draft.create = Some(Create::default());
    draft
        .set
        .insert(Key::of_envelope(Key::TYPE), Value::from_text("t"));
    draft
}

fn set(n: u128, name: &str, value: i64) -> Draft {
    let mut draft = Draft::new(atome(n));
    draft.set.insert(key(name), number(value));
    draft
}

fn add(n: u128, name: &str, by: i64) -> Draft {
    let mut draft = Draft::new(atome(n));
    draft.add.insert(key(name), Number::Whole(by));
    draft
}

fn replica(n: u64) -> ReplicaDb {
    ReplicaDb::open_in_memory(ANNA, ReplicaId(n)).unwrap()
}

fn write(db: &mut ReplicaDb, draft: Draft) -> Written {
    db.write(ANNA, vec![draft], now(0)).unwrap()
}

fn value(db: &ReplicaDb, n: u128, name: &str) -> Option<String> {
    let state = db.get(atome(n)).unwrap()?;
    state.value(name).map(|value| value.as_str().to_owned())
}

fn hub() -> HubDb {
    let mut hub = HubDb::open_in_memory().unwrap();
    let account = NewAccount {
        entry: DirectoryEntry {
            user_id: ANNA,
            username: "anna".to_owned(),
            phone: None,
            visibility: Visibility::Public,
        },
        password_hash: String::new(),
        retry_hash: [0; 32],
        admission: crate::hub::Admission::Open,
        created_at_ms: 0,
    };
    let session = NewSession {
        account: ANNA,
        session: Uuid::nil(),
        token_hash: [0; 32],
        device: String::new(),
        created_at_ms: 0,
        ttl_ms: 0,
    };
    hub.register(&account, &session).unwrap();
    hub
}

/// Pushes up to `max` pending commits; the acknowledgement may be lost.
fn push(db: &mut ReplicaDb, hub: &mut HubDb, max: usize, lost: bool) {
    let position = db.position().unwrap();
    let first = position.acked + 1;
    let commits = db.pending(position.acked, max, usize::MAX).unwrap();
    let admitted = hub
        .admit(ANNA, position.replica, first, &commits, NOW_MS)
        .unwrap();
    assert_eq!((admitted.fork, admitted.gap), (None, None));
    if !lost {
        db.acknowledge(admitted.number, &admitted.verdicts).unwrap();
    }
}

fn cursor(hub: &HubDb, feed: u64) -> Cursor {
    Cursor {
        hub: hub.identity().unwrap().hub,
        epoch: hub.position(ANNA, ReplicaId(0)).unwrap().epoch,
        feed,
    }
}

/// Pulls up to `max` feed entries; whether there were any.
fn pull(db: &mut ReplicaDb, hub: &HubDb, max: usize) -> bool {
    let position = db.position().unwrap();
    let batch = hub
        .feed(ANNA, position.replica, position.feed(), max, usize::MAX)
        .unwrap();
    if batch.entries.is_empty() {
        return false;
    }
    db.apply(&batch, cursor(hub, batch.to())).unwrap();
    true
}

/// Brings all by a snapshot, in pages of about `max_bytes`.
fn snapshot(db: &mut ReplicaDb, hub: &HubDb, max_bytes: usize, keep: bool) {
    let own = db.position().unwrap().replica;
    let mut page = Snapshot {
        since: 0,
        page: 0,
        states: vec![],
        gone: vec![],
        grants: vec![],
        policies: vec![],
        total: 0,
        end: None,
    };
    let mut after = None;
    loop {
        let states = hub.states(ANNA, after, max_bytes).unwrap();
        page.states = states.states;
        db.stage(&page).unwrap();
        page.page += 1;
        after = states.last;
        if after.is_none() {
            break;
        }
    }
    let position = hub.position(ANNA, own).unwrap();
    let end = SnapshotEnd {
        cursor: cursor(hub, position.head),
        number: position.number,
    };
    install(db, end, keep);
}

/// Installs a snapshot: joined to what is here, or in its place.
fn install(db: &mut ReplicaDb, end: SnapshotEnd, joins: bool) {
    db.head.joins = joins;
    db.install(end).unwrap();
}

/// Everything pushed, everything pulled.
fn settle(dbs: &mut [ReplicaDb], hub: &mut HubDb) {
    for db in dbs.iter_mut() {
        push(db, hub, usize::MAX, false);
    }
    for db in dbs {
        while pull(db, hub, usize::MAX) {}
    }
}

fn states(db: &ReplicaDb) -> BTreeMap<AtomeId, AtomeState> {
    let sql = "SELECT s.body FROM atomes a JOIN states s ON s.id = a.state \
               WHERE a.gen = (SELECT gen FROM replica)";
    let mut statement = db.base.connection.prepare(sql).unwrap();
    let bodies = statement
        .query_map([], |row| row.get::<_, String>(0))
        .unwrap();
    bodies
        .map(|body| serde_json::from_str::<AtomeState>(&body.unwrap()).unwrap())
        .map(|state| (state.atome, state))
        .collect()
}

fn stamp_of(db: &ReplicaDb, n: u128, name: &str) -> Stamp {
    db.get(atome(n)).unwrap().unwrap().particles[name].stamp
}

/// What must be so of every store at any time.
fn check(db: &ReplicaDb) {
    let connection = &db.base.connection;
    let states = states(db);
    let mut bench = Bench::new(connection, db.head.generation);
    let mut statement = connection
        .prepare("SELECT atome FROM touched UNION SELECT atome FROM atomes")
        .unwrap();
    let rows = statement.query_map([], |row| row.get::<_, crate::sqlite::value::Db<_>>(0));
    let atomes = rows.unwrap().map(|row| row.unwrap().0).collect();
    recompute(connection, &db.head, &mut bench, &atomes).unwrap();
    for atome in atomes {
        let computed = bench.state(atome).unwrap();
        assert_eq!(computed, states.get(&atome), "of {atome}");
    }
    let mut buckets = Buckets::default();
    states
        .values()
        .for_each(|state| add_state(&mut buckets, state));
    assert_eq!(db.digest().unwrap().1, buckets, "the digest is the sum");
    let read = Head::read(connection).unwrap();
    let revision = db.head.revision;
    assert_eq!(
        format!("{:?}", Head { revision, ..read }),
        format!("{:?}", db.head),
        "what is in memory is what is kept"
    );
    let count = |table: &str| -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        connection.query_row(&sql, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(count("atomes"), count("states"), "no state is left behind");
    for (state, row) in states.values().zip(rows_of(db)) {
        assert_eq!(row, (state.type_name(), state.parent(), state.is_deleted()));
    }
    searching::check(db);
}

type RowOf = (String, Option<AtomeId>, bool);

fn rows_of(db: &ReplicaDb) -> Vec<RowOf> {
    let sql = "SELECT type, parent, deleted FROM atomes WHERE gen = (SELECT gen FROM replica) \
               ORDER BY atome";
    let mut statement = db.base.connection.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| {
        let parent: Option<crate::sqlite::value::Db<AtomeId>> = row.get(1)?;
        Ok((row.get(0)?, parent.map(|parent| parent.0), row.get(2)?))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

/// Replica and hub hold the same, by their states and by their digests.
fn assert_same(db: &ReplicaDb, hub: &HubDb) {
    check(db);
    let mut theirs: BTreeMap<AtomeId, AtomeState> = BTreeMap::new();
    for raw in hub.states(ANNA, None, usize::MAX).unwrap().states {
        let part = raw.decode().unwrap();
        let known = theirs.remove(&part.atome);
        let joined = known.map_or_else(|| part.clone(), |known| join(known, &part));
        theirs.insert(part.atome, joined);
    }
    for (atome, state) in states(db) {
        assert_eq!(Some(state), theirs.remove(&atome), "of {atome}");
    }
    assert_eq!(theirs.len(), 0);
    assert_eq!(db.digest().unwrap(), hub.digest(ANNA).unwrap());
}
