//! Deleting an account: at once what opens it, then piece by piece all that it kept.

use atome_proto::AccountId;
use rusqlite::{Connection, OptionalExtension, params};

use super::{accounts, directory, setback};
use crate::error::HubError;
use crate::sqlite::value::Db;

/// Where an account's data is, and the statement that takes a piece of it away.
const PIECES: &[&str] = &[
    "DELETE FROM feed WHERE account = ?1 AND number IN \
     (SELECT number FROM feed WHERE account = ?1 LIMIT ?2)",
    "DELETE FROM commits WHERE id IN (SELECT id FROM commits WHERE account = ?1 LIMIT ?2)",
    "DELETE FROM touched WHERE account = ?1 AND (atome, commit_id) IN \
     (SELECT atome, commit_id FROM touched WHERE account = ?1 LIMIT ?2)",
    "DELETE FROM states WHERE id IN (SELECT id FROM states WHERE account = ?1 LIMIT ?2)",
    "DELETE FROM bodies WHERE id IN (SELECT id FROM bodies WHERE account = ?1 LIMIT ?2)",
    "DELETE FROM policies WHERE account = ?1 AND ?2",
    "DELETE FROM parties WHERE account = ?1 AND ?2",
    "DELETE FROM digests WHERE account = ?1 AND ?2",
    "DELETE FROM replicas WHERE account = ?1 AND ?2",
    "DELETE FROM heads WHERE account = ?1 AND ?2",
];

/// Takes the account and its sessions away; the number of the directory's change, where it was listed.
pub(super) fn delete(
    connection: &Connection,
    account: AccountId,
    now_ms: u64,
) -> Result<Option<u64>, HubError> {
    let record = accounts::by_id(connection, account)?.ok_or(HubError::NoSuchAccount)?;
    connection
        .prepare_cached(
            "INSERT INTO graves (token_hash, account, until_ms) \
             SELECT token_hash, account, expires_at_ms FROM sessions WHERE account = ?",
        )?
        .execute([Db(account)])?;
    for sql in [
        "DELETE FROM sessions WHERE account = ?",
        "DELETE FROM accounts WHERE account = ?",
    ] {
        connection.prepare_cached(sql)?.execute([Db(account)])?;
    }
    connection
        .prepare_cached(
            "INSERT INTO deleted (account, deleted_at_ms, purged) VALUES (?, ?, FALSE)",
        )?
        .execute(params![Db(account), Db(now_ms)])?;
    match record.entry.visibility {
        atome_proto::account::Visibility::Public => {
            directory::note(connection, account, false).map(Some)
        }
        atome_proto::account::Visibility::Private => Ok(None),
    }
}

/// Whether an account was deleted.
pub(super) fn is_deleted(connection: &Connection, account: AccountId) -> Result<bool, HubError> {
    let mut statement = connection.prepare_cached("SELECT 1 FROM deleted WHERE account = ?")?;
    Ok(statement.exists([Db(account)])?)
}

/// Takes about `limit` rows of deleted accounts away; whether more are left.
pub(super) fn purge(connection: &Connection, limit: u32) -> Result<bool, HubError> {
    if setback::any(connection)? {
        return Ok(false);
    }
    let account = connection
        .prepare_cached("SELECT account FROM deleted WHERE NOT purged LIMIT 1")?
        .query_row([], |row| row.get::<_, Db<AccountId>>(0))
        .optional()?;
    let Some(account) = account else {
        return Ok(false);
    };
    for sql in PIECES {
        let gone = connection
            .prepare_cached(sql)?
            .execute(params![account, limit])?;
        if gone >= usize::try_from(limit).unwrap_or(usize::MAX) {
            return Ok(true);
        }
    }
    connection
        .prepare_cached("UPDATE deleted SET purged = TRUE WHERE account = ?")?
        .execute([account])?;
    Ok(true)
}
