//! What time brings to grants, computed from what is stored: nobody needs to be awake for it.

use atome_engine::sharing::expires;
use atome_proto::sharing::GrantState;
use atome_proto::{AccountId, ReplicaId};
use rusqlite::{Connection, OptionalExtension, params};

use super::grants::{self, begin, bring, keep};
use crate::error::HubError;
use crate::hub::ledger::Ledger;
use crate::sqlite::value::Db;

/// A replica that was seen so long ago is seen anew, in milliseconds.
pub(in crate::hub) const SEEN_EVERY_MS: u64 = 3_600_000;

/// Begins what is to begin by now, and ends what is over.
pub(in crate::hub) fn settle(ledger: &mut Ledger<'_>) -> Result<(), HubError> {
    loop {
        let due = grants::due(ledger.connection, ledger.now_ms)?;
        if due.is_empty() {
            return Ok(());
        }
        for kept in due {
            if expires(&kept.grant, ledger.now_ms) {
                let over_ms = kept.grant.terms.until_ms.unwrap_or(ledger.now_ms);
                bring(ledger, kept, GrantState::Expired, None, over_ms)?;
            } else {
                let grant = kept.grant.clone();
                keep(ledger, kept, Some(&grant))?;
                begin(ledger, &grant)?;
            }
        }
    }
}

/// Ends every grant that a deleted account has to do with; a copy stays its owner's.
pub(in crate::hub) fn end_all(ledger: &mut Ledger<'_>, account: AccountId) -> Result<(), HubError> {
    for kept in grants::standing(ledger.connection, account)? {
        let grant = &kept.grant;
        let state = if grant.state() == GrantState::Accepted {
            GrantState::Revoked
        } else if grant.grantee.id == account {
            GrantState::Refused
        } else {
            GrantState::Withdrawn
        };
        let passed_on = grant.by.id == account
            && grant.owner.id != account
            && grant.grantee.id != account
            && grant.state() == GrantState::Accepted;
        if !passed_on {
            bring(ledger, kept, state, Some(account), ledger.now_ms)?;
        }
    }
    Ok(())
}

/// Takes note that a replica has carried out every eviction up to a feed number, and tells those whom that
/// concerns.
pub(in crate::hub) fn evicted(
    ledger: &mut Ledger<'_>,
    account: AccountId,
    replica: ReplicaId,
    feed: u64,
) -> Result<(), HubError> {
    seen(ledger.connection, account, replica, ledger.now_ms)?;
    let feed = feed.min(ledger.feeds.head(account)?);
    let before = ledger
        .connection
        .prepare_cached("SELECT evicted FROM replicas WHERE account = ? AND replica = ?")?
        .query_row(params![Db(account), Db(replica)], |row| {
            row.get::<_, Db<u64>>(0)
        })
        .optional()?
        .map_or(0, |Db(evicted)| evicted);
    if feed <= before {
        return Ok(());
    }
    ledger
        .connection
        .prepare_cached("UPDATE replicas SET evicted = ? WHERE account = ? AND replica = ?")?
        .execute(params![Db(feed), Db(account), Db(replica)])?;
    grants::confirmed(ledger, account, before, feed)
}

/// Whether a replica is to be noted as seen.
pub(in crate::hub) fn is_unseen(
    connection: &Connection,
    account: AccountId,
    replica: ReplicaId,
    now_ms: u64,
) -> Result<bool, HubError> {
    let mut statement = connection
        .prepare_cached("SELECT seen_at_ms FROM replicas WHERE account = ? AND replica = ?")?;
    let seen = statement
        .query_row(params![Db(account), Db(replica)], |row| {
            row.get::<_, Db<u64>>(0)
        })
        .optional()?;
    Ok(seen.is_none_or(|Db(seen)| seen.saturating_add(SEEN_EVERY_MS) <= now_ms))
}

/// Notes that a replica is here.
pub(in crate::hub) fn seen(
    connection: &Connection,
    account: AccountId,
    replica: ReplicaId,
    now_ms: u64,
) -> Result<(), HubError> {
    connection
        .prepare_cached(
            "INSERT INTO replicas (account, replica, number, last_time, seen_at_ms) \
             VALUES (?, ?, 0, 0, ?) \
             ON CONFLICT DO UPDATE SET seen_at_ms = max(seen_at_ms, excluded.seen_at_ms)",
        )?
        .execute(params![Db(account), Db(replica), Db(now_ms)])?;
    Ok(())
}
