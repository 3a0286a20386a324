//! The public directory: who is listed, who is found, what changed.

use atome_proto::AccountId;
use atome_proto::account::DirectoryEntry;
use atome_proto::directory::{DirectoryChange, DirectoryEvent};
use rusqlite::{Connection, OptionalExtension, ToSql, params};

use super::{DirectoryKey, accounts};
use crate::error::HubError;
use crate::sqlite::value::Db;

/// How `accounts.visibility` says that an account is listed.
const PUBLIC: &str = "\"public\"";

/// Notes that an account is listed now, or deleted; the number of that change.
pub(super) fn note(
    connection: &Connection,
    account: AccountId,
    listed: bool,
) -> Result<u64, HubError> {
    let number = head(connection)? + 1;
    connection
        .prepare_cached(
            "INSERT INTO directory (number, account, listed) VALUES (?1, ?2, ?3) \
             ON CONFLICT (account) DO UPDATE SET number = ?1, listed = ?3",
        )?
        .execute(params![Db(number), Db(account), listed])?;
    Ok(number)
}

/// The number of the last change; 0 before the first.
pub(super) fn head(connection: &Connection) -> Result<u64, HubError> {
    let mut statement =
        connection.prepare_cached("SELECT coalesce(max(number), 0) FROM directory")?;
    Ok(statement.query_row([], |row| row.get::<_, Db<u64>>(0))?.0)
}

/// Listed accounts whose folded name begins with `prefix` and comes after `after`, in its order.
pub(super) fn page(
    connection: &Connection,
    prefix: &str,
    after: &str,
    limit: u32,
) -> Result<Vec<DirectoryEntry>, HubError> {
    let sql = format!(
        "SELECT {} FROM accounts WHERE name_folded > ?1 AND name_folded >= ?2 \
         AND name_folded < ?2 || char(1114111) AND visibility = ?3 ORDER BY name_folded LIMIT ?4",
        accounts::ENTRY_COLUMNS
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let entries =
        statement.query_map(params![after, prefix, PUBLIC, limit], accounts::read_entry)?;
    Ok(entries.collect::<Result<_, _>>()?)
}

/// One account by its whole name, where it is listed, or by its phone number, listed or not.
pub(super) fn lookup(
    connection: &Connection,
    key: &DirectoryKey,
) -> Result<Option<DirectoryEntry>, HubError> {
    let (is, value): (_, &dyn ToSql) = match key {
        DirectoryKey::Name(folded) => ("name_folded = ?1 AND visibility = ?2", folded),
        DirectoryKey::Phone(phone) => ("phone = ?1 AND ?2 IS NOT NULL", phone),
    };
    let sql = format!(
        "SELECT {} FROM accounts WHERE {is}",
        accounts::ENTRY_COLUMNS
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query_row([value, &PUBLIC], accounts::read_entry);
    Ok(found.optional()?)
}

/// The changes after a number, in order.
pub(super) fn changes(
    connection: &Connection,
    after: u64,
    limit: u32,
) -> Result<Vec<DirectoryChange>, HubError> {
    let sql = format!(
        "SELECT {}, d.number, d.account, d.listed FROM directory d \
         LEFT JOIN accounts ON accounts.account = d.account WHERE d.number > ? ORDER BY d.number LIMIT ?",
        accounts::ENTRY_COLUMNS
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let changes = statement.query_map(params![Db(after), limit], |row| {
        let change = if row.get("listed")? {
            DirectoryEvent::Created(accounts::read_entry(row)?)
        } else {
            DirectoryEvent::Deleted(row.get::<_, Db<_>>(5)?.0)
        };
        Ok(DirectoryChange {
            number: row.get::<_, Db<u64>>("number")?.0,
            change,
        })
    })?;
    Ok(changes.collect::<Result<_, _>>()?)
}
