//! Forks: a copy of this replica is at work, so this one takes a new id.

use std::collections::{BTreeMap, BTreeSet};

use atome_engine::replica::Position;
use atome_proto::ReplicaId;
use atome_proto::commit::RawCommit;
use atome_proto::stamp::Stamp;

use super::ack::map_addends;
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

    /// Takes the id `fresh`. Pending commits from number `from` on become its 1, 2, 3…; older ones stay
    /// under the old id, which the hub has them by.
    ///
    /// Their stamps name the new replica from now on, so that none is the same as one of the copy's; their
    /// times stay, for they were written then and not now.
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
            for id in timeline::ids_after(connection, db.head.replica, after)? {
                number += 1;
                let mut commit = timeline::by_id(connection, id)?.commit()?;
                let stamp = Stamp {
                    time: commit.stamp.time,
                    replica: fresh,
                };
                restamped.insert(commit.stamp, stamp);
                commit.number = number;
                commit.stamp = stamp;
                commit.claimed = None;
                map_addends(&mut commit, &restamped);
                timeline::rewrite(connection, id, &commit, &RawCommit::encode(&commit)?)?;
                atomes.extend(commit.changes.iter().map(|change| change.atome));
            }
            db.head.replica = fresh;
            db.head.number = number;
            (db.head.acked, db.head.mine) = (0, 0);
            db.head.restored = false;
            db.renew(&atomes)?;
            db.head.save(&db.base.connection)?;
            db.position()
        })
    }
}
