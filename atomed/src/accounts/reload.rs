//! Going on by a configuration that was read again.

use std::sync::{Arc, PoisonError};

use atome_proto::Problem;
use atome_store::MachineDb;

use super::{Account, Accounts, Slot};
use crate::config::{Config, DirectoryMode};
use crate::sync::dial::TrustError;

/// Why a configuration cannot be gone on by.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The certificates of the hub cannot be checked.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The machine store does not answer, or the daemon is stopping.
    #[error("{0}")]
    Store(#[from] Problem),
}

impl Accounts {
    /// What the configuration said last.
    #[must_use]
    pub fn config(&self) -> Arc<Config> {
        let config = self.0.config.read();
        Arc::clone(&config.unwrap_or_else(PoisonError::into_inner))
    }

    /// Goes on by a configuration that was read; gives the keys that differ and wait for a restart.
    ///
    /// # Errors
    ///
    /// [`ReloadError`]; then all goes on as before.
    pub async fn take_over(&self, read: Config) -> Result<Vec<&'static str>, ReloadError> {
        let before = self.config();
        let (config, waits) = before.reloaded(read);
        let (old, new) = (before.directory, config.directory);
        if let (Some(hub), Some(remote)) = (&self.0.hub, &config.remote) {
            hub.dialer().trust_again(remote)?;
        }
        if new == DirectoryMode::None && old != new {
            self.write(MachineDb::clear_directory).await?;
        }
        *self
            .0
            .config
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Arc::new(config);
        if (old == DirectoryMode::All) != (new == DirectoryMode::All) {
            self.drive_anew().await?;
        }
        self.keep_now();
        Ok(waits)
    }

    /// Ends each driver and starts another, which tells the hub anew what it wants to hear.
    async fn drive_anew(&self) -> Result<(), Problem> {
        // None is made or removed meanwhile.
        let _making = self.0.making.lock().await;
        let open: Vec<Account> = self.slots().values().filter_map(Slot::open).collect();
        for account in open {
            let Some(sync) = &account.sync else { continue };
            sync.end().await;
            let sync = self.drive(account.id, &account.store).await?;
            if let Some(slot @ Slot::Open(_)) = self.slots().get_mut(&account.id) {
                *slot = Slot::Open(Account { sync, ..account });
            }
        }
        Ok(())
    }
}
