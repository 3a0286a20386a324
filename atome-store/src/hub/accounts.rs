//! Accounts of the hub.

use atome_engine::name::fold;
use atome_proto::AccountId;
use atome_proto::account::{DirectoryEntry, Visibility};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use super::{AccountRecord, NewAccount, Registered};
use crate::error::HubError;
use crate::sqlite::value::Db;

const COLUMNS: &str = "account, name, phone, visibility, password_hash, disabled, created_at_ms";

/// Registers an account, or sees that it is the same registration again.
pub(super) fn register(
    connection: &Connection,
    account: &NewAccount,
) -> Result<Registered, HubError> {
    let entry = &account.entry;
    let folded = fold(&entry.username)?;
    let known = connection
        .prepare_cached("SELECT retry_hash FROM accounts WHERE account = ?")?
        .query_row([Db(entry.user_id)], |row| row.get::<_, Vec<u8>>(0))
        .optional()?;
    if let Some(retry_hash) = known {
        let again = retry_hash == account.retry_hash;
        return again
            .then_some(Registered::Again)
            .ok_or(HubError::NameTaken);
    }
    if by_name(connection, &folded)?.is_some() {
        return Err(HubError::NameTaken);
    }
    if let Some(phone) = &entry.phone
        && one(connection, "phone = ?", phone)?.is_some()
    {
        return Err(HubError::PhoneTaken);
    }
    connection
        .prepare_cached(
            "INSERT INTO accounts (account, name, name_folded, phone, visibility, password_hash, \
             retry_hash, disabled, created_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, FALSE, ?)",
        )?
        .execute(params![
            Db(entry.user_id),
            entry.username,
            folded,
            entry.phone,
            serde_json::to_string(&entry.visibility)?,
            account.password_hash,
            account.retry_hash,
            Db(account.created_at_ms),
        ])?;
    Ok(Registered::New)
}

pub(super) fn by_name(
    connection: &Connection,
    folded: &str,
) -> Result<Option<AccountRecord>, HubError> {
    one(connection, "name_folded = ?", &folded)
}

pub(super) fn by_id(
    connection: &Connection,
    account: AccountId,
) -> Result<Option<AccountRecord>, HubError> {
    one(connection, "account = ?", &Db(account))
}

fn one(
    connection: &Connection,
    is: &str,
    value: &dyn ToSql,
) -> Result<Option<AccountRecord>, HubError> {
    let sql = format!("SELECT {COLUMNS} FROM accounts WHERE {is}");
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(statement.query_row([value], read).optional()?)
}

pub(super) fn page(
    connection: &Connection,
    after: Option<AccountId>,
    limit: u32,
) -> Result<Vec<AccountRecord>, HubError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM accounts WHERE account > coalesce(?1, x'') ORDER BY account LIMIT ?2"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let accounts = statement.query_map(params![after.map(Db), limit], read)?;
    Ok(accounts.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<AccountRecord> {
    let visibility: String = row.get(3)?;
    Ok(AccountRecord {
        entry: DirectoryEntry {
            user_id: row.get::<_, Db<_>>(0)?.0,
            username: row.get(1)?,
            phone: row.get(2)?,
            // A word of a newer program: rather hidden than shown.
            visibility: serde_json::from_str(&visibility).unwrap_or(Visibility::Private),
        },
        password_hash: row.get(4)?,
        disabled: row.get(5)?,
        created_at_ms: row.get::<_, Db<_>>(6)?.0,
    })
}
