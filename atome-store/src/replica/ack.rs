//! What the hub decided on own commits. Step 14 of the way of a write.

use std::collections::{BTreeMap, BTreeSet};

use atome_engine::merge::{Origin, apply};
use atome_engine::replica::Position;
use atome_proto::AtomeId;
use atome_proto::commit::{Commit, RawCommit};
use atome_proto::stamp::Stamp;
use atome_proto::sync::v1::{Ruling, Verdict};
use rusqlite::{Connection, params};

use super::bench::Bench;
use super::head::Head;
use super::recompute::{baseline, recompute};
use super::timeline::{self, Kept};
use super::{ReplicaDb, read, sharing};
use crate::error::StoreError;
use crate::sqlite::value::Db;

impl ReplicaDb {
    /// Takes note that the hub has decided every commit up to `number`, and what it did not plainly accept.
    /// Said again, it changes nothing.
    ///
    /// A clamped commit takes the stamp that it was given, and what was added to it follows; a refused one
    /// counts no more, and is listed until its author retries or discards it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn acknowledge(
        &mut self,
        number: u64,
        verdicts: &[Verdict],
    ) -> Result<Position, StoreError> {
        self.step(|db| {
            let mut decided = Decided::default();
            for verdict in verdicts {
                decided.take(&db.base.connection, &db.head, verdict)?;
            }
            decided.follow(&db.base.connection, db.head.replica)?;
            db.head.acked = db.head.acked.max(number.min(db.head.number));
            db.renew(&decided.atomes)?;
            if !decided.restamped.is_empty() {
                let kept = db.head.kept_time(&db.base.connection)?;
                db.clock.lower(kept);
            }
            db.head.refused = read::refused_count(&db.base.connection)?;
            sharing::settle(&db.base.connection, &db.head, &BTreeSet::new())?;
            db.head.save(&db.base.connection)?;
            db.position()
        })
    }

    /// Computes the states of atomes anew, and tells watchers.
    pub(super) fn renew(&mut self, atomes: &BTreeSet<AtomeId>) -> Result<(), StoreError> {
        if atomes.is_empty() {
            return Ok(());
        }
        let connection = &self.base.connection;
        let mut bench = Bench::new(connection, self.head.generation);
        recompute(connection, &self.head, &mut bench, atomes)?;
        bench.finish()?;
        echo(connection, self.head.next_change(), atomes)
    }
}

/// Stands in an echo for all atomes: a snapshot changed more of them than is worth listing.
pub(super) const ALL: AtomeId = AtomeId(uuid::Uuid::nil());

/// Notes that the states of atomes changed without a commit.
pub(super) fn echo<'a>(
    connection: &Connection,
    change: u64,
    atomes: impl IntoIterator<Item = &'a AtomeId>,
) -> Result<(), StoreError> {
    let mut statement =
        connection.prepare_cached("INSERT OR IGNORE INTO echoes (change, atome) VALUES (?, ?)")?;
    for atome in atomes {
        statement.execute(params![Db(change), Db(*atome)])?;
    }
    Ok(())
}

/// The commits that wait at the hub for something.
pub(super) fn deferred_ids(connection: &Connection) -> Result<BTreeSet<u64>, StoreError> {
    let mut statement = connection.prepare_cached("SELECT id FROM verdicts WHERE NOT refused")?;
    let ids = statement.query_map([], |row| Ok(row.get::<_, Db<u64>>(0)?.0))?;
    Ok(ids.collect::<Result<_, _>>()?)
}

/// Takes note that deferred commits wait no more where a snapshot has all that they say: the feed, which would
/// tell, was passed over.
pub(super) fn settle_deferred(connection: &Connection, head: &Head) -> Result<(), StoreError> {
    for id in deferred_ids(connection)? {
        let commit = timeline::by_id(connection, id)?.commit()?;
        let mut has_all = true;
        for change in &commit.changes {
            let base = baseline(connection, head.generation, change.atome)?;
            let with = base
                .clone()
                .map(|base| apply(Some(base), change, Origin::of(&commit)));
            has_all &= base.is_some() && with == base;
        }
        if has_all {
            connection
                .prepare_cached("DELETE FROM verdicts WHERE id = ?")?
                .execute([Db(id)])?;
        }
    }
    Ok(())
}

/// What verdicts change.
#[derive(Default)]
struct Decided {
    /// Atomes whose states are to be computed anew.
    atomes: BTreeSet<AtomeId>,
    /// Atomes of clamped commits: additions to them may name a stamp that is no more.
    clamped: BTreeSet<AtomeId>,
    /// New stamps by those that they replace.
    restamped: BTreeMap<Stamp, Stamp>,
}

impl Decided {
    fn take(
        &mut self,
        connection: &Connection,
        head: &Head,
        verdict: &Verdict,
    ) -> Result<(), StoreError> {
        let account = head.account;
        let Some(kept) = timeline::own(connection, head.replica, verdict.number)? else {
            return Ok(());
        };
        match &verdict.ruling {
            Ruling::Clamped { stamp } => self.clamp(connection, &kept, *stamp),
            Ruling::Refused(refusal) => {
                let mut refusal = refusal.clone();
                // Of others' atomes only what may be had is kept, and that is the states themselves.
                refusal.states.retain(|state| state.owner == account);
                let ruling = serde_json::to_string(&Ruling::Refused(refusal))?;
                let commit = kept.commit()?;
                let known = connection
                    .prepare_cached(
                        "INSERT INTO verdicts (id, ruling, refused, listed) VALUES (?, ?, TRUE, TRUE) \
                         ON CONFLICT DO UPDATE SET ruling = excluded.ruling, refused = TRUE, \
                         listed = excluded.listed, sealed = FALSE WHERE NOT refused OR sealed",
                    )?
                    .execute(params![Db(kept.id), ruling])?
                    == 0;
                if !known {
                    self.atomes
                        .extend(commit.changes.iter().map(|change| change.atome));
                }
                Ok(())
            }
            Ruling::Deferred { .. } => {
                connection
                    .prepare_cached(
                        "INSERT INTO verdicts (id, ruling, refused, listed) \
                         VALUES (?, ?, FALSE, FALSE) \
                         ON CONFLICT DO UPDATE SET ruling = excluded.ruling WHERE sealed",
                    )?
                    .execute(params![
                        Db(kept.id),
                        serde_json::to_string(&verdict.ruling)?
                    ])?;
                Ok(())
            }
        }
    }

    fn clamp(
        &mut self,
        connection: &Connection,
        kept: &Kept,
        stamp: Stamp,
    ) -> Result<(), StoreError> {
        let mut commit = kept.commit()?;
        if commit.stamp == stamp {
            return Ok(());
        }
        self.restamped.insert(commit.stamp, stamp);
        commit.claimed.get_or_insert(commit.stamp);
        commit.stamp = stamp;
        rewrite(connection, kept.id, &commit)?;
        for change in &commit.changes {
            self.atomes.insert(change.atome);
            self.clamped.insert(change.atome);
        }
        Ok(())
    }

    /// Lets own additions follow the stamps that they were made to.
    fn follow(
        &mut self,
        connection: &Connection,
        replica: atome_proto::ReplicaId,
    ) -> Result<(), StoreError> {
        let mut ids = BTreeSet::new();
        for atome in &self.clamped {
            ids.extend(timeline::touching(connection, *atome)?);
        }
        for id in ids {
            let kept = timeline::by_id(connection, id)?;
            if kept.replica != replica {
                continue;
            }
            let mut commit = kept.commit()?;
            if map_addends(&mut commit, &self.restamped) {
                rewrite(connection, id, &commit)?;
                self.atomes
                    .extend(commit.changes.iter().map(|change| change.atome));
            }
        }
        Ok(())
    }
}

/// Lets additions follow stamps that were replaced; whether there were any.
pub(super) fn map_addends(commit: &mut Commit, restamped: &BTreeMap<Stamp, Stamp>) -> bool {
    let mut altered = false;
    for addend in commit
        .changes
        .iter_mut()
        .flat_map(|change| change.add.values_mut())
    {
        if let Some(stamp) = restamped.get(&addend.to) {
            addend.to = *stamp;
            altered = true;
        }
    }
    altered
}

fn rewrite(connection: &Connection, id: u64, commit: &Commit) -> Result<(), StoreError> {
    timeline::rewrite(connection, id, commit, &RawCommit::encode(commit)?)
}
