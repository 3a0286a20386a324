//! Sessions: the tokens that open an account, as hashes.

use atome_proto::AccountId;
use rusqlite::{Connection, OptionalExtension, params};
use uuid::Uuid;

use super::{NewSession, SessionRecord};
use crate::error::HubError;
use crate::sqlite::value::Db;

/// The end of a session is moved at most once in this time, or in a tenth of its life: using it shall
/// not be a write each time.
const SEEN_EVERY_MS: u64 = 3_600_000;

/// A session that is open and is used now.
pub(super) struct Found {
    pub(super) session: SessionRecord,
    /// Whether its end is moved, which the store has to write yet.
    pub(super) is_due: bool,
}

/// Opens a session, and forgets those of the account that are over.
pub(super) fn open(connection: &Connection, session: &NewSession) -> Result<(), HubError> {
    connection
        .prepare_cached("DELETE FROM sessions WHERE account = ? AND expires_at_ms <= ?")?
        .execute(params![Db(session.account), Db(session.created_at_ms)])?;
    let expires_at_ms = session.created_at_ms.saturating_add(session.ttl_ms);
    connection
        .prepare_cached(
            "INSERT INTO sessions (account, session, token_hash, device, created_at_ms, seen_at_ms, \
             expires_at_ms, ttl_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, ?7)",
        )?
        .execute(params![
            Db(session.account),
            session.session.as_bytes(),
            session.token_hash,
            session.device,
            Db(session.created_at_ms),
            Db(expires_at_ms),
            Db(session.ttl_ms),
        ])?;
    Ok(())
}

pub(super) fn find(
    connection: &Connection,
    token_hash: [u8; 32],
    now_ms: u64,
) -> Result<Option<Found>, HubError> {
    let mut statement = connection.prepare_cached(
        "SELECT s.account, s.session, s.device, s.created_at_ms, s.expires_at_ms, s.seen_at_ms, \
         s.ttl_ms FROM sessions s JOIN accounts a ON a.account = s.account \
         WHERE s.token_hash = ? AND s.expires_at_ms > ? AND NOT a.disabled",
    )?;
    let found = statement.query_row(params![token_hash, Db(now_ms)], |row| {
        let number = |column| row.get::<_, Db<u64>>(column).map(|Db(number)| number);
        let (mut expires_at_ms, mut seen_at_ms, ttl_ms) = (number(4)?, number(5)?, number(6)?);
        let is_due = now_ms > seen_at_ms.saturating_add(SEEN_EVERY_MS.min(ttl_ms / 10));
        if is_due {
            seen_at_ms = now_ms;
            expires_at_ms = expires_at_ms.max(now_ms.saturating_add(ttl_ms));
        }
        Ok(Found {
            session: SessionRecord {
                account: row.get::<_, Db<_>>(0)?.0,
                session: Uuid::from_bytes(row.get(1)?),
                device: row.get(2)?,
                created_at_ms: number(3)?,
                seen_at_ms,
                expires_at_ms,
            },
            is_due,
        })
    });
    let found = found.optional()?;
    if found.is_none() && is_buried(connection, token_hash, now_ms)? {
        return Err(HubError::AccountDeleted);
    }
    Ok(found)
}

/// Whether it is the token of an account that was deleted.
fn is_buried(connection: &Connection, token_hash: [u8; 32], now_ms: u64) -> Result<bool, HubError> {
    let mut statement =
        connection.prepare_cached("SELECT 1 FROM graves WHERE token_hash = ? AND until_ms > ?")?;
    Ok(statement.exists(params![token_hash, Db(now_ms)])?)
}

/// The sessions of an account that stand, the newest first.
pub(super) fn of_account(
    connection: &Connection,
    account: AccountId,
    now_ms: u64,
) -> Result<Vec<SessionRecord>, HubError> {
    let mut statement = connection.prepare_cached(
        "SELECT session, device, created_at_ms, seen_at_ms, expires_at_ms FROM sessions \
         WHERE account = ? AND expires_at_ms > ? ORDER BY created_at_ms DESC, session",
    )?;
    let sessions = statement.query_map(params![Db(account), Db(now_ms)], |row| {
        let number = |column| row.get::<_, Db<u64>>(column).map(|Db(number)| number);
        Ok(SessionRecord {
            account,
            session: Uuid::from_bytes(row.get(0)?),
            device: row.get(1)?,
            created_at_ms: number(2)?,
            seen_at_ms: number(3)?,
            expires_at_ms: number(4)?,
        })
    })?;
    Ok(sessions.collect::<Result<_, _>>()?)
}

/// Closes the sessions of an account but one; how many there were.
pub(super) fn close_others(
    connection: &Connection,
    account: AccountId,
    kept: Option<Uuid>,
) -> Result<u64, HubError> {
    let mut statement = connection
        .prepare_cached("DELETE FROM sessions WHERE account = ?1 AND session IS NOT ?2")?;
    let kept = kept.map(Uuid::into_bytes);
    let closed = statement.execute(params![Db(account), kept])?;
    Ok(u64::try_from(closed).unwrap_or(u64::MAX))
}

/// Notes that a session is used, and moves its end.
pub(super) fn seen(
    connection: &Connection,
    session: &SessionRecord,
    now_ms: u64,
) -> Result<(), HubError> {
    connection
        .prepare_cached(
            "UPDATE sessions SET seen_at_ms = ?3, expires_at_ms = max(expires_at_ms, ?3 + ttl_ms) \
             WHERE account = ?1 AND session = ?2",
        )?
        .execute(params![
            Db(session.account),
            session.session.as_bytes(),
            Db(now_ms)
        ])?;
    Ok(())
}

pub(super) fn close(
    connection: &Connection,
    account: AccountId,
    session: Uuid,
) -> Result<bool, HubError> {
    let mut statement =
        connection.prepare_cached("DELETE FROM sessions WHERE account = ? AND session = ?")?;
    Ok(statement.execute(params![Db(account), session.as_bytes()])? > 0)
}
