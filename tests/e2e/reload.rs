//! Configurations that change while the programs run, in the sandbox in which they are shipped.

use std::fs;
use std::path::Path;

use atome_tests::authority::Authority;
use atome_tests::{Hub, Machine, Remote, loopback};

use crate::sockets::say;
use crate::world::{Must, NAME, PASSWORD, World, eventually, fails, json, run, wait};

/// A figure of the daemon, by its name; of its only account.
fn figure(machine: &Machine, name: &str) -> String {
    let ask = b"GET /v1/metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let text = say(&machine.socket(), ask, false);
    let line = text
        .lines()
        .find(|line| line.starts_with(&format!("{name}{{")));
    line.unwrap().rsplit_once(' ').unwrap().1.to_owned()
}

/// Puts the files of another authority in the place of those that are there, as certificate clients do: by
/// renaming.
fn replace(from: &Authority, to: &Path) {
    fs::rename(&from.cert_file, to.join("hub.pem")).must();
    fs::rename(&from.key_file, to.join("hub.key")).must();
}

fn other_authority(world: &World) -> Authority {
    let folder = world.path("other");
    fs::create_dir_all(&folder).must();
    Authority::make_for(&folder, loopback::ADDRESS).must()
}

#[test]
fn another_certificate_is_for_new_connections_and_ends_none() {
    let world = World::new();
    let mut hub = world.hub();
    let a = world.machine_with_account("a", Some(&hub));
    wait(&a);
    let other = other_authority(&world);
    replace(&other, &world.path("hub"));
    hub.reload().must();

    let new = Remote {
        ca_file: Some(other.ca_file.clone()),
        ..hub.remote()
    };
    let b = Machine::start_new(&world.binaries, &world.path("b"), Some(&new)).must();
    let login = ["login", NAME, "--password-stdin"];
    b.ctl().run_with(&login, PASSWORD).must();
    wait(&b);
    // The connection of before carries what comes after.
    run(&b, &["create", "note", "title=new"]);
    wait(&b);
    eventually(|| {
        let found = run(&a, &["list", "--type", "note", "-o", "jsonl"]).stdout;
        found.contains("\"new\"").then_some(())
    });
    assert_eq!(figure(&a, "atome_connected"), "1");
    assert_eq!(figure(&a, "atome_reconnects_total"), "0");

    // Who trusts the old authority alone does not come in, until it is told of the other one.
    let mut c = world.machine("c", Some(&hub));
    let refused = c.ctl().ask_with(&login, PASSWORD).must();
    assert_ne!(refused.code, 0, "{}", refused.stdout);
    fs::rename(&other.ca_file, world.path("hub/ca.pem")).must();
    c.reload().must();
    c.ctl().run_with(&login, PASSWORD).must();
    wait(&c);
}

#[test]
fn registration_closes_and_opens_while_the_hub_runs() {
    let world = World::new();
    let mut hub = world.hub();
    let open = "registration = \"open\"";
    hub.reconfigure(open, "registration = \"closed\"\nhashes_at_once = 3")
        .must();
    hub.reload().must();
    let log = hub.running().unwrap().log();
    assert!(log.contains("the configuration was read again"), "{log}");
    let waits = "until the hub is restarted key=\"accounts.hashes_at_once\"";
    assert!(log.contains(waits), "{log}");
    assert_eq!(log.matches("is restarted").count(), 1, "{log}");

    let a = world.machine_with_account("a", Some(&hub));
    let state = |machine: &Machine| json(machine, &["status"])["accounts"][0].clone();
    eventually(|| (!state(&a)["lastError"].is_null()).then_some(()));
    assert_eq!(state(&a)["state"], "registering");
    hub.reconfigure("registration = \"closed\"", open).must();
    hub.reload().must();
    run(&a, &["sync", "now"]);
    wait(&a);
}

#[test]
fn a_wrong_configuration_is_refused_whole() {
    let world = World::new();
    let mut hub = world.hub();
    let open = "registration = \"open\"";
    hub.reconfigure(open, "registration = \"closed\"\nsession_days = 0")
        .must();
    hub.reload().must();
    let told = hub.admin(&["--check-config"]).must();
    assert_eq!(told.code, 2);
    let told = told.stderr.trim_start_matches("atome-server: ").trim_end();
    let log = hub.running().unwrap().log();
    assert!(log.contains(told), "{log}\n{told}");
    assert!(log.contains("the old one goes on"), "{log}");
    // What was right in it is not taken either.
    let a = world.machine_with_account("a", Some(&hub));
    wait(&a);

    hub.reconfigure("session_days = 0", "session_days = 1")
        .must();
    fs::write(world.path("hub/hub.pem"), "nonsense").must();
    hub.reload().must();
    let log = hub.running().unwrap().log();
    assert!(log.contains("hub.pem holds no certificate"), "{log}");
    assert!(!log.contains("was read again"), "{log}");
    world.machine_logged_in("b", &hub);
}

#[test]
fn the_levels_of_the_log_change_while_programs_run() {
    let world = World::new();
    let mut hub = world.hub();
    let mut a = world.machine_with_account("a", Some(&hub));
    wait(&a);
    assert!(!hub.running().unwrap().log().contains("DEBUG"));
    let lines = "sandbox = \"best-effort\"";
    hub.reconfigure(
        lines,
        &format!("{lines}\nlog_level = \"warn,atome_server::gateway=debug\""),
    )
    .must();
    hub.reload().must();
    a.configure("[log]\nlevel = \"debug\"").must();
    a.reload().must();
    let b = world.machine_logged_in("b", &hub);
    eventually(|| {
        let log = hub.running().unwrap().log();
        log.contains("DEBUG atome_server::gateway::driver: a client connected")
            .then_some(())
    });
    let kept = hub.running().unwrap().log().matches(" INFO ").count();
    drop(b);
    hub.reload().must();
    let log = hub.running().unwrap().log();
    assert_eq!(log.matches(" INFO ").count(), kept, "{log}");
    hub.stop().must();
    eventually(|| {
        a.running()
            .unwrap()
            .log()
            .contains("DEBUG atomed::")
            .then_some(())
    });
}

#[test]
fn a_daemon_takes_who_may_use_an_account_and_names_what_waits() {
    let world = World::new();
    let mut a = world.machine_with_account("a", None);
    run(&a, &["logout"]);
    fails(&a, &["list"], 4, "auth_required");
    let uid = rustix::process::geteuid().as_raw();
    let good = fs::read_to_string(a.config()).must();
    a.configure(&format!(
        "[[access]]\nunix_user = {uid}\naccount = \"{NAME}\"\n[log]\nlevel = \"loud\""
    ))
    .must();
    a.reload().must();
    let log = a.running().unwrap().log();
    assert!(log.contains("log.level: 'loud' names no levels"), "{log}");
    fails(&a, &["list"], 4, "auth_required");

    let more = format!("[[access]]\nunix_user = {uid}\naccount = \"{NAME}\"\n");
    let other = good.replace(
        "[secrets]",
        "[remote]\nendpoint = \"ws://hub.example.org\"\n[secrets]",
    );
    fs::write(
        a.config(),
        format!("durability = \"normal\"\ndirectory = \"none\"\n{other}\n{more}"),
    )
    .must();
    a.reload().must();
    run(&a, &["list"]);
    let log = a.running().unwrap().log();
    for key in ["durability", "remote.endpoint"] {
        let waits = format!("until the daemon is restarted key=\"{key}\"");
        assert!(log.contains(&waits), "{log}");
    }
    assert_eq!(log.matches("is restarted").count(), 2, "{log}");
}

#[test]
fn a_daemon_hears_of_the_directory_once_it_is_told_to() {
    let world = World::new();
    let hub: Hub = world.hub();
    let mut a = Machine::prepare(&world.binaries, &world.path("a"), Some(&hub.remote())).must();
    let text = fs::read_to_string(a.config()).must();
    fs::write(a.config(), format!("directory = \"none\"\n{text}")).must();
    a.start().must();
    let create = ["account", "create", NAME, "--password-stdin"];
    a.ctl().run_with(&create, PASSWORD).must();
    wait(&a);
    assert_eq!(json(&a, &["directory", "list"])["source"], "hub");
    fs::write(a.config(), text).must();
    a.reload().must();
    eventually(|| (json(&a, &["directory", "list"])["source"] == "cache").then_some(()));
    let b = world.machine("b", Some(&hub));
    let create = ["account", "create", "bert", "--password-stdin"];
    b.ctl().run_with(&create, PASSWORD).must();
    wait(&b);
    eventually(|| {
        run(&a, &["directory", "list", "-o", "json"])
            .stdout
            .contains("bert")
            .then_some(())
    });
}
