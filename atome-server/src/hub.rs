//! What every connection of the hub shares.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use atome_engine::clock::Now;
use atome_engine::session::Identity;
use atome_proto::directory::DirectoryChange;
use atome_store::{Fault, HubError, HubStore};
use bytes::Bytes;
use tokio::sync::{Notify, watch};
use tokio_rustls::TlsAcceptor;

use crate::auth::cookie;
use crate::config::Config;
use crate::guard::Guard;
use crate::hashing::Hashing;
use crate::http::openapi;
use crate::metrics::Metrics;
use crate::places::Places;
use crate::source::Strangers;
use crate::stop::Stop;

/// The hub: its store, the place where passwords are compared.
pub struct Hub {
    /// What it counts.
    pub metrics: Arc<Metrics>,
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
    pub places: Arc<Places>,
    /// Places for those that have shown no session yet.
    pub strangers: Arc<Strangers>,
    /// Whether it is stopping.
    pub stop: Stop,
    live: RwLock<Live>,
    started: Instant,
}

/// What it was told last.
struct Live {
    config: Arc<Config>,
    tls: Option<TlsAcceptor>,
}

impl Hub {
    /// A hub over a store.
    ///
    /// # Errors
    ///
    /// Where the store does not say which hub it is.
    pub async fn new(
        config: Config,
        tls: Option<TlsAcceptor>,
        store: Arc<dyn HubStore>,
        stop: Stop,
    ) -> Result<Self, HubError> {
        let identity = store.identity().await?;
        let accounts = &config.accounts;
        let hashing = Hashing::new(accounts.hashes_at_once, accounts.hashes_waiting_max)
            .map_err(|error| Fault::Defect(format!("no threads: {error}")))?;
        let places = Places::new(config.limits.connections_max);
        let strangers = Strangers::new(config.limits.unknown_per_source_max);
        let openapi = openapi::document(cookie::name(config.tls.is_some()));
        let metrics = Arc::<Metrics>::default();
        Ok(Self {
            guard: Guard::new(&config, Arc::clone(&metrics)),
            metrics,
            store,
            hashing,
            openapi: openapi.to_string().into(),
            strangers,
            identity,
            directory: watch::Sender::new([].into()),
            to_purge: Notify::new(),
            places,
            stop,
            live: RwLock::new(Live {
                config: Arc::new(config),
                tls,
            }),
            started: Instant::now(),
        })
    }

    /// How many connections stand.
    #[must_use]
    pub fn connections(&self) -> u64 {
        u64::try_from(self.places.taken()).unwrap_or(u64::MAX)
    }

    /// What it was told last.
    #[must_use]
    pub fn config(&self) -> Arc<Config> {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&live.config)
    }

    /// What accepts TLS with the certificate that was read last; absent where connections are plain.
    #[must_use]
    pub fn tls(&self) -> Option<TlsAcceptor> {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        live.tls.clone()
    }

    /// Goes on by another configuration; connections that stand are left alone.
    pub fn take_over(&self, config: Config, tls: Option<TlsAcceptor>) {
        let before = self.config();
        let limits = &config.limits;
        self.guard.reconfigure(&before, &config);
        self.strangers
            .set_per_source_max(limits.unknown_per_source_max);
        self.places.set_max(limits.connections_max);
        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
        *live = Live {
            config: Arc::new(config),
            tls,
        };
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
        whole_ms(self.config().accounts.session_life)
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
