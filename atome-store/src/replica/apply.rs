//! The feed: what the hub accepted, in its order. Step 17 of the way of a write.

use std::collections::BTreeSet;

use atome_engine::replica::Position;
use atome_proto::AtomeId;
use atome_proto::commit::{Commit, RawCommit};
use atome_proto::sync::v1::{Batch, Cursor, Entry};
use rusqlite::{Connection, params};

use super::bench::Bench;
use super::head::Head;
use super::{ReplicaDb, timeline};
use crate::error::StoreError;
use crate::sqlite::value::Db;

/// A feed entry, its commit read.
pub(super) enum Incoming {
    /// One of this replica's own.
    Mine,
    /// Another's.
    Commit(Box<Commit>, RawCommit),
}

/// Reads the commits of a batch.
pub(super) fn read(batch: &Batch) -> Result<Vec<Incoming>, StoreError> {
    let read = |entry: &Entry| match entry {
        Entry::Mine(_) => Ok(Incoming::Mine),
        Entry::Commit(raw) => {
            let commit = raw
                .decode()
                .map_err(|error| StoreError::BadFeed(error.to_string()))?;
            Ok(Incoming::Commit(Box::new(commit), raw.clone()))
        }
        Entry::State(_) | Entry::Evict(_) | Entry::Grant(_) | Entry::Policy(_) | Entry::Nothing => {
            Err(StoreError::BadFeed("not known yet".to_owned()))
        }
    };
    batch.entries.iter().map(read).collect()
}

impl ReplicaDb {
    /// Applies feed entries; rows and cursor move in one transaction (`cursor-with-rows`). `at` is the
    /// cursor that the batch ends at. Entries up to the present cursor are passed over.
    ///
    /// # Errors
    ///
    /// [`StoreError::Gap`] where the batch begins beyond the next entry, or is not of the adopted hub;
    /// [`StoreError::BadFeed`] for what cannot be read.
    pub fn apply(&mut self, batch: &Batch, at: Cursor) -> Result<Position, StoreError> {
        self.apply_incoming(batch.from, read(batch)?, at)
    }

    /// The same of entries that are read already.
    pub(super) fn apply_incoming(
        &mut self,
        from: u64,
        entries: Vec<Incoming>,
        at: Cursor,
    ) -> Result<Position, StoreError> {
        let expected = self.head.feed.unwrap_or(0) + 1;
        let adopted = self.head.hub.is_none_or(|hub| hub == (at.hub, at.epoch));
        if from > expected || !adopted {
            return Err(StoreError::Gap {
                expected,
                found: from,
            });
        }
        self.step(|db| {
            let mut applying = Applying {
                connection: &db.base.connection,
                bench: Bench::new(&db.base.connection, db.head.generation),
                anew: BTreeSet::new(),
            };
            for (feed, entry) in (from..).zip(entries) {
                if feed >= expected
                    && let Incoming::Commit(commit, raw) = entry
                {
                    db.clock.observe(commit.stamp.time);
                    applying.take(&mut db.head, &commit, &raw, feed)?;
                }
            }
            let anew = applying.anew;
            applying.bench.finish()?;
            db.head.hub = Some((at.hub, at.epoch));
            db.head.feed = Some(at.feed.max(expected - 1));
            db.renew(&anew)?;
            db.head.save(&db.base.connection)?;
            db.position()
        })
    }
}

struct Applying<'c> {
    connection: &'c Connection,
    bench: Bench<'c>,
    /// Atomes whose states are to be computed anew.
    anew: BTreeSet<AtomeId>,
}

impl Applying<'_> {
    fn take(
        &mut self,
        head: &mut Head,
        commit: &Commit,
        raw: &RawCommit,
        feed: u64,
    ) -> Result<(), StoreError> {
        head.seen = head.seen.max(commit.stamp.time);
        let Some(known) = timeline::own(self.connection, commit.stamp.replica, commit.number)?
        else {
            let id = head.next_change();
            timeline::insert(self.connection, id, commit, raw, Some(feed))?;
            return self.bench.add(commit, id);
        };
        self.know_better(head, &known, commit, raw)
    }

    /// A commit that is here already: of the replica that this one was before a fork, or from before the
    /// hub was restored. What the feed says of it counts.
    fn know_better(
        &mut self,
        head: &Head,
        known: &timeline::Kept,
        commit: &Commit,
        raw: &RawCommit,
    ) -> Result<(), StoreError> {
        let accepted = self
            .connection
            .prepare_cached("DELETE FROM verdicts WHERE id = ?")?
            .execute([Db(known.id)])?
            > 0;
        let folded = known.id <= head.baseline
            && self
                .connection
                .prepare_cached("INSERT INTO kept (id) VALUES (?) ON CONFLICT DO NOTHING")?
                .execute(params![Db(known.id)])?
                > 0;
        let differs = known.body != raw.as_str();
        if differs {
            timeline::rewrite(self.connection, known.id, commit, raw)?;
        }
        if accepted || folded || differs {
            self.anew
                .extend(commit.changes.iter().map(|change| change.atome));
            if differs {
                let was = known.commit()?;
                self.anew
                    .extend(was.changes.iter().map(|change| change.atome));
            }
        }
        Ok(())
    }
}
