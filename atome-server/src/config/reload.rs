//! What of a configuration can change while the hub runs.

use super::{Accounts, Config, Log};

impl Config {
    /// The configuration of a hub that runs by this one and has read another; and the keys that differ and
    /// keep their old values until a restart.
    #[must_use]
    pub fn reloaded(&self, read: Self) -> (Self, Vec<&'static str>) {
        let (ours, theirs) = (&self.accounts, &read.accounts);
        let fixed = [
            ("profile", self.profile != read.profile),
            ("state_dir", self.state_dir != read.state_dir),
            ("listen", self.listen != read.listen),
            ("sandbox", self.sandbox != read.sandbox),
            ("log_format", self.log.format != read.log.format),
            // Whether there is one: cookies have another name with it.
            ("tls", self.tls.is_some() != read.tls.is_some()),
            ("database.durability", self.durability != read.durability),
            (
                "accounts.hashes_at_once",
                ours.hashes_at_once != theirs.hashes_at_once,
            ),
            (
                "accounts.hashes_waiting_max",
                ours.hashes_waiting_max != theirs.hashes_waiting_max,
            ),
            ("metrics.listen", self.metrics != read.metrics),
        ];
        let waits = fixed.iter().filter(|(_, differs)| *differs);
        let waits = waits.map(|(key, _)| *key).collect();
        let config = Self {
            file: read.file,
            profile: self.profile,
            state_dir: self.state_dir.clone(),
            listen: self.listen,
            sandbox: self.sandbox,
            log: Log {
                format: self.log.format,
                levels: read.log.levels,
            },
            tls: self
                .tls
                .as_ref()
                .map(|tls| read.tls.unwrap_or_else(|| tls.clone())),
            durability: self.durability,
            feed_kept: read.feed_kept,
            accounts: Accounts {
                hashes_at_once: ours.hashes_at_once,
                hashes_waiting_max: ours.hashes_waiting_max,
                ..read.accounts
            },
            limits: read.limits,
            metrics: self.metrics,
        };
        (config, waits)
    }
}

#[cfg(test)]
mod tests {
    use super::super::reader::KEYS;
    use super::*;
    use crate::config::Environment;

    const BEFORE: &[(&str, &str)] = &[
        ("state_dir", "/s"),
        ("listen", "[::]:1"),
        ("tls.cert_file", "/c/hub.crt"),
        ("tls.key_file", "/c/hub.key"),
    ];

    /// By key, a value that differs from the one before, or from the default.
    const OTHERS: &[(&str, &str)] = &[
        ("profile", "development"),
        ("state_dir", "/t"),
        ("listen", "[::]:2"),
        ("sandbox", "off"),
        ("log_format", "json"),
        ("log_level", "debug"),
        ("tls.cert_file", "/c/other.crt"),
        ("tls.key_file", "/c/other.key"),
        ("database.url", "sqlite:"),
        ("database.durability", "normal"),
        ("database.feed_days", "7"),
        ("accounts.registration", "closed"),
        ("accounts.registrations_per_hour", "7"),
        ("accounts.session_days", "7"),
        ("accounts.hashes_at_once", "7"),
        ("accounts.hashes_waiting_max", "7"),
        ("limits.connections_max", "7"),
        ("limits.unknown_per_source_max", "7"),
        ("limits.directory_per_minute", "7"),
        ("limits.handshake_timeout_s", "7"),
        ("limits.request_timeout_s", "7"),
        ("limits.stop_timeout_s", "7"),
        ("metrics.listen", "[::]:3"),
    ];

    fn load(set: &[(&str, &str)]) -> Config {
        let name = |key: &str| format!("ATOME_SERVER_{}", key.replace('.', "__").to_uppercase());
        let variable = |(key, value): &(&str, &str)| (name(key), (*value).to_owned());
        let all = BEFORE.iter().chain(set).map(variable).collect();
        Config::load(None, &Environment(all)).unwrap()
    }

    fn text(config: &Config) -> String {
        format!("{config:?}")
    }

    #[test]
    fn a_key_is_taken_or_named() {
        let keys: Vec<&str> = OTHERS.iter().map(|(key, _)| *key).collect();
        assert_eq!(keys, KEYS);
        let before = load(&[]);
        // There is one database so far.
        for other in OTHERS.iter().filter(|(key, _)| *key != "database.url") {
            let read = load(&[*other]);
            assert_ne!(text(&before), text(&read), "{other:?}");
            let (now, waits) = before.reloaded(read.clone());
            if waits.is_empty() {
                assert_eq!(text(&now), text(&read), "{other:?}");
            } else {
                assert_eq!(
                    (text(&now), waits.as_slice()),
                    (text(&before), &[other.0][..])
                );
            }
        }
    }

    #[test]
    fn tls_does_not_come_or_go() {
        let with = load(&[("profile", "development")]);
        let mut without = with.clone();
        without.tls = None;
        let (now, waits) = with.reloaded(without.clone());
        assert_eq!((now.tls, waits), (with.tls.clone(), vec!["tls"]));
        let (now, waits) = without.reloaded(with);
        assert_eq!((now.tls, waits), (None, vec!["tls"]));
    }
}
