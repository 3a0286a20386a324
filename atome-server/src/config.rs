//! The hub's configuration: where it is read from, and what it comes to.
//!
//! A TOML file, then the environment over it by one rule (`ATOME_SERVER_TLS__CERT_FILE` is
//! `tls.cert_file`), then systemd's `STATE_DIRECTORY`. Whatever is unknown, out of range or
//! contradictory is refused with its place, why, and what would be right; nothing that others connect
//! to is ever defaulted.

mod problem;
mod reader;
mod reload;
mod resolve;
mod settings;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use atome_proto::runtime::Profile;
pub use atome_sandbox::Mode as Sandbox;
use atome_service::log::{Format, Levels};
use atome_store::Durability;

pub use self::problem::{ConfigError, Place};
use self::settings::Settings;

/// Where the file is looked for when neither `--config` nor systemd names one.
const FILE_DEFAULT: &str = "/etc/atome/atome-server.toml";
/// The file's name in systemd's `CONFIGURATION_DIRECTORY`.
const FILE_NAME: &str = "atome-server.toml";

/// All that the hub is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file that it was read from, if there was one.
    pub file: Option<PathBuf>,
    /// How strictly the rest is taken.
    pub profile: Profile,
    /// Where everything is kept.
    pub state_dir: PathBuf,
    /// Where clients connect; port 0 lets the system choose one. Absent where systemd hands the socket in.
    pub listen: Option<SocketAddr>,
    /// How much the kernel is asked to enforce.
    pub sandbox: Sandbox,
    /// How the log is written.
    pub log: Log,
    /// The certificate and its key; without them, connections are plain.
    pub tls: Option<TlsFiles>,
    /// What an acknowledgement promises.
    pub durability: Durability,
    /// How long feeds keep their numbers.
    pub feed_kept: Duration,
    /// Accounts.
    pub accounts: Accounts,
    /// What one client, or all of them, may take.
    pub limits: Limits,
    /// Where figures are asked for; absent where nobody shall, or where systemd hands the socket in.
    pub metrics: Option<SocketAddr>,
}

/// How the log is written, to standard error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// Lines or JSON.
    pub format: Format,
    /// Which events are written.
    pub levels: Levels,
}

/// The files of `[tls]`, PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, then those that lead to the root.
    pub cert_file: PathBuf,
    /// Its private key.
    pub key_file: PathBuf,
}

/// The keys of `[accounts]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accounts {
    /// Who may register.
    pub registration: Registration,
    /// Registrations that one source may send in an hour.
    pub registrations_per_hour: u32,
    /// How long a session lives without being used.
    pub session_life: Duration,
    /// Password hashes computed at once; 0 for as many as there are processors.
    pub hashes_at_once: usize,
    /// Password hashes that may wait for their turn.
    pub hashes_waiting_max: usize,
}

/// Who may register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registration {
    /// Everyone.
    Open,
    /// Whoever has an invitation.
    Invite,
    /// Nobody.
    Closed,
}

impl Registration {
    /// The word in the configuration and in `GET /api/v1/server`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Invite => "invite",
            Self::Closed => "closed",
        }
    }
}

/// The keys of `[limits]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections that stand at once; more wait until one ends.
    pub connections_max: usize,
    /// Connections of one source that stand at once before a session is shown on them.
    pub unknown_per_source_max: usize,
    /// Questions to the directory that one account may ask in a minute.
    pub directory_per_minute: u32,
    /// Time for the TLS handshake, and for authentication of a WebSocket.
    pub handshake_timeout: Duration,
    /// Time for the head of a request, and again for its body.
    pub request_timeout: Duration,
    /// Time that connections are given to end when the hub stops.
    pub stop_timeout: Duration,
}

/// The environment variables that count, as plain data.
#[derive(Clone, Debug, Default)]
pub struct Environment(pub BTreeMap<String, String>);

impl Environment {
    /// Those of this process; what is not UTF-8 is left out.
    #[must_use]
    pub fn of_process() -> Self {
        let utf8 = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(std::env::vars_os().filter_map(utf8).collect())
    }

    /// The first folder of a list that systemd hands over, such as `STATE_DIRECTORY`.
    fn folder(&self, name: &str) -> Option<PathBuf> {
        let first = self.0.get(name)?.split(':').next()?;
        (!first.is_empty()).then(|| PathBuf::from(first))
    }
}

impl Config {
    /// Every key there is, dotted.
    pub const KEYS: &[&str] = reader::KEYS;

    /// Reads the configuration: `file` where one was named, else the file in systemd's
    /// `CONFIGURATION_DIRECTORY`, else the system's, else the environment alone.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, not only the first.
    pub fn load(file: Option<&Path>, env: &Environment) -> Result<Self, Vec<ConfigError>> {
        let found = match file {
            Some(file) => Some(file.to_owned()),
            None => env
                .folder("CONFIGURATION_DIRECTORY")
                .map(|folder| folder.join(FILE_NAME))
                .into_iter()
                .chain([PathBuf::from(FILE_DEFAULT)])
                .find(|file| file.exists()),
        };
        let Some(file) = found else {
            return Self::of(None, Settings::default(), env).map_err(|mut errors| {
                errors.insert(0, no_file());
                errors
            });
        };
        let text = settings::text_of(&file).map_err(|error| vec![error])?;
        Self::parse(file, &text, env)
    }

    /// Checks a configuration whose text is at hand; `file` is what the places of errors name.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, not only the first.
    pub fn parse(file: PathBuf, text: &str, env: &Environment) -> Result<Self, Vec<ConfigError>> {
        let mut settings = Settings::default();
        let read = settings.read_text(&file, text);
        read.map_err(|error| vec![error])?;
        Self::of(Some(file), settings, env)
    }

    fn of(
        file: Option<PathBuf>,
        mut settings: Settings,
        env: &Environment,
    ) -> Result<Self, Vec<ConfigError>> {
        settings.read_environment(env);
        resolve::resolve(file, &settings, env)
    }

    /// The database of the embedded engine.
    #[must_use]
    pub fn database_file(&self) -> PathBuf {
        self.state_dir.join("hub.db")
    }

    /// Where a running hub says at which address it listens.
    #[must_use]
    pub fn running_file(&self) -> PathBuf {
        self.state_dir.join("atome-server.json")
    }
}

/// Said beside what is missing, where there is no file at all.
fn no_file() -> ConfigError {
    ConfigError {
        place: Place::Nowhere,
        key: String::new(),
        why: format!("no file was named, and there is no {FILE_DEFAULT}"),
        remedy: "name one with --config FILE; config/atome-server.toml shows every key".to_owned(),
    }
}
