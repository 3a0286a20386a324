//! Seeding: many records into few commits.

use std::collections::BTreeSet;

use atome_engine::clock::Now;
use atome_engine::seed::diff;
use atome_proto::commit::{BadCommit, Change, Commit};
use atome_proto::limit::{COMMIT_CHANGES_MAX, COMMIT_LEN_MAX};
use atome_proto::local::v1::SeedReply;
use atome_proto::seed::Record;
use atome_proto::stamp::{HybridTime, Stamp};
use atome_proto::{AccountId, AtomeId};
use rusqlite::Connection;

use super::bench::Bench;
use super::head::Head;
use super::sharing::preview::Preview;
use super::write::{encode, len_of};
use super::{ReplicaDb, timeline};
use crate::error::StoreError;
use crate::sqlite::transact::on_trial;

/// What a commit of a seed may have in bytes by estimate, well below the limit.
const LEN_MAX: usize = COMMIT_LEN_MAX / 8 * 7;

impl ReplicaDb {
    /// Brings atomes to what records say, in as few commits as the limits allow. What is so already makes
    /// no commit; `dry_run` only counts.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadData`] for a record beyond the limits of a commit, [`StoreError::Refused`] as
    /// [`ReplicaDb::write`]; then nothing is written.
    pub fn seed(
        &mut self,
        owner: AccountId,
        records: &[(AtomeId, Record)],
        dry_run: bool,
        now: Now,
    ) -> Result<SeedReply, StoreError> {
        if !dry_run {
            return self.step(|db| db.seed_records(owner, records, now));
        }
        on_trial(self, |db| db.seed_records(owner, records, now))
    }

    fn seed_records(
        &mut self,
        owner: AccountId,
        records: &[(AtomeId, Record)],
        now: Now,
    ) -> Result<SeedReply, StoreError> {
        let mut reply = SeedReply::default();
        let at_ms = self.clock.physical_ms(now);
        let Self {
            base, head, clock, ..
        } = self;
        let mut preview = Preview::new(&base.connection, head, owner, at_ms);
        let mut writing = Writing {
            connection: &base.connection,
            bench: Bench::new(&base.connection, head.generation),
            head,
            tick: &mut || clock.tick(now),
            author: owner,
            commits: 0,
        };
        let mut sheaf = Sheaf::default();
        for (atome, record) in records {
            let above = record.parent_id(owner);
            if sheaf.atomes.contains(atome) || above.is_some_and(|id| preview.makes(id)) {
                // A second record of one atome goes by what the first one wrote, and what is made below
                // another account's atome waits until what is above it is there.
                writing.commit(sheaf.take())?;
                preview.commit_begins();
            }
            let state = writing.bench.state(*atome)?;
            let draft = diff(record, *atome, owner, state);
            let counter = match (draft.is_empty(), state.is_some()) {
                (true, _) => &mut reply.unchanged,
                (false, true) => &mut reply.altered,
                (false, false) => &mut reply.created,
            };
            *counter += 1;
            if draft.is_empty() {
                continue;
            }
            let change = preview.change(&mut writing.bench, draft)?;
            if !sheaf.fits(&change) {
                writing.commit(sheaf.take())?;
                preview.commit_begins();
            }
            sheaf.push(change);
        }
        writing.commit(sheaf.take())?;
        reply.commits = writing.commits;
        writing.bench.finish()?;
        Ok(reply)
    }
}

/// Changes that become one commit.
#[derive(Default)]
struct Sheaf {
    changes: Vec<Change>,
    atomes: BTreeSet<AtomeId>,
    count: usize,
    len: usize,
}

impl Sheaf {
    fn fits(&self, change: &Change) -> bool {
        self.count + change.count() <= COMMIT_CHANGES_MAX && self.len + len_of(change) <= LEN_MAX
    }

    fn push(&mut self, change: Change) {
        self.count += change.count();
        self.len += len_of(&change);
        self.atomes.insert(change.atome);
        self.changes.push(change);
    }

    fn take(&mut self) -> Vec<Change> {
        std::mem::take(self).changes
    }
}

/// The commits that a seed makes.
struct Writing<'a, 'c> {
    connection: &'c Connection,
    head: &'a mut Head,
    bench: Bench<'c>,
    tick: &'a mut dyn FnMut() -> HybridTime,
    author: AccountId,
    commits: u64,
}

impl Writing<'_, '_> {
    /// Makes one commit of changes, or several where keys full of escapes made them longer than estimated.
    fn commit(&mut self, mut changes: Vec<Change>) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        let stamp = Stamp {
            time: (self.tick)(),
            replica: self.head.replica,
        };
        let commit = Commit {
            number: self.head.number + 1,
            author: self.author,
            stamp,
            claimed: None,
            changes,
            acts: vec![],
        };
        let raw = match encode(&commit) {
            Err(StoreError::BadData(BadCommit::TooLong(_))) if commit.changes.len() > 1 => {
                changes = commit.changes;
                let rest = changes.split_off(changes.len() / 2);
                self.commit(changes)?;
                return self.commit(rest);
            }
            encoded => encoded?,
        };
        let change = self.head.next_change();
        self.head.number = commit.number;
        self.commits += 1;
        timeline::insert(self.connection, change, &commit, &raw, None)?;
        self.bench.add(&commit, change)
    }
}
