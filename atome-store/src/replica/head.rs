//! Where a replica stands: the one row about it, kept in memory too.

use atome_engine::clock::Clock;
use atome_engine::replica::Position;
use atome_proto::stamp::HybridTime;
use atome_proto::sync::v1::Cursor;
use atome_proto::{AccountId, Epoch, HubId, ReplicaId};
use rusqlite::{Connection, params};

use super::timeline;
use crate::error::StoreError;
use crate::sqlite::value::Db;

/// Where a replica stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Head {
    pub(super) account: AccountId,
    pub(super) replica: ReplicaId,
    pub(super) number: u64,
    pub(super) acked: u64,
    pub(super) refused: u64,
    pub(super) change: u64,
    /// The greatest hybrid time of others' versions, and of the hub.
    pub(super) seen: HybridTime,
    pub(super) hub: Option<(HubId, Epoch)>,
    /// The cursor, where there is one.
    pub(super) feed: Option<u64>,
    /// The generation of states that counts.
    pub(super) generation: i64,
    /// Commits up to this id are part of the baselines, those in `kept` excepted.
    pub(super) baseline: u64,
    /// The feed number of the last eviction that is applied; 0 where there was none.
    pub(super) evicting: u64,
    /// The same, of those whose traces in the files are gone too.
    pub(super) evicted: u64,
    /// Whether the files may hold what was evicted.
    pub(super) traces: bool,
    /// The last own commit that came by in the feed, or in a snapshot. What the feed says of earlier moments
    /// has been applied then.
    pub(super) mine: u64,
    /// Whether the next snapshot is joined to what is here, instead of taking its place.
    pub(super) joins: bool,
    /// Whether another hub, or life of its database, gave some of what is here, and what the snapshot lacks of that
    /// is yet to be found.
    pub(super) owes: bool,
    /// Atomes of which there is more here than the hub has.
    pub(super) offers: u64,
    /// Whether it was restored from a backup, and is still under the id of the original.
    pub(super) restored: bool,
    /// Whether another account ever let this one see something.
    pub(super) is_reader: bool,
    /// Counts the transactions of this process.
    pub(super) revision: u64,
}

impl Head {
    /// Makes the row where there is none.
    pub(super) fn create(
        connection: &Connection,
        account: AccountId,
        fresh: ReplicaId,
    ) -> Result<(), StoreError> {
        connection.execute(
            "INSERT INTO replica (one, account, replica, number, acked, change, seen, gen, baseline, \
             schedule, paused) VALUES (1, ?, ?, 0, 0, 0, 0, 0, 0, '{\"mode\":\"live\"}', \
             FALSE) ON CONFLICT DO NOTHING",
            params![Db(account), Db(fresh)],
        )?;
        Ok(())
    }

    /// Reads where the replica stands.
    ///
    /// A local write does not touch the row: its number and change are those of the last commit.
    pub(super) fn read(connection: &Connection) -> Result<Self, StoreError> {
        let mut statement = connection.prepare_cached(
            "SELECT account, replica, \
             max(number, coalesce((SELECT max(c.number) FROM commits c \
                                   WHERE c.replica = replica.replica), 0)), \
             acked, (SELECT count(*) FROM verdicts WHERE refused AND listed), \
             max(change, coalesce((SELECT max(id) FROM commits), 0)), \
             seen, hub, epoch, feed, gen, baseline, evicting, evicted, traces, mine, \
             restored, EXISTS (SELECT 1 FROM grants g WHERE g.grantee = replica.account AND NOT g.staged), \
             joins, owes, (SELECT count(*) FROM offers) \
             FROM replica",
        )?;
        Ok(statement.query_row([], |row| {
            let count = |column| row.get::<_, Db<u64>>(column).map(|Db(count)| count);
            let hub: Option<Db<HubId>> = row.get(7)?;
            let epoch: Option<Db<Epoch>> = row.get(8)?;
            Ok(Self {
                account: row.get::<_, Db<_>>(0)?.0,
                replica: row.get::<_, Db<_>>(1)?.0,
                number: count(2)?,
                acked: count(3)?,
                refused: count(4)?,
                change: count(5)?,
                seen: row.get::<_, Db<_>>(6)?.0,
                hub: hub.zip(epoch).map(|(Db(hub), Db(epoch))| (hub, epoch)),
                feed: row.get::<_, Option<Db<u64>>>(9)?.map(|Db(feed)| feed),
                generation: row.get(10)?,
                baseline: count(11)?,
                evicting: count(12)?,
                evicted: count(13)?,
                traces: row.get(14)?,
                mine: count(15)?,
                restored: row.get(16)?,
                is_reader: row.get(17)?,
                joins: row.get(18)?,
                owes: row.get(19)?,
                offers: count(20)?,
                revision: 0,
            })
        })?)
    }

    /// Writes the row.
    pub(super) fn save(&self, connection: &Connection) -> Result<(), StoreError> {
        connection
            .prepare_cached(
                "UPDATE replica SET account = ?, replica = ?, number = ?, acked = ?, change = ?, seen = ?, \
                 hub = ?, epoch = ?, feed = ?, gen = ?, baseline = ?, evicting = ?, evicted = ?, traces = ?, \
                 mine = ?, restored = ?, joins = ?, owes = ?",
            )?
            .execute(params![
                Db(self.account),
                Db(self.replica),
                Db(self.number),
                Db(self.acked),
                Db(self.change),
                Db(self.seen),
                self.hub.map(|(hub, _)| Db(hub)),
                self.hub.map(|(_, epoch)| Db(epoch)),
                self.feed.map(Db),
                self.generation,
                Db(self.baseline),
                Db(self.evicting),
                Db(self.evicted),
                self.traces,
                Db(self.mine),
                self.restored,
                self.joins,
                self.owes,
            ])?;
        Ok(())
    }

    /// The greatest time that the store holds: of others' versions, and of the last own one.
    pub(super) fn kept_time(&self, connection: &Connection) -> Result<HybridTime, StoreError> {
        let last = timeline::own(connection, self.replica, self.number)?;
        let last = last.map(|kept| kept.commit()).transpose()?;
        Ok(last.map_or(self.seen, |commit| commit.stamp.time.max(self.seen)))
    }

    /// The next local change.
    pub(super) fn next_change(&mut self) -> u64 {
        self.change += 1;
        self.change
    }

    /// The clock of a replica that has just been opened.
    pub(super) fn clock(&self, connection: &Connection) -> Result<Clock, StoreError> {
        Ok(Clock::new(self.kept_time(connection)?))
    }

    /// The same for the engine.
    pub(super) fn position(&self) -> Position {
        Position {
            revision: self.revision,
            replica: self.replica,
            number: self.number,
            acked: self.acked,
            refused: self.refused,
            hub: self.hub,
            cursor: self
                .hub
                .zip(self.feed)
                .map(|((hub, epoch), feed)| Cursor { hub, epoch, feed }),
            evicted: self.evicted,
            owes: self.owes,
            offers: self.offers,
            restored: self.restored,
            change: self.change,
        }
    }
}
