//! Forks: a copy of this replica is at work, so this one takes a new id.

use std::collections::{BTreeMap, BTreeSet};

use atome_engine::digest::replica_of;
use atome_engine::merge::{Origin, apply};
use atome_engine::replica::Position;
use atome_proto::commit::RawCommit;
use atome_proto::stamp::Stamp;
use atome_proto::state::AtomeState;
use atome_proto::{AtomeId, ReplicaId};
use rusqlite::Connection;

use super::ack::map_addends;
use super::bench::Bench;
use super::head::Head;
use super::recompute::{baseline, counts, keep};
use super::{ReplicaDb, timeline};
use crate::error::StoreError;

impl ReplicaDb {
    /// Takes note that the store was restored from a backup: it takes a new id, `fresh` at once where nothing
    /// is pending; else once the hub has decided that, for only the hub knows what it has of it already.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn restored(&mut self, fresh: ReplicaId) -> Result<Position, StoreError> {
        if self.head.number == self.head.acked {
            return self.fork(self.head.number + 1, fresh);
        }
        self.step(|db| {
            db.head.restored = true;
            db.head.save(&db.base.connection)?;
            db.position()
        })
    }

    /// Takes another id. Pending commits from number `from` on become its 1, 2, 3…; older ones stay
    /// under the old id, which the hub has them by.
    ///
    /// The id follows from the old one and the first of these commits; only where there is none, it is
    /// `fresh`. So two copies that have the same commits to bring bring them under the same id and numbers, the
    /// hub takes them once, and the copies part where they differ.
    ///
    /// The stamps name the new replica from now on; the times stay, for they were written then and not now.
    ///
    /// The cursor goes: which of these commits are in the state that was here, as they may be seen by now, only
    /// a snapshot tells that the new id asks for.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn fork(&mut self, from: u64, fresh: ReplicaId) -> Result<Position, StoreError> {
        self.step(|db| {
            let connection = &db.base.connection;
            let after = db.head.acked.max(from.saturating_sub(1));
            let mut restamped: BTreeMap<Stamp, Stamp> = BTreeMap::new();
            let mut atomes = BTreeSet::new();
            let mut number = 0;
            let mut replica = fresh;
            db.head.mine = 0;
            for id in timeline::ids_after(connection, db.head.replica, after)? {
                number += 1;
                let mut commit = timeline::by_id(connection, id)?.commit()?;
                if number == 1 {
                    replica = replica_of(&commit);
                    db.head.mine = fold(connection, &db.head, replica, &mut atomes)?;
                }
                let of_replica = |stamp: Stamp| Stamp {
                    time: stamp.time,
                    replica,
                };
                restamped.insert(commit.stamp, of_replica(commit.stamp));
                commit.number = number;
                commit.stamp = of_replica(commit.stamp);
                commit.claimed = commit.claimed.map(of_replica);
                map_addends(&mut commit, &restamped);
                timeline::rewrite(connection, id, &commit, &RawCommit::encode(&commit)?)?;
                // A snapshot that came before the fork was seen has the copy's commits of these numbers.
                keep(connection, &db.head, id)?;
                atomes.extend(commit.changes.iter().map(|change| change.atome));
            }
            db.head.replica = replica;
            db.head.number = number;
            db.head.acked = 0;
            db.head.restored = false;
            db.head.feed = None;
            db.renew(&atomes)?;
            db.head.save(&db.base.connection)?;
            db.position()
        })
    }
}

/// Makes the commits of a replica parts of the baselines of what they touch, and lets go of them: another copy
/// has brought them under the id that this one takes, and what this one has under their numbers may be the
/// same or not. The hub decides on that. The last of their numbers.
fn fold(
    connection: &Connection,
    head: &Head,
    replica: ReplicaId,
    atomes: &mut BTreeSet<AtomeId>,
) -> Result<u64, StoreError> {
    let mut bench = Bench::new(connection, head.generation);
    let mut bases: BTreeMap<AtomeId, AtomeState> = BTreeMap::new();
    let mut last = 0;
    for id in timeline::ids_after(connection, replica, 0)? {
        let kept = timeline::by_id(connection, id)?;
        let commit = kept.commit()?;
        last = kept.number;
        // What is part of the baselines already is there as it may be seen.
        let counts = counts(connection, head.baseline, id)?;
        for change in commit.changes.iter().filter(|_| counts) {
            let base = match bases.remove(&change.atome) {
                Some(base) => Some(base),
                None => baseline(connection, head.generation, change.atome)?,
            };
            bases.insert(change.atome, apply(base, change, Origin::of(&commit)));
        }
        timeline::remove(connection, &kept)?;
    }
    for (atome, base) in bases {
        bench.put_base(&base)?;
        bench.put(atome, Some(base))?;
        atomes.insert(atome);
    }
    bench.finish()?;
    Ok(last)
}
