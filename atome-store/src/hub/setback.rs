//! A database that went back: its file was put back by hand, or its disk lost what it had acknowledged.
//!
//! A client that has seen more of this life of the database than there is shows it. Its account begins
//! another life, in which all of its clients say again what they have; and until an operator has accepted
//! that, nothing is purged and nothing compacted. No other account is touched: a client can only claim
//! something of its own.

use atome_engine::session::Claim;
use atome_proto::{AccountId, Epoch, ReplicaId};
use rusqlite::{Connection, params};

use super::{FeedPosition, feed};
use crate::error::HubError;
use crate::sqlite::value::Db;

/// What a client has shown of a database that went back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setback {
    /// The client's account, which has begun another life.
    pub account: AccountId,
    /// The client's replica.
    pub replica: ReplicaId,
    /// When, in milliseconds since 1970.
    pub shown_ms: u64,
    /// Where the account's feed ended in the database.
    pub head: u64,
    /// The number of the feed that the client has seen.
    pub seen: u64,
    /// The last commit of the replica that was decided in the database.
    pub number: u64,
    /// The last commit of the replica that the client knows to be decided.
    pub acked: u64,
}

/// Whether a client has shown that the database went back, and nobody has accepted it yet.
pub(super) fn any(connection: &Connection) -> Result<bool, HubError> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM setbacks LIMIT 1")?;
    Ok(statement.exists([])?)
}

/// What clients have shown since an operator last accepted it, by account.
pub(super) fn all(connection: &Connection) -> Result<Vec<Setback>, HubError> {
    let mut statement = connection.prepare_cached(
        "SELECT account, replica, shown_ms, head, seen, number, acked FROM setbacks ORDER BY account",
    )?;
    let rows = statement.query_map([], |row| {
        Ok(Setback {
            account: row.get::<_, Db<_>>(0)?.0,
            replica: row.get::<_, Db<_>>(1)?.0,
            shown_ms: row.get::<_, Db<_>>(2)?.0,
            head: row.get::<_, Db<_>>(3)?.0,
            seen: row.get::<_, Db<_>>(4)?.0,
            number: row.get::<_, Db<_>>(5)?.0,
            acked: row.get::<_, Db<_>>(6)?.0,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// An operator knows of it: what waited for that goes on.
pub(super) fn accept(connection: &Connection) -> Result<u64, HubError> {
    let accepted = connection
        .prepare_cached("DELETE FROM setbacks")?
        .execute([])?;
    Ok(u64::try_from(accepted).unwrap_or(u64::MAX))
}

/// The life of the database as an account knows it.
pub(super) fn epoch(connection: &Connection, account: AccountId) -> Result<Epoch, HubError> {
    let mut statement = connection.prepare_cached(
        "SELECT coalesce((SELECT epoch FROM heads WHERE account = ?), epoch) FROM hub",
    )?;
    Ok(statement.query_row([Db(account)], |row| Ok(row.get::<_, Db<Epoch>>(0)?.0))?)
}

/// Heeds what a client claims, and what was more than there was when it came: its account begins the life `fresh`,
/// also where others have pushed past that since. Where things stand then, and what was shown.
pub(super) fn heed(
    connection: &Connection,
    account: AccountId,
    replica: ReplicaId,
    claim: Claim,
    fresh: Epoch,
    now_ms: u64,
) -> Result<(FeedPosition, Option<Setback>), HubError> {
    let position = feed::position(connection, account, replica)?;
    if claim.epoch != position.epoch {
        // Another of its clients was first.
        return Ok((position, None));
    }
    let shown = Setback {
        account,
        replica,
        shown_ms: now_ms,
        head: position.head,
        seen: claim.feed,
        number: position.number,
        acked: claim.acked,
    };
    connection
        .prepare_cached(
            "INSERT INTO heads (account, head, oldest, epoch) VALUES (?, 0, 1, ?) \
             ON CONFLICT DO UPDATE SET epoch = excluded.epoch",
        )?
        .execute(params![Db(account), Db(fresh)])?;
    connection
        .prepare_cached(
            "INSERT INTO setbacks (account, replica, shown_ms, head, seen, number, acked) \
             VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            Db(account),
            Db(replica),
            Db(now_ms),
            Db(shown.head),
            Db(shown.seen),
            Db(shown.number),
            Db(shown.acked)
        ])?;
    let epoch = fresh;
    Ok((FeedPosition { epoch, ..position }, Some(shown)))
}

/// Begins another life of the whole database: every account's.
pub(super) fn begin(connection: &Connection, epoch: Epoch) -> Result<(), HubError> {
    connection
        .prepare_cached("UPDATE hub SET epoch = ?")?
        .execute([Db(epoch)])?;
    connection
        .prepare_cached("UPDATE heads SET epoch = NULL")?
        .execute([])?;
    Ok(())
}
