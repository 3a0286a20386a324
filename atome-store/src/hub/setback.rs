//! A database that went back: what clients have shown of it, until an operator has accepted it.

use rusqlite::Connection;

use crate::error::HubError;

/// Whether a client has shown that the database went back, and nobody has accepted it yet.
pub(super) fn any(connection: &Connection) -> Result<bool, HubError> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM setbacks LIMIT 1")?;
    Ok(statement.exists([])?)
}
