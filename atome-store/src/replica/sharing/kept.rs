//! Grants and policies as the hub told them last.

use std::collections::BTreeSet;

use atome_proto::sharing::{Grant, Policy};
use atome_proto::{AccountId, AtomeId, GrantId};
use rusqlite::{Connection, OptionalExtension, Params, params};

use super::Which;
use crate::error::StoreError;
use crate::sqlite::value::Db;

/// The account that the store belongs to.
pub(super) fn account(connection: &Connection) -> Result<AccountId, StoreError> {
    let mut statement = connection.prepare_cached("SELECT account FROM replica")?;
    Ok(statement.query_row([], |row| row.get::<_, Db<_>>(0))?.0)
}

/// Keeps a grant in the place of what was kept of it; `staged` out of sight, for a snapshot.
pub(in crate::replica) fn keep(
    connection: &Connection,
    grant: &Grant,
    staged: bool,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO grants (grant_id, staged, atome, grantee, body) VALUES (?, ?, ?, ?, ?) \
             ON CONFLICT (staged, grant_id) DO UPDATE SET atome = excluded.atome, \
             grantee = excluded.grantee, body = excluded.body",
        )?
        .execute(params![
            Db(grant.id),
            staged,
            Db(grant.atome),
            Db(grant.grantee.id),
            serde_json::to_string(grant)?
        ])?;
    Ok(())
}

/// Keeps a policy; the same.
pub(in crate::replica) fn keep_policy(
    connection: &Connection,
    policy: &Policy,
    staged: bool,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO policies (staged, sender, body) VALUES (?, ?, ?) \
             ON CONFLICT DO UPDATE SET body = excluded.body",
        )?
        .execute(params![
            staged,
            Db(policy.sender.id),
            serde_json::to_string(policy)?
        ])?;
    Ok(())
}

/// Drops what is staged.
pub(in crate::replica) fn unstage(connection: &Connection) -> Result<(), StoreError> {
    for table in ["grants", "policies"] {
        connection
            .prepare_cached(&format!("DELETE FROM {table} WHERE staged"))?
            .execute([])?;
    }
    Ok(())
}

/// Makes what is staged what is kept: beside what is kept already, or with `replace` in the place of all of
/// it.
pub(in crate::replica) fn install(
    connection: &Connection,
    replace: bool,
) -> Result<(), StoreError> {
    for (table, key) in [("grants", "grant_id"), ("policies", "sender")] {
        let again = format!(
            "DELETE FROM {table} WHERE NOT staged AND (? OR {key} IN \
             (SELECT {key} FROM {table} WHERE staged))"
        );
        connection.prepare_cached(&again)?.execute([replace])?;
        connection
            .prepare_cached(&format!("UPDATE {table} SET staged = FALSE WHERE staged"))?
            .execute([])?;
    }
    Ok(())
}

/// Whether another account ever let this one see something.
pub(in crate::replica) fn is_reader(
    connection: &Connection,
    account: AccountId,
) -> Result<bool, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT 1 FROM grants WHERE grantee = ? AND NOT staged")?;
    Ok(statement.exists([Db(account)])?)
}

fn query(
    connection: &Connection,
    condition: &str,
    values: impl Params,
) -> Result<Vec<Grant>, StoreError> {
    let sql =
        format!("SELECT body FROM grants WHERE NOT staged AND ({condition}) ORDER BY grant_id");
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(values, |row| row.get::<_, String>(0))?;
    rows.map(|body| Ok(serde_json::from_str(&body?)?)).collect()
}

pub(super) fn load(connection: &Connection, id: GrantId) -> Result<Option<Grant>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT body FROM grants WHERE NOT staged AND grant_id = ?")?;
    let body: Option<String> = statement.query_row([Db(id)], |row| row.get(0)).optional()?;
    Ok(body.as_deref().map(serde_json::from_str).transpose()?)
}

/// The grants on one atome.
pub(super) fn on(connection: &Connection, atome: AtomeId) -> Result<Vec<Grant>, StoreError> {
    query(connection, "atome = ?", [Db(atome)])
}

/// The grants to an account.
pub(super) fn to(connection: &Connection, grantee: AccountId) -> Result<Vec<Grant>, StoreError> {
    query(connection, "grantee = ?", [Db(grantee)])
}

/// Those that may be among what is asked for.
pub(super) fn some(
    connection: &Connection,
    which: Which,
    account: AccountId,
) -> Result<Vec<Grant>, StoreError> {
    match which {
        Which::All => query(connection, "TRUE", []),
        Which::Of(atome) => on(connection, atome),
        Which::ToOthers => query(connection, "grantee <> ?", [Db(account)]),
        Which::WithMe | Which::Inbox => to(connection, account),
    }
}

/// The grants to an account on atomes of another, in the order of the atomes.
pub(super) fn covering(
    connection: &Connection,
    grantee: AccountId,
    owner: AccountId,
    line: &[AtomeId],
) -> Result<Vec<Grant>, StoreError> {
    let mut covering = vec![];
    for atome in line {
        let grants = on(connection, *atome)?;
        let fits = |grant: &Grant| grant.grantee.id == grantee && grant.owner.id == owner;
        covering.extend(grants.into_iter().filter(fits));
    }
    Ok(covering)
}

pub(super) fn policy(
    connection: &Connection,
    sender: AccountId,
) -> Result<Option<Policy>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT body FROM policies WHERE NOT staged AND sender = ?")?;
    let body: Option<String> = statement
        .query_row([Db(sender)], |row| row.get(0))
        .optional()?;
    Ok(body.as_deref().map(serde_json::from_str).transpose()?)
}

/// The accounts that there is a policy about.
pub(in crate::replica) fn senders(
    connection: &Connection,
) -> Result<BTreeSet<AccountId>, StoreError> {
    let mut statement =
        connection.prepare_cached("SELECT sender FROM policies WHERE NOT staged")?;
    let rows = statement.query_map([], |row| Ok(row.get::<_, Db<_>>(0)?.0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
