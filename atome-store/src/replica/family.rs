//! The tree of atomes: parents and children, rings of parents cut where the engine says.

use std::collections::BTreeSet;

use atome_engine::tree;
use atome_proto::AtomeId;
use atome_proto::commit::Key;
use atome_proto::state::AtomeState;
use rusqlite::{Connection, OptionalExtension};

use super::read;
use crate::error::StoreError;
use crate::sqlite::value::Db;

/// The parent under which an atome stands, a ring of parents cut.
pub(super) fn effective_parent(
    connection: &Connection,
    atome: AtomeId,
) -> Result<Option<AtomeId>, StoreError> {
    let Some(parent) = parent(connection, atome)? else {
        return Ok(None);
    };
    if !is_in_ring(connection, atome, parent)? {
        return Ok(Some(parent));
    }
    tree::effective_parent(atome, |atome| {
        let state = read::get(connection, atome)?;
        Ok(state.and_then(|state| {
            let parent = state.parent()?;
            Some((parent, state.particles.get(Key::PARENT)?.stamp))
        }))
    })
}

/// The parent of an atome as it was written.
fn parent(connection: &Connection, atome: AtomeId) -> Result<Option<AtomeId>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT parent FROM atomes WHERE gen = (SELECT gen FROM replica) AND atome = ?",
    )?;
    let found = statement.query_row([Db(atome)], |row| row.get::<_, Option<Db<AtomeId>>>(0));
    Ok(found.optional()?.flatten().map(|Db(parent)| parent))
}

/// Whether the way up from an atome comes back to it. No state is read for that.
fn is_in_ring(
    connection: &Connection,
    atome: AtomeId,
    mut above: AtomeId,
) -> Result<bool, StoreError> {
    let mut seen = BTreeSet::new();
    while above != atome {
        if !seen.insert(above) {
            return Ok(false);
        }
        match parent(connection, above)? {
            Some(next) => above = next,
            None => return Ok(false),
        }
    }
    Ok(true)
}

/// The atomes whose parent, as it was written, is another.
pub(super) const BELOW: &str =
    "SELECT atome FROM atomes WHERE gen = (SELECT gen FROM replica) AND parent = ?";

/// The atomes that stand directly below another, or at the top, those deleted left out, by id.
pub(super) fn children(
    connection: &Connection,
    parent: Option<AtomeId>,
) -> Result<Vec<AtomeState>, StoreError> {
    let mut ids: BTreeSet<AtomeId> = match parent {
        Some(_) => ids(connection, BELOW, [parent.map(Db)])?,
        None => ids(
            connection,
            "SELECT atome FROM atomes WHERE gen = (SELECT gen FROM replica) AND parent IS NULL",
            [],
        )?,
    };
    if parent.is_none() {
        ids.extend(in_rings(connection)?);
    }
    let mut children = vec![];
    for id in ids {
        let Some(state) = read::get(connection, id)? else {
            continue;
        };
        let shown = !state.is_deleted() && !state.type_name().is_empty();
        if shown && effective_parent(connection, id)? == parent {
            children.push(state);
        }
    }
    Ok(children)
}

fn ids(
    connection: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
) -> Result<BTreeSet<AtomeId>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map(values, |row| row.get::<_, Db<AtomeId>>(0))?;
    Ok(rows
        .map(|row| row.map(|Db(atome)| atome))
        .collect::<Result<_, _>>()?)
}

/// The atomes whose parents form rings: few, and mostly none. Reads the index of parents alone.
fn in_rings(connection: &Connection) -> Result<Vec<AtomeId>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT atome, parent FROM atomes WHERE gen = (SELECT gen FROM replica) \
         AND parent IS NOT NULL",
    )?;
    let rows = statement.query_map([], |row| {
        let (Db(atome), Db(parent)) = (row.get(0)?, row.get(1)?);
        Ok(Below {
            atome,
            parent,
            walk: None,
        })
    })?;
    let mut all: Vec<Below> = rows.collect::<Result<_, _>>()?;
    all.sort_unstable_by_key(|below| below.atome);
    let mut rings = vec![];
    for walk in 0..all.len() {
        if let Some(place) = walk_up(&mut all, walk) {
            follow_ring(&all, place, &mut rings);
        }
    }
    Ok(rings)
}

/// An atome that is below another, and the walk that came by it first.
struct Below {
    atome: AtomeId,
    parent: AtomeId,
    walk: Option<usize>,
}

fn place_of(all: &[Below], atome: AtomeId) -> Option<usize> {
    all.binary_search_by_key(&atome, |below| below.atome).ok()
}

/// Walks up from a place until it comes by one where a walk was before; that place, where it was this one.
fn walk_up(all: &mut [Below], walk: usize) -> Option<usize> {
    let mut place = walk;
    loop {
        let below = all.get_mut(place)?;
        match below.walk {
            Some(before) => return (before == walk).then_some(place),
            None => below.walk = Some(walk),
        }
        let parent = below.parent;
        place = place_of(all, parent)?;
    }
}

fn follow_ring(all: &[Below], first: usize, rings: &mut Vec<AtomeId>) {
    let mut place = first;
    while let Some(below) = all.get(place) {
        rings.push(below.atome);
        match place_of(all, below.parent) {
            Some(next) if next != first => place = next,
            Some(_) | None => return,
        }
    }
}
