//! An atome and those above it, now and at a past moment.

use atome_engine::tree;
use atome_proto::AtomeId;
use atome_proto::commit::Key;
use atome_proto::stamp::Stamp;
use rusqlite::Connection;

use crate::error::StoreError;
use crate::replica::{family, history, read, recompute, timeline};

/// An atome and those above it, the nearest first.
pub(super) fn now(connection: &Connection, atome: AtomeId) -> Result<Vec<AtomeId>, StoreError> {
    climb(atome, |at| family::effective_parent(connection, at))
}

/// The same as they stood at a time, in milliseconds since 1970.
pub(super) fn at(
    connection: &Connection,
    atome: AtomeId,
    at_ms: u64,
) -> Result<Vec<AtomeId>, StoreError> {
    climb(atome, |of| {
        tree::effective_parent(of, |of| parent_at(connection, of, at_ms))
    })
}

/// Goes up as long as something is above. No ring of parents is left to run in.
pub(super) fn climb(
    atome: AtomeId,
    mut above: impl FnMut(AtomeId) -> Result<Option<AtomeId>, StoreError>,
) -> Result<Vec<AtomeId>, StoreError> {
    let mut line = vec![atome];
    let mut last = atome;
    while let Some(parent) = above(last)? {
        line.push(parent);
        last = parent;
    }
    Ok(line)
}

/// The parent of an atome as it was written last before a time.
fn parent_at(
    connection: &Connection,
    atome: AtomeId,
    at_ms: u64,
) -> Result<Option<tree::Parent>, StoreError> {
    let Some(state) = read::get(connection, atome)? else {
        return Ok(None);
    };
    match state.particles.get(Key::PARENT) {
        None => return Ok(None),
        Some(now) if now.stamp.time.ms() <= at_ms => {
            return Ok(state.parent().map(|parent| (parent, now.stamp)));
        }
        Some(_) => {}
    }
    let mut last: Option<(Option<AtomeId>, Stamp)> = None;
    let mut take = |parent: Option<AtomeId>, stamp: Stamp| {
        let later = last.is_none_or(|(_, before)| before < stamp);
        if later && stamp.time.ms() <= at_ms {
            last = Some((parent, stamp));
        }
    };
    let base = recompute::baseline(connection, history::generation(connection)?, atome)?;
    if let Some(base) = base
        && let Some(parent) = base.particles.get(Key::PARENT)
    {
        take(base.parent(), parent.stamp);
    }
    for id in timeline::touching(connection, atome)? {
        if history::is_refused(connection, id)? {
            continue;
        }
        let commit = timeline::by_id(connection, id)?.commit()?;
        let Some(change) = commit.changes.iter().find(|change| change.atome == atome) else {
            continue;
        };
        if let Some(parent) = change.set.get(Key::PARENT) {
            let parent = parent.to_text().and_then(|text| text.parse().ok());
            take(parent, commit.stamp);
        } else if change.unset.contains(Key::PARENT) {
            take(None, commit.stamp);
        }
    }
    Ok(last.and_then(|(parent, stamp)| Some((parent?, stamp))))
}
