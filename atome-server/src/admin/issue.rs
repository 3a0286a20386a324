//! `atome-server invite` and `token create`: secrets that are shown once, and kept as hashes.

use std::time::Duration;

use atome_proto::account::Secret;
use atome_store::HubStore;
use atome_store::hub::Invite;

use super::{AdminError, find, with_store};
use crate::auth::token;
use crate::config::Config;
use crate::hub::{wall_ms, whole_ms};

/// Makes so many codes, each good for one registration within a time.
///
/// # Errors
///
/// [`AdminError`].
pub async fn invite(config: &Config, count: u32, ttl: Duration) -> Result<Vec<Secret>, AdminError> {
    with_store(config, async |store| {
        let mut codes = Vec::new();
        for _ in 0..count {
            let (code, code_hash) = token::random_secret()?;
            let created_at_ms = wall_ms();
            let invite = Invite {
                code_hash,
                created_at_ms,
                expires_at_ms: created_at_ms.saturating_add(whole_ms(ttl)),
            };
            store.add_invite(invite).await?;
            codes.push(code);
        }
        Ok(codes)
    })
    .await
}

/// Opens a session of an account for a machine without a password; gives its token.
///
/// # Errors
///
/// [`AdminError`].
pub async fn create_token(
    config: &Config,
    who: &str,
    device: &str,
    ttl: Duration,
) -> Result<Secret, AdminError> {
    with_store(config, async |store| {
        let account = find(store, who).await?.entry.user_id;
        let minted = token::mint(account, device, whole_ms(ttl))?;
        store.open_session(minted.session).await?;
        Ok(minted.token)
    })
    .await
}
