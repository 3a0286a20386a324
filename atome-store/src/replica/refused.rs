//! Commits that the hub refused, until a person retries or discards them; and pending ones thrown away.

use std::collections::BTreeSet;

use atome_engine::clock::Now;
use atome_engine::replica::Position;
use atome_proto::Code;
use atome_proto::commit::{Change, Commit};
use rusqlite::{Connection, OptionalExtension};

use super::bench::Bench;
use super::evict::is_husk;
use super::recompute::keep;
use super::{Draft, ReplicaDb, Written, read, sharing, timeline};
use crate::error::StoreError;
use crate::sqlite::value::Db;

impl ReplicaDb {
    /// Writes again, as a new commit, what a refused one says. The newest listed one of the number is meant.
    ///
    /// An atome that it made, and that is there by now, is not made again.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchCommit`], [`StoreError::Refused`] where all that it altered was evicted, or as [`ReplicaDb::write`] and [`ReplicaDb::act`].
    pub fn retry_refused(&mut self, number: u64, now: Now) -> Result<Written, StoreError> {
        self.step(|db| {
            let id = db.unlist(number)?;
            let commit = timeline::by_id(&db.base.connection, id)?.commit()?;
            if is_husk(&commit) {
                return Err(StoreError::Refused {
                    code: Code::NotFound,
                    message: "what it altered may not be had here any more".to_owned(),
                });
            }
            let author = db.head.account;
            let written = if commit.acts.is_empty() {
                let drafts = drafts(&db.base.connection, db.head.generation, commit)?;
                db.write_drafts(author, drafts, now)?
            } else {
                db.write_acts(author, commit.acts, now)?
            };
            db.head.save(&db.base.connection)?;
            Ok(written)
        })
    }

    /// Takes a refused commit off the list. It stays in the timeline, as refused.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchCommit`].
    pub fn discard_refused(&mut self, number: u64) -> Result<Position, StoreError> {
        self.step(|db| {
            db.unlist(number)?;
            db.position()
        })
    }

    fn unlist(&mut self, number: u64) -> Result<u64, StoreError> {
        let connection = &self.base.connection;
        let id = connection
            .prepare_cached(
                "SELECT v.id FROM verdicts v JOIN commits c ON c.id = v.id \
                 WHERE v.refused AND v.listed AND c.number = ? ORDER BY v.id DESC LIMIT 1",
            )?
            .query_row([Db(number)], |row| row.get::<_, Db<u64>>(0))
            .optional()?;
        let Some(Db(id)) = id else {
            return Err(StoreError::NoSuchCommit(number));
        };
        connection
            .prepare_cached("UPDATE verdicts SET listed = FALSE WHERE id = ?")?
            .execute([Db(id)])?;
        self.head.refused = read::refused_count(connection)?;
        Ok(id)
    }

    /// Throws away every commit that the hub has not decided.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn discard_pending(&mut self) -> Result<Position, StoreError> {
        self.step(|db| {
            let connection = &db.base.connection;
            let mut atomes = BTreeSet::new();
            for id in timeline::ids_after(connection, db.head.replica, db.head.acked)? {
                let kept = timeline::by_id(connection, id)?;
                atomes.extend(kept.commit()?.changes.iter().map(|change| change.atome));
                timeline::remove(connection, &kept)?;
            }
            db.head.number = db.head.acked;
            db.renew(&atomes)?;
            db.head.refused = read::refused_count(&db.base.connection)?;
            db.head.save(&db.base.connection)?;
            db.position()
        })
    }

    /// Forgets what was said of own commits that are pending again: another hub will say what it says. They count
    /// beside the baselines, which may have them as they were decided.
    pub(super) fn forget_verdicts(&mut self) -> Result<(), StoreError> {
        let connection = &self.base.connection;
        let mut atomes = BTreeSet::new();
        for id in timeline::ids_after(connection, self.head.replica, self.head.acked)? {
            let forgotten = connection
                .prepare_cached("DELETE FROM verdicts WHERE id = ? AND NOT sealed")?
                .execute([Db(id)])?;
            sharing::open_again(connection, id)?;
            let folded = keep(connection, &self.head, id)?;
            if folded || forgotten > 0 {
                let commit = timeline::by_id(connection, id)?.commit()?;
                atomes.extend(commit.changes.iter().map(|change| change.atome));
            }
        }
        self.renew(&atomes)?;
        self.head.refused = read::refused_count(&self.base.connection)?;
        Ok(())
    }
}

/// What a commit says, to be written again on what is there now.
fn drafts(
    connection: &Connection,
    generation: i64,
    commit: Commit,
) -> Result<Vec<Draft>, StoreError> {
    let mut bench = Bench::new(connection, generation);
    let draft = |change: Change| -> Result<Draft, StoreError> {
        let is_there = bench.state(change.atome)?.is_some();
        Ok(Draft {
            atome: change.atome,
            create: change.create.filter(|_| !is_there),
            set: change.set,
            unset: change.unset,
            add: change
                .add
                .into_iter()
                .map(|(key, addend)| (key, addend.by))
                .collect(),
        })
    };
    commit.changes.into_iter().map(draft).collect()
}
