//! Configurations that are taken, and what is never guessed; how refusals read is in `wrong_config.rs`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use atome_server::config::{Config, ConfigError, Environment, Place, Registration, Sandbox};

const GOOD: &str =
    "profile = \"development\"\nlisten = \"[2001:db8::1]:0\"\nstate_dir = \"/srv/atome\"\n";

fn load(text: &str, env: &[(&str, &str)]) -> Result<Config, Vec<ConfigError>> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hub.toml");
    std::fs::write(&file, text).unwrap();
    Config::load(Some(&file), &environment(env))
}

fn environment(env: &[(&str, &str)]) -> Environment {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Environment(env.iter().map(owned).collect::<BTreeMap<_, _>>())
}

/// The only thing wrong with a configuration: its line, key and message.
fn wrong(text: &str) -> (usize, String, String) {
    let errors = load(text, &[]).unwrap_err();
    let [error] = errors.as_slice() else {
        panic!("{text}: {errors:#?}");
    };
    let line = match &error.place {
        Place::File(_, line) => *line,
        Place::Whole(_) | Place::Environment(_) | Place::Nowhere => 0,
    };
    (line, error.key.clone(), error.to_string())
}

#[test]
fn nothing_that_others_connect_to_is_defaulted() {
    let without = |word: &str| -> String {
        let lines = GOOD.lines().filter(|line| !line.starts_with(word));
        lines.map(|line| format!("{line}\n")).collect()
    };
    let (line, key, message) = wrong(&without("listen"));
    assert_eq!((line, key.as_str()), (0, "listen"));
    assert!(message.contains("never guessed"), "{message}");
    assert_eq!(wrong(&without("state_dir")).1, "state_dir");
    let (_, key, message) = wrong(&without("profile"));
    assert_eq!(key, "tls");
    assert!(message.contains("profile = \"development\""), "{message}");
    let (_, key, message) = wrong(&GOOD.replace("[2001:db8::1]:0", "hub.example.org:443"));
    assert_eq!(key, "listen");
    assert!(message.contains("no address with a port"), "{message}");
}

#[test]
fn a_password_in_a_database_address_is_not_repeated() {
    let (_, key, message) = wrong(&format!(
        "{GOOD}[database]\nurl = \"postgres://atome:swordfish@db/atome\""
    ));
    assert_eq!(key, "database.url");
    assert!(
        message.contains("PostgreSQL comes with a later one"),
        "{message}"
    );
    assert!(!message.contains("swordfish"), "{message}");
}

#[test]
fn everything_wrong_is_told_at_once() {
    let errors = load("listen = 3\nspeed = 1\n[limits]\nstop_timeout_s = 0", &[]).unwrap_err();
    let keys: Vec<_> = errors.iter().map(|error| error.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "speed",
            "listen",
            "state_dir",
            "tls",
            "limits.stop_timeout_s"
        ]
    );
}

#[test]
fn a_file_that_is_not_there_is_told() {
    let missing = Path::new("/no/such/hub.toml");
    let errors = Config::load(Some(missing), &Environment::default()).unwrap_err();
    let message = errors.first().unwrap().to_string();
    assert!(
        message.starts_with("/no/such/hub.toml: the file cannot be read"),
        "{message}"
    );
}

#[test]
fn a_file_that_is_too_long_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hub.toml");
    std::fs::write(&file, "#".repeat((1 << 20) + 1)).unwrap();
    let errors = Config::load(Some(&file), &Environment::default()).unwrap_err();
    let message = errors.first().unwrap().to_string();
    assert!(
        message.contains("the file cannot be read: it is longer than 1048576 bytes"),
        "{message}"
    );
}

#[test]
fn where_there_is_no_file_that_is_told_first() {
    let empty = tempfile::tempdir().unwrap();
    let named = [("CONFIGURATION_DIRECTORY", empty.path().to_str().unwrap())];
    let errors = Config::load(None, &environment(&named)).unwrap_err();
    let messages: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert!(messages[0].contains("no file was named"), "{messages:#?}");
    assert!(messages[0].contains("--config FILE"), "{messages:#?}");
    assert!(
        messages[1].contains("listen: it is missing"),
        "{messages:#?}"
    );
}

#[test]
fn the_environment_overrides_and_systemd_wins() {
    let config = load(
        GOOD,
        &[
            ("ATOME_SERVER_LISTEN", "[2001:db8::1]:8443"),
            ("ATOME_SERVER_STATE_DIR", "/srv/other"),
            ("ATOME_SERVER_TLS__CERT_FILE", "hub.crt"),
            ("ATOME_SERVER_TLS__KEY_FILE", "/etc/hub.key"),
            ("ATOME_SERVER_LIMITS__CONNECTIONS_MAX", "17"),
            ("STATE_DIRECTORY", "/var/lib/atome-server:/var/lib/second"),
            ("HOME", "/root"),
        ],
    )
    .unwrap();
    assert_eq!(config.listen, Some("[2001:db8::1]:8443".parse().unwrap()));
    assert_eq!(config.state_dir, Path::new("/var/lib/atome-server"));
    assert_eq!(config.limits.connections_max, 17);
    let tls = config.tls.unwrap();
    assert_eq!(tls.cert_file, Path::new("hub.crt"));
    assert_eq!(tls.key_file, Path::new("/etc/hub.key"));

    let errors = load(GOOD, &[("ATOME_SERVER_LISTE", "[2001:db8::1]:1")]).unwrap_err();
    let message = errors.first().unwrap().to_string();
    assert!(
        message.contains("environment variable ATOME_SERVER_LISTE"),
        "{message}"
    );
}

#[test]
fn systemd_names_the_folder_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let lines = "[tls]\ncert_file = \"hub.crt\"\nkey_file = \"/k\"\n";
    std::fs::write(
        folder.path().join("atome-server.toml"),
        format!("{GOOD}{lines}"),
    )
    .unwrap();
    let named = [("CONFIGURATION_DIRECTORY", folder.path().to_str().unwrap())];
    let config = Config::load(None, &environment(&named)).unwrap();
    let tls = config.tls.unwrap();
    assert_eq!(
        tls.cert_file,
        folder.path().join("hub.crt"),
        "from the folder of the file"
    );
}

#[test]
fn the_reference_holds_every_key_at_its_default() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/atome-server.toml");
    let reference = std::fs::read_to_string(file).unwrap();
    let lines = reference.lines().map(|line| match line.strip_prefix('#') {
        Some(key) if key.contains(" = ") && !key.starts_with(' ') => key,
        _ => line,
    });
    let all: String = lines.map(|line| format!("{line}\n")).collect();
    let (as_is, with_all) = (load(&reference, &[]).unwrap(), load(&all, &[]).unwrap());
    assert_eq!(
        format!("{:?}", as_is.limits),
        format!("{:?}", with_all.limits)
    );
    assert_eq!(as_is.accounts, with_all.accounts);
    assert_eq!(as_is.log, with_all.log);
    assert_eq!(as_is.sandbox, Sandbox::BestEffort);
    assert_eq!(as_is.accounts.registration, Registration::Open);
    assert_eq!(
        as_is.accounts.session_life,
        Duration::from_secs(90 * 86_400)
    );
    let mut section = String::new();
    let mut keys = Vec::new();
    for line in all.lines() {
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            section = format!("{name}.");
        } else if let Some((key, _)) = line.split_once(" = ")
            && !line.starts_with('#')
        {
            keys.push(format!("{section}{key}"));
        }
    }
    assert_eq!(keys, Config::KEYS);
}
