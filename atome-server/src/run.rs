//! A hub's life: from its configuration to its last durable write.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use atome_proto::runtime::Profile;
use atome_store::{HubError, OpenError, SqliteHub};
use sd_notify::NotifyState;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::config::{Config, Sandbox};
use crate::housekeeping;
use crate::hub::Hub;
use crate::listen;
use crate::stop::Stop;
use crate::tls::{self, TlsError};
use crate::watchdog;

/// Why a hub did not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no TLS.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The database cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database does not work.
    #[error("the database does not work")]
    Store(#[from] HubError),
    /// The address cannot be listened at.
    #[error("{address} cannot be listened at; is another program there, or may this user not?")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The file that tells the address cannot be written.
    #[error("{path} cannot be written")]
    RunningFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What a running hub writes below its `state_dir`.
#[derive(Debug, Serialize)]
struct Running {
    listen: SocketAddr,
    pid: u32,
}

/// Runs a hub until `stop`: every connection is told, what was begun is finished and durable.
///
/// `ready` hears the address as soon as clients may connect.
///
/// # Errors
///
/// [`RunError`].
pub async fn run(
    config: Config,
    stop: Stop,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), RunError> {
    say_aloud(&config);
    let tls = config.tls.as_ref().map(tls::acceptor).transpose()?;
    listen::raise_file_limit(config.limits.connections_max);
    let running_file = config.running_file();
    let (store, listener, listen) = open(&config).await?;
    let hub = Hub::new(config, Arc::new(store.clone()), stop).await?;
    write_running(&running_file, listen).map_err(|source| RunError::RunningFile {
        path: running_file.clone(),
        source,
    })?;
    say_ready(&hub, listen, tls.as_ref());
    ready(listen);
    let hub = Arc::new(hub);
    watchdog::start(Arc::clone(&hub));
    tokio::join!(
        listen::accept(listener, &hub, tls.as_ref()),
        housekeeping::keep(&hub)
    );
    notify(&[NotifyState::Stopping]);
    listen::drain(&hub).await;
    store.close().await;
    if let Err(error) = fs::remove_file(&running_file) {
        tracing::debug!(%error, "the file of the running hub was not there");
    }
    tracing::info!("the hub has stopped");
    Ok(())
}

async fn open(config: &Config) -> Result<(SqliteHub, TcpListener, SocketAddr), RunError> {
    let store = SqliteHub::open(&config.database_file(), config.durability)?;
    let failed = |source| RunError::Listen {
        address: config.listen,
        source,
    };
    let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
    let listen = listener.local_addr().map_err(failed)?;
    Ok((store, listener, listen))
}

fn say_aloud(config: &Config) {
    if config.profile == Profile::Development {
        tracing::warn!("profile development: this is a hub for trials, not for production");
    }
    if config.tls.is_none() {
        tracing::warn!("no [tls]: passwords and data cross the network in the clear");
    }
    match config.sandbox {
        Sandbox::BestEffort => tracing::warn!(
            "sandbox best-effort: this version cannot have the kernel enforce anything yet"
        ),
        Sandbox::Off => tracing::info!("sandbox off: the kernel enforces nothing"),
    }
}

fn say_ready(hub: &Hub, listen: SocketAddr, tls: Option<&TlsAcceptor>) {
    tracing::info!(
        %listen,
        tls = tls.is_some(),
        registration = hub.config.accounts.registration.as_str(),
        hub = %hub.identity.hub,
        epoch = %hub.identity.epoch,
        version = env!("CARGO_PKG_VERSION"),
        "the hub is ready"
    );
    notify(&[NotifyState::Ready]);
}

fn notify(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(false, state) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}

/// Writes the file whole or not at all: whoever waits for it never reads half of it.
fn write_running(file: &Path, listen: SocketAddr) -> io::Result<()> {
    let running = Running {
        listen,
        pid: std::process::id(),
    };
    let temporary = file.with_extension("json.new");
    let mut new = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    new.write_all(&serde_json::to_vec(&running)?)?;
    new.write_all(b"\n")?;
    new.sync_all()?;
    fs::rename(&temporary, file)
}
