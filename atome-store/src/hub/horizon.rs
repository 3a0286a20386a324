//! The horizon: what a feed lets go of once it is old.
//!
//! Feed numbers and the bodies that only they name go. Commits stay, with the hashes that tell a duplicate
//! from a fork, the verdicts, and the way from an atome to the commits that touch it: of data nothing is lost.

use atome_proto::AccountId;
use rusqlite::{Connection, OptionalExtension, params};

use super::setback;
use crate::error::HubError;
use crate::sqlite::value::Db;

/// The next entry of a feed that stays, and when it was taken.
struct Next {
    number: u64,
    at_ms: Option<u64>,
}

/// Takes up to `limit` entries that were taken before `before_ms` from one feed; whether there may be more.
pub(super) fn compact(
    connection: &Connection,
    before_ms: u64,
    limit: u32,
) -> Result<bool, HubError> {
    if setback::any(connection)? {
        return Ok(false);
    }
    let due = connection
        .prepare_cached(
            "SELECT account, head, oldest FROM heads WHERE oldest_ms < ? ORDER BY oldest_ms LIMIT 1",
        )?
        .query_row([Db(before_ms)], |row| {
            Ok((
                row.get::<_, Db<AccountId>>(0)?.0,
                row.get::<_, Db<u64>>(1)?.0,
                row.get::<_, Db<u64>>(2)?.0,
            ))
        })
        .optional()?;
    let Some((account, head, oldest)) = due else {
        return Ok(false);
    };
    let next = next(connection, account, head, oldest, before_ms, limit)?;
    let gone = params![Db(account), Db(oldest), Db(next.number)];
    connection
        .prepare_cached(
            "DELETE FROM bodies WHERE id IN \
             (SELECT item FROM feed WHERE account = ?1 AND number >= ?2 AND number < ?3 AND kind <> 0) \
             AND NOT EXISTS (SELECT 1 FROM feed f WHERE f.kind = 1 AND f.item = bodies.id \
             AND NOT (f.account = ?1 AND f.number < ?3))",
        )?
        .execute(gone)?;
    connection
        .prepare_cached("DELETE FROM feed WHERE account = ?1 AND number >= ?2 AND number < ?3")?
        .execute(gone)?;
    connection
        .prepare_cached("UPDATE heads SET oldest = ?, oldest_ms = ? WHERE account = ?")?
        .execute(params![Db(next.number), next.at_ms.map(Db), Db(account)])?;
    Ok(true)
}

/// The first entry that stays: one that is not so old, or the one after as many as may go at once.
fn next(
    connection: &Connection,
    account: AccountId,
    head: u64,
    oldest: u64,
    before_ms: u64,
    limit: u32,
) -> Result<Next, HubError> {
    let last = oldest.saturating_add(u64::from(limit.max(1)));
    let found = connection
        .prepare_cached(
            "SELECT number, at_ms FROM feed WHERE account = ?1 AND number >= ?2 \
             AND (at_ms >= ?3 OR number >= ?4) ORDER BY number LIMIT 1",
        )?
        .query_row(
            params![Db(account), Db(oldest), Db(before_ms), Db(last)],
            |row| {
                Ok(Next {
                    number: row.get::<_, Db<u64>>(0)?.0,
                    at_ms: Some(row.get::<_, Db<u64>>(1)?.0),
                })
            },
        )
        .optional()?;
    Ok(found.unwrap_or(Next {
        number: head.saturating_add(1),
        at_ms: None,
    }))
}
