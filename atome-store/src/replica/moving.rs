//! Moving: a store that was never with a hub becomes the store of another account.
//!
//! What moves are the commits. States and whatever else is computed from them are computed anew, a commit
//! at a time, as they were when each was written.

use std::collections::BTreeMap;

use atome_proto::commit::{Commit, Key};
use atome_proto::sharing::Act;
use atome_proto::value::Value;
use atome_proto::{AccountId, AtomeId};
use rusqlite::Connection;

use super::bench::Bench;
use super::head::Head;
use super::write::encode;
use super::{ReplicaDb, ack, timeline};
use crate::error::StoreError;

impl ReplicaDb {
    /// Becomes the store of `account`; where it is that already, nothing happens.
    ///
    /// Atomes that were made under an external key take the ids that this owner has under those keys, and
    /// what names them as its parent follows. Stamps, numbers and the values of particles stay. Watchers
    /// are told to look at all.
    ///
    /// # Errors
    ///
    /// [`StoreError::HasSynced`] where the store was with a hub, or has commits of others;
    /// [`StoreError::Exists`] where another atome has the id that one would take. The store stays as it
    /// was.
    pub fn move_to(&mut self, account: AccountId) -> Result<(), StoreError> {
        if self.head.account == account {
            return Ok(());
        }
        self.step(|db| {
            let connection = &db.base.connection;
            let moving = Moving::survey(connection, &db.head, account)?;
            moving.rewrite(connection, db.head.generation)?;
            db.head.account = account;
            ack::echo(connection, db.head.next_change(), &[ack::ALL])?;
            db.head.save(connection)
        })
    }
}

/// What is called otherwise.
struct Moving {
    from: AccountId,
    to: AccountId,
    /// The new ids of atomes that were made under a key.
    ids: BTreeMap<AtomeId, AtomeId>,
}

impl Moving {
    /// Checks that the store may move, and gathers the new ids: a parent may be named long before it is
    /// made.
    fn survey(connection: &Connection, head: &Head, to: AccountId) -> Result<Self, StoreError> {
        if head.hub.is_some() || head.acked > 0 || has_baselines(connection)? {
            return Err(StoreError::HasSynced);
        }
        let from = head.account;
        let mut ids = BTreeMap::new();
        let mut last = 0;
        while let Some(kept) = timeline::next(connection, last)? {
            last = kept.id;
            let commit = kept.commit()?;
            if kept.replica != head.replica || commit.author != from {
                return Err(StoreError::HasSynced);
            }
            for change in &commit.changes {
                let Some(create) = &change.create else {
                    continue;
                };
                if let Some(key) = &create.key
                    && create.owner.unwrap_or(from) == from
                {
                    ids.insert(change.atome, AtomeId::from_key(to, key));
                }
            }
        }
        for id in ids.values() {
            if !timeline::touching(connection, *id)?.is_empty() {
                return Err(StoreError::Exists(*id));
            }
        }
        Ok(Self { from, to, ids })
    }

    /// Writes every commit anew, and merges them again from nothing.
    fn rewrite(&self, connection: &Connection, generation: i64) -> Result<(), StoreError> {
        // What was echoed names ids that are no more.
        for table in ["atomes", "states", "digests", "touched", "echoes"] {
            connection.execute(&format!("DELETE FROM {table}"), [])?;
        }
        let mut last = 0;
        while let Some(kept) = timeline::next(connection, last)? {
            last = kept.id;
            let mut commit = kept.commit()?;
            self.rename(&mut commit);
            timeline::rewrite(connection, kept.id, &commit, &encode(&commit)?)?;
            let mut bench = Bench::new(connection, generation);
            bench.add(&commit, kept.id)?;
            bench.finish()?;
        }
        Ok(())
    }

    fn rename(&self, commit: &mut Commit) {
        commit.author = self.to;
        self.rename_acts(&mut commit.acts);
        for change in &mut commit.changes {
            if let Some(id) = self.ids.get(&change.atome) {
                change.atome = *id;
            }
            if let Some(create) = &mut change.create
                && create.owner == Some(self.from)
            {
                create.owner = Some(self.to);
            }
            if let Some(parent) = change.set.get_mut(Key::PARENT)
                && let Some(id) = self.new_id(parent)
            {
                *parent = Value::from_text(&id.to_string());
            }
        }
    }

    /// Acts name the atomes that they are about.
    fn rename_acts(&self, acts: &mut [Act]) {
        for act in acts {
            match act {
                Act::Share { atome, .. } | Act::Publish { atome } => {
                    if let Some(id) = self.ids.get(atome) {
                        *atome = *id;
                    }
                }
                Act::Answer { .. } | Act::End { .. } | Act::Policy { .. } => {}
            }
        }
    }

    fn new_id(&self, parent: &Value) -> Option<AtomeId> {
        self.ids.get(&parent.to_text()?.parse().ok()?).copied()
    }
}

/// Whether a snapshot brought something, or is about to.
fn has_baselines(connection: &Connection) -> Result<bool, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM states WHERE base IS NOT NULL)")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}
