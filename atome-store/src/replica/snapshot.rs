//! Snapshots: current state instead of the feed that led to it.
//!
//! Pages are gathered, out of sight, in the generation of states after the current one. Installing them
//! makes them, in one transaction, the baselines of their atomes.

use std::collections::{BTreeMap, BTreeSet};

use atome_engine::digest::of_state;
use atome_engine::merge::join;
use atome_engine::replica::Position;
use atome_proto::AtomeId;
use atome_proto::digest::Digest;
use atome_proto::sharing::{Grant, Policy};
use atome_proto::stamp::HybridTime;
use atome_proto::state::{AtomeState, RawState};
use atome_proto::sync::v1::{Snapshot, SnapshotEnd};
use rusqlite::{Connection, params};

use super::bench::{Bench, add_to_digest, insert};
use super::head::Head;
use super::recompute::{add_versions, baseline, replay};
use super::sharing::kept;
use super::{ReplicaDb, ack, evict, offer, read as reading, timeline};
use crate::error::StoreError;
use crate::sqlite::value::Db;

/// Atomes that are joined at once, to bound memory.
const JOINED_AT_ONCE: u32 = 500;
/// Up to how many atomes watchers are told of one by one; beyond it they are told to look at all.
const TOLD_MAX: u32 = 1_000;

/// A page whose states are read: what can be done of it beside the one thread that writes.
pub struct ReadPage {
    first: bool,
    states: Vec<(AtomeState, RawState, Digest)>,
    gone: Vec<AtomeId>,
    grants: Vec<Grant>,
    policies: Vec<Policy>,
}

impl ReadPage {
    /// Reads a page.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadFeed`] for what cannot be read.
    pub fn of(page: &Snapshot) -> Result<Self, StoreError> {
        let read = |raw: &RawState| {
            let state = raw
                .decode()
                .map_err(|error| StoreError::BadFeed(error.to_string()))?;
            let digest = of_state(&state);
            Ok((state, raw.clone(), digest))
        };
        Ok(Self {
            first: page.page == 0,
            states: page
                .states
                .iter()
                .map(read)
                .collect::<Result<_, StoreError>>()?,
            gone: page.gone.clone(),
            grants: page.grants.clone(),
            policies: page.policies.clone(),
        })
    }
}

impl ReplicaDb {
    /// Gathers a page of a snapshot; the first one drops what was gathered before. A state that comes twice
    /// is joined: long ones come in parts.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadFeed`] for what cannot be read.
    pub fn stage(&mut self, page: &Snapshot) -> Result<Position, StoreError> {
        self.stage_read(ReadPage::of(page)?)
    }

    /// The same of a page that is read already.
    pub(super) fn stage_read(&mut self, page: ReadPage) -> Result<Position, StoreError> {
        self.step(|db| {
            let connection = &db.base.connection;
            let staged = db.head.generation + 1;
            if page.first {
                // What an unfinished one had may be more than may be seen by now.
                db.head.traces |= db.head.is_reader && has_rows(connection, staged)?;
                clear(connection, staged)?;
                kept::unstage(connection)?;
            }
            for grant in &page.grants {
                kept::keep(connection, grant, true)?;
            }
            for policy in &page.policies {
                kept::keep_policy(connection, policy, true)?;
            }
            let mut seen = HybridTime::default();
            let mut buckets: BTreeMap<u8, Digest> = BTreeMap::new();
            let mut gone = Bench::new(connection, staged);
            for atome in page.gone {
                db.head.traces |= gone.state(atome)?.is_some();
                gone.put(atome, None)?;
            }
            gone.finish()?;
            let mut parts = Bench::new(connection, staged);
            for (state, raw, digest) in page.states {
                seen = seen.max(state.updated.time);
                if insert(connection, staged, &state, None, raw.as_str(), Some(""))? {
                    let [.., bucket] = *state.atome.as_bytes();
                    let sum = buckets.entry(bucket).or_default();
                    *sum = sum.plus(digest);
                } else {
                    let before = parts.state(state.atome)?.cloned();
                    let joined =
                        before.map_or_else(|| state.clone(), |before| join(before, &state));
                    parts.put_base(&joined)?;
                    parts.put(joined.atome, Some(joined))?;
                }
            }
            for (bucket, sum) in buckets {
                add_to_digest(connection, staged, bucket, sum)?;
            }
            parts.finish()?;
            db.clock.observe(seen);
            db.head.seen = db.head.seen.max(seen);
            db.head.save(connection)?;
            db.position()
        })
    }

    /// Makes what was gathered the state that counts, and moves the cursor. Own commits beyond `end.number`
    /// count on top of it.
    ///
    /// The first one of a hub's life is joined to what is here, and so is any while something is yet to be offered;
    /// else it takes the place of that, and what it does not have is dropped. Grants and policies are kept beside
    /// the first one's only.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn install(&mut self, end: SnapshotEnd) -> Result<Position, StoreError> {
        self.step(|db| {
            let is_first = std::mem::take(&mut db.head.joins);
            let owes = std::mem::take(&mut db.head.owes);
            let is_lacking = owes || db.head.offers > 0;
            let joins = is_first || is_lacking;
            // What the snapshot has of this replica is decided, whether the feed has said so or not.
            db.head.mine = db.head.mine.max(end.number);
            let others = db.drop_others()?;
            let told = db.tell_staged(joins && others.is_empty())?;
            let mut anew = BTreeSet::new();
            if joins {
                if owes {
                    db.head.offers = offer::find(&db.base.connection, &db.head)?;
                }
                db.join_staged(is_lacking)?;
                anew = evict::seal(&db.base.connection, &db.head, &others)?;
            } else {
                db.replace_by_staged(end.number, &others)?;
            }
            let connection = &db.base.connection;
            clear(connection, db.head.generation + 1)?;
            anew.extend(evict::unseal(connection, &db.head, None)?);
            for atome in others {
                // Own commits that the hub has not decided count beside what the snapshot says.
                if !timeline::touching(connection, atome)?.is_empty() {
                    anew.insert(atome);
                }
            }
            ack::settle_deferred(connection, &db.head)?;
            db.renew(&anew)?;
            let connection = &db.base.connection;
            if !told.is_empty() {
                ack::echo(connection, db.head.next_change(), &told)?;
            }
            db.head.hub = Some((end.cursor.hub, end.cursor.epoch));
            db.head.feed = Some(end.cursor.feed);
            let was_reader = db.head.is_reader;
            kept::install(connection, !is_first)?;
            let told = kept::senders(connection)?;
            db.shares_changed(&told)?;
            if was_reader || db.head.is_reader {
                // Whatever was evicted up to there is not here.
                db.head.evicting = end.cursor.feed;
            }
            db.head.refused = reading::refused_count(&db.base.connection)?;
            db.head.save(&db.base.connection)?;
            db.position()
        })
    }

    /// The atomes that watchers are told of: those that are staged, or one that is none where it is all.
    fn tell_staged(&self, joins: bool) -> Result<Vec<AtomeId>, StoreError> {
        let mut statement = self
            .base
            .connection
            .prepare_cached("SELECT atome FROM atomes WHERE gen = ? LIMIT ?")?;
        let rows = statement.query_map(params![self.head.generation + 1, TOLD_MAX + 1], |row| {
            row.get::<_, Db<AtomeId>>(0)
        })?;
        let staged: Vec<AtomeId> = rows
            .map(|row| row.map(|Db(atome)| atome))
            .collect::<Result<_, _>>()?;
        let few = u32::try_from(staged.len()).is_ok_and(|count| count <= TOLD_MAX);
        Ok(if joins && few { staged } else { vec![ack::ALL] })
    }

    /// Drops all that is here of other accounts' atomes: what may still be seen of them a snapshot brings.
    fn drop_others(&mut self) -> Result<BTreeSet<AtomeId>, StoreError> {
        if !self.head.is_reader {
            return Ok(BTreeSet::new());
        }
        let connection = &self.base.connection;
        let others = evict::foreign(connection, &self.head)?;
        self.head.traces |= !others.is_empty();
        evict::remove(connection, &self.head, others)
    }

    /// Puts the staged generation in the place of the current one; `gone` are the atomes of others that the
    /// current one had.
    fn replace_by_staged(
        &mut self,
        number: u64,
        gone: &BTreeSet<AtomeId>,
    ) -> Result<(), StoreError> {
        let connection = &self.base.connection;
        let (old, new) = (self.head.generation, self.head.generation + 1);
        // The atome's own row goes; what it says of the past does not.
        connection
            .prepare_cached(
                "INSERT OR IGNORE INTO touched (atome, commit_id) \
                 SELECT a.atome, s.made FROM atomes a JOIN states s ON s.id = a.state \
                 WHERE a.gen = ? AND s.made IS NOT NULL",
            )?
            .execute([old])?;
        clear(connection, old)?;
        self.head.generation = new;
        self.head.baseline = self.head.change;
        self.head.save(connection)?;
        connection.prepare_cached("DELETE FROM kept")?.execute([])?;
        let mut bench = Bench::new(connection, new);
        for id in timeline::ids_after(connection, self.head.replica, number)? {
            connection
                .prepare_cached("INSERT INTO kept (id) VALUES (?)")?
                .execute([Db(id)])?;
        }
        // What the hub may still take is in no snapshot.
        connection
            .prepare_cached(
                "INSERT INTO kept (id) SELECT id FROM verdicts WHERE sealed OR NOT refused \
                 ON CONFLICT DO NOTHING",
            )?
            .execute([])?;
        evict::seal(connection, &self.head, gone)?;
        let mut commits: BTreeMap<u64, Vec<AtomeId>> = BTreeMap::new();
        let mut kept = connection.prepare_cached(
            "SELECT id FROM kept WHERE id NOT IN (SELECT id FROM verdicts WHERE refused)",
        )?;
        let mut rows = kept.query([])?;
        while let Some(row) = rows.next()? {
            let id = row.get::<_, Db<u64>>(0)?.0;
            let commit = timeline::by_id(connection, id)?.commit()?;
            commits.insert(
                id,
                commit.changes.iter().map(|change| change.atome).collect(),
            );
        }
        replay(connection, &mut bench, &commits)?;
        bench.finish()
    }

    /// Joins the staged generation to the current one, of which the hub may lack some, or have lacked some.
    fn join_staged(&mut self, is_lacking: bool) -> Result<(), StoreError> {
        let connection = &self.base.connection;
        let (current, staged) = (self.head.generation, self.head.generation + 1);
        if !has_rows(connection, current)? {
            clear(connection, current)?;
            self.head.generation = staged;
            return self.head.save(connection);
        }
        let mut after = None;
        loop {
            let page = overlap(connection, staged, after)?;
            let Some(last) = page.last().copied() else {
                break;
            };
            after = Some(last);
            join_atomes(connection, &self.head, is_lacking, &page)?;
        }
        // What is not here yet moves as it is; what was joined has no row there any more.
        connection
            .prepare_cached("UPDATE atomes SET gen = ? WHERE gen = ?")?
            .execute([current, staged])?;
        let mut sums =
            connection.prepare_cached("SELECT bucket, digest FROM digests WHERE gen = ?")?;
        let mut rows = sums.query([staged])?;
        while let Some(row) = rows.next()? {
            add_to_digest(
                connection,
                current,
                row.get(0)?,
                row.get::<_, Db<Digest>>(1)?.0,
            )?;
        }
        Ok(())
    }
}

/// Joins atomes that both generations have. What a snapshot says that the versions here do not explain
/// becomes part of the baseline.
fn join_atomes(
    connection: &Connection,
    head: &Head,
    is_lacking: bool,
    page: &[AtomeId],
) -> Result<(), StoreError> {
    let mut bench = Bench::new(connection, head.generation);
    let mut gone = Bench::new(connection, head.generation + 1);
    let mut commits = BTreeMap::new();
    for atome in page {
        let Some(theirs) = gone.state(*atome)?.cloned() else {
            continue;
        };
        // Out of the staged digest, of which the rest is added as a whole.
        gone.put(*atome, None)?;
        // What merely hides theirs may yet be refused, or clamped; what is the same cannot, unless it was so by
        // another hub.
        if !is_lacking && bench.state(*atome)? == Some(&theirs) {
            continue;
        }
        let base = match baseline(connection, head.generation, *atome)? {
            Some(base) => join(base, &theirs),
            None => theirs,
        };
        bench.put_base(&base)?;
        bench.put(*atome, Some(base))?;
        add_versions(connection, head, *atome, &mut commits)?;
    }
    replay(connection, &mut bench, &commits)?;
    bench.finish()?;
    gone.finish()
}

/// Atomes that are staged, and are in the current generation too.
fn overlap(
    connection: &Connection,
    staged: i64,
    after: Option<AtomeId>,
) -> Result<Vec<AtomeId>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT atome FROM atomes s WHERE gen = ?1 AND atome > coalesce(?2, x'') AND EXISTS \
         (SELECT 1 FROM atomes c WHERE c.gen = ?1 - 1 AND c.atome = s.atome) ORDER BY atome LIMIT ?3",
    )?;
    let rows = statement.query_map(params![staged, after.map(Db), JOINED_AT_ONCE], |row| {
        row.get::<_, Db<AtomeId>>(0)
    })?;
    Ok(rows
        .map(|row| row.map(|Db(atome)| atome))
        .collect::<Result<_, _>>()?)
}

fn has_rows(connection: &Connection, generation: i64) -> Result<bool, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM atomes WHERE gen = ?)")?;
    Ok(statement.query_row([generation], |row| row.get(0))?)
}

/// Drops a generation.
pub(super) fn clear(connection: &Connection, generation: i64) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM states WHERE id IN (SELECT state FROM atomes WHERE gen = ?)",
        "DELETE FROM atomes WHERE gen = ?",
        "DELETE FROM digests WHERE gen = ?",
    ] {
        connection.prepare_cached(sql)?.execute([generation])?;
    }
    Ok(())
}
