//! What every connection of the hub shares.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use atome_engine::clock::Now;
use atome_engine::session::Identity;
use atome_proto::directory::DirectoryChange;
use atome_store::{HubError, HubStore};
use bytes::Bytes;
use tokio::sync::{Notify, Semaphore, watch};

use crate::auth::cookie;
use crate::config::Config;
use crate::guard::Guard;
use crate::hashing::Hashing;
use crate::http::openapi;
use crate::source::Strangers;
use crate::stop::Stop;

/// The hub: its configuration, its store, the place where passwords are compared.
pub struct Hub {
    /// What it was told.
    pub config: Config,
    /// What it keeps.
    pub store: Arc<dyn HubStore>,
    /// Where passwords are hashed and compared.
    pub hashing: Hashing,
    /// Who comes too often.
    pub guard: Guard,
    /// The description of its HTTP interface, in JSON.
    pub openapi: Bytes,
    /// Which hub it is, and which life of its database.
    pub identity: Identity,
    /// The last changes of the directory, in order.
    pub directory: watch::Sender<Arc<[DirectoryChange]>>,
    /// Heard when an account was deleted, and what it kept is to be taken away.
    pub to_purge: Notify,
    /// Places for connections.
    pub places: Arc<Semaphore>,
    /// Places for those that have shown no session yet.
    pub strangers: Arc<Strangers>,
    /// Whether it is stopping.
    pub stop: Stop,
    started: Instant,
}

impl Hub {
    /// A hub over a store.
    ///
    /// # Errors
    ///
    /// Where the store does not say which hub it is.
    pub async fn new(
        config: Config,
        store: Arc<dyn HubStore>,
        stop: Stop,
    ) -> Result<Self, HubError> {
        let identity = store.identity().await?;
        let accounts = &config.accounts;
        let hashing = Hashing::new(accounts.hashes_at_once, accounts.hashes_waiting_max);
        let places = Arc::new(Semaphore::new(config.limits.connections_max));
        let strangers = Strangers::new(config.limits.unknown_per_source_max);
        let openapi = openapi::document(cookie::name(config.tls.is_some()));
        Ok(Self {
            guard: Guard::new(&config),
            config,
            store,
            hashing,
            openapi: openapi.to_string().into(),
            strangers,
            identity,
            directory: watch::Sender::new([].into()),
            to_purge: Notify::new(),
            places,
            stop,
            started: Instant::now(),
        })
    }

    /// How many connections stand.
    #[must_use]
    pub fn connections(&self) -> usize {
        let free = self.places.available_permits();
        self.config.limits.connections_max.saturating_sub(free)
    }

    /// The time, as plain numbers.
    #[must_use]
    pub fn now(&self) -> Now {
        Now {
            mono_ms: whole_ms(self.started.elapsed()),
            wall_ms: wall_ms(),
        }
    }

    /// How long a session lives without being used, in milliseconds.
    #[must_use]
    pub fn session_life_ms(&self) -> u64 {
        whole_ms(self.config.accounts.session_life)
    }
}

/// Milliseconds since 1970 by this machine's clock.
#[must_use]
pub fn wall_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, whole_ms)
}

pub(crate) fn whole_ms(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
