//! From settings as they are written to a configuration, or to everything that is wrong with them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use atome_proto::runtime::Profile;
use atome_service::log::{Format, Levels, NoLevels};
use atome_store::Durability;

use super::problem::{ConfigError, Place};
use super::reader::Reader;
use super::settings::{Raw, Settings};
use super::{Accounts, Config, Environment, Limits, Log, Registration, Sandbox, TlsFiles};

/// Understands settings.
pub(super) fn resolve(
    file: Option<PathBuf>,
    settings: &Settings,
    env: &Environment,
) -> Result<Config, Vec<ConfigError>> {
    let mut reader = Reader {
        settings,
        whole: file.clone().map_or(Place::Nowhere, Place::Whole),
        errors: Vec::new(),
    };
    reader.unknown();
    let profile = reader.choice(
        "profile",
        &[
            ("production", Profile::Production),
            ("development", Profile::Development),
        ],
        Profile::Production,
    );
    let listen = reader.listen(env);
    let state_dir = reader.state_dir(env);
    let tls = reader.tls(profile);
    reader.database();
    let durability = reader.choice(
        "database.durability",
        &[("full", Durability::Full), ("normal", Durability::Normal)],
        Durability::Full,
    );
    let feed_days = reader.whole("database.feed_days", 1..=36_500, 90);
    let metrics = reader.metrics(listen);
    let sandbox = reader.choice("sandbox", Sandbox::WORDS, Sandbox::default());
    let log = reader.log();
    let accounts = reader.accounts();
    let limits = reader.limits();
    match state_dir {
        Some(state_dir) if reader.errors.is_empty() => Ok(Config {
            file,
            profile,
            state_dir,
            listen,
            sandbox,
            log,
            tls,
            durability,
            feed_kept: Duration::from_secs(u64::from(feed_days) * 86_400),
            accounts,
            limits,
            metrics,
        }),
        Some(_) | None => Err(reader.errors),
    }
}

impl Reader<'_> {
    fn listen(&mut self, env: &Environment) -> Option<SocketAddr> {
        const REMEDY: &str = "write the address and the port, such as \"[::]:443\" for every \
             address of this machine, or an address of one network only";
        if self.setting("listen").is_none() {
            if env.0.contains_key("LISTEN_FDS") {
                return None;
            }
            let why = "it is missing; where the hub listens is never guessed";
            self.wrong("listen", why, REMEDY);
            return None;
        }
        self.address("listen", REMEDY)
    }

    fn address(&mut self, key: &str, remedy: &str) -> Option<SocketAddr> {
        if let Some(Raw::Whole(number)) = self.setting(key).map(|setting| &setting.value) {
            let why = format!("{number} is no address with a port");
            self.wrong(key, why, remedy);
            return None;
        }
        let text = self.text(key)?;
        let address = text.parse().ok();
        if address.is_none() {
            let why = format!("\"{text}\" is no address with a port");
            self.wrong(key, why, remedy);
        }
        address
    }

    fn state_dir(&mut self, env: &Environment) -> Option<PathBuf> {
        let named = self.path("state_dir");
        if let Some(folder) = env.folder("STATE_DIRECTORY") {
            return Some(folder);
        }
        if named.is_none() && self.setting("state_dir").is_none() {
            self.wrong(
                "state_dir",
                "it is missing",
                "name the folder in which the hub keeps its data, such as \"/var/lib/atome-server\"",
            );
        }
        named
    }

    fn tls(&mut self, profile: Profile) -> Option<TlsFiles> {
        let named = self.settings.sections.contains_key("tls");
        if !named && profile == Profile::Production {
            self.wrong(
                "tls",
                "it is missing, and the profile is \"production\"",
                "add [tls] with cert_file and key_file; for a trial without them, set profile = \"development\"",
            );
        }
        if !named {
            return None;
        }
        for key in ["tls.cert_file", "tls.key_file"] {
            if self.setting(key).is_none() {
                let remedy = "name a PEM file: [tls] needs both cert_file and key_file";
                self.wrong(key, "it is missing, and there is a [tls]", remedy);
            }
        }
        let (cert_file, key_file) = (self.path("tls.cert_file"), self.path("tls.key_file"));
        Some(TlsFiles {
            cert_file: cert_file?,
            key_file: key_file?,
        })
    }

    fn database(&mut self) {
        const REMEDY: &str = "write \"sqlite:\" (a database below state_dir), or leave it out";
        let Some(url) = self.text("database.url") else {
            return;
        };
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            // The address may hold a password: it is not repeated.
            self.wrong(
                "database.url",
                "this version keeps its data in SQLite only; PostgreSQL comes with a later one",
                REMEDY,
            );
        } else if url != "sqlite:" {
            self.wrong(
                "database.url",
                "this is no database that the hub knows",
                REMEDY,
            );
        }
    }

    fn metrics(&mut self, clients: Option<SocketAddr>) -> Option<SocketAddr> {
        const KEY: &str = "metrics.listen";
        let address = self.address(
            KEY,
            "write the address of the network from which figures are collected, and a port of its own, \
             such as \"192.0.2.10:9464\"",
        )?;
        if address.port() != 0 && clients.is_some_and(|clients| clients.port() == address.port()) {
            let why = "this is the port of listen: clients and collectors have a port each";
            self.wrong(KEY, why, "write another port");
        }
        Some(address)
    }

    fn log(&mut self) -> Log {
        let levels = self.text("log_level").map(Levels::parse);
        if let Some(Err(NoLevels)) = levels {
            self.wrong("log_level", "it names no levels", NoLevels::REMEDY);
        }
        Log {
            format: self.choice("log_format", Format::WORDS, Format::Text),
            levels: levels.and_then(Result::ok).unwrap_or_default(),
        }
    }

    fn accounts(&mut self) -> Accounts {
        let words = [
            ("open", Registration::Open),
            ("invite", Registration::Invite),
            ("closed", Registration::Closed),
        ];
        let registration = self.choice("accounts.registration", &words, Registration::Open);
        let hourly = "accounts.registrations_per_hour";
        let days = self.whole("accounts.session_days", 1..=3650, 90);
        Accounts {
            registration,
            registrations_per_hour: self.whole(hourly, 1..=1_000_000, 300),
            session_life: Duration::from_secs(u64::from(days) * 86_400),
            hashes_at_once: in_memory(self.whole("accounts.hashes_at_once", 0..=1024, 0)),
            hashes_waiting_max: in_memory(self.whole(
                "accounts.hashes_waiting_max",
                0..=100_000,
                64,
            )),
        }
    }

    fn limits(&mut self) -> Limits {
        Limits {
            connections_max: in_memory(self.whole("limits.connections_max", 1..=1_000_000, 16_384)),
            unknown_per_source_max: in_memory(self.whole(
                "limits.unknown_per_source_max",
                1..=1_000_000,
                256,
            )),
            directory_per_minute: self.whole("limits.directory_per_minute", 1..=60_000, 60),
            handshake_timeout: self.seconds("limits.handshake_timeout_s", 1..=120, 10),
            request_timeout: self.seconds("limits.request_timeout_s", 1..=120, 10),
            stop_timeout: self.seconds("limits.stop_timeout_s", 1..=600, 20),
        }
    }
}

fn in_memory(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
