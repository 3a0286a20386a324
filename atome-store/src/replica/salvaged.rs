//! Taking what was salvaged of a damaged store into a new one.

use std::collections::BTreeMap;

use atome_proto::ReplicaId;
use atome_proto::commit::{Commit, RawCommit};
use rusqlite::params;

use super::bench::Bench;
use super::sharing::pending;
use super::{ReplicaDb, timeline};
use crate::error::StoreError;
use crate::salvage::{Own, Verdict};
use crate::sqlite::value::Db;

/// Commits that are merged at once, to bound memory.
const MERGED_AT_ONCE: usize = 500;

impl ReplicaDb {
    /// Fills a store that is empty with own commits, by number, of which the hub has decided those up to `acked`
    /// as far as is known; how many are pending then.
    pub(crate) fn take_salvaged(
        &mut self,
        acked: u64,
        own: BTreeMap<u64, Own>,
        fresh: ReplicaId,
    ) -> Result<u64, StoreError> {
        let count = u64::try_from(own.len()).unwrap_or(u64::MAX);
        let last = own.last_key_value().map_or(0, |(number, _)| *number);
        if last == count && last >= acked {
            let own: Vec<Own> = own.into_values().collect();
            self.fill(acked, &own)?;
            self.restored(fresh)?;
            return Ok(last - acked);
        }
        // Some are missing: what was decided comes from the hub, what was not is numbered anew.
        let pending = own.into_iter().filter(|(number, _)| *number > acked);
        let mut pending: Vec<Own> = pending.map(|(_, own)| own).collect();
        for (number, own) in (1..).zip(&mut pending) {
            own.commit.number = number;
            own.verdict = None;
        }
        let count = u64::try_from(pending.len()).unwrap_or(u64::MAX);
        self.fill(0, &pending)?;
        self.fork(1, fresh)?;
        Ok(count)
    }

    /// Puts commits into a store that is empty that were made under other ids, and that no hub has.
    pub(crate) fn take_former(&mut self, former: &[Own]) -> Result<(), StoreError> {
        if former.is_empty() {
            return Ok(());
        }
        self.fill(0, former)?;
        self.step(|db| {
            db.head.number = 0;
            db.head.save(&db.base.connection)
        })
    }

    fn fill(&mut self, acked: u64, own: &[Own]) -> Result<(), StoreError> {
        self.step(|db| {
            let generation = db.head.generation;
            let mut bench = Bench::new(&db.base.connection, generation);
            for (i, Own { commit, verdict }) in own.iter().enumerate() {
                let change = db.head.next_change();
                db.put(change, commit, verdict.as_ref())?;
                let is_refused = verdict.as_ref().is_some_and(|(_, refused, ..)| *refused);
                if !is_refused {
                    bench.add(commit, change)?;
                }
                db.clock.observe(commit.stamp.time);
                db.head.seen = db.head.seen.max(commit.stamp.time);
                db.head.number = commit.number;
                if (i + 1).is_multiple_of(MERGED_AT_ONCE) {
                    bench.finish()?;
                    bench = Bench::new(&db.base.connection, generation);
                }
            }
            bench.finish()?;
            db.head.acked = acked;
            db.head.refused = super::read::refused_count(&db.base.connection)?;
            db.head.save(&db.base.connection)
        })
    }

    fn put(&self, id: u64, commit: &Commit, verdict: Option<&Verdict>) -> Result<(), StoreError> {
        let connection = &self.base.connection;
        timeline::insert(connection, id, commit, &RawCommit::encode(commit)?, None)?;
        if !commit.acts.is_empty() {
            pending::note(connection, id)?;
        }
        if let Some((ruling, refused, listed, sealed)) = verdict {
            connection
                .prepare_cached(
                    "INSERT INTO verdicts (id, ruling, refused, listed, sealed) VALUES (?, ?, ?, ?, ?)",
                )?
                .execute(params![Db(id), ruling, refused, listed, sealed])?;
        }
        Ok(())
    }
}
