//! Wrong configurations that a person would write, and the whole of what each is told, frozen in
//! `tests/golden/wrong-config.txt`.
//!
//! `ATOME_BLESS=1` rewrites the golden file. Every message says where, which key, why, and what to write.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::path::Path;

use atomed::config::{Config, Environment};

const FILE: &str = "/etc/atome/atomed.toml";
/// Stands before each text that is not a whole file: all that a daemon needs.
const LEAST: &str = "state_dir = \"/var/lib/atome\"\nlocal.socket = \"/run/atome/atomed.sock\"\n";

/// Told of a text that is not wrong after all.
const TAKEN: &str = "(taken)";

type Variables = &'static [(&'static str, &'static str)];

/// Texts behind the least, which are wrong by themselves. `OWN_…` is this very machine.
const LINES: &[&str] = &[
    // Keys.
    "profil = \"production\"",
    "socket = \"/run/atome/atomed.sock\"",
    "endpoint = \"wss://hub.example.org\"",
    "remote = \"wss://hub.example.org\"",
    "secrets = \"file\"",
    "metrics = true",
    "[remote]\nendpont = \"wss://hub.example.org\"",
    "[remotes]\nendpoint = \"wss://hub.example.org\"",
    "[remote]\nendpoint = \"wss://hub.example.org\"\nport = 443",
    "[remote.tls]\nca_file = \"/etc/atome/ca.pem\"",
    "[[remote]]\nendpoint = \"wss://hub.example.org\"",
    "[log]\nlevl = \"debug\"",
    "device = \"a\"\ndevice = \"b\"",
    "[log]\nlevel = \"info\"\n[log]\nformat = \"json\"",
    // Values of another kind.
    "profile = true",
    "device = 12",
    "sandbox = [\"required\"]",
    "[remote]\nendpoint = { host = \"hub.example.org\", port = 443 }",
    "log = \"debug\"",
    // Words.
    "profile = \"prod\"",
    "profile = \"Production\"",
    "profile = \"\"",
    "sandbox = \"on\"",
    "durability = \"fast\"",
    "directory = \"some\"",
    "[secrets]\nstore = \"keychain\"",
    "[log]\nformat = \"yaml\"",
    "[log]\nlevel = \"verbose\"",
    "device = \"\"",
    // The hub.
    "[remote]\nendpoint = \"\"",
    "[remote]\nendpoint = \"hub.example.org\"",
    "[remote]\nendpoint = \"hub.example.org:8443\"",
    "[remote]\nendpoint = \"http://hub.example.org\"",
    "[remote]\nendpoint = \"https://hub.example.org\"",
    "[remote]\nendpoint = \"ws://hub.example.org\"",
    "[remote]\nendpoint = \"wss://\"",
    "[remote]\nendpoint = \"wss://hub.example.org:\"",
    "[remote]\nendpoint = \"wss://hub.example.org:port\"",
    "[remote]\nendpoint = \"wss://hub.example.org:70000\"",
    "[remote]\nendpoint = \"wss://hub.example.org:0\"",
    "[remote]\nendpoint = \"wss://hub.example.org/ws/sync\"",
    "[remote]\nendpoint = \"wss://anna:hunter2@hub.example.org\"",
    "[remote]\nendpoint = \"wss://hub example org\"",
    "[remote]\nendpoint = \"wss://OWN_IPV4\"",
    "[remote]\nendpoint = \"wss://OWN_NAME:8443\"",
    "[remote]\nendpoint = \"ws://[OWN_IPV6]:8080\"",
    "[remote]\nca_file = \"/etc/atome/ca.pem\"",
    "[remote]\nendpoint = \"wss://hub.example.org\"\nca_file = \"ca.pem\"",
    "[remote]\nendpoint = \"wss://hub.example.org\"\nca_file = \"/no/such/ca.pem\"",
    "[remote]",
    // Access.
    "access = \"kiosk\"",
    "[access]\nunix_user = \"root\"\naccount = \"kiosk-12\"",
    "[[access]]\nunix_user = \"root\"",
    "[[access]]\naccount = \"kiosk-12\"",
    "[[access]]\nunix_user = \"root\"\naccount = \"\"",
    "[[access]]\nuser = \"root\"\naccount = \"kiosk-12\"",
    "[[access]]\nunix_user = true\naccount = \"kiosk-12\"",
    "[[access]]\nunix_user = \"no-such-user\"\naccount = \"kiosk-12\"",
    "[[access]]\nunix_user = -1\naccount = \"kiosk-12\"",
    "[[access]]\nunix_user = 0\naccount = \"a\"\n[[access]]\nunix_user = 0\naccount = \"a\"",
    // TOML.
    "profile = production",
    "profile: \"production\"",
    "profile = 'production\"",
    "device = \u{201c}kitchen\u{201d}",
    "profile =",
    "[remote\nendpoint = \"wss://hub.example.org\"",
    "\tdevice = \"a\tb\"",
    "device = \"C:\\kitchen\"",
];

/// Whole files.
const WHOLE: &[&str] = &[
    "",
    "[local]\nsocket = \"/run/atome/atomed.sock\"",
    "state_dir = \"/var/lib/atome\"",
    "state_dir = \"state\"\n[local]\nsocket = \"atomed.sock\"",
    "state_dir = \"\"\n[local]\nsocket = \"\"",
    "state_dir = \"~/atome\"\n[local]\nsocket = \"$XDG_RUNTIME_DIR/atomed.sock\"",
    "[local]\nstate_dir = \"/var/lib/atome\"\nsocket = \"/run/atome/atomed.sock\"",
];

/// Variables over the least.
const VARIABLES: &[Variables] = &[
    &[("ATOMED_REMOTE_ENDPOINT", "wss://hub.example.org")],
    &[("ATOMED_REMOTE__ENDPOINT", "hub.example.org")],
    &[("ATOMED_PROFIEL", "production")],
    &[("ATOMED_PROFILE", "prod")],
    &[("ATOMED_STATE_DIR", "state")],
    &[("ATOMED_SOCKET", "/run/atome/atomed.sock")],
    &[("ATOMED_ACCESS", "root=kiosk-12")],
    &[
        ("ATOMED_REMOTE__ENDPOINT", "wss://hub.example.org"),
        ("HTTPS_PROXY", "socks5://proxy.example.org:1080"),
    ],
];

fn told(shown: &str, text: &str, variables: Variables) -> String {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let environment = Environment(variables.iter().map(own).collect::<BTreeMap<_, _>>());
    let text = text
        .replace("OWN_IPV4", &IpAddr::from([127, 0, 0, 1]).to_string())
        .replace(
            "OWN_IPV6",
            &IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1_u16]).to_string(),
        )
        .replace("OWN_NAME", concat!("local", "host"));
    let parsed = Config::parse(Some(FILE.into()), &text, &environment);
    let Err(faults) = parsed else {
        return format!("{shown}\n---\n{TAKEN}\n\n");
    };
    for fault in &faults.0 {
        let said = fault.to_string();
        assert!(!fault.remedy.is_empty() && !fault.why.is_empty(), "{said}");
    }
    format!("{shown}\n---\n{faults}\n\n")
}

#[test]
fn every_wrong_configuration_is_told_as_it_was() {
    let mut all = String::new();
    for lines in LINES {
        all.push_str(&told(lines, &format!("{LEAST}{lines}\n"), &[]));
    }
    for whole in WHOLE {
        let shown = format!("(the whole file)\n{whole}");
        all.push_str(&told(&shown, whole, &[]));
    }
    for variables in VARIABLES {
        let mut shown = String::new();
        for (name, value) in *variables {
            // Writing to a `String` cannot fail.
            let _ = writeln!(shown, "{name}={value}");
        }
        all.push_str(&told(shown.trim_end(), LEAST, variables));
    }
    assert!(!all.contains(TAKEN), "{all}");
    let repeated = all.lines().filter(|line| line.contains("hunter2")).count();
    assert_eq!(repeated, 1, "a password in an address is not repeated");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/wrong-config.txt");
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

#[test]
fn a_file_that_cannot_be_read_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let told = |path: &Path| {
        let loaded = Config::load(Some(path), &Environment::default());
        loaded.unwrap_err().to_string()
    };
    let missing = folder.path().join("missing.toml");
    assert_eq!(
        told(&missing),
        format!(
            "{}: the file cannot be read: No such file or directory (os error 2)\n  remedy: name a \
             readable TOML file with --config",
            missing.display()
        )
    );
    let told_of_folder = told(folder.path());
    assert!(
        told_of_folder.contains("Is a directory"),
        "{told_of_folder}"
    );
    let latin = folder.path().join("latin.toml");
    std::fs::write(&latin, b"device = \"k\xfcche\"\n").unwrap();
    let told_of_latin = told(&latin);
    assert!(told_of_latin.contains("UTF-8"), "{told_of_latin}");
}
