//! Reading the current state of what an account sees, for snapshots and digests.

use std::collections::{BTreeMap, BTreeSet};

use atome_proto::commit::RawCommit;
use atome_proto::digest::{Buckets, Digest};
use atome_proto::state::{AtomeState, RawState};
use atome_proto::{AccountId, AtomeId, ReplicaId};
use rusqlite::{Connection, OptionalExtension, params};

use super::{ChangedPage, STATE_PART_LEN, StatePage, feed};
use crate::error::{Fault, HubError};
use crate::sqlite::value::Db;

pub(super) fn page(
    connection: &Connection,
    account: AccountId,
    after: Option<AtomeId>,
    max_bytes: usize,
) -> Result<StatePage, HubError> {
    let mut page = StatePage {
        states: vec![],
        last: None,
        total: total(connection, account)?,
    };
    let mut statement = connection.prepare_cached(
        "SELECT atome, body FROM states WHERE account = ? AND atome > coalesce(?, x'') ORDER BY atome",
    )?;
    let mut rows = statement.query(params![Db(account), after.map(Db)])?;
    let (mut len, mut last) = (0, None);
    while let Some(row) = rows.next()? {
        if len >= max_bytes {
            page.last = last;
            break;
        }
        let body: String = row.get(1)?;
        len += body.len();
        last = Some(row.get::<_, Db<AtomeId>>(0)?.0);
        push_parts(&mut page.states, body)?;
    }
    Ok(page)
}

fn total(connection: &Connection, account: AccountId) -> Result<u64, HubError> {
    let mut statement = connection
        .prepare_cached("SELECT coalesce(sum(atomes), 0) FROM digests WHERE account = ?")?;
    let total = statement.query_row([Db(account)], |row| row.get::<_, Db<u64>>(0))?;
    Ok(total.0)
}

/// Adds a state, in parts where it is long.
fn push_parts(states: &mut Vec<RawState>, body: String) -> Result<(), HubError> {
    if body.len() <= STATE_PART_LEN {
        states.push(RawState::from_text(body)?);
        return Ok(());
    }
    let whole: AtomeState = serde_json::from_str(&body)?;
    let mut part = AtomeState {
        particles: BTreeMap::new(),
        ..whole.clone()
    };
    let mut len = 0;
    for (key, particle) in whole.particles {
        let more = particle
            .base
            .as_ref()
            .map_or(0, |value| value.as_str().len());
        if len + more > STATE_PART_LEN && !part.particles.is_empty() {
            states.push(RawState::encode(&part)?);
            part.particles.clear();
            len = 0;
        }
        len += more;
        part.particles.insert(key, particle);
    }
    states.push(RawState::encode(&part)?);
    Ok(())
}

pub(super) fn changed(
    connection: &Connection,
    account: AccountId,
    replica: ReplicaId,
    since: u64,
    max_bytes: usize,
) -> Result<ChangedPage, HubError> {
    let position = feed::position(connection, account, replica)?;
    let mut page = ChangedPage {
        states: vec![],
        gone: vec![],
        grants: vec![],
        policies: vec![],
        through: since.min(position.head),
        complete: false,
        number: position.number,
    };
    let mut statement = connection.prepare_cached(
        "SELECT f.number, c.body FROM feed f JOIN commits c ON c.id = f.commit_id \
         WHERE f.account = ? AND f.number > ? ORDER BY f.number",
    )?;
    let mut rows = statement.query(params![Db(account), Db(since)])?;
    let (mut seen, mut len) = (BTreeSet::new(), 0);
    while len < max_bytes {
        let Some(row) = rows.next()? else { break };
        let commit = RawCommit::from_text(row.get(1)?)?
            .decode()
            .map_err(|error| Fault::Corrupt(error.to_string()))?;
        for change in &commit.changes {
            if !seen.insert(change.atome) {
                continue;
            }
            if let Some(body) = body(connection, account, change.atome)? {
                len += body.len();
                push_parts(&mut page.states, body)?;
            }
        }
        page.through = row.get::<_, Db<u64>>(0)?.0;
    }
    page.complete = page.through == position.head;
    Ok(page)
}

/// The body of one state.
pub(super) fn body(
    connection: &Connection,
    account: AccountId,
    atome: AtomeId,
) -> Result<Option<String>, HubError> {
    let mut statement =
        connection.prepare_cached("SELECT body FROM states WHERE account = ? AND atome = ?")?;
    let found = statement.query_row(params![Db(account), Db(atome)], |row| row.get(0));
    Ok(found.optional()?)
}

pub(super) fn digest(
    connection: &Connection,
    account: AccountId,
) -> Result<(u64, Buckets), HubError> {
    let (head, _) = feed::head(connection, account)?;
    let mut statement =
        connection.prepare_cached("SELECT bucket, digest FROM digests WHERE account = ?")?;
    let rows = statement.query_map([Db(account)], |row| {
        Ok((row.get::<_, u8>(0)?, row.get::<_, Db<Digest>>(1)?.0))
    })?;
    let mut buckets = Buckets::default();
    for row in rows {
        let (bucket, digest) = row?;
        buckets.add(bucket, digest);
    }
    Ok((head, buckets))
}

/// Adds to a bucket of an account's digest: atomes that are new, and what the sum grows by.
pub(super) fn add_to_digest(
    connection: &Connection,
    account: AccountId,
    bucket: u8,
    new: u64,
    grows: Digest,
) -> Result<(), HubError> {
    let (atomes, sum) = connection
        .prepare_cached("SELECT atomes, digest FROM digests WHERE account = ? AND bucket = ?")?
        .query_row(params![Db(account), bucket], |row| {
            Ok((row.get::<_, Db<u64>>(0)?.0, row.get::<_, Db<Digest>>(1)?.0))
        })
        .optional()?
        .unwrap_or_default();
    connection
        .prepare_cached(
            "INSERT INTO digests (account, bucket, atomes, digest) VALUES (?, ?, ?, ?) \
             ON CONFLICT DO UPDATE SET atomes = excluded.atomes, digest = excluded.digest",
        )?
        .execute(params![
            Db(account),
            bucket,
            Db(atomes + new),
            Db(sum.plus(grows))
        ])?;
    Ok(())
}
