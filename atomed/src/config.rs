//! The daemon's configuration: what it may say, read from a file and the environment.
//!
//! Nothing here is defaulted to an address: without `[local] socket` (or a socket handed in by systemd)
//! the daemon does not start, and without `[remote] endpoint` it dials nothing. Every fault is found in
//! one pass and told with its place, its reason and its remedy. It never touches the network.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use atome_proto::runtime::{Profile, RuntimeDeclaration, RuntimeType};

mod check;
pub mod endpoint;
mod fault;
mod location;
mod proxy;
mod reload;
mod settings;
mod system;

pub use atome_sandbox::Mode as Sandbox;
pub use atome_service::log::Format as LogFormat;
use atome_service::log::Levels;
pub use endpoint::Endpoint;
pub use fault::{Fault, Faults, Place};
pub use location::Environment;
pub use proxy::Proxy;

/// What an acknowledged write survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// A power cut: every acknowledged write is on the disk.
    Full,
    /// A crash of the daemon; a power cut may take the last moments.
    Normal,
}

/// Where secrets are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretStore {
    /// In files below the state directory.
    File,
    /// In the keyring of the user's session.
    Keyring,
}

/// A Unix user that is tied to an account for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRule {
    /// The Unix user's number.
    pub uid: u32,
    /// The account, by name or id.
    pub account: String,
}

/// The hub that the daemon dials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remote {
    /// Where it is.
    pub endpoint: Endpoint,
    /// The certificates that are trusted instead of the system's roots.
    pub ca_file: Option<PathBuf>,
    /// The proxy through which it is dialled.
    pub proxy: Option<Proxy>,
}

/// What a machine keeps of the hub's public directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DirectoryMode {
    /// All of it.
    #[default]
    All,
    /// What was looked up here.
    Contacts,
    /// Nothing.
    None,
}

/// The configuration, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The file it was read from, if there was one.
    pub file: Option<PathBuf>,
    /// How strict it is taken.
    pub profile: Profile,
    /// Where everything is kept.
    pub state_dir: PathBuf,
    /// How much the kernel is asked to enforce.
    pub sandbox: Sandbox,
    /// Where the daemon listens; absent where systemd hands the socket in.
    pub socket: Option<PathBuf>,
    /// The hub; absent in full offline mode.
    pub remote: Option<Remote>,
    /// What is kept here of the hub's directory.
    pub directory: DirectoryMode,
    /// Unix users tied to accounts for good.
    pub access: Vec<AccessRule>,
    /// The name of this machine in a hub's list of sessions.
    pub device: String,
    /// What an acknowledged write survives.
    pub durability: Durability,
    /// Where hub tokens are kept.
    pub secrets: SecretStore,
    /// Which events are logged.
    pub log_level: Levels,
    /// How they are written.
    pub log_format: LogFormat,
    /// systemd's runtime directory, where the declaration is written if it is set.
    pub runtime_dir: Option<PathBuf>,
    /// systemd's credentials, among which a hub token may be.
    pub credentials_dir: Option<PathBuf>,
}

impl Remote {
    /// The host and the TCP port that are dialled: the proxy's, where there is one.
    #[must_use]
    pub fn dialled(&self) -> (&str, u16) {
        match &self.proxy {
            Some(proxy) => (&proxy.host, proxy.port),
            None => (&self.endpoint.host, self.endpoint.port),
        }
    }
}

impl Config {
    /// Reads and checks the configuration: the file that `--config` names, or the one that applies.
    ///
    /// # Errors
    ///
    /// [`Faults`], all that were found.
    pub fn load(named: Option<&Path>, environment: &Environment) -> Result<Self, Faults> {
        let file = location::find(named, environment)?;
        let text = match &file {
            Some(path) => location::read(path)?,
            None => String::new(),
        };
        Self::parse(file, &text, environment)
    }

    /// Checks a configuration whose text is at hand.
    ///
    /// # Errors
    ///
    /// [`Faults`], all that were found.
    pub fn parse(
        file: Option<PathBuf>,
        text: &str,
        environment: &Environment,
    ) -> Result<Self, Faults> {
        let settings = settings::gather(file.as_deref(), text, environment)?;
        check::check(file, settings, environment)
    }

    /// What the daemon declares itself to be, once it listens on `socket`.
    #[must_use]
    pub fn declaration(&self, socket: Option<&Path>) -> RuntimeDeclaration {
        RuntimeDeclaration {
            runtime_type: RuntimeType::Daemon,
            has_local_server: true,
            local_endpoint: socket.map(|path| format!("unix://{}", path.display())),
            remote_endpoint: self.remote.as_ref().map(|r| r.endpoint.to_string()),
            profile: self.profile,
            enforced: BTreeMap::new(),
            pid: None,
        }
    }
}
