//! Wrong configurations that a person would write, and the whole of what each is told, frozen in
//! `tests/hub/golden/wrong-config.txt`.
//!
//! `ATOME_BLESS=1` rewrites the golden file. Every message says where, which key, why, and what to write.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use atome_server::config::{Config, Environment};

/// Stands before each text that is not a whole file: a hub for trials.
const LEAST: &str =
    "profile = \"development\"\nlisten = \"[::]:8443\"\nstate_dir = \"/var/lib/atome-server\"\n";
/// Told of a text that is not wrong after all.
const TAKEN: &str = "(taken)";

type Variables = &'static [(&'static str, &'static str)];

/// Texts behind the least, which are wrong by themselves.
const LINES: &[&str] = &[
    // Keys and sections.
    "lisen = \"[::]:443\"",
    "colour = \"blue\"",
    "cert_file = \"/etc/atome/hub.crt\"",
    "registration = \"open\"",
    "tls = true",
    "database = \"sqlite:\"",
    "[limit]\nconnections_max = 10",
    "[colours]\nred = 1",
    "[database]\nlisten = \"[::]:443\"",
    "[limits]\nspeed = 3",
    "[limits]\nconections_max = 10",
    "[accounts]\nregistrations_per_day = 10",
    "[profile]\nname = \"production\"",
    "[[tls]]\ncert_file = \"/etc/atome/hub.crt\"",
    "sandbox = \"off\"\nsandbox = \"off\"",
    // Values of another kind.
    "sandbox = 1",
    "sandbox = true",
    "log_level = []",
    "log_format = { a = 1 }",
    "[database]\nurl = 5432",
    // Words.
    "sandbox = \"maybe\"",
    "sandbox = \"\"",
    "log_level = \"verbose\"",
    "log_format = \"yaml\"",
    "[accounts]\nregistration = \"friends\"",
    "[database]\ndurability = \"fast\"",
    // Numbers.
    "[limits]\nconnections_max = 0",
    "[limits]\nconnections_max = -1",
    "[limits]\nconnections_max = \"9\"",
    "[limits]\nconnections_max = 99999999999999999999",
    "[limits]\nrequest_timeout_s = 1.5",
    "[limits]\nrequest_timeout_s = \"10s\"",
    "[limits]\nstop_timeout_s = 601",
    "[accounts]\nsession_days = \"90d\"",
    "[accounts]\nsession_days = 0",
    "[accounts]\nhashes_at_once = 1025",
    // TLS.
    "[tls]",
    "[tls]\ncert_file = \"/etc/atome/hub.crt\"",
    "[tls]\nkey_file = \"/etc/atome/hub.key\"",
    "[tls]\ncert_file = \"\"\nkey_file = \"/etc/atome/hub.key\"",
    "[tls]\ncert = \"/etc/atome/hub.crt\"\nkey = \"/etc/atome/hub.key\"",
    // The database.
    "[database]\nurl = \"postgres://atome:hunter2@db.example.org/atome\"",
    "[database]\nurl = \"mysql://atome:hunter2@db.example.org/atome\"",
    "[database]\nurl = \"sqlite:/var/lib/hub.db\"",
    "[database]\nurl = \"\"",
    // TOML.
    "sandbox = off",
    "sandbox: \"off\"",
    "[limits\nconnections_max = 10",
    "sandbox = 'off\"",
    "[tls]\ncert_file = \"C:\\hub.crt\"",
    "= 3",
];

/// Whole files.
const WHOLE: &[&str] = &[
    "",
    "profile = \"development\"\nstate_dir = \"/var/lib/atome-server\"",
    "profile = \"development\"\nlisten = \"[::]:8443\"",
    "listen = \"[::]:443\"\nstate_dir = \"/var/lib/atome-server\"",
    "profile = \"prod\"\nlisten = \"[::]:443\"\nstate_dir = \"/var/lib/atome-server\"",
    "profile = \"development\"\nlisten = \"hub.example.org:443\"\nstate_dir = \"/srv/hub\"",
    "profile = \"development\"\nlisten = \"[::]\"\nstate_dir = \"/srv/hub\"",
    "profile = \"development\"\nlisten = \"443\"\nstate_dir = \"/srv/hub\"",
    "profile = \"development\"\nlisten = 443\nstate_dir = \"/srv/hub\"",
    "profile = \"development\"\nlisten = \"[::]:https\"\nstate_dir = \"/srv/hub\"",
    "profile = \"development\"\nlisten = \"https://hub.example.org\"\nstate_dir = \"/srv/hub\"",
    "profile = \"development\"\nlisten = \"192.0.2.1:70000\"\nstate_dir = \"/srv/hub\"",
    "profile = \"development\"\nlisten = \"*:443\"\nstate_dir = \"/srv/hub\"",
    "profile = \"development\"\nlisten = \":443\"\nstate_dir = \"/srv/hub\"",
    "profile = \"development\"\nlisten = \"[::]:443\"\nstate_dir = \"\"",
    "[server]\nlisten = \"[::]:443\"\nstate_dir = \"/srv/hub\"",
];

/// Variables over the least.
const VARIABLES: &[Variables] = &[
    &[("ATOME_SERVER_LISTE", "[::]:443")],
    &[("ATOME_SERVER_LISTEN", "443")],
    &[("ATOME_SERVER_TLS_CERT_FILE", "/etc/atome/hub.crt")],
    &[("ATOME_SERVER_CERT_FILE", "/etc/atome/hub.crt")],
    &[("ATOME_SERVER_PORT", "443")],
    &[("ATOME_SERVER_TLS__CERT_FILE", "/etc/atome/hub.crt")],
    &[("ATOME_SERVER_LIMITS__CONNECTIONS_MAX", "many")],
];

/// What is told of a file, by the name `hub.toml`.
fn told(shown: &str, text: &str, variables: Variables) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hub.toml");
    std::fs::write(&file, text).unwrap();
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let environment = Environment(variables.iter().map(own).collect::<BTreeMap<_, _>>());
    let Err(errors) = Config::load(Some(&file), &environment) else {
        return format!("{shown}\n---\n{TAKEN}\n\n");
    };
    let mut all = format!("{shown}\n---\n");
    for error in errors {
        assert!(!error.why.is_empty() && !error.remedy.is_empty(), "{error}");
        // Writing to a `String` cannot fail.
        let _ = writeln!(all, "{error}");
    }
    let here = format!("{}/", folder.path().display());
    all.replace(&here, "/etc/atome/") + "\n"
}

#[test]
fn every_wrong_configuration_is_told_as_it_was() {
    let mut all = String::new();
    for lines in LINES {
        all.push_str(&told(lines, &format!("{LEAST}{lines}\n"), &[]));
    }
    for whole in WHOLE {
        all.push_str(&told(&format!("(the whole file)\n{whole}"), whole, &[]));
    }
    for variables in VARIABLES {
        let shown: Vec<String> = variables
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        all.push_str(&told(&shown.join("\n"), LEAST, variables));
    }
    assert!(!all.contains(TAKEN), "{all}");
    let passwords = all.lines().filter(|line| line.contains("hunter2")).count();
    assert_eq!(passwords, 2, "a password in an address is not repeated");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hub/golden/wrong-config.txt");
    if std::env::var_os("ATOME_BLESS").is_some() {
        std::fs::create_dir_all(golden.parent().unwrap()).unwrap();
        std::fs::write(&golden, &all).unwrap();
    }
    let frozen = std::fs::read_to_string(&golden).unwrap();
    for (line, (is, was)) in all.lines().zip(frozen.lines()).enumerate() {
        assert_eq!(is, was, "wrong-config.txt:{}", line + 1);
    }
    assert_eq!(all.len(), frozen.len());
}
