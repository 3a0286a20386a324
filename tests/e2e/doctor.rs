//! `atomectl doctor`: what it finds on a machine that is well, and on machines that are not.

use std::fs;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use atome_tests::authority::Authority;
use atome_tests::{Hub, Machine};
use serde_json::Value;

use crate::world::{Must, NAME, PASSWORD, World, contains, run, wait};

/// What doctor finds: its exit code, and every finding.
#[track_caller]
fn doctor(machine: &Machine, exit: i32) -> Vec<Value> {
    let reply = machine.ctl().ask(&["doctor", "-o", "jsonl"]).must();
    reply.expect_code(exit).must().lines().must()
}

fn codes(findings: &[Value]) -> Vec<&str> {
    findings
        .iter()
        .filter_map(|one| one["code"].as_str())
        .collect()
}

#[track_caller]
fn assert_found(findings: &[Value], wanted: &[&str]) {
    for code in wanted {
        assert!(codes(findings).contains(code), "no {code} in {findings:#?}");
    }
}

#[test]
fn a_machine_that_is_well_has_nothing_wrong() {
    let world = World::new();
    let mut hub = world.hub();
    let machine = world.machine_with_account("a", Some(&hub));
    run(&machine, &["create", "note", "text=hello"]);
    wait(&machine);
    let fine = [
        "daemon-ok",
        "socket-ok",
        "disk-ok",
        "files-ok",
        "secrets-ok",
        "clock-ok",
        "name-ok",
        "tls-ok",
        "hub-ok",
        "store-ok",
        "sync-ok",
    ];
    let findings = doctor(&machine, 0);
    assert_found(&findings, &fine);
    let bad = |one: &&Value| one["severity"] == "error";
    assert_eq!(findings.iter().find(bad), None);
    let tls = findings.iter().find(|one| one["code"] == "tls-ok");
    let message = tls.unwrap()["message"].as_str().unwrap();
    assert!(message.contains("good for 3650 days more"), "{message}");

    hub.stop().must();
    run(&machine, &["create", "note", "text=alone"]);
    let findings = doctor(&machine, 0);
    assert_found(&findings, &["hub-unreachable", "work-pending"]);
    let pending = findings
        .iter()
        .find(|one| one["code"] == "work-pending")
        .unwrap();
    assert!(
        pending["since"].is_string() && pending["account"].is_string(),
        "{pending}"
    );
    let table = run(&machine, &["doctor", "-o", "table"]).stdout;
    assert!(
        table.contains(&format!("work-pending ({NAME}): 1 commit waits")),
        "{table}"
    );
}

/// A machine whose hub has a certificate in another name, or one that ends.
fn with_certificate(name: Option<&str>, end: Option<SystemTime>) -> (World, Hub, Machine) {
    let world = World::new();
    let folder = world.path("hub");
    let mut hub = Hub::prepare(&world.binaries, &folder).must();
    let name = name.unwrap_or_else(|| hub.address().0);
    Authority::make_until(&folder, name, end).must();
    hub.start().must();
    let machine = world.machine("a", Some(&hub));
    (world, hub, machine)
}

#[test]
fn what_is_wrong_with_the_certificate_of_the_hub_is_told_apart() {
    let day = Duration::from_secs(86_400);
    let now = SystemTime::now();
    let (_world, _hub, machine) = with_certificate(Some("hub.example.org"), None);
    assert_found(&doctor(&machine, 1), &["certificate-name"]);
    let (_world, _hub, machine) = with_certificate(None, Some(now - day));
    assert_found(&doctor(&machine, 1), &["certificate-over"]);
    let (world, _hub, machine) = with_certificate(None, Some(now + 5 * day));
    assert_found(&doctor(&machine, 0), &["certificate-ending", "hub-ok"]);

    // An authority of the same name that did not sign it.
    let mut hub = Hub::prepare(&world.binaries, &world.path("other")).must();
    hub.start().must();
    Authority::make(&world.path("other")).must();
    let machine = world.machine("b", Some(&hub));
    assert_found(&doctor(&machine, 1), &["certificate-untrusted"]);
}

#[test]
fn what_is_no_hub_is_told() {
    let world = World::new();
    // A daemon's own folder answers nothing; a plain hub behind wss:// speaks no TLS.
    let plain = Hub::prepare_plain(&world.binaries, &world.path("hub"));
    let mut plain = plain.must();
    plain.start().must();
    let mut remote = plain.remote();
    remote.endpoint = remote.endpoint.replace("ws://", "wss://");
    let authority = Authority::make(&world.path("")).must();
    remote.ca_file = Some(authority.ca_file);
    let machine = Machine::start_new(&world.binaries, &world.path("a"), Some(&remote)).must();
    assert_found(&doctor(&machine, 1), &["tls-failed"]);
    let machine = world.machine("b", Some(&plain));
    assert_found(&doctor(&machine, 0), &["tls-none", "hub-ok"]);
}

#[test]
fn a_damaged_store_and_an_open_file_are_errors() {
    let world = World::new();
    let mut machine = world.machine_with_account("a", None);
    run(&machine, &["create", "note", "text=hello"]);
    // Closed, the store is one file.
    machine.stop().must();
    machine.start().must();
    let open = machine.state_dir().join("lock");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).must();
    let findings = doctor(&machine, 1);
    assert_found(&findings, &["files-open", "store-ok"]);
    fs::set_permissions(&open, fs::Permissions::from_mode(0o600)).must();
    let accounts = fs::read_dir(machine.state_dir().join("accounts")).must();
    let store = accounts.flatten().next().unwrap().path().join("replica.db");
    spoil(&store);
    let findings = doctor(&machine, 1);
    assert_found(&findings, &["files-ok", "store-damaged"]);
    // Whether it still answers or not: one account's store hides nothing else.
    run(&machine, &["status"]);
}

/// Overwrites every page of a file but the first.
fn spoil(path: &Path) {
    let len = usize::try_from(fs::metadata(path).must().len()).unwrap();
    let mut file = fs::OpenOptions::new().write(true).open(path).must();
    file.seek(SeekFrom::Start(4096)).must();
    file.write_all(&vec![0x5a; len - 4096]).must();
}

#[test]
fn without_a_daemon_it_says_what_to_do() {
    let world = World::new();
    let mut machine = world.machine("a", None);
    machine.kill().must();
    let findings = doctor(&machine, 6);
    assert_found(&findings, &["no-daemon", "socket-ok"]);
    let none = &findings[0];
    assert!(
        none["message"].as_str().unwrap().contains("nobody listens"),
        "{none}"
    );
    assert!(
        none["remedy"]
            .as_str()
            .unwrap()
            .contains("start atomed again"),
        "{none}"
    );
}

const SECOND: &str = "quizzaciously";
const THIRD: &str = "bobolink";
const OTHER_PASSWORD: &[u8] = b"another long passphrase\n";
const LATER: &str = "later-value";
const PHONE: &str = "+41791234567";
const VALUES: [&str; 3] = ["swordfish-value", "halibut-key", "turbot-type"];

/// A machine with two accounts, one in sync and away from the hub since, and its tokens.
fn busy(world: &World) -> (Machine, Vec<Vec<u8>>) {
    let mut hub = world.hub();
    let machine = world.machine("a", Some(&hub));
    let [value, key, kind] = VALUES;
    let create = |more: &[&str], password: &[u8]| {
        let create = [more, &["--password-stdin"]].concat();
        machine.ctl().run_with(&create, password).must();
    };
    create(&["account", "create", SECOND, "--phone", PHONE], PASSWORD);
    let text = format!("text={value}");
    run(&machine, &["create", kind, "--key", key, &text]);
    wait(&machine);
    create(&["account", "create", THIRD], OTHER_PASSWORD);
    let secrets = fs::read_dir(machine.state_dir().join("secrets")).must();
    let tokens: Vec<Vec<u8>> = secrets
        .flatten()
        .map(|entry| fs::read(entry.path()).must())
        .collect();
    assert!(!tokens.is_empty(), "a token is kept");
    hub.stop().must();
    let later = format!("text={LATER}");
    let set = ["--account", SECOND, "set", &format!("key:{key}"), &later];
    run(&machine, &set);
    (machine, tokens)
}

#[test]
fn nobodys_names_secrets_or_data_are_in_a_bundle() {
    let world = World::new();
    let (machine, tokens) = busy(&world);
    let file = world.path("bundle.json");
    let write = ["doctor", "--bundle", file.to_str().unwrap()];
    run(&machine, &write);
    let text = fs::read(&file).must();
    let mode = fs::metadata(&file).must().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let passwords = [PASSWORD, OTHER_PASSWORD].map(<[u8]>::trim_ascii_end);
    let mut hidden: Vec<&[u8]> = vec![b"$argon2id$", LATER.as_bytes()];
    hidden.extend(passwords);
    hidden.extend([SECOND, THIRD, PHONE].map(str::as_bytes));
    hidden.extend(VALUES.map(str::as_bytes));
    hidden.extend(tokens.iter().map(Vec::as_slice));
    // What a person's home is called.
    let home = world.path("a");
    hidden.push(home.as_os_str().as_encoded_bytes());
    for secret in hidden {
        let what = String::from_utf8_lossy(secret);
        assert!(!contains(&text, secret), "{what} is in the bundle");
    }
    let bundle: Value = serde_json::from_slice(&text).unwrap();
    let len = |pointer: &str| {
        let list = bundle.pointer(pointer).and_then(Value::as_array);
        list.unwrap_or_else(|| panic!("no {pointer} in {bundle}"))
            .len()
    };
    assert_eq!(
        (len("/accounts"), len("/facts/stores"), len("/missing")),
        (2, 2, 0)
    );
    assert!(len("/metrics") > 5 && len("/findings") > 10);

    machine.ctl().ask(&write).must().expect_code(5).must();
    assert_eq!(fs::read(&file).must(), text, "it is not overwritten");
}
