//! The accounts of this machine: each with its store and its sync driver.
//!
//! Step 4 of the way of a write. Owns who may use which account, making and removing accounts, logging in
//! and out, the copy of the directory, and whatever of it waits for the hub.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use atome_proto::runtime::RuntimeDeclaration;
use atome_proto::{AccountId, Code, Problem};
use atome_service::metrics::Histogram;
use atome_store::machine::MachineAccount;
use atome_store::{
    Durability, MachineDb, MachineStore, MachineView, OpenError, ReplicaStore, StoreError,
};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::config::{self, Config, DirectoryMode};
use crate::hashing::Hashing;
use crate::hub_client::HubClient;
use crate::secrets::{SecretError, Secrets, private_folder};
use crate::stop::Stop;
use crate::store_problem::{open_problem, problem};
use crate::sync::dial::{Dialer, TrustError};
use crate::sync::driver::{Parts, driver};
use crate::sync::news::News;
use crate::sync::{Handle, stopping};
use crate::{clock, random};

mod backup;
mod create;
mod directory;
mod figures;
mod guesses;
mod health;
mod inspect;
mod join;
mod keeper;
mod login;
mod logout;
pub(crate) mod machine_file;
mod password;
pub(crate) mod quarantine;
mod registrar;
mod reload;
mod removal;
mod reopen;
mod resolve;
mod revocations;
mod select;
mod sessions;
mod state;
mod token;
mod tokens;

use machine_file::MachineFile;

pub use directory::Wanted;
pub use figures::{Figures, StoreSize};
pub use registrar::Registration;
pub use reload::ReloadError;
pub use select::Selected;

/// Why the accounts cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum AccountsError {
    /// The state directory cannot be made.
    #[error("the state directory {0} cannot be made, or not closed to others: {1}")]
    StateDir(PathBuf, std::io::Error),
    /// Secrets cannot be kept.
    #[error("{0}; {remedy}", remedy = .0.remedy())]
    Secrets(#[from] SecretError),
    /// The machine store does not open.
    #[error(transparent)]
    Machine(#[from] OpenError),
    /// The certificates of the hub cannot be checked.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The machine store does not answer, or the daemon is stopping.
    #[error("{0}")]
    Store(#[from] Problem),
}

/// One account that is open.
#[derive(Clone)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Its store.
    pub store: ReplicaStore,
    /// Its driver; absent in full offline mode.
    pub sync: Option<Handle>,
    /// Where its registration at the hub stands.
    pub registration: watch::Sender<Registration>,
    /// How long its writes take, from the asking to the durable answer.
    pub writes: Arc<Histogram>,
}

/// An account of this machine, open or not.
#[derive(Clone)]
enum Slot {
    Open(Account),
    /// Its store does not open, and is tried again; the rest of the daemon works.
    Broken(Problem),
}

impl Slot {
    fn open(&self) -> Option<Account> {
        match self {
            Self::Open(account) => Some(account.clone()),
            Self::Broken(_) => None,
        }
    }
}

/// All accounts of this machine; a clone shares them.
#[derive(Clone)]
pub struct Accounts(Arc<Inner>);

struct Inner {
    machine: MachineStore,
    secrets: Secrets,
    hashing: Hashing,
    tried: guesses::Tried,
    hub: Option<HubClient>,
    /// What was configured last.
    config: RwLock<Arc<Config>>,
    news: Arc<News>,
    durability: Durability,
    state_dir: PathBuf,
    declaration: RuntimeDeclaration,
    slots: Mutex<BTreeMap<AccountId, Slot>>,
    /// Who may use which account, as last read.
    known: Mutex<Option<Arc<select::Known>>>,
    /// Accounts are made one at a time, so that none is opened twice.
    making: tokio::sync::Mutex<()>,
    /// The machine store is copied once at a time.
    copying: tokio::sync::Mutex<()>,
    /// Heard when the keeper has something to do.
    keep_now: Notify,
    tasks: Mutex<JoinSet<()>>,
    stop: Stop,
}

impl Accounts {
    /// Opens the machine store, and every account's store with its driver.
    ///
    /// # Errors
    ///
    /// [`AccountsError`]. One account's store that does not open is no error: it is told to its users.
    pub async fn open(
        config: &Config,
        declaration: RuntimeDeclaration,
        stop: Stop,
    ) -> Result<Self, AccountsError> {
        for folder in [config.state_dir.clone(), config.state_dir.join("accounts")] {
            private_folder(&folder).map_err(|error| AccountsError::StateDir(folder, error))?;
        }
        let durability = match config.durability {
            config::Durability::Full => Durability::Full,
            config::Durability::Normal => Durability::Normal,
        };
        let hub = match &config.remote {
            Some(remote) => Some(HubClient::new(Dialer::new(remote, config.profile)?)),
            None => None,
        };
        let accounts = Self(Arc::new(Inner {
            machine: open_machine(config).await?,
            secrets: open_secrets(config, &stop).await?,
            hashing: Hashing::default(),
            tried: guesses::Tried::default(),
            hub,
            config: RwLock::new(Arc::new(config.clone())),
            news: Arc::default(),
            durability,
            state_dir: config.state_dir.clone(),
            declaration,
            slots: Mutex::default(),
            known: Mutex::default(),
            making: tokio::sync::Mutex::default(),
            copying: tokio::sync::Mutex::default(),
            keep_now: Notify::new(),
            tasks: Mutex::default(),
            stop,
        }));
        accounts.finish_what_was_begun().await?;
        accounts.remove_passing_files().await?;
        if config.directory == DirectoryMode::None {
            accounts.write(MachineDb::clear_directory).await?;
        }
        accounts.keep_copy().await;
        for row in accounts.rows().await? {
            if let Err(problem) = accounts.start(&row).await {
                let account = row.entry.user_id;
                tracing::error!(%account, code = %problem.code, why = %problem, "not opened");
                accounts.slots().insert(account, Slot::Broken(problem));
            }
        }
        accounts.start_reopening();
        accounts.start_keeper();
        Ok(accounts)
    }

    /// Whether the machine store answers, be it only with what is wrong with its disk: a new start
    /// brings back a store that has stopped, and mends no disk.
    pub async fn answer(&self) -> bool {
        match self.rows().await {
            Ok(_) => true,
            Err(problem) => {
                tracing::error!(%problem, "the machine store does not answer the watchdog");
                problem.code != Code::Stopping
            }
        }
    }

    /// The accounts that this machine keeps, by name.
    async fn rows(&self) -> Result<Vec<MachineAccount>, Problem> {
        self.read(|view| view.accounts()).await
    }

    /// Reads the machine store.
    async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(MachineView<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let answer = self.0.machine.read(question).await;
        answer.map_err(|e| problem(&e))
    }

    /// Writes to the machine store.
    async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&mut MachineDb) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, Problem> {
        let written = self.0.machine.write(write).await;
        written.map_err(|e| problem(&e))
    }

    /// The folder of an account.
    fn folder(&self, id: AccountId) -> PathBuf {
        self.0.state_dir.join("accounts").join(id.to_string())
    }

    /// Opens an account's store and starts its driver.
    async fn start(&self, row: &MachineAccount) -> Result<Account, Problem> {
        let inner = &self.0;
        let id = row.entry.user_id;
        let place = quarantine::Place {
            state_dir: inner.state_dir.clone(),
            account: id,
            durability: inner.durability,
            fresh: random::replica_id()?,
        };
        // Opening may migrate, or save what is left of a damaged file, which may take its time.
        let store = tokio::task::spawn_blocking(move || place.open())
            .await
            .map_err(|_| stopping())?
            .map_err(|error| open_problem(&error))?;
        let sync = self.drive(id, &store).await?;
        let account = Account {
            id,
            store,
            sync,
            registration: watch::Sender::new(Registration::of(row)),
            writes: Arc::default(),
        };
        self.slots().insert(id, Slot::Open(account.clone()));
        Ok(account)
    }

    /// Starts the driver of an account; there is none in full offline mode.
    async fn drive(&self, id: AccountId, store: &ReplicaStore) -> Result<Option<Handle>, Problem> {
        let inner = &self.0;
        let Some(hub) = &inner.hub else {
            return Ok(None);
        };
        let (handle, run) = driver(Parts {
            account: id,
            store: store.clone(),
            dialer: hub.dialer().clone(),
            secrets: inner.secrets.clone(),
            declaration: inner.declaration.clone(),
            news: Arc::clone(&inner.news),
            hears_directory: self.config().directory == DirectoryMode::All,
            stop: inner.stop.clone(),
        })
        .await?;
        self.tasks().spawn(run);
        Ok(Some(handle))
    }

    /// Waits until drivers have said goodbye and stores are closed; the order to stop must be given.
    pub async fn close(self) {
        let mut tasks = std::mem::take(&mut *self.tasks());
        while tasks.join_next().await.is_some() {}
        let slots = std::mem::take(&mut *self.slots());
        for slot in slots.into_values() {
            if let Slot::Open(account) = slot {
                account.store.close().await;
            }
        }
        self.0.machine.clone().close().await;
    }

    fn slots(&self) -> MutexGuard<'_, BTreeMap<AccountId, Slot>> {
        self.0.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.0.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An account that is open.
    fn opened(&self, id: AccountId) -> Result<Account, Problem> {
        match self.slots().get(&id) {
            Some(Slot::Open(account)) => Ok(account.clone()),
            Some(Slot::Broken(problem)) => Err(problem.clone()),
            None => Err(Problem::new(
                Code::NotFound,
                "there is no such account here",
            )),
        }
    }

    /// Stops an account: its driver says goodbye, its store is closed.
    async fn stop(&self, id: AccountId) {
        let slot = self.slots().remove(&id);
        if let Some(Slot::Open(account)) = slot {
            if let Some(sync) = &account.sync {
                sync.end().await;
            }
            account.store.close().await;
        }
    }

    /// Milliseconds since 1970.
    fn wall_ms() -> u64 {
        clock::wall_ms()
    }
}

/// Opening may migrate, or save what is left of a damaged file.
async fn open_machine(config: &Config) -> Result<MachineStore, AccountsError> {
    let file = MachineFile::of(&config.state_dir);
    let opened = tokio::task::spawn_blocking(move || file.open());
    Ok(opened.await.map_err(|_| stopping())??)
}

/// A keyring may first ask a person for its password, who may end the daemon instead.
async fn open_secrets(config: &Config, stop: &Stop) -> Result<Secrets, AccountsError> {
    let (store, state_dir) = (config.secrets, config.state_dir.clone());
    let credentials = config.credentials_dir.clone();
    let open = move || Secrets::open(store, &state_dir, credentials);
    tokio::select! {
        opened = tokio::task::spawn_blocking(open) => Ok(opened.map_err(|_| stopping())??),
        () = stop.ordered() => Err(stopping().into()),
    }
}
