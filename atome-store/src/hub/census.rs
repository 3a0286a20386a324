//! How much a hub keeps, for whoever watches over it.

use rusqlite::{Connection, params};

use crate::error::HubError;
use crate::sqlite::value::Db;

/// How much a hub keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Census {
    /// Accounts, disabled ones included and deleted ones not.
    pub accounts: u64,
    /// Sessions that stand.
    pub sessions: u64,
    /// Accounts whose clients have shown that the database went back, until that is accepted.
    pub setbacks: u64,
}

pub(super) fn take(connection: &Connection, now_ms: u64) -> Result<Census, HubError> {
    let mut statement = connection.prepare_cached(
        "SELECT (SELECT count(*) FROM accounts), \
         (SELECT count(*) FROM sessions WHERE expires_at_ms > ?), (SELECT count(*) FROM setbacks)",
    )?;
    Ok(statement.query_row(params![Db(now_ms)], |row| {
        Ok(Census {
            accounts: row.get::<_, Db<u64>>(0)?.0,
            sessions: row.get::<_, Db<u64>>(1)?.0,
            setbacks: row.get::<_, Db<u64>>(2)?.0,
        })
    })?)
}
