//! The configuration: what is taken and what is refused; how refusals read is in `wrong_config.rs`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use atome_proto::runtime::Profile;
use atomed::config::{Config, Durability, Environment, Faults, LogFormat, Sandbox, SecretStore};

const REFERENCE: &str = include_str!("../../config/atomed.toml");
const LEAST: &str = "state_dir = \"/s\"\n[local]\nsocket = \"/r/a.sock\"\n";

fn environment(variables: &[(&str, &str)]) -> Environment {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Environment(variables.iter().map(own).collect::<BTreeMap<_, _>>())
}

fn parse(text: &str, variables: &[(&str, &str)]) -> Result<Config, Faults> {
    Config::parse(Some("/c/atomed.toml".into()), text, &environment(variables))
}

fn faults(text: &str, variables: &[(&str, &str)]) -> String {
    match parse(text, variables) {
        Ok(_) => String::new(),
        Err(faults) => faults.to_string(),
    }
}

#[test]
fn the_reference_is_right_as_it_is_and_with_every_key_in_use() {
    let config = parse(REFERENCE, &[]).unwrap();
    assert_eq!(config.profile, Profile::Production);
    assert_eq!(config.sandbox, Sandbox::BestEffort);
    assert_eq!(config.remote, None);
    assert!(config.access.is_empty() && !config.device.is_empty());
    assert_eq!(
        config.socket.as_deref(),
        Some(Path::new("/run/atome/atomed.sock"))
    );

    let dir = tempfile::tempdir().unwrap();
    let ca_file = dir.path().join("ca.pem");
    std::fs::write(&ca_file, CERTIFICATE).unwrap();
    let in_use: String = REFERENCE
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(setting) if !setting.starts_with(' ') => setting,
            _ => line,
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    let in_use = in_use
        .replace("/etc/atome/hub-ca.pem", ca_file.to_str().unwrap())
        .replace("unix_user = \"kiosk\"", "unix_user = \"0\"");
    let config = parse(&in_use, &[]).unwrap();
    let remote = config.remote.unwrap();
    assert_eq!(remote.endpoint.to_string(), "wss://hub.example.org");
    assert_eq!(remote.ca_file, Some(ca_file));
    assert_eq!(config.device, "kitchen-laptop");
    assert_eq!(
        (config.access[0].uid, config.access[0].account.as_str()),
        (0, "kiosk-12")
    );
}

#[test]
fn the_least_is_a_state_directory_and_a_socket() {
    let config = parse(LEAST, &[]).unwrap();
    assert_eq!(config.durability, Durability::Full);
    assert_eq!(config.log_format, LogFormat::Text);
    assert_eq!(config.secrets, SecretStore::File);
    let text = faults("", &[]);
    assert!(text.contains("/c/atomed.toml: state_dir: "), "{text}");
    assert!(text.contains("/c/atomed.toml: local.socket: "), "{text}");
    assert_eq!(text.matches("remedy: ").count(), 2, "{text}");
}

#[test]
fn the_environment_and_systemd_win() {
    let variables = [
        ("ATOMED_REMOTE__ENDPOINT", "wss://hub.example.org:8443"),
        ("ATOMED_DURABILITY", "normal"),
        ("ATOMED_SECRETS__STORE", "keyring"),
        ("STATE_DIRECTORY", "/var/lib/x:/var/lib/y"),
        ("RUNTIME_DIRECTORY", "/run/x"),
        ("CREDENTIALS_DIRECTORY", "/run/credentials/x"),
        ("HOME", "/root"),
    ];
    let config = parse(LEAST, &variables).unwrap();
    assert_eq!(config.remote.unwrap().endpoint.port, 8443);
    assert_eq!(config.durability, Durability::Normal);
    // A service of the system with a keyring is unusual, and allowed: its credentials win all the same.
    assert_eq!(config.secrets, SecretStore::Keyring);
    assert_eq!(config.state_dir, PathBuf::from("/var/lib/x"));
    assert_eq!(config.runtime_dir, Some("/run/x".into()));
    assert_eq!(config.credentials_dir, Some("/run/credentials/x".into()));
    let handed_in = parse("state_dir = \"/s\"", &[("LISTEN_FDS", "1")]).unwrap();
    assert_eq!(handed_in.socket, None);
}

#[test]
fn a_socket_with_a_long_path_is_refused() {
    let long = format!("[local]\nsocket = \"/{}\"", "s".repeat(120));
    assert!(faults(&long, &[]).contains("at most 107 bytes"));
}

#[test]
fn a_hub_on_this_machine_is_for_development() {
    let own = std::net::IpAddr::from([127, 0, 0, 1]);
    let remote = |profile: &str, endpoint: &str| {
        let text = format!("profile = \"{profile}\"\n{LEAST}[remote]\nendpoint = \"{endpoint}\"\n");
        parse(&text, &[])
    };
    for endpoint in [format!("ws://{own}:8080"), format!("wss://{own}")] {
        let told = remote("production", &endpoint).unwrap_err().to_string();
        assert!(told.contains("this very machine"), "{told}");
        assert!(remote("development", &endpoint).is_ok());
    }
    let plain = format!(
        "profile = \"development\"\n{LEAST}[remote]\nendpoint = \"ws://{own}\"\nca_file = \"/x\"\n"
    );
    assert!(faults(&plain, &[]).contains("no certificate to check"));
}

#[test]
fn a_file_that_is_not_there_is_told() {
    let told = Config::load(Some(Path::new("/no/such/atomed.toml")), &environment(&[]));
    assert!(
        told.unwrap_err()
            .to_string()
            .contains("/no/such/atomed.toml")
    );
}

/// A certificate of nobody, for reading only.
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----
AAAA
-----END CERTIFICATE-----
";
