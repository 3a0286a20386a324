//! Reading the machine store.

use atome_engine::name::fold;
use atome_proto::AccountId;
use atome_proto::account::{DirectoryEntry, Secret, Visibility};
use rusqlite::{Connection, OptionalExtension, Row, ToSql};

use super::{MachineAccount, Tie};
use crate::error::StoreError;
use crate::sqlite::value::Db;

const COLUMNS: &str = "account, name, phone, visibility, password_hash, registered, conflict, \
                       retry_secret, session_expires_at_ms, created_at_ms";

pub(super) fn ties_of(connection: &Connection, uid: u32) -> Result<Vec<Tie>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT uid, account, since_ms FROM ties WHERE uid = ?")?;
    let ties = statement.query_map([uid], |row| {
        Ok(Tie {
            uid: row.get(0)?,
            account: row.get::<_, Db<_>>(1)?.0,
            since_ms: row.get::<_, Db<_>>(2)?.0,
        })
    })?;
    Ok(ties.collect::<Result<_, _>>()?)
}

pub(super) fn account(
    connection: &Connection,
    account: AccountId,
) -> Result<Option<MachineAccount>, StoreError> {
    one(connection, "account = ?", &Db(account))
}

pub(super) fn account_by_name(
    connection: &Connection,
    name: &str,
) -> Result<Option<MachineAccount>, StoreError> {
    match fold(name) {
        Ok(folded) => one(connection, "name_folded = ?", &folded),
        // What cannot be a name is nobody's.
        Err(_) => Ok(None),
    }
}

pub(super) fn accounts(connection: &Connection) -> Result<Vec<MachineAccount>, StoreError> {
    several(connection, "TRUE")
}

pub(super) fn pending_registrations(
    connection: &Connection,
) -> Result<Vec<MachineAccount>, StoreError> {
    several(
        connection,
        "retry_secret IS NOT NULL AND NOT registered AND NOT conflict",
    )
}

fn one(
    connection: &Connection,
    is: &str,
    value: &dyn ToSql,
) -> Result<Option<MachineAccount>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM accounts WHERE {is}");
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(statement.query_row([value], read_account).optional()?)
}

fn several(connection: &Connection, which: &str) -> Result<Vec<MachineAccount>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM accounts WHERE {which} ORDER BY name_folded");
    let mut statement = connection.prepare_cached(&sql)?;
    let accounts = statement.query_map([], read_account)?;
    Ok(accounts.collect::<Result<_, _>>()?)
}

fn read_account(row: &Row<'_>) -> rusqlite::Result<MachineAccount> {
    let visibility: String = row.get(3)?;
    Ok(MachineAccount {
        entry: DirectoryEntry {
            user_id: row.get::<_, Db<_>>(0)?.0,
            username: row.get(1)?,
            phone: row.get(2)?,
            // A word of a newer program: rather hidden than shown.
            visibility: serde_json::from_str(&visibility).unwrap_or(Visibility::Private),
        },
        password_hash: Secret(row.get(4)?),
        registered: row.get(5)?,
        conflict: row.get(6)?,
        retry_secret: row.get::<_, Option<String>>(7)?.map(Secret),
        session_expires_at_ms: row.get::<_, Option<Db<u64>>>(8)?.map(|Db(ms)| ms),
        created_at_ms: row.get::<_, Db<u64>>(9)?.0,
    })
}
