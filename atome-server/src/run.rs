//! A hub's life: from its configuration to its last durable write.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use atome_proto::runtime::Profile;
use atome_sandbox::{Cage, Entered, SandboxError};
use atome_service::notify::notify;
use atome_store::{HubError, OpenError, SqliteHub};
use serde::Serialize;

use crate::config::{Config, Sandbox};
use crate::housekeeping;
use crate::hub::Hub;
use crate::listen;
use crate::listener::{HandedIn, ListenError};
use crate::metrics;
use crate::reload::Reload;
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
    /// Signals cannot be heard.
    #[error("the system takes no handler for a signal")]
    Signals(#[source] io::Error),
    /// There is no listening socket.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The kernel does not enforce what is required.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
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
    /// Where figures are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics: Option<SocketAddr>,
    pid: u32,
}

/// Runs a hub until `stop`: every connection is told, what was begun is finished and durable.
///
/// `ready` hears the address as soon as clients may connect. From then on this process connects to nothing
/// and listens at nothing else (see [`crate::sandbox`]). With `reload` its configuration can be read again.
///
/// # Errors
///
/// [`RunError`].
pub async fn run(
    config: Config,
    entered: Entered,
    stop: Stop,
    reload: Option<Reload>,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), RunError> {
    say_aloud(&config);
    let tls = config.tls.as_ref().map(tls::acceptor).transpose()?;
    let is_plain = tls.is_none();
    listen::raise_file_limit(config.limits.connections_max);
    let running_file = config.running_file();
    let store = SqliteHub::open(&config.database_file(), config.durability)?;
    let mut handed_in = HandedIn::take();
    let (listener, listen) = handed_in.for_clients(config.listen).await?;
    let metrics = handed_in.for_metrics(config.metrics).await?;
    say_enforced(&entered.seal()?);
    let hub = Hub::new(config, tls, Arc::new(store.clone()), stop).await?;
    let running = Running {
        listen,
        metrics: metrics.as_ref().map(|(_, at)| *at),
        pid: std::process::id(),
    };
    write_running(&running_file, &running).map_err(|source| RunError::RunningFile {
        path: running_file.clone(),
        source,
    })?;
    let hub = Arc::new(hub);
    if let Some(reload) = reload {
        reload.start(Arc::clone(&hub));
    }
    say_ready(&hub, &running, is_plain);
    ready(listen);
    watchdog::start(Arc::clone(&hub));
    if let Some((listener, _)) = metrics {
        tokio::spawn(metrics::listener::serve(listener, Arc::clone(&hub)));
    }
    tokio::join!(listen::accept(listener, &hub), housekeeping::keep(&hub));
    notify("STOPPING=1");
    listen::drain(&hub).await;
    store.close().await;
    if let Err(error) = fs::remove_file(&running_file) {
        tracing::debug!(%error, "the file of the running hub was not there");
    }
    tracing::info!("the hub has stopped");
    Ok(())
}

fn say_aloud(config: &Config) {
    if config.profile == Profile::Development {
        tracing::warn!("profile development: this is a hub for trials, not for production");
    }
    if config.tls.is_none() {
        tracing::warn!("no [tls]: passwords and data cross the network in the clear");
    }
}

/// Says what the kernel refuses this process from now on, and what it does not.
fn say_enforced(cage: &Cage) {
    if cage.mode == Sandbox::Off {
        tracing::warn!("sandbox off: the kernel is asked to enforce nothing");
        return;
    }
    tracing::info!(enforced = ?cage.enforced, "what the kernel refuses");
    if !cage.lacks.is_empty() {
        tracing::warn!(
            lacks = ?cage.lacks,
            why = ?cage.why,
            "the kernel does not enforce everything; run Linux 6.12 or later with Landlock enabled"
        );
    }
}

fn say_ready(hub: &Hub, running: &Running, is_plain: bool) {
    let config = hub.config();
    tracing::info!(
        listen = %running.listen,
        metrics = running.metrics.map(tracing::field::display),
        tls = !is_plain,
        registration = config.accounts.registration.as_str(),
        hub = %hub.identity.hub,
        epoch = %hub.identity.epoch,
        version = env!("CARGO_PKG_VERSION"),
        "the hub is ready"
    );
    notify("READY=1");
}

/// Writes the file whole or not at all: whoever waits for it never reads half of it.
fn write_running(file: &Path, running: &Running) -> io::Result<()> {
    let temporary = file.with_extension("json.new");
    let mut new = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)?;
    new.write_all(&serde_json::to_vec(running)?)?;
    new.write_all(b"\n")?;
    new.sync_all()?;
    fs::rename(&temporary, file)
}
