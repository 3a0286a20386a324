//! Computing states anew from the versions that are kept.

use std::collections::{BTreeMap, BTreeSet};

use atome_engine::merge::{Origin, apply};
use atome_proto::AtomeId;
use atome_proto::state::AtomeState;
use rusqlite::{Connection, OptionalExtension, params};

use super::bench::Bench;
use super::head::Head;
use super::timeline::{self, Kept};
use crate::error::StoreError;
use crate::sqlite::value::Db;

/// Computes the states of atomes anew, on a bench: their baselines and every commit since that counts.
pub(super) fn recompute(
    connection: &Connection,
    head: &Head,
    bench: &mut Bench<'_>,
    atomes: &BTreeSet<AtomeId>,
) -> Result<(), StoreError> {
    let mut commits: BTreeMap<u64, Vec<AtomeId>> = BTreeMap::new();
    for atome in atomes {
        bench.put(*atome, baseline(connection, head.generation, *atome)?)?;
        add_versions(connection, head, *atome, &mut commits)?;
    }
    replay(connection, bench, &commits)
}

/// Adds the commits that count for an atome.
pub(super) fn add_versions(
    connection: &Connection,
    head: &Head,
    atome: AtomeId,
    commits: &mut BTreeMap<u64, Vec<AtomeId>>,
) -> Result<(), StoreError> {
    for id in timeline::touching(connection, atome)? {
        if counts(connection, head.baseline, id)? {
            commits.entry(id).or_default().push(atome);
        }
    }
    Ok(())
}

/// The state of an atome without some of the commits that count for it; `None` where nothing is left of it.
pub(super) fn without(
    connection: &Connection,
    head: &Head,
    atome: AtomeId,
    is_left_out: impl Fn(&Kept) -> bool,
) -> Result<Option<AtomeState>, StoreError> {
    let mut versions = BTreeMap::new();
    add_versions(connection, head, atome, &mut versions)?;
    let mut state = baseline(connection, head.generation, atome)?;
    for id in versions.into_keys() {
        let kept = timeline::by_id(connection, id)?;
        if is_left_out(&kept) {
            continue;
        }
        let commit = kept.commit()?;
        for change in commit.changes.iter().filter(|it| it.atome == atome) {
            state = Some(apply(state, change, Origin::of(&commit)));
        }
    }
    Ok(state)
}

/// Merges what commits do to atomes, in the commits' local order: of one replica that is the order of its
/// numbers. Each commit is read once, and forgotten.
pub(super) fn replay(
    connection: &Connection,
    bench: &mut Bench<'_>,
    commits: &BTreeMap<u64, Vec<AtomeId>>,
) -> Result<(), StoreError> {
    for (id, atomes) in commits {
        let commit = timeline::by_id(connection, *id)?.commit()?;
        for change in &commit.changes {
            if atomes.contains(&change.atome) {
                bench.apply(change, Origin::of(&commit))?;
            }
        }
    }
    Ok(())
}

/// What a snapshot brought of an atome.
pub(super) fn baseline(
    connection: &Connection,
    generation: i64,
    atome: AtomeId,
) -> Result<Option<AtomeState>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT iif(s.base = '', s.body, s.base) FROM atomes a JOIN states s ON s.id = a.state \
         WHERE a.gen = ? AND a.atome = ?",
    )?;
    let base = statement
        .query_row(params![generation, Db(atome)], |row| {
            row.get::<_, Option<String>>(0)
        })
        .optional()?
        .flatten();
    Ok(base.map(|base| serde_json::from_str(&base)).transpose()?)
}

/// Lets a commit count beside the baselines, whose part in them is not known; whether it did not.
pub(super) fn keep(connection: &Connection, head: &Head, id: u64) -> Result<bool, StoreError> {
    if id > head.baseline {
        return Ok(false);
    }
    let kept = connection
        .prepare_cached("INSERT INTO kept (id) VALUES (?) ON CONFLICT DO NOTHING")?
        .execute([Db(id)])?;
    Ok(kept > 0)
}

/// Whether a commit counts beside the baselines: it was not refused, and is not part of them already.
pub(super) fn counts(connection: &Connection, baseline: u64, id: u64) -> Result<bool, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT NOT EXISTS (SELECT 1 FROM verdicts WHERE id = ?1 AND refused) \
         AND (?1 > ?2 OR EXISTS (SELECT 1 FROM kept WHERE id = ?1))",
    )?;
    Ok(statement.query_row(params![Db(id), Db(baseline)], |row| row.get(0))?)
}
