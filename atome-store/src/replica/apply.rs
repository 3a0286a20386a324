//! The feed: what the hub accepted, in its order. Step 17 of the way of a write.

use std::collections::{BTreeMap, BTreeSet};

use atome_engine::merge::join;
use atome_engine::replica::Position;
use atome_proto::commit::{Change, Commit, RawCommit};
use atome_proto::sharing::{Grant, Policy};
use atome_proto::state::AtomeState;
use atome_proto::sync::v1::{Batch, Cursor, Entry};
use atome_proto::{AccountId, AtomeId};
use rusqlite::Connection;

use super::bench::{self, Bench};
use super::head::Head;
use super::recompute::{baseline, keep};
use super::sharing::kept;
use super::{ReplicaDb, evict, read, snapshot, timeline};
use crate::error::StoreError;
use crate::sqlite::value::Db;

/// A feed entry that is read.
pub(super) enum Incoming {
    /// One of this replica's own, by its number.
    Mine(u64),
    /// Another's.
    Commit(Box<Commit>, RawCommit),
    /// What is seen of another account's atome, or a part of that.
    State(Box<AtomeState>),
    /// Atomes that may not be had any more.
    Evict(Vec<AtomeId>),
    /// What a grant is now.
    Grant(Box<Grant>),
    /// What a policy is now.
    Policy(Policy),
    /// Nothing to see.
    Nothing,
}

/// A batch whose entries are read: what can be done of it beside the one thread that writes.
pub struct ReadBatch {
    from: u64,
    entries: Vec<Incoming>,
}

impl ReadBatch {
    /// Reads a batch.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadFeed`] for what cannot be read.
    pub fn of(batch: &Batch) -> Result<Self, StoreError> {
        Ok(Self {
            from: batch.from,
            entries: read(batch)?,
        })
    }
}

fn read(batch: &Batch) -> Result<Vec<Incoming>, StoreError> {
    let read = |entry: &Entry| match entry {
        Entry::Mine(number) => Ok(Incoming::Mine(*number)),
        Entry::Commit(raw) => {
            let commit = raw
                .decode()
                .map_err(|error| StoreError::BadFeed(error.to_string()))?;
            Ok(Incoming::Commit(Box::new(commit), raw.clone()))
        }
        Entry::State(raw) => {
            let state = raw
                .decode()
                .map_err(|error| StoreError::BadFeed(error.to_string()))?;
            Ok(Incoming::State(Box::new(state)))
        }
        Entry::Grant(grant) => Ok(Incoming::Grant(grant.clone())),
        Entry::Policy(policy) => Ok(Incoming::Policy(policy.clone())),
        Entry::Nothing => Ok(Incoming::Nothing),
        Entry::Evict(atomes) => Ok(Incoming::Evict(atomes.clone())),
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
        self.apply_read(ReadBatch::of(batch)?, at)
    }

    /// The same of a batch that is read already.
    pub(super) fn apply_read(
        &mut self,
        ReadBatch { from, entries }: ReadBatch,
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
                bases: BTreeMap::new(),
                shown: BTreeSet::new(),
                gone: BTreeSet::new(),
                told: Told::default(),
                has_verdicts: read::has_verdicts(&db.base.connection)?,
            };
            let news = (from..).zip(entries).filter(|(feed, _)| *feed >= expected);
            for (feed, entry) in news {
                applying.take(&mut db.head, entry, feed)?;
            }
            let (anew, told) = applying.finish(&db.head)?;
            db.clock.observe(db.head.seen);
            db.head.hub = Some((at.hub, at.epoch));
            db.head.feed = Some(at.feed.max(expected - 1));
            db.renew(&anew)?;
            if told.rulings {
                db.head.refused = read::refused_count(&db.base.connection)?;
            }
            if told.sharing {
                db.shares_changed(&told.policies)?;
            }
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
    /// New baselines.
    bases: BTreeMap<AtomeId, AtomeState>,
    /// Atomes that more is seen of.
    shown: BTreeSet<AtomeId>,
    /// Atomes that were evicted; some may have come back.
    gone: BTreeSet<AtomeId>,
    told: Told,
    /// Whether there are verdicts at all.
    has_verdicts: bool,
}

/// What entries tell beside states.
#[derive(Default)]
struct Told {
    /// Whether other commits than before stand as refused.
    rulings: bool,
    /// Whether grants or policies are others now.
    sharing: bool,
    /// The accounts that policies are about.
    policies: BTreeSet<AccountId>,
}

impl Applying<'_> {
    fn take(&mut self, head: &mut Head, entry: Incoming, feed: u64) -> Result<(), StoreError> {
        match entry {
            Incoming::Commit(commit, raw) => self.commit(head, &commit, &raw, feed),
            Incoming::Mine(number) => self.mine(head, number),
            Incoming::State(state) => self.state(head, &state),
            Incoming::Evict(atomes) => self.evict(head, atomes, feed),
            Incoming::Grant(grant) => {
                self.told.sharing = true;
                kept::keep(self.connection, &grant, false)
            }
            Incoming::Policy(policy) => {
                self.told.sharing = true;
                self.told.policies.insert(policy.sender.id);
                kept::keep_policy(self.connection, &policy, false)
            }
            Incoming::Nothing => Ok(()),
        }
    }

    /// Writes what is on the bench, and decides on own commits that touch what went or came back; the atomes
    /// to be computed anew, and what else was told.
    fn finish(mut self, head: &Head) -> Result<(BTreeSet<AtomeId>, Told), StoreError> {
        self.flush(head)?;
        let sealed = evict::seal(self.connection, head, &self.gone)?;
        let unsealed = match self.shown.is_empty() {
            true => BTreeSet::new(),
            false => evict::unseal(self.connection, head, Some(&self.shown))?,
        };
        self.told.rulings |= !self.gone.is_empty() || !unsealed.is_empty();
        self.anew.extend(self.gone);
        self.anew.extend(self.shown);
        self.anew.extend(sealed);
        self.anew.extend(unsealed);
        Ok((self.anew, self.told))
    }

    /// Writes what is on the bench.
    fn flush(&mut self, head: &Head) -> Result<(), StoreError> {
        for (atome, base) in std::mem::take(&mut self.bases) {
            self.bench.put_base(&base)?;
            self.bench.put(atome, Some(base))?;
        }
        let fresh = Bench::new(self.connection, head.generation);
        std::mem::replace(&mut self.bench, fresh).finish()
    }

    /// Atomes may not be had any more.
    fn evict(
        &mut self,
        head: &mut Head,
        atomes: Vec<AtomeId>,
        feed: u64,
    ) -> Result<(), StoreError> {
        self.flush(head)?;
        // A snapshot that was not finished may have them too.
        snapshot::clear(self.connection, head.generation + 1)?;
        self.gone
            .extend(evict::remove(self.connection, head, atomes)?);
        (head.evicting, head.traces) = (feed, true);
        Ok(())
    }

    /// What is seen of an atome becomes part of its baseline.
    fn state(&mut self, head: &mut Head, state: &AtomeState) -> Result<(), StoreError> {
        head.seen = head.seen.max(state.updated.time);
        let before = match self.bases.remove(&state.atome) {
            Some(before) => Some(before),
            None => baseline(self.connection, head.generation, state.atome)?,
        };
        let base = before.map_or_else(|| state.clone(), |before| join(before, state));
        self.bases.insert(state.atome, base);
        self.shown.insert(state.atome);
        Ok(())
    }

    /// One of this replica's own is in the feed: if it stands as refused or deferred, it is accepted after
    /// all.
    fn mine(&mut self, head: &mut Head, number: u64) -> Result<(), StoreError> {
        head.mine = head.mine.max(number);
        if !self.has_verdicts && self.gone.is_empty() {
            return Ok(());
        }
        let Some(known) = timeline::own(self.connection, head.replica, number)? else {
            return Ok(());
        };
        let accepted = self
            .connection
            .prepare_cached("DELETE FROM verdicts WHERE id = ?")?
            .execute([Db(known.id)])?
            > 0;
        if accepted {
            self.told.rulings = true;
            keep(self.connection, head, known.id)?;
        }
        let commit = known.commit()?;
        let touches_gone = |change: &Change| self.gone.contains(&change.atome);
        if accepted || commit.changes.iter().any(touches_gone) {
            self.anew
                .extend(commit.changes.iter().map(|change| change.atome));
            self.cut_unseen(head, &commit)?;
        }
        Ok(())
    }

    /// What an own commit took out of its author's sight was evicted before the feed came to the commit.
    fn cut_unseen(&mut self, head: &mut Head, commit: &Commit) -> Result<(), StoreError> {
        self.flush(head)?;
        let mut unseen = BTreeSet::new();
        for change in &commit.changes {
            let made = change.create.is_some() && !self.gone.contains(&change.atome);
            if !made && !evict::is_here(self.connection, head, change.atome)? {
                unseen.insert(change.atome);
            }
        }
        head.traces |= !unseen.is_empty();
        evict::cut(self.connection, head, &unseen)
    }

    fn commit(
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
        self.told.rulings |= accepted;
        let folded = keep(self.connection, head, known.id)?;
        let differs = known.body != raw.as_str();
        if differs {
            timeline::rewrite(self.connection, known.id, commit, raw)?;
            for change in &commit.changes {
                bench::note(self.connection, change.atome, known.id)?;
            }
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
