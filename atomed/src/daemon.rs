//! The daemon as a whole: what it holds, in which order it begins, in which it ends.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use atome_proto::local::v1::{Finding, FindingCode, Severity};
use atome_proto::runtime::{Profile, RuntimeDeclaration};
use atome_proto::time::to_rfc3339;
use atome_sandbox::{Cage, Entered, SandboxError};
use rustix::fs::{FlockOperation, flock};

use crate::accounts::{Accounts, AccountsError};
use crate::api::Api;
use crate::clock;
use crate::config::{Config, Durability, Sandbox};
use crate::declaration::declare;
use crate::doctor::Doctor;
use crate::reload::Reload;
use crate::room::Room;
use crate::sandbox;
use crate::secrets::private_folder;
use crate::socket::{Listening, SocketError};
use crate::stop::Stop;
use crate::watchdog;

/// Why the daemon does not start.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// The state directory cannot be used.
    #[error("the state directory {0} cannot be used: {1}")]
    StateDir(PathBuf, io::Error),
    /// Another daemon uses it.
    #[error(
        "another daemon uses the state directory {0}; stop it first, or give this one a state_dir of its \
         own"
    )]
    Shared(PathBuf),
    /// The socket cannot be had.
    #[error(transparent)]
    Socket(#[from] SocketError),
    /// The accounts cannot be opened.
    #[error(transparent)]
    Accounts(#[from] AccountsError),
    /// The kernel does not enforce what is required.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// The declaration cannot be written.
    #[error("the runtime declaration cannot be written beside the socket: {0}")]
    Declaration(io::Error),
}

/// What a daemon has from before it runs.
#[derive(Debug)]
pub struct Start {
    /// Its sandbox, not yet sealed.
    pub entered: Entered,
    /// The socket that systemd handed in, if it did.
    pub handed_in: Option<UnixListener>,
    /// What it needs to read its configuration again.
    pub reload: Option<Reload>,
}

impl Start {
    /// Without a sandbox, and without a socket.
    #[must_use]
    pub fn plain() -> Self {
        Self {
            entered: Entered::off(),
            handed_in: None,
            reload: None,
        }
    }
}

/// Runs the daemon until the order to stop; `ready` is called once it answers.
///
/// From the moment on that it listens, this process listens on nothing else (see [`crate::sandbox`]).
///
/// # Errors
///
/// [`DaemonError`], where it does not start.
pub async fn run(
    config: Config,
    start: Start,
    stop: Stop,
    ready: impl FnOnce(),
) -> Result<(), DaemonError> {
    announce(&config);
    let lock = lock(&config.state_dir)?;
    let listening = Listening::open(start.handed_in, config.socket.as_deref())?;
    let cage = start.entered.seal()?;
    let standing = standing(&config, &cage);
    standing.iter().for_each(log);
    tracing::info!(enforced = ?cage.enforced, "what the kernel refuses");
    let declaration = RuntimeDeclaration {
        enforced: cage.enforced,
        ..config.declaration(Some(&listening.path))
    };
    let accounts = Accounts::open(&config, declaration.clone(), stop.clone()).await?;
    let runtime_dir = config.runtime_dir.as_deref();
    let declared =
        declare(&declaration, runtime_dir, &listening.path).map_err(DaemonError::Declaration)?;
    let api = Api::new(
        accounts.clone(),
        declaration,
        Doctor::new(standing),
        Room::of(&config.state_dir),
        sandbox::ports(&config),
        stop.clone(),
    );
    tracing::info!(socket = %listening.path.display(), "ready");
    if let Some(reload) = start.reload {
        reload.start(accounts.clone(), stop.clone());
    }
    ready();
    watchdog::start(accounts.clone(), stop.clone());
    api.serve(&listening.listener).await;
    drop(declared);
    accounts.close().await;
    drop(listening);
    drop(lock);
    tracing::info!("stopped");
    Ok(())
}

/// Takes the state directory for this daemon alone; the kernel gives it back however the daemon ends.
fn lock(state_dir: &Path) -> Result<File, DaemonError> {
    let failed = |error| DaemonError::StateDir(state_dir.to_owned(), error);
    private_folder(state_dir).map_err(failed)?;
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(state_dir.join("lock"))
        .map_err(failed)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(DaemonError::Shared(state_dir.to_owned())),
        Err(error) => Err(failed(error.into())),
    }
}

/// Says aloud what a person should not overlook.
fn announce(config: &Config) {
    let remote = config.remote.as_ref().map(|r| r.endpoint.to_string());
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        configuration = config.file.as_ref().map(|f| f.display().to_string()),
        state_dir = %config.state_dir.display(),
        remote = remote.as_deref().unwrap_or("none: full offline"),
        "starting"
    );
}

fn log(finding: &Finding) {
    match finding.severity {
        Severity::Error | Severity::Warning => {
            tracing::warn!(code = finding.code.as_str(), "{}", finding.message);
        }
        Severity::Info | Severity::Ok => {
            tracing::info!(code = finding.code.as_str(), "{}", finding.message)
        }
    }
}

/// What the configuration gives a person to know for as long as the daemon runs.
fn standing(config: &Config, cage: &Cage) -> Vec<Finding> {
    let since = to_rfc3339(clock::wall_ms());
    let finding = |code| Finding::new(code).since(since.clone());
    let mut found = Vec::new();
    if config.profile == Profile::Development {
        found.push(finding(FindingCode::DevelopmentProfile));
    }
    if cage.mode == Sandbox::Off {
        found.push(finding(FindingCode::SandboxOff));
    } else if !cage.lacks.is_empty() {
        let (lacks, why) = (cage.lacks.join(", "), cage.why.join(", "));
        let message = format!("The kernel does not enforce {lacks}: {why}.");
        found.push(finding(FindingCode::SandboxPartial).message(message));
    }
    if config.durability == Durability::Normal {
        found.push(finding(FindingCode::DurabilityNormal));
    }
    found
}
