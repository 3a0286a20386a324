//! What of a configuration can change while the daemon runs.

use super::{Config, Remote};

impl Config {
    /// The configuration of a daemon that runs by this one and has read another; and the keys that differ
    /// and keep their old values until a restart.
    #[must_use]
    pub fn reloaded(&self, read: Self) -> (Self, Vec<&'static str>) {
        let endpoint = |config: &Self| config.remote.as_ref().map(|remote| remote.endpoint.clone());
        let ca_file = |config: &Self| config.remote.as_ref()?.ca_file.clone();
        let is_other_hub = endpoint(self) != endpoint(&read);
        let fixed = [
            ("profile", self.profile != read.profile),
            ("state_dir", self.state_dir != read.state_dir),
            ("sandbox", self.sandbox != read.sandbox),
            ("durability", self.durability != read.durability),
            ("local.socket", self.socket != read.socket),
            ("remote.endpoint", is_other_hub),
            // It is for the hub beside which it stands.
            (
                "remote.ca_file",
                is_other_hub && ca_file(self) != ca_file(&read),
            ),
            ("secrets.store", self.secrets != read.secrets),
            ("log.format", self.log_format != read.log_format),
        ];
        let waits = fixed.iter().filter(|(_, differs)| *differs);
        let waits = waits.map(|(key, _)| *key).collect();
        let remote = self.remote.as_ref().map(|ours| Remote {
            ca_file: match read.remote {
                Some(theirs) if !is_other_hub => theirs.ca_file,
                Some(_) | None => ours.ca_file.clone(),
            },
            ..ours.clone()
        });
        let config = Self {
            file: read.file,
            remote,
            directory: read.directory,
            access: read.access,
            device: read.device,
            log_level: read.log_level,
            ..self.clone()
        };
        (config, waits)
    }
}

#[cfg(test)]
mod tests {
    use super::super::settings::KEYS;
    use super::*;
    use crate::config::Environment;

    const BEFORE: &str = "state_dir = \"/s\"\n[local]\nsocket = \"/r/a.sock\"\n[remote]\n\
                          endpoint = \"wss://hub.example.org\"\n";

    /// By key, a value that differs from the one before.
    const OTHERS: &[(&str, &str)] = &[
        ("profile", "development"),
        ("state_dir", "/t"),
        ("sandbox", "off"),
        ("device", "another"),
        ("durability", "normal"),
        ("directory", "none"),
        ("local.socket", "/r/b.sock"),
        ("remote.endpoint", "wss://hub.example.net"),
        ("remote.ca_file", ""),
        ("secrets.store", "keyring"),
        ("log.level", "debug"),
        ("log.format", "json"),
    ];

    fn load(more: &str, set: &[(&str, &str)]) -> Config {
        let name = |key: &str| format!("ATOMED_{}", key.replace('.', "__").to_ascii_uppercase());
        let variable = |(key, value): &(&str, &str)| (name(key), (*value).to_owned());
        let environment = Environment(set.iter().map(variable).collect());
        Config::parse(None, &format!("{BEFORE}{more}"), &environment).unwrap()
    }

    #[test]
    fn a_key_is_taken_or_named() {
        let keys: Vec<&str> = OTHERS.iter().map(|(key, _)| *key).collect();
        assert_eq!(keys, KEYS);
        let folder = tempfile::tempdir().unwrap();
        let ca_file = folder.path().join("ca.pem");
        let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        std::fs::write(&ca_file, pem).unwrap();
        let before = load("", &[]);
        for (key, value) in OTHERS {
            let value = match *key {
                "remote.ca_file" => ca_file.to_str().unwrap(),
                _ => value,
            };
            let read = load("", &[(key, value)]);
            assert_ne!(before, read, "{key}");
            let (now, waits) = before.reloaded(read.clone());
            if waits.is_empty() {
                assert_eq!(now, read, "{key}");
            } else {
                assert_eq!((now, waits.as_slice()), (before.clone(), &[*key][..]));
            }
        }
        let read = load("[[access]]\nunix_user = 7\naccount = \"kiosk\"\n", &[]);
        assert_eq!(before.reloaded(read.clone()), (read, vec![]));
    }

    #[test]
    fn another_hub_waits_with_what_belongs_to_it() {
        let online = load("", &[]);
        let offline = Config {
            remote: None,
            ..online.clone()
        };
        let (now, waits) = offline.reloaded(online.clone());
        assert_eq!((now.remote, waits), (None, vec!["remote.endpoint"]));
        let mut other = online.clone();
        if let Some(remote) = &mut other.remote {
            remote.endpoint.host = "hub.example.net".to_owned();
            remote.ca_file = Some("/ca.pem".into());
        }
        let (now, waits) = online.reloaded(other);
        let both = vec!["remote.endpoint", "remote.ca_file"];
        assert_eq!((now.remote, waits), (online.remote, both));
    }
}
