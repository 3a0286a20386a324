//! Accounts of the hub.

use atome_engine::name::fold;
use atome_proto::AccountId;
use atome_proto::account::{DirectoryEntry, Visibility};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use super::{AccountRecord, Admission, NewAccount, Registered, deletion, invites};
use crate::error::HubError;
use crate::sqlite::value::Db;

/// The columns of a directory entry, as [`read_entry`] takes them.
pub(super) const ENTRY_COLUMNS: &str =
    "accounts.account, accounts.name, accounts.phone, accounts.visibility";
/// Those of the rest of an account.
const OTHER_COLUMNS: &str = "password_hash, disabled, created_at_ms";

/// Registers an account, or sees that it is the same registration again.
pub(super) fn register(
    connection: &Connection,
    account: &NewAccount,
) -> Result<Registered, HubError> {
    let entry = &account.entry;
    let folded = fold(&entry.username)?;
    if deletion::is_deleted(connection, entry.user_id)? {
        return Err(HubError::AccountDeleted);
    }
    if let Some(again) = register_again(connection, account)? {
        return Ok(again);
    }
    match account.admission {
        Admission::Open => {}
        Admission::Invited(Some(code_hash)) => {
            invites::spend(connection, &code_hash, entry.user_id, account.created_at_ms)?;
        }
        Admission::Invited(None) => return Err(HubError::NotInvited),
        Admission::Closed => return Err(HubError::Closed),
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

/// Sees a registration that came before. The password that it brings counts until it was changed here: it
/// may have been changed on the machine, which was not answered yet.
fn register_again(
    connection: &Connection,
    account: &NewAccount,
) -> Result<Option<Registered>, HubError> {
    let known = connection
        .prepare_cached("SELECT retry_hash FROM accounts WHERE account = ?")?
        .query_row([Db(account.entry.user_id)], |row| row.get::<_, Vec<u8>>(0))
        .optional()?;
    let Some(retry_hash) = known else {
        return Ok(None);
    };
    if retry_hash != account.retry_hash {
        return Err(HubError::NameTaken);
    }
    connection
        .prepare_cached(
            "UPDATE accounts SET password_hash = ?2 \
             WHERE account = ?1 AND password_changed_at_ms IS NULL",
        )?
        .execute(params![Db(account.entry.user_id), account.password_hash])?;
    Ok(Some(Registered::Again))
}

/// Changes the password.
pub(super) fn set_password(
    connection: &Connection,
    account: AccountId,
    password_hash: &str,
    now_ms: u64,
) -> Result<(), HubError> {
    let changed = connection
        .prepare_cached(
            "UPDATE accounts SET password_hash = ?2, password_changed_at_ms = ?3 WHERE account = ?1",
        )?
        .execute(params![Db(account), password_hash, Db(now_ms)])?;
    some(changed)
}

/// Closes an account to its sessions, or opens it again.
pub(super) fn set_disabled(
    connection: &Connection,
    account: AccountId,
    disabled: bool,
) -> Result<(), HubError> {
    let changed = connection
        .prepare_cached("UPDATE accounts SET disabled = ?2 WHERE account = ?1")?
        .execute(params![Db(account), disabled])?;
    some(changed)
}

fn some(changed: usize) -> Result<(), HubError> {
    if changed == 0 {
        return Err(HubError::NoSuchAccount);
    }
    Ok(())
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
    let sql = format!("SELECT {ENTRY_COLUMNS}, {OTHER_COLUMNS} FROM accounts WHERE {is}");
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(statement.query_row([value], read).optional()?)
}

pub(super) fn page(
    connection: &Connection,
    after: Option<AccountId>,
    limit: u32,
) -> Result<Vec<AccountRecord>, HubError> {
    let sql = format!(
        "SELECT {ENTRY_COLUMNS}, {OTHER_COLUMNS} FROM accounts \
         WHERE account > coalesce(?1, x'') ORDER BY account LIMIT ?2"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let accounts = statement.query_map(params![after.map(Db), limit], read)?;
    Ok(accounts.collect::<Result<_, _>>()?)
}

fn read(row: &Row<'_>) -> rusqlite::Result<AccountRecord> {
    Ok(AccountRecord {
        entry: read_entry(row)?,
        password_hash: row.get(4)?,
        disabled: row.get(5)?,
        created_at_ms: row.get::<_, Db<_>>(6)?.0,
    })
}

/// Reads the public part of an account from the first columns of a row.
pub(super) fn read_entry(row: &Row<'_>) -> rusqlite::Result<DirectoryEntry> {
    let visibility: String = row.get(3)?;
    Ok(DirectoryEntry {
        user_id: row.get::<_, Db<_>>(0)?.0,
        username: row.get(1)?,
        phone: row.get(2)?,
        // A word of a newer program: rather hidden than shown.
        visibility: serde_json::from_str(&visibility).unwrap_or(Visibility::Private),
    })
}
