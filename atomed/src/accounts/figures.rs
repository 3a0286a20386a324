//! What is measured of the accounts, for whoever watches over the machine.

use std::path::Path;
use std::sync::Arc;

use atome_proto::Problem;
use atome_proto::local::v1::{AccountStatus, Finding};
use atome_service::metrics::Histogram;
use atome_store::machine::MachineAccount;

use super::Accounts;
use crate::sync::View;

/// What is measured of one account.
pub struct Figures {
    /// Its status.
    pub status: AccountStatus,
    /// What a person should know of it.
    pub findings: Vec<Finding>,
    /// Where its sync stands; absent without a hub, or where its store does not open.
    pub sync: Option<View>,
    /// How long its writes take; absent where its store does not open.
    pub writes: Option<Arc<Histogram>>,
    /// The size of its store.
    pub store: StoreSize,
}

/// The size of a store on the disk, in bytes; absent where it is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreSize {
    /// The database.
    pub database: Option<u64>,
    /// Its write-ahead log.
    pub wal: Option<u64>,
}

impl StoreSize {
    fn of(database: &Path) -> Self {
        let bytes = |file: &Path| file.metadata().ok().map(|metadata| metadata.len());
        Self {
            database: bytes(database),
            wal: bytes(&database.with_extension("db-wal")),
        }
    }
}

impl Accounts {
    /// What is measured of an account.
    ///
    /// # Errors
    ///
    /// Where its store fails.
    pub async fn figures_of(&self, row: &MachineAccount) -> Result<Figures, Problem> {
        let (status, findings) = self.status_of(row).await;
        let id = row.entry.user_id;
        let account = self.opened(id).ok();
        Ok(Figures {
            status,
            findings,
            sync: account
                .as_ref()
                .and_then(|account| Some(account.sync.as_ref()?.view())),
            writes: account.map(|account| account.writes),
            store: StoreSize::of(&self.folder(id).join("replica.db")),
        })
    }

    /// The size of the machine store.
    #[must_use]
    pub fn machine_size(&self) -> StoreSize {
        StoreSize::of(&self.0.state_dir.join("machine.db"))
    }
}
