//! Reading the feed, and what was decided.

use std::collections::BTreeMap;

use atome_engine::sharing::Cut;
use atome_proto::commit::{BadCommit, RawCommit};
use atome_proto::state::RawState;
use atome_proto::sync::v1::{Batch, Entry, Verdict};
use atome_proto::{AccountId, AtomeId, ReplicaId};
use rusqlite::{Connection, OptionalExtension, params};

use super::ledger::feeds::Kind;
use super::{FeedPosition, directory, setback, states, views};
use crate::error::{Fault, HubError};
use crate::sqlite::value::Db;

/// Who reads: an account's feed holds what the account may see, but for the replica that made it.
#[derive(Clone, Copy)]
pub(super) struct Reader {
    pub(super) account: AccountId,
    pub(super) replica: ReplicaId,
}

pub(super) fn position(
    connection: &Connection,
    account: AccountId,
    replica: ReplicaId,
) -> Result<FeedPosition, HubError> {
    let (head, oldest) = head(connection, account)?;
    let number = connection
        .prepare_cached("SELECT number FROM replicas WHERE account = ? AND replica = ?")?
        .query_row(params![Db(account), Db(replica)], |row| {
            row.get::<_, Db<u64>>(0)
        })
        .optional()?
        .map_or(0, |Db(number)| number);
    Ok(FeedPosition {
        head,
        oldest,
        number,
        directory: directory::head(connection)?,
        epoch: setback::epoch(connection, account)?,
    })
}

/// The last and the oldest number of an account's feed.
pub(super) fn head(connection: &Connection, account: AccountId) -> Result<(u64, u64), HubError> {
    let mut statement =
        connection.prepare_cached("SELECT head, oldest FROM heads WHERE account = ?")?;
    let found = statement.query_row([Db(account)], |row| {
        Ok((row.get::<_, Db<u64>>(0)?.0, row.get::<_, Db<u64>>(1)?.0))
    });
    Ok(found.optional()?.unwrap_or((0, 1)))
}

pub(super) fn read(
    connection: &Connection,
    reader: Reader,
    after: u64,
    max_entries: usize,
    max_bytes: usize,
) -> Result<Batch, HubError> {
    let (head, oldest) = head(connection, reader.account)?;
    let mut batch = Batch {
        from: after.saturating_add(1),
        entries: vec![],
        head,
    };
    if batch.from < oldest {
        batch.from = oldest;
        return Ok(batch);
    }
    // Its own commits a replica has: their bodies are not even read.
    let mut statement = connection.prepare_cached(
        "SELECT f.number, f.kind, f.cut, c.replica IS ?2, c.number, \
         iif(c.replica IS ?2, NULL, coalesce(c.body, b.body)), b.atome, \
         coalesce(c.id, b.id) IS NULL FROM feed f \
         LEFT JOIN commits c ON f.kind = 0 AND c.id = f.item \
         LEFT JOIN bodies b ON f.kind <> 0 AND b.id = f.item \
         WHERE f.account = ?1 AND f.number > ?3 ORDER BY f.number",
    )?;
    let mut rows = statement.query(params![Db(reader.account), Db(reader.replica), Db(after)])?;
    let mut len = 0;
    while batch.entries.len() < max_entries {
        let Some(row) = rows.next()? else { break };
        let expected = batch.to() + 1;
        if row.get::<_, Db<u64>>(0)?.0 != expected {
            return Err(Fault::Corrupt(format!("the feed has no entry {expected}")).into());
        }
        let kind = kind(row.get(1)?)?;
        let entry = if row.get(7)? {
            // It went with the account that it was of.
            Entry::Nothing
        } else if kind == Kind::Commit && row.get(3)? {
            Entry::Mine(row.get::<_, Db<u64>>(4)?.0)
        } else {
            let body: Option<String> = row.get(5)?;
            let body = body.ok_or_else(|| Fault::Corrupt("an entry has no body".to_owned()))?;
            len += body.len();
            if len > max_bytes && !batch.entries.is_empty() {
                break;
            }
            match kind {
                Kind::Commit => seen(connection, reader.account, body, row.get(2)?)?,
                Kind::State => {
                    let atome = row.get::<_, Db<AtomeId>>(6)?.0;
                    shown(connection, reader.account, atome, body)?
                }
                Kind::Evict => Entry::Evict(serde_json::from_str(&body)?),
                Kind::Grant => Entry::Grant(serde_json::from_str(&body)?),
                Kind::Policy => Entry::Policy(serde_json::from_str(&body)?),
            }
        };
        batch.entries.push(entry);
    }
    Ok(batch)
}

/// What a number in the table says that an entry is.
pub(super) fn kind(number: i64) -> Result<Kind, HubError> {
    let known = Kind::read(number);
    Ok(known.ok_or_else(|| Fault::Corrupt(format!("a feed entry of kind {number}")))?)
}

/// What an account may see of an atome now; `None` where nothing.
fn cut_now(
    connection: &Connection,
    account: AccountId,
    atome: AtomeId,
) -> Result<Option<Cut>, HubError> {
    if let Some(view) = views::of_reader(connection, account, atome)? {
        return Ok(Some(view.sight.whole()));
    }
    let own = states::body(connection, account, atome)?;
    Ok(own.map(|_| Cut::Whole))
}

/// A commit as it may be seen: what its entry says may be, of what may be seen to this day.
fn seen(
    connection: &Connection,
    account: AccountId,
    body: String,
    cut: Option<String>,
) -> Result<Entry, HubError> {
    let raw = RawCommit::from_text(body)?;
    let Some(cut) = cut else {
        return Ok(Entry::Commit(raw));
    };
    let mut parts: BTreeMap<AtomeId, Option<Cut>> = serde_json::from_str(&cut)?;
    let bad = |error: BadCommit| Fault::Corrupt(error.to_string());
    let mut commit = raw.decode().map_err(bad)?;
    let mut changes = vec![];
    for change in &commit.changes {
        let Some(then) = parts.remove(&change.atome) else {
            continue;
        };
        let Some(now) = cut_now(connection, account, change.atome)? else {
            continue;
        };
        changes.extend(now.and(&then.unwrap_or(Cut::Whole)).change(change));
    }
    if changes.is_empty() {
        return Ok(Entry::Nothing);
    }
    commit.changes = changes;
    Ok(Entry::Commit(RawCommit::encode(&commit).map_err(bad)?))
}

/// A state as it may be seen: as it was told, of what may be seen to this day.
fn shown(
    connection: &Connection,
    account: AccountId,
    atome: AtomeId,
    body: String,
) -> Result<Entry, HubError> {
    let raw = RawState::from_text(body)?;
    Ok(match cut_now(connection, account, atome)? {
        None => Entry::Nothing,
        Some(Cut::Whole) => Entry::State(raw),
        Some(cut) => Entry::State(RawState::encode(&cut.state(&raw.decode()?))?),
    })
}

pub(super) fn verdicts(
    connection: &Connection,
    account: AccountId,
    replica: ReplicaId,
    after: u64,
    through: u64,
) -> Result<Vec<Verdict>, HubError> {
    let mut statement = connection.prepare_cached(
        "SELECT number, verdict FROM commits INDEXED BY commits_by_verdict \
         WHERE account = ? AND replica = ? AND number > ? AND number <= ? AND verdict IS NOT NULL \
         ORDER BY number",
    )?;
    let rows = statement.query_map(
        params![Db(account), Db(replica), Db(after), Db(through)],
        |row| Ok((row.get::<_, Db<u64>>(0)?.0, row.get::<_, String>(1)?)),
    )?;
    rows.map(|row| {
        let (number, ruling) = row?;
        let ruling = serde_json::from_str(&ruling)?;
        Ok(Verdict { number, ruling })
    })
    .collect()
}
