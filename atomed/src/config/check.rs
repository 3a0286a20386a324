//! What the settings mean, and whether they fit together.

use std::path::PathBuf;

use atome_proto::runtime::Profile;
use atome_service::log::{Levels, NoLevels};

use super::endpoint::{BadEndpoint, Endpoint};
use super::fault::{Fault, Faults, Place};
use super::location::Environment;
use super::proxy::proxy_for;
use super::settings::{AccessSetting, Setting, Settings};
use super::system::{hostname, uid_of};
use super::{
    AccessRule, Config, DirectoryMode, Durability, LogFormat, Remote, Sandbox, SecretStore,
};

/// Judges every setting; gives the configuration, or all that is wrong with it.
pub(super) fn check(
    file: Option<PathBuf>,
    settings: Settings,
    environment: &Environment,
) -> Result<Config, Faults> {
    let whole = file.clone().map_or(Place::Nowhere, Place::Whole);
    let mut checker = Checker {
        whole,
        faults: settings.faults,
        values: settings.values,
        remote_group: settings.groups.get("remote").cloned(),
    };
    let profile = checker.profile();
    let remote = checker.remote(profile, environment);
    let config = Config {
        file,
        profile,
        state_dir: checker.state_dir(environment),
        sandbox: checker.sandbox(),
        socket: checker.socket(environment),
        remote,
        directory: checker.directory(),
        access: checker.access(settings.access),
        device: checker.device(),
        durability: checker.durability(),
        secrets: checker.secrets(),
        log_level: checker.log_level(),
        log_format: checker.log_format(),
        runtime_dir: environment.directory("RUNTIME_DIRECTORY"),
        credentials_dir: environment.directory("CREDENTIALS_DIRECTORY"),
    };
    if checker.faults.is_empty() {
        Ok(config)
    } else {
        Err(Faults(checker.faults))
    }
}

struct Checker {
    whole: Place,
    faults: Vec<Fault>,
    values: std::collections::BTreeMap<String, Setting>,
    /// Where `[remote]` stands.
    remote_group: Option<Place>,
}

impl Checker {
    fn take(&mut self, key: &str) -> Option<Setting> {
        self.values.remove(key)
    }

    fn fault(&mut self, place: Place, key: &str, why: impl Into<String>, remedy: &str) {
        self.faults.push(Fault {
            place,
            key: Some(key.to_owned()),
            why: why.into(),
            remedy: remedy.to_owned(),
        });
    }

    /// One of a few words.
    fn word<T: Copy>(&mut self, key: &str, words: &[(&str, T)], default: T) -> T {
        let Some(setting) = self.take(key) else {
            return default;
        };
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == setting.text) {
            return *value;
        }
        let all: Vec<String> = words
            .iter()
            .map(|(word, _)| format!("\"{word}\""))
            .collect();
        let why = format!("'{}' is none of its values", setting.text);
        self.fault(
            setting.place,
            key,
            why,
            &format!("write one of {}", all.join(", ")),
        );
        default
    }

    fn path(&mut self, key: &str) -> Option<(PathBuf, Place)> {
        let setting = self.take(key)?;
        let path = PathBuf::from(&setting.text);
        if path.is_absolute() {
            return Some((path, setting.place));
        }
        let why = format!("'{}' is not an absolute path", setting.text);
        self.fault(
            setting.place,
            key,
            why,
            "write the whole path, from / on: a service has no folder of its own to start from",
        );
        None
    }

    fn profile(&mut self) -> Profile {
        let words = [
            ("production", Profile::Production),
            ("development", Profile::Development),
        ];
        self.word("profile", &words, Profile::Production)
    }

    fn sandbox(&mut self) -> Sandbox {
        self.word("sandbox", Sandbox::WORDS, Sandbox::default())
    }

    fn directory(&mut self) -> DirectoryMode {
        let words = [
            ("all", DirectoryMode::All),
            ("contacts", DirectoryMode::Contacts),
            ("none", DirectoryMode::None),
        ];
        self.word("directory", &words, DirectoryMode::default())
    }

    fn secrets(&mut self) -> SecretStore {
        let words = [
            ("file", SecretStore::File),
            ("keyring", SecretStore::Keyring),
        ];
        self.word("secrets.store", &words, SecretStore::File)
    }

    fn durability(&mut self) -> Durability {
        let words = [("full", Durability::Full), ("normal", Durability::Normal)];
        self.word("durability", &words, Durability::Full)
    }

    fn log_format(&mut self) -> LogFormat {
        self.word("log.format", LogFormat::WORDS, LogFormat::Text)
    }

    fn log_level(&mut self) -> Levels {
        let Some(setting) = self.take("log.level") else {
            return Levels::default();
        };
        Levels::parse(&setting.text).unwrap_or_else(|NoLevels| {
            let why = format!("'{}' names no levels", setting.text);
            self.fault(setting.place, "log.level", why, NoLevels::REMEDY);
            Levels::default()
        })
    }

    fn state_dir(&mut self, environment: &Environment) -> PathBuf {
        let written = self.path("state_dir");
        if let Some(dir) = environment.directory("STATE_DIRECTORY") {
            return dir;
        }
        if written.is_none()
            && !self
                .faults
                .iter()
                .any(|f| f.key.as_deref() == Some("state_dir"))
        {
            self.fault(
                self.whole.clone(),
                "state_dir",
                "it says nowhere where accounts and data are kept",
                "write state_dir = \"/var/lib/atome\", or another folder of the daemon's own",
            );
        }
        written.map(|(path, _)| path).unwrap_or_default()
    }

    fn socket(&mut self, environment: &Environment) -> Option<PathBuf> {
        let named = self.values.contains_key("local.socket");
        let socket = self.path("local.socket");
        if !named && environment.get("LISTEN_FDS").is_none() {
            self.fault(
                self.whole.clone(),
                "local.socket",
                "it says nowhere where the daemon listens, and there is no default",
                "write [local] and below it socket = \"/run/atome/atomed.sock\", or let systemd \
                 hand a socket in",
            );
        }
        let (path, place) = socket?;
        // The kernel's sockaddr_un holds 108 bytes, the closing zero included.
        if path.as_os_str().len() > 107 {
            let why = format!("the path has {} bytes", path.as_os_str().len());
            self.fault(
                place,
                "local.socket",
                why,
                "a socket's path has at most 107 bytes",
            );
        }
        Some(path)
    }

    fn device(&mut self) -> String {
        match self.take("device") {
            None => hostname(),
            Some(setting) => {
                let len = setting.text.chars().count();
                if !(1..=64).contains(&len) || setting.text.chars().any(char::is_control) {
                    self.fault(
                        setting.place,
                        "device",
                        "a device's name is a text of 1 to 64 characters on one line",
                        "write a short name without tabs and line breaks, or remove the key: the host's \
                         name is the default",
                    );
                }
                setting.text
            }
        }
    }

    fn remote(&mut self, profile: Profile, environment: &Environment) -> Option<Remote> {
        let ca_file = self.path("remote.ca_file");
        let Some(setting) = self.take("remote.endpoint") else {
            let is_told = |fault: &Fault| {
                let key = fault.key.as_deref().unwrap_or_default();
                key.starts_with("remote.")
            };
            if let Some(place) = self.remote_group.take()
                && ca_file.is_none()
                && !self.faults.iter().any(is_told)
            {
                self.fault(
                    place,
                    "remote",
                    "it names no hub",
                    "write endpoint = \"wss://…\" below [remote]; or remove [remote], and the daemon is \
                     fully offline",
                );
            }
            if let Some((_, place)) = ca_file {
                self.fault(
                    place,
                    "remote.ca_file",
                    "there is no hub whose certificate it could check",
                    "write [remote] endpoint = \"wss://…\" too, or remove ca_file",
                );
            }
            return None;
        };
        let endpoint = match Endpoint::parse(&setting.text) {
            Ok(endpoint) => endpoint,
            Err(error) => {
                let remedy = match &error {
                    BadEndpoint::NoAddress(_) | BadEndpoint::Scheme(_) => {
                        "write wss:// and the hub's name, such as \"wss://hub.example.org\""
                    }
                    BadEndpoint::Port(_) => {
                        "write the number of the hub's port, or nothing behind the host: 443 is the \
                         default of wss://"
                    }
                    BadEndpoint::More(_) | BadEndpoint::User => {
                        "write only scheme, host and port; the paths at a hub are the daemon's \
                         affair, and tokens come by login"
                    }
                };
                self.fault(setting.place, "remote.endpoint", error.to_string(), remedy);
                return None;
            }
        };
        if profile == Profile::Production {
            self.production(&endpoint, &setting.place);
        }
        let ca_file = ca_file.and_then(|(path, place)| self.ca_file(path, place, &endpoint));
        let proxy = match proxy_for(&endpoint, environment) {
            Ok(proxy) => proxy,
            Err(fault) => {
                self.faults.push(fault);
                None
            }
        };
        Some(Remote {
            endpoint,
            ca_file,
            proxy,
        })
    }

    fn production(&mut self, endpoint: &Endpoint, place: &Place) {
        let remedy = "write the wss:// address of a hub elsewhere, or profile = \"development\" on a \
                      machine that is there to try things out";
        if !endpoint.tls {
            let why = "ws:// sends passwords and data in the clear, which production refuses";
            self.fault(place.clone(), "remote.endpoint", why, remedy);
        }
        if endpoint.is_loopback() {
            let why = "the address is this very machine, which production refuses";
            self.fault(place.clone(), "remote.endpoint", why, remedy);
        }
    }

    fn ca_file(&mut self, path: PathBuf, place: Place, endpoint: &Endpoint) -> Option<PathBuf> {
        let key = "remote.ca_file";
        if !endpoint.tls {
            let why = "a ws:// connection has no certificate to check";
            self.fault(
                place,
                key,
                why,
                "write wss:// as endpoint, or remove ca_file",
            );
            return None;
        }
        if let Err(error) = crate::sync::dial::read_certificates(&path) {
            let remedy = "name a PEM file with the certificate of the authority that signed the \
                          hub's";
            self.fault(place, key, error.to_string(), remedy);
            return None;
        }
        Some(path)
    }

    fn access(&mut self, entries: Vec<AccessSetting>) -> Vec<AccessRule> {
        let mut rules: Vec<AccessRule> = Vec::new();
        for mut entry in entries {
            let user = entry.values.remove("unix_user");
            let account = entry
                .values
                .remove("account")
                .filter(|a| !a.text.is_empty());
            let (Some(user), Some(account)) = (user, account) else {
                let remedy = "write both unix_user = \"…\" and account = \"…\" below [[access]]";
                self.fault(
                    entry.place,
                    "access",
                    "half of the entry is missing",
                    remedy,
                );
                continue;
            };
            let uid = match uid_of(&user.text) {
                Ok(uid) => uid,
                Err((why, remedy)) => {
                    self.fault(user.place, "access.unix_user", why, remedy);
                    continue;
                }
            };
            let rule = AccessRule {
                uid,
                account: account.text,
            };
            if rules.contains(&rule) {
                let why = "the same entry stands there twice";
                self.fault(entry.place, "access", why, "remove one of the two");
            } else {
                rules.push(rule);
            }
        }
        rules
    }
}
