//! What the doctor looks at: files, the store of secrets, the way to the hub, where an account stands.

use std::path::PathBuf;

use atome_proto::AccountId;

use super::{Account, Accounts, Slot};
use crate::hub_client::HubClient;
use crate::secrets::Secrets;

impl Accounts {
    /// The file of an account's store.
    pub(crate) fn store_file(&self, id: AccountId) -> PathBuf {
        self.folder(id).join("replica.db")
    }

    /// The file of the machine store.
    pub(crate) fn machine_file(&self) -> PathBuf {
        self.0.state_dir.join("machine.db")
    }

    /// The way to the hub, where there is one.
    pub(crate) fn hub(&self) -> Option<&HubClient> {
        self.0.hub.as_ref()
    }

    /// The store of secrets.
    pub(crate) fn secrets(&self) -> &Secrets {
        &self.0.secrets
    }

    /// An account whose store is open.
    pub(crate) fn open_account(&self, id: AccountId) -> Option<Account> {
        match self.slots().get(&id) {
            Some(Slot::Open(account)) => Some(account.clone()),
            Some(Slot::Broken(_)) | None => None,
        }
    }

    /// How far this machine's clock was ahead of the hub's when a connection last told, in milliseconds.
    pub(crate) fn clock_ahead_ms(&self) -> Option<i64> {
        self.slots().values().find_map(|slot| match slot {
            Slot::Open(account) => account.sync.as_ref()?.view().clock_ahead_ms,
            Slot::Broken(_) => None,
        })
    }
}
