//! What accounts do with each other's requests.

use atome_proto::AccountId;
use atome_proto::sharing::{Policy, Rule};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::HubError;
use crate::hub::ledger::Ledger;
use crate::sqlite::value::Db;

/// What an account does with a sender's requests, where it has said so.
pub(super) fn load(
    connection: &Connection,
    account: AccountId,
    sender: AccountId,
) -> Result<Option<Policy>, HubError> {
    let found: Option<String> = connection
        .prepare_cached("SELECT body FROM policies WHERE account = ? AND sender = ?")?
        .query_row(params![Db(account), Db(sender)], |row| row.get(0))
        .optional()?;
    Ok(found.as_deref().map(serde_json::from_str).transpose()?)
}

/// Every policy of an account, by sender.
pub(in crate::hub) fn all(
    connection: &Connection,
    account: AccountId,
) -> Result<Vec<Policy>, HubError> {
    let mut statement =
        connection.prepare_cached("SELECT body FROM policies WHERE account = ? ORDER BY sender")?;
    let rows = statement.query_map([Db(account)], |row| row.get::<_, String>(0))?;
    rows.map(|row| Ok(serde_json::from_str(&row?)?)).collect()
}

/// Keeps a policy, and tells the account's replicas; one that blocks clears what waits.
pub(super) fn keep(
    ledger: &mut Ledger<'_>,
    account: AccountId,
    policy: &Policy,
) -> Result<(), HubError> {
    let sender = policy.sender.id;
    if load(ledger.connection, account, sender)?.as_ref() != Some(policy) {
        ledger
            .connection
            .prepare_cached(
                "INSERT INTO policies (account, sender, body) VALUES (?, ?, ?) \
                 ON CONFLICT DO UPDATE SET body = excluded.body",
            )?
            .execute(params![
                Db(account),
                Db(sender),
                serde_json::to_string(policy)?
            ])?;
        ledger.feeds.tell_policy(account, policy)?;
    }
    if policy.rule == Rule::Block {
        super::acts::clear(ledger, account, sender)?;
    }
    Ok(())
}
