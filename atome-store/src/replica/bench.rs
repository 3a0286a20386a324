//! The atomes that one operation works on: each read once, merged in memory, written once.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use atome_engine::digest::of_state;
use atome_engine::merge::{self, Origin};
use atome_proto::AtomeId;
use atome_proto::commit::{Change, Commit};
use atome_proto::digest::Digest;
use atome_proto::state::{AtomeState, RawState};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::StoreError;
use crate::sqlite::gap::Gap;
use crate::sqlite::value::Db;

/// What the store has of an atome.
struct Stored {
    /// Where its state stands.
    id: i64,
    deleted: bool,
    type_name: String,
    parent: Option<AtomeId>,
    /// Its digest, once the atome was changed.
    digest: Option<Digest>,
}

#[derive(Default)]
struct Slot {
    stored: Option<Stored>,
    state: Option<AtomeState>,
    /// The one commit that stands in the atome's own row.
    made: Option<u64>,
    /// A new baseline.
    base: Option<RawState>,
    dirty: bool,
}

impl Slot {
    /// Notes what the store has before the state is changed.
    fn dirty(&mut self) {
        if let (Some(stored), false) = (&mut self.stored, self.dirty) {
            stored.digest = self.state.as_ref().map(of_state);
        }
        self.dirty = true;
    }
}

/// The atomes of one generation that one operation works on.
pub(super) struct Bench<'c> {
    connection: &'c Connection,
    generation: i64,
    slots: BTreeMap<AtomeId, Slot>,
    /// Ids that are not there.
    gap: Option<Gap>,
}

impl<'c> Bench<'c> {
    pub(super) fn new(connection: &'c Connection, generation: i64) -> Self {
        Self {
            connection,
            generation,
            slots: BTreeMap::new(),
            gap: None,
        }
    }

    fn slot(&mut self, atome: AtomeId) -> Result<&mut Slot, StoreError> {
        match self.slots.entry(atome) {
            Entry::Occupied(slot) => Ok(slot.into_mut()),
            Entry::Vacant(place) => {
                let (connection, generation) = (self.connection, self.generation);
                let next = || next(connection, generation, atome);
                let slot = if Gap::has(&mut self.gap, atome, next)? {
                    Slot::default()
                } else {
                    load(connection, generation, atome)?
                };
                Ok(place.insert(slot))
            }
        }
    }

    /// The state of an atome.
    pub(super) fn state(&mut self, atome: AtomeId) -> Result<Option<&AtomeState>, StoreError> {
        Ok(self.slot(atome)?.state.as_ref())
    }

    /// Merges a commit that has the local id `id`, and notes that it touches its atomes.
    pub(super) fn add(&mut self, commit: &Commit, id: u64) -> Result<(), StoreError> {
        let (connection, origin) = (self.connection, Origin::of(commit));
        for change in &commit.changes {
            let slot = self.slot(change.atome)?;
            slot.dirty();
            if slot.made.is_none() {
                slot.made = Some(id);
            } else {
                note(connection, change.atome, id)?;
            }
            slot.state = Some(merge::apply(slot.state.take(), change, origin));
        }
        Ok(())
    }

    /// Merges one change of a commit whose atomes are noted already.
    pub(super) fn apply(&mut self, change: &Change, origin: Origin) -> Result<(), StoreError> {
        let slot = self.slot(change.atome)?;
        slot.dirty();
        slot.state = Some(merge::apply(slot.state.take(), change, origin));
        Ok(())
    }

    /// Puts a state in the place of what an atome has.
    pub(super) fn put(
        &mut self,
        atome: AtomeId,
        state: Option<AtomeState>,
    ) -> Result<(), StoreError> {
        let slot = self.slot(atome)?;
        slot.dirty();
        slot.state = state;
        Ok(())
    }

    /// Gives an atome a new baseline.
    pub(super) fn put_base(&mut self, base: &AtomeState) -> Result<(), StoreError> {
        let raw = RawState::encode(base)?;
        let slot = self.slot(base.atome)?;
        slot.dirty();
        slot.base = Some(raw);
        Ok(())
    }

    /// Writes what changed, and what that does to the digest.
    pub(super) fn finish(self) -> Result<(), StoreError> {
        let mut buckets: BTreeMap<u8, Digest> = BTreeMap::new();
        for (atome, slot) in self.slots {
            if !slot.dirty {
                continue;
            }
            let before = slot.stored.as_ref().and_then(|stored| stored.digest);
            let after = slot.state.as_ref().map(of_state);
            let [.., bucket] = *atome.as_bytes();
            let sum = buckets.entry(bucket).or_default();
            *sum = sum
                .plus(after.unwrap_or_default())
                .minus(before.unwrap_or_default());
            save(self.connection, self.generation, atome, slot)?;
        }
        for (bucket, sum) in buckets {
            add_to_digest(self.connection, self.generation, bucket, sum)?;
        }
        Ok(())
    }
}

/// The least id from one on.
fn next(
    connection: &Connection,
    generation: i64,
    atome: AtomeId,
) -> Result<Option<AtomeId>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT atome FROM atomes WHERE gen = ? AND atome >= ? ORDER BY atome LIMIT 1",
    )?;
    let found = statement.query_row(params![generation, Db(atome)], |row| {
        Ok(row.get::<_, Db<AtomeId>>(0)?.0)
    });
    Ok(found.optional()?)
}

fn load(connection: &Connection, generation: i64, atome: AtomeId) -> Result<Slot, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT s.id, a.deleted, a.type, a.parent, s.made, s.body \
         FROM atomes a JOIN states s ON s.id = a.state WHERE a.gen = ? AND a.atome = ?",
    )?;
    let found = statement.query_row(params![generation, Db(atome)], |row| {
        let stored = Stored {
            id: row.get(0)?,
            deleted: row.get(1)?,
            type_name: row.get(2)?,
            parent: row.get::<_, Option<Db<_>>>(3)?.map(|Db(parent)| parent),
            digest: None,
        };
        let made: Option<Db<u64>> = row.get(4)?;
        Ok((stored, made.map(|Db(made)| made), row.get::<_, String>(5)?))
    });
    let mut slot = Slot::default();
    if let Some((stored, made, body)) = found.optional()? {
        slot.stored = Some(stored);
        slot.made = made;
        slot.state = Some(serde_json::from_str(&body)?);
    }
    Ok(slot)
}

fn save(
    connection: &Connection,
    generation: i64,
    atome: AtomeId,
    slot: Slot,
) -> Result<(), StoreError> {
    let Some(state) = slot.state else {
        // Nothing is left of it but its past.
        if let Some(stored) = slot.stored {
            remove(connection, generation, atome, stored.id)?;
        }
        return slot
            .made
            .map_or(Ok(()), |made| note(connection, atome, made));
    };
    let body = serde_json::to_string(&state)?;
    let base = slot.base.as_ref().map(RawState::as_str);
    let Some(stored) = slot.stored else {
        insert(connection, generation, &state, slot.made, &body, base)?;
        return Ok(());
    };
    connection
        .prepare_cached(
            "UPDATE states SET made = ?2, body = ?3, \
             base = coalesce(?4, iif(base = '', body, base)) WHERE id = ?1",
        )?
        .execute(params![stored.id, slot.made.map(Db), &body, base])?;
    let (type_name, parent, deleted) = (state.type_name(), state.parent(), state.is_deleted());
    if stored.type_name != type_name || stored.parent != parent || stored.deleted != deleted {
        connection
            .prepare_cached(
                "UPDATE atomes SET deleted = ?3, type = ?4, parent = ?5 \
                 WHERE gen = ?1 AND atome = ?2",
            )?
            .execute(params![
                generation,
                Db(atome),
                deleted,
                type_name,
                parent.map(Db)
            ])?;
    }
    Ok(())
}

/// Adds an atome that is not there; whether it was not.
pub(super) fn insert(
    connection: &Connection,
    generation: i64,
    state: &AtomeState,
    made: Option<u64>,
    body: &str,
    base: Option<&str>,
) -> Result<bool, StoreError> {
    connection
        .prepare_cached("INSERT INTO states (made, body, base) VALUES (?, ?, ?)")?
        .execute(params![made.map(Db), body, base])?;
    let id = connection.last_insert_rowid();
    let inserted = connection
        .prepare_cached(
            "INSERT INTO atomes (gen, atome, state, deleted, type, parent) VALUES (?, ?, ?, ?, ?, ?) \
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            generation,
            Db(state.atome),
            id,
            state.is_deleted(),
            state.type_name(),
            state.parent().map(Db)
        ])?
        > 0;
    if !inserted {
        remove_state(connection, id)?;
    }
    Ok(inserted)
}

fn remove(
    connection: &Connection,
    generation: i64,
    atome: AtomeId,
    id: i64,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM atomes WHERE gen = ? AND atome = ?")?
        .execute(params![generation, Db(atome)])?;
    remove_state(connection, id)
}

fn remove_state(connection: &Connection, id: i64) -> Result<(), StoreError> {
    connection
        .prepare_cached("DELETE FROM states WHERE id = ?")?
        .execute([id])?;
    Ok(())
}

/// Notes that a commit touches an atome.
pub(super) fn note(connection: &Connection, atome: AtomeId, id: u64) -> Result<(), StoreError> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO touched (atome, commit_id) VALUES (?, ?)")?
        .execute(params![Db(atome), Db(id)])?;
    Ok(())
}

/// Adds to a bucket of a generation's digest.
pub(super) fn add_to_digest(
    connection: &Connection,
    generation: i64,
    bucket: u8,
    grows: Digest,
) -> Result<(), StoreError> {
    let sum = connection
        .prepare_cached("SELECT digest FROM digests WHERE gen = ? AND bucket = ?")?
        .query_row(params![generation, bucket], |row| {
            row.get::<_, Db<Digest>>(0)
        })
        .optional()?
        .map_or_else(Digest::default, |Db(sum)| sum);
    connection
        .prepare_cached(
            "INSERT INTO digests (gen, bucket, digest) VALUES (?, ?, ?) \
             ON CONFLICT DO UPDATE SET digest = excluded.digest",
        )?
        .execute(params![generation, bucket, Db(sum.plus(grows))])?;
    Ok(())
}
