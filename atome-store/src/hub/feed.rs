//! Reading the feed, and what was decided.

use atome_proto::commit::RawCommit;
use atome_proto::sync::v1::{Batch, Entry, Verdict};
use atome_proto::{AccountId, ReplicaId};
use rusqlite::{Connection, OptionalExtension, params};

use super::{FeedPosition, directory};
use crate::error::{Fault, HubError};
use crate::sqlite::value::Db;

/// Who reads: an account's feed holds a commit whole, but for the replica that made it.
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
    let (head, _) = head(connection, reader.account)?;
    let mut batch = Batch {
        from: after.saturating_add(1),
        entries: vec![],
        head,
    };
    // Its own commits a replica has: their bodies are not even read.
    let mut statement = connection.prepare_cached(
        "SELECT f.number, c.replica = ?2, c.number, iif(c.replica = ?2, NULL, c.body) \
         FROM feed f JOIN commits c ON c.id = f.commit_id \
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
        let entry = if row.get(1)? {
            Entry::Mine(row.get::<_, Db<u64>>(2)?.0)
        } else {
            let body: Option<String> = row.get(3)?;
            let body = body.ok_or_else(|| Fault::Corrupt("a commit has no body".to_owned()))?;
            len += body.len();
            if len > max_bytes && !batch.entries.is_empty() {
                break;
            }
            Entry::Commit(RawCommit::from_text(body)?)
        };
        batch.entries.push(entry);
    }
    Ok(batch)
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
