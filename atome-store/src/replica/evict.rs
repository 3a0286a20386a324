//! Eviction: atomes of other accounts that this one may not have any more.
//!
//! Their rows go, and their changes out of every commit that is kept. What is left of the files' traces of
//! them: [`super::scrub`]. Own commits that the hub has not decided keep their bodies, for they must still
//! be pushed; they are sealed: they count no more, and are listed as refused.

use std::collections::{BTreeMap, BTreeSet};

use atome_proto::AtomeId;
use atome_proto::code::Code;
use atome_proto::commit::{Commit, RawCommit};
use atome_proto::sync::v1::{Refusal, Ruling};
use rusqlite::{Connection, OptionalExtension, params};

use super::bench::Bench;
use super::head::Head;
use super::timeline::{self, Kept};
use crate::error::StoreError;
use crate::sqlite::value::Db;

/// Atomes that are taken away at once, to bound memory.
const REMOVED_AT_ONCE: usize = 500;

/// Takes away atomes, and what the commits that are kept say of them; those of this account itself stay.
/// What was taken.
pub(super) fn remove(
    connection: &Connection,
    head: &Head,
    atomes: impl IntoIterator<Item = AtomeId>,
) -> Result<BTreeSet<AtomeId>, StoreError> {
    let mut atomes = atomes.into_iter().peekable();
    let mut gone = BTreeSet::new();
    while atomes.peek().is_some() {
        let mut bench = Bench::new(connection, head.generation);
        for atome in atomes.by_ref().take(REMOVED_AT_ONCE) {
            let owner = bench.state(atome)?.map(|state| state.owner);
            let known = owner.is_some() || !timeline::touching(connection, atome)?.is_empty();
            if known && owner != Some(head.account) {
                bench.put(atome, None)?;
                gone.insert(atome);
            }
        }
        bench.finish()?;
    }
    cut(connection, head, &gone)?;
    Ok(gone)
}

/// Cuts atomes out of the commits that are kept and that the hub has decided; one that has nothing left keeps its
/// number, and a refused one its place in the list, whether the refusal or the eviction came first.
pub(super) fn cut(
    connection: &Connection,
    head: &Head,
    gone: &BTreeSet<AtomeId>,
) -> Result<(), StoreError> {
    for (id, atomes) in touching(connection, gone)? {
        let kept = timeline::by_id(connection, id)?;
        if is_undecided(connection, head, &kept)? {
            continue;
        }
        let mut commit = kept.commit()?;
        commit
            .changes
            .retain(|change| !gone.contains(&change.atome));
        timeline::rewrite(connection, id, &commit, &RawCommit::encode(&commit)?)?;
        for atome in atomes {
            connection
                .prepare_cached("DELETE FROM touched WHERE atome = ? AND commit_id = ?")?
                .execute(params![Db(atome), Db(id)])?;
        }
    }
    Ok(())
}

/// Whether nothing is left of a commit: what it said was about atomes that are evicted.
pub(super) fn is_husk(commit: &Commit) -> bool {
    commit.changes.is_empty() && commit.acts.is_empty()
}

/// The commits that touch some atomes, each with those that it touches.
fn touching(
    connection: &Connection,
    atomes: &BTreeSet<AtomeId>,
) -> Result<BTreeMap<u64, Vec<AtomeId>>, StoreError> {
    let mut commits: BTreeMap<u64, Vec<AtomeId>> = BTreeMap::new();
    for atome in atomes {
        for id in timeline::touching(connection, *atome)? {
            commits.entry(id).or_default().push(*atome);
        }
    }
    Ok(commits)
}

/// Whether a commit is of this replica, and the feed may still say that the hub took it: it is pending,
/// deferred, or acknowledged before its place in the feed was reached. The hub does not send it then.
fn is_undecided(connection: &Connection, head: &Head, kept: &Kept) -> Result<bool, StoreError> {
    let verdict: Option<bool> = connection
        .prepare_cached("SELECT sealed OR NOT refused FROM verdicts WHERE id = ?")?
        .query_row([Db(kept.id)], |row| row.get(0))
        .optional()?;
    let ahead = kept.replica == head.replica && kept.number > head.mine.min(head.acked);
    Ok(verdict.unwrap_or(ahead))
}

/// Seals own commits that the hub has not decided and that alter what is gone and has not come back; the
/// atomes whose states that changes.
pub(super) fn seal(
    connection: &Connection,
    head: &Head,
    gone: &BTreeSet<AtomeId>,
) -> Result<BTreeSet<AtomeId>, StoreError> {
    let mut altered = BTreeSet::new();
    for (id, atomes) in touching(connection, gone)? {
        let mut lost = None;
        for atome in atomes {
            if lost.is_none() && !is_here(connection, head, atome)? {
                lost = Some(atome);
            }
        }
        let kept = timeline::by_id(connection, id)?;
        let Some(lost) = lost else { continue };
        if !is_undecided(connection, head, &kept)? {
            continue;
        }
        let ruling = Ruling::Refused(Box::new(Refusal {
            code: Code::NotAllowed,
            message: format!("access to {lost} has ended"),
            states: vec![],
        }));
        // That it is deferred stays, for when it is unsealed.
        connection
            .prepare_cached(
                "INSERT INTO verdicts (id, ruling, refused, listed, sealed) \
                 VALUES (?, ?, TRUE, TRUE, TRUE) ON CONFLICT DO UPDATE SET \
                 refused = TRUE, listed = TRUE, sealed = TRUE WHERE NOT refused",
            )?
            .execute(params![Db(id), serde_json::to_string(&ruling)?])?;
        altered.extend(kept.commit()?.changes.iter().map(|change| change.atome));
    }
    Ok(altered)
}

/// Lets sealed commits count again all of whose atomes are here by now: of those that touch some atomes, or
/// of all. The atomes whose states that changes.
pub(super) fn unseal(
    connection: &Connection,
    head: &Head,
    back: Option<&BTreeSet<AtomeId>>,
) -> Result<BTreeSet<AtomeId>, StoreError> {
    let mut altered = BTreeSet::new();
    let mut statement = connection.prepare_cached("SELECT id FROM verdicts WHERE sealed")?;
    let sealed = statement.query_map([], |row| Ok(row.get::<_, Db<u64>>(0)?.0))?;
    for id in sealed.collect::<Result<Vec<_>, _>>()? {
        let commit = timeline::by_id(connection, id)?.commit()?;
        let mut changes = commit.changes.iter();
        if back.is_some_and(|back| !changes.any(|change| back.contains(&change.atome))) {
            continue;
        }
        let mut whole = true;
        for change in &commit.changes {
            whole &= change.create.is_some() || is_here(connection, head, change.atome)?;
        }
        if whole {
            connection
                .prepare_cached(
                    "UPDATE verdicts SET refused = FALSE, listed = FALSE, sealed = FALSE \
                     WHERE id = ? AND ruling ->> '$.deferred' IS NOT NULL",
                )?
                .execute([Db(id)])?;
            connection
                .prepare_cached("DELETE FROM verdicts WHERE id = ? AND sealed")?
                .execute([Db(id)])?;
            altered.extend(commit.changes.iter().map(|change| change.atome));
        }
    }
    Ok(altered)
}

/// The atomes here that belong to other accounts.
pub(super) fn foreign(
    connection: &Connection,
    head: &Head,
) -> Result<BTreeSet<AtomeId>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT a.atome FROM atomes a JOIN states s ON s.id = a.state WHERE a.gen = ? \
         AND coalesce(s.body ->> '$.owner', s.body ->> '$.creator') <> ?",
    )?;
    let account = head.account.to_string();
    let rows = statement.query_map(params![head.generation, account], |row| {
        Ok(row.get::<_, Db<AtomeId>>(0)?.0)
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub(super) fn is_here(
    connection: &Connection,
    head: &Head,
    atome: AtomeId,
) -> Result<bool, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT 1 FROM atomes WHERE gen = ? AND atome = ?")?;
    Ok(statement.exists(params![head.generation, Db(atome)])?)
}
