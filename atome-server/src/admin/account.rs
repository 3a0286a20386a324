//! `atome-server account disable|enable|delete|revoke`.

use atome_store::HubStore;
use uuid::Uuid;

use super::{AdminError, find, with_store};
use crate::config::Config;
use crate::hub::wall_ms;

/// Rows that are taken away in one transaction, so that a running hub can write in between.
const PURGED_AT_ONCE: u32 = 2_000;

/// Closes an account to its sessions and to logins, or opens it again; gives its name.
///
/// # Errors
///
/// [`AdminError`].
pub async fn set_disabled(
    config: &Config,
    who: &str,
    disabled: bool,
) -> Result<String, AdminError> {
    with_store(config, async |store| {
        let entry = find(store, who).await?.entry;
        store.set_disabled(entry.user_id, disabled).await?;
        Ok(entry.username)
    })
    .await
}

/// Deletes an account and all that it has, once `is_meant` says so of its name; gives that name.
///
/// # Errors
///
/// [`AdminError`].
pub async fn delete(
    config: &Config,
    who: &str,
    is_meant: impl FnOnce(&str) -> bool,
) -> Result<String, AdminError> {
    with_store(config, async |store| {
        let entry = find(store, who).await?.entry;
        if !is_meant(&entry.username) {
            return Err(AdminError::NotMeant);
        }
        store.delete_account(entry.user_id, wall_ms()).await?;
        while store.purge(PURGED_AT_ONCE).await? {}
        Ok(entry.username)
    })
    .await
}

/// Closes a session of an account.
///
/// # Errors
///
/// [`AdminError`].
pub async fn close_session(config: &Config, who: &str, session: Uuid) -> Result<(), AdminError> {
    with_store(config, async |store| {
        let account = find(store, who).await?.entry.user_id;
        if !store.close_session(account, session).await? {
            return Err(AdminError::NoSession(session));
        }
        Ok(())
    })
    .await
}
