//! `[secrets] store = "keyring"` with a real gnome-keyring on a session bus of the test's own.

use std::fs;
use std::path::Path;

use atome_tests::{Hub, Machine};

use crate::desktop::{Desktop, missing};
use crate::world::{
    Must, NAME, PASSWORD, World, contains, eventually, export, fails, json, run, skipped, wait,
};

/// What every refusal must tell a person to do.
const REMEDY: &[&str] = &[
    "unlock or start a keyring such as gnome-keyring",
    "secrets.store = \"file\"",
];

/// Says that the tests of this file cannot be run, where that is so.
fn cannot_run() -> bool {
    let missing = missing();
    if let Some(program) = missing {
        skipped(&format!("the keyring: {program} is not installed"));
    }
    missing.is_some()
}

/// A machine whose daemon keeps its tokens in the desktop's keyring; it is not started.
fn machine(world: &World, name: &str, hub: Option<&Hub>, desktop: &Desktop) -> Machine {
    let remote = hub.map(Hub::remote);
    let mut machine = Machine::prepare(&world.binaries, &world.path(name), remote.as_ref()).must();
    machine.set_env("ATOMED_SECRETS__STORE", "keyring");
    machine.set_env("DBUS_SESSION_BUS_ADDRESS", &desktop.address());
    machine
}

/// The attribute by which the items of a machine's daemon are told apart.
fn service(machine: &Machine) -> String {
    format!("atome:{}", machine.state_dir().display())
}

fn id(machine: &Machine) -> String {
    let status = json(machine, &["status"]);
    status["accounts"][0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn tokens_are_in_the_keyring_and_in_no_file() {
    if cannot_run() {
        return;
    }
    let world = World::new();
    let hub = world.hub();
    let mut desktop = Desktop::start(&world.path("desktop"));
    desktop.start_keyring(Some("open sesame"));
    let mut first = machine(&world, "a", Some(&hub), &desktop);
    first.start().must();
    let create = ["account", "create", NAME, "--password-stdin"];
    first.ctl().run_with(&create, PASSWORD).must();
    run(&first, &["create", "task", "--key", "tasks/1"]);
    wait(&first);

    // Another daemon of the same keyring, with the same account: each has a token of its own.
    let mut second = machine(&world, "b", Some(&hub), &desktop);
    second.start().must();
    let login = ["login", NAME, "--password-stdin"];
    second.ctl().run_with(&login, PASSWORD).must();
    wait(&second);
    let id = id(&first);
    let tokens = [&first, &second].map(|machine| desktop.lookup(&service(machine), &id));
    assert_ne!(tokens[0], tokens[1]);
    for (machine, token) in [&first, &second].into_iter().zip(&tokens) {
        assert_eq!(token.len(), 64, "{token}");
        assert!(!machine.state_dir().join("secrets").exists());
        assert!(no_file_holds(&machine.state_dir(), token.as_bytes()));
        // What a person sees: the token alone, and whose it is. The probe is gone.
        let seen = desktop.search(&service(machine));
        assert_eq!(seen.matches("label = ").count(), 1, "{seen}");
        assert!(
            seen.contains(&format!("Atome secret {id} (atome:")),
            "{seen}"
        );
    }

    // A start later, the token is still there.
    first.stop().must();
    first.start().must();
    run(&first, &["create", "task", "--key", "tasks/2"]);
    wait(&first);
    wait(&second);
    assert_eq!(export(&second), export(&first));

    run(&first, &["logout"]);
    // A token is kept until the hub was told that it is over, and then no more.
    eventually(|| desktop.search(&service(&first)).is_empty().then_some(()));
    assert_eq!(desktop.lookup(&service(&second), &id), tokens[1]);
}

/// Whether no file below a folder holds these bytes.
fn no_file_holds(folder: &Path, bytes: &[u8]) -> bool {
    fs::read_dir(folder).unwrap().all(|entry| {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            return no_file_holds(&entry.path(), bytes);
        }
        let content = if kind.is_file() {
            fs::read(entry.path()).unwrap()
        } else {
            Vec::new()
        };
        !contains(&content, bytes)
    })
}

#[test]
fn without_an_open_keyring_the_daemon_does_not_start() {
    if cannot_run() {
        return;
    }
    let world = World::new();
    let mut desktop = Desktop::start(&world.path("desktop"));
    let mut machine = machine(&world, "a", None, &desktop);

    let nowhere = format!("unix:path={}", world.path("nowhere").display());
    machine.set_env("DBUS_SESSION_BUS_ADDRESS", &nowhere);
    refuses_to_start(&mut machine, "no Secret Service answers on the session bus");

    machine.set_env("DBUS_SESSION_BUS_ADDRESS", &desktop.address());
    refuses_to_start(&mut machine, "no Secret Service answers on the session bus");

    desktop.start_keyring(None);
    refuses_to_start(&mut machine, "the keyring is locked, or there is none yet");

    desktop.end_keyring();
    desktop.start_keyring(Some("open sesame"));
    machine.start().must();
    machine.stop().must();

    desktop.end_keyring();
    desktop.start_keyring(None);
    refuses_to_start(&mut machine, "the keyring is locked, or there is none yet");
}

#[track_caller]
fn refuses_to_start(machine: &mut Machine, why: &str) {
    let refused = machine.start().unwrap_err().to_string();
    assert!(refused.contains("it ended (exit status: 1)"), "{refused}");
    let last = refused.lines().last().unwrap();
    for part in [&[why], REMEDY].concat() {
        assert!(last.contains(part), "{part}: {refused}");
    }
    assert!(!machine.state_dir().join("secrets").exists());
}

#[test]
fn a_keyring_that_goes_away_stops_no_work() {
    if cannot_run() {
        return;
    }
    let world = World::new();
    let hub = world.hub();
    let mut desktop = Desktop::start(&world.path("desktop"));
    desktop.start_keyring(Some("open sesame"));
    let mut machine = machine(&world, "a", Some(&hub), &desktop);
    machine.start().must();
    let create = ["account", "create", NAME, "--password-stdin"];
    machine.ctl().run_with(&create, PASSWORD).must();
    wait(&machine);
    let id = id(&machine);

    desktop.end_keyring();
    run(&machine, &["create", "task", "--key", "tasks/1"]);
    wait(&machine);
    let refused = fails(&machine, &["logout"], 70, "internal");
    for part in [&["no Secret Service answers"], REMEDY].concat() {
        // As JSON prints it.
        let part = part.replace('"', "\\\"");
        assert!(refused.stderr.contains(&part), "{}", refused.stderr);
    }

    // A keyring that is back is found again, by the daemon that runs.
    desktop.start_keyring(Some("open sesame"));
    assert_eq!(desktop.lookup(&service(&machine), &id).len(), 64);
    let login = ["login", NAME, "--password-stdin"];
    machine.ctl().run_with(&login, PASSWORD).must();
    run(&machine, &["logout"]);
    eventually(|| desktop.search(&service(&machine)).is_empty().then_some(()));
}
