//! Looking at every row of a replica store: whether its states are what its digest says, and where they differ
//! from the hub's. Step by step through one read transaction; nothing is kept of a row but its digest.

use std::collections::{BTreeMap, BTreeSet};

use atome_engine::digest::{add_state, of_state};
use atome_engine::merge::join;
use atome_engine::replica::Position;
use atome_proto::AtomeId;
use atome_proto::digest::Buckets;
use atome_proto::local::v1::{Found, FoundKind};
use atome_proto::state::{AtomeState, RawState};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::bench::{Bench, add_to_digest, insert};
use super::head::Head;
use super::recompute::{recompute, without};
use super::{ReplicaDb, ack, read, timeline};
use crate::error::StoreError;
use crate::sqlite::value::Db;

/// What a store holds, counted anew.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recount {
    /// The feed number of the cursor.
    pub feed: u64,
    /// The digest that is kept beside the states.
    pub kept: Buckets,
    /// The digest of the states, row by row.
    pub counted: Buckets,
    /// The same without commits that wait at the hub for something, which are in none of its states.
    pub decided: Buckets,
    /// The atomes that such commits touch, by id.
    pub deferred: Vec<AtomeId>,
    /// Rows that cannot be read, or contradict themselves.
    pub broken: Vec<AtomeId>,
}

impl Recount {
    /// The buckets in which this store is at odds with itself.
    #[must_use]
    pub fn at_odds(&self) -> Vec<u8> {
        let mut buckets = self.kept.differing(&self.counted);
        buckets.extend(self.broken.iter().map(bucket_of));
        buckets.sort_unstable();
        buckets.dedup();
        buckets
    }
}

/// The bucket of a digest that an atome counts in.
fn bucket_of(atome: &AtomeId) -> u8 {
    let [.., bucket] = *atome.as_bytes();
    bucket
}

/// A row as it stands.
struct Kept {
    atome: AtomeId,
    /// Absent where it cannot be read, or is not what the row says of it.
    state: Option<AtomeState>,
}

const ROWS: &str = "SELECT a.atome, a.deleted, a.type, a.parent, s.body FROM atomes a \
     LEFT JOIN states s ON s.id = a.state WHERE a.gen = (SELECT gen FROM replica)";

impl Kept {
    fn of_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let atome = row.get::<_, Db<AtomeId>>(0)?.0;
        Ok(Self {
            atome,
            state: whole(row, atome).filter(|state| fits(row, state)),
        })
    }
}

fn whole(row: &Row<'_>, atome: AtomeId) -> Option<AtomeState> {
    let body: String = row.get(4).ok()?;
    let state: AtomeState = serde_json::from_str(&body).ok()?;
    (state.atome == atome).then_some(state)
}

/// Whether the atome's own row says what its state does.
fn fits(row: &Row<'_>, state: &AtomeState) -> bool {
    let columns = || -> rusqlite::Result<(bool, String, Option<AtomeId>)> {
        let parent: Option<Db<AtomeId>> = row.get(3)?;
        Ok((row.get(1)?, row.get(2)?, parent.map(|Db(parent)| parent)))
    };
    columns()
        .is_ok_and(|columns| columns == (state.is_deleted(), state.type_name(), state.parent()))
}

/// Counts every row of the states that count.
pub(super) fn recount(connection: &Connection) -> Result<Recount, StoreError> {
    let (feed, kept) = read::digest(connection)?;
    let decided_here = without_deferred(connection)?;
    let (mut counted, mut broken, mut others) = (Buckets::default(), vec![], vec![]);
    let mut statement = connection.prepare_cached(ROWS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let Kept { atome, state } = Kept::of_row(row)?;
        match state {
            Some(state) => {
                add_state(&mut counted, &state);
                if let Some(decided) = decided_here.get(&atome) {
                    let decided = decided.as_ref().map(of_state).unwrap_or_default();
                    others.push((bucket_of(&atome), decided.minus(of_state(&state))));
                }
            }
            None => broken.push(atome),
        }
    }
    let mut decided = counted.clone();
    for (bucket, differs_by) in others {
        decided.add(bucket, differs_by);
    }
    Ok(Recount {
        feed,
        kept,
        counted,
        decided,
        deferred: decided_here.into_keys().collect(),
        broken,
    })
}

/// The atomes that commits touch which wait at the hub for something, as they are without those commits: `None`
/// where nothing is left of one.
fn without_deferred(
    connection: &Connection,
) -> Result<BTreeMap<AtomeId, Option<AtomeState>>, StoreError> {
    let deferred = ack::deferred_ids(connection)?;
    let head = Head::read(connection)?;
    let mut states = BTreeMap::new();
    for atome in touched_by(connection, &deferred)? {
        let is_deferred = |kept: &timeline::Kept| deferred.contains(&kept.id);
        let state = without(connection, &head, atome, is_deferred)?;
        states.insert(atome, state);
    }
    Ok(states)
}

/// The atomes that commits alter.
fn touched_by(
    connection: &Connection,
    ids: &BTreeSet<u64>,
) -> Result<BTreeSet<AtomeId>, StoreError> {
    let mut touched = BTreeSet::new();
    for id in ids {
        let commit = timeline::by_id(connection, *id)?.commit()?;
        touched.extend(commit.changes.iter().map(|change| change.atome));
    }
    Ok(touched)
}

/// A part of the hub's states: all that it has in some buckets, of ids after one and up to another.
#[derive(Clone, Debug)]
pub struct Part {
    /// The buckets.
    pub buckets: Vec<u8>,
    /// The id before the first.
    pub after: Option<AtomeId>,
    /// The last id that the part reaches to; to the end, where there is none.
    pub through: Option<AtomeId>,
    /// The states.
    pub states: Vec<AtomeState>,
}

/// Joins states that came in parts, and reads them.
///
/// # Errors
///
/// [`StoreError::BadFeed`] for what cannot be read.
pub fn read_states(states: &[RawState]) -> Result<Vec<AtomeState>, StoreError> {
    let mut whole: BTreeMap<AtomeId, AtomeState> = BTreeMap::new();
    for raw in states {
        let bad = |error: serde_json::Error| StoreError::BadFeed(error.to_string());
        let state = raw.decode().map_err(bad)?;
        let state = match whole.remove(&state.atome) {
            Some(before) => join(before, &state),
            None => state,
        };
        whole.insert(state.atome, state);
    }
    Ok(whole.into_values().collect())
}

/// What differs between a part of the hub's states and what is here without commits that wait at the hub, by id.
pub(super) fn compare(connection: &Connection, part: &Part) -> Result<Vec<Found>, StoreError> {
    let mut theirs: BTreeMap<AtomeId, &AtomeState> = part
        .states
        .iter()
        .map(|state| (state.atome, state))
        .collect();
    let mut decided_here = without_deferred(connection)?;
    let mut found = vec![];
    let sql = format!("{ROWS} AND a.atome > coalesce(?1, x'') AND (?2 IS NULL OR a.atome <= ?2)");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![part.after.map(Db), part.through.map(Db)])?;
    while let Some(row) = rows.next()? {
        let atome = row.get::<_, Db<AtomeId>>(0)?.0;
        if !part.buckets.contains(&bucket_of(&atome)) {
            continue;
        }
        let here = match (Kept::of_row(row)?.state, decided_here.remove(&atome)) {
            (Some(_), Some(None)) => continue,
            (Some(_), Some(decided)) => decided,
            (kept, _) => kept,
        };
        let (kind, keys) = match (here, theirs.remove(&atome)) {
            (None, _) => (FoundKind::Unreadable, vec![]),
            (Some(_), None) => (FoundKind::Extra, vec![]),
            (Some(here), Some(there)) if of_state(&here) == of_state(there) => continue,
            (Some(here), Some(there)) => (FoundKind::Different, keys(&here, there)),
        };
        found.push(Found { atome, kind, keys });
    }
    found.extend(theirs.into_keys().map(|atome| Found {
        atome,
        kind: FoundKind::Missing,
        keys: vec![],
    }));
    found.sort_by_key(|found| found.atome);
    Ok(found)
}

/// The particles and registers in which two states differ.
fn keys(here: &AtomeState, there: &AtomeState) -> Vec<String> {
    let all = here.particles.keys().chain(there.particles.keys());
    let mut keys: Vec<String> = all
        .filter(|key| here.particles.get(key.as_str()) != there.particles.get(key.as_str()))
        .map(ToString::to_string)
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

impl ReplicaDb {
    /// Counts every row anew.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn recount(&self) -> Result<Recount, StoreError> {
        recount(&self.base.connection)
    }

    /// What differs between a part of the hub's states and what is here.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn compare(&self, part: &Part) -> Result<Vec<Found>, StoreError> {
        compare(&self.base.connection, part)
    }

    /// Puts the hub's states in the place of what is here, and counts the digest anew; `None` where the store
    /// does not stand at that feed number any more, or has something pending.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn mend(
        &mut self,
        states: &[AtomeState],
        feed: u64,
    ) -> Result<Option<Position>, StoreError> {
        let position = self.position()?;
        if position.feed() != feed || position.pending() > 0 {
            return Ok(None);
        }
        self.step(|db| {
            let (connection, generation) = (&db.base.connection, db.head.generation);
            for state in states {
                put(connection, generation, state)?;
            }
            redo_deferred(connection, &db.head, states)?;
            let counted = recount(connection)?.counted;
            connection
                .prepare_cached("DELETE FROM digests WHERE gen = ?")?
                .execute([generation])?;
            for (bucket, sum) in counted.0 {
                add_to_digest(connection, generation, bucket, sum)?;
            }
            let mended: Vec<AtomeId> = states.iter().map(|state| state.atome).collect();
            if !mended.is_empty() {
                ack::echo(connection, db.head.next_change(), &mended)?;
            }
            db.head.save(connection)?;
            db.position().map(Some)
        })
    }
}

/// What the hub has not taken yet is in none of its states, and counts here all the same.
fn redo_deferred(
    connection: &Connection,
    head: &Head,
    states: &[AtomeState],
) -> Result<(), StoreError> {
    let mended: BTreeSet<AtomeId> = states.iter().map(|state| state.atome).collect();
    let waiting = &touched_by(connection, &ack::deferred_ids(connection)?)? & &mended;
    let mut bench = Bench::new(connection, head.generation);
    recompute(connection, head, &mut bench, &waiting)?;
    bench.finish()
}

/// Writes a state over whatever stands there, readable or not, as a snapshot would have brought it.
fn put(connection: &Connection, generation: i64, state: &AtomeState) -> Result<(), StoreError> {
    let body = RawState::encode(state)?;
    let id: Option<i64> = connection
        .prepare_cached(
            "SELECT s.id FROM atomes a JOIN states s ON s.id = a.state \
             WHERE a.gen = ? AND a.atome = ?",
        )?
        .query_row(params![generation, Db(state.atome)], |row| row.get(0))
        .optional()?;
    let Some(id) = id else {
        connection
            .prepare_cached("DELETE FROM atomes WHERE gen = ? AND atome = ?")?
            .execute(params![generation, Db(state.atome)])?;
        insert(connection, generation, state, None, body.as_str(), Some(""))?;
        return Ok(());
    };
    connection
        .prepare_cached("UPDATE states SET body = ?, base = '' WHERE id = ?")?
        .execute(params![body.as_str(), id])?;
    connection
        .prepare_cached(
            "UPDATE atomes SET deleted = ?3, type = ?4, parent = ?5 WHERE gen = ?1 AND atome = ?2",
        )?
        .execute(params![
            generation,
            Db(state.atome),
            state.is_deleted(),
            state.type_name(),
            state.parent().map(Db)
        ])?;
    Ok(())
}
