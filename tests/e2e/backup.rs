//! A backup of an account, made while it is at work, brings back what a lost disk took.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use atome_tests::Machine;

use crate::world::{Must, NAME, PASSWORD, World, export, fails, json, run, verified_digest, wait};

/// Adds to a counter, which shows whatever is written twice.
fn add(machine: &Machine, by: &str) {
    run(machine, &["add", "key:counter", by]);
}

/// The disk is gone, and the daemon starts on an empty one.
fn lose(machine: &mut Machine) {
    machine.kill().must();
    fs::remove_dir_all(machine.state_dir()).must();
    machine.start().must();
}

#[test]
fn what_the_hub_or_the_backup_has_is_there_once() {
    let world = World::new();
    let mut hub = world.hub();
    let mut machine = world.machine_with_account("a", Some(&hub));
    run(&machine, &["create", "note", "n=0", "--key", "counter"]);
    wait(&machine);
    // Pending in the backup; the hub has it by the time of the loss.
    hub.kill().must();
    add(&machine, "n=1");
    let file = world.path("first.atome");
    run(&machine, &["backup", file.to_str().unwrap()]);
    let mode = file.metadata().must().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    fails(&machine, &["backup", file.to_str().unwrap()], 5, "conflict");
    hub.start().must();
    add(&machine, "n=10");
    run(&machine, &["sync", "now"]);
    wait(&machine);
    // Pending in a second backup, and nowhere else at the time of the loss; then one that is lost.
    hub.kill().must();
    add(&machine, "n=100");
    let second = world.path("second.atome");
    run(&machine, &["backup", second.to_str().unwrap()]);
    fails(
        &machine,
        &["restore-backup", second.to_str().unwrap()],
        5,
        "conflict",
    );
    for (file, total) in [(&file, 11), (&second, 111)] {
        lose(&mut machine);
        run(&machine, &["restore-backup", file.to_str().unwrap()]);
        hub.start().must();
        let login = ["login", NAME, "--password-stdin"];
        machine.ctl().run_with(&login, PASSWORD).must();
        wait(&machine);
        let there = json(&machine, &["get", "key:counter"]);
        assert_eq!(there["properties"]["n"], total, "{there}");
        let other = world.machine_logged_in(&format!("other-{total}"), &hub);
        assert_eq!(export(&machine), export(&other));
        assert_eq!(verified_digest(&machine), verified_digest(&other));
        drop(other);
        hub.kill().must();
    }
}

#[test]
fn an_account_that_no_hub_knows_comes_back_whole() {
    let world = World::new();
    let mut machine = world.machine_with_account("a", None);
    run(&machine, &["create", "note", "n=0", "--key", "counter"]);
    add(&machine, "n=1");
    let before = export(&machine);
    let file = world.path("backup.atome");
    run(&machine, &["backup", file.to_str().unwrap()]);
    lose(&mut machine);
    let broken = world.file("broken.atome", "this is no backup");
    fails(&machine, &["restore-backup", &broken], 10, "bad_data");
    fails(&machine, &["restore-backup", "/no/such"], 3, "not_found");
    run(&machine, &["restore-backup", file.to_str().unwrap()]);
    assert_eq!(export(&machine), before);
    add(&machine, "n=10");
    // The password is the one it had.
    let login = ["login", NAME, "--password-stdin"];
    machine.ctl().run_with(&login, PASSWORD).must();
    fails(
        &machine,
        &["restore-backup", file.to_str().unwrap()],
        5,
        "conflict",
    );
    let there = json(&machine, &["get", "key:counter"]);
    assert_eq!(there["properties"]["n"], 11, "{there}");
    let left = fs::read_dir(machine.state_dir()).must();
    let passing = left.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with("passing-")
    });
    assert_eq!(passing.count(), 0);
}
