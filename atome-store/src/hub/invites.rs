//! Invitations: codes, kept as hashes, each good for one registration.

use atome_proto::AccountId;
use rusqlite::{Connection, params};

use super::Invite;
use crate::error::HubError;
use crate::sqlite::value::Db;

/// Adds an invitation.
pub(super) fn add(connection: &Connection, invite: &Invite) -> Result<(), HubError> {
    connection
        .prepare_cached(
            "INSERT INTO invites (code_hash, created_at_ms, expires_at_ms) VALUES (?, ?, ?)",
        )?
        .execute(params![
            invite.code_hash,
            Db(invite.created_at_ms),
            Db(invite.expires_at_ms)
        ])?;
    Ok(())
}

/// Uses an invitation up, where it is still good.
pub(super) fn spend(
    connection: &Connection,
    code_hash: &[u8; 32],
    account: AccountId,
    now_ms: u64,
) -> Result<(), HubError> {
    let spent = connection
        .prepare_cached(
            "UPDATE invites SET used_by = ?2 \
             WHERE code_hash = ?1 AND used_by IS NULL AND expires_at_ms > ?3",
        )?
        .execute(params![code_hash, Db(account), Db(now_ms)])?;
    if spent == 0 {
        return Err(HubError::NotInvited);
    }
    Ok(())
}
