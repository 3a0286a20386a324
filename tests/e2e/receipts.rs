//! Receipts: what a write has printed tells on any machine whether it has come.

use std::process::Command;

use atome_tests::Machine;

use crate::world::{Must, NAME, PASSWORD, World, fails, json, run, wait};

#[test]
fn a_receipt_is_waited_for_where_it_was_made_and_elsewhere() {
    let world = World::new();
    let mut hub = world.hub();
    let here = world.machine_with_account("here", Some(&hub));
    wait(&here);
    let there = world.machine_logged_in("there", &hub);

    hub.stop().must();
    let made = json(&here, &["create", "note", "--key", "n", "a=1", "--receipt"]);
    let receipt = made["receipt"].as_str().unwrap().to_owned();
    let command = ["sync", "wait", "--receipt", &receipt];
    for machine in [&here, &there] {
        fails(
            machine,
            &[&command[..], &["--timeout", "1s"]].concat(),
            8,
            "timed_out",
        );
    }

    hub.start().must();
    run(&here, &command);
    run(&there, &command);
    assert_eq!(json(&there, &["get", "key:n"])["properties"]["a"], 1);

    // For people the receipt stands alone on its line.
    let set = ["-o", "table", "set", "key:n", "a=2", "--receipt"];
    let printed = run(&here, &set).stdout;
    let later = printed.trim_end();
    assert!(
        later.starts_with("r1.") && !later.contains('\n'),
        "{printed}"
    );
    run(&there, &["sync", "wait", "--receipt", later]);
    assert_eq!(json(&there, &["get", "key:n"])["properties"]["a"], 2);

    let (kept, last) = later.rsplit_once('.').unwrap();
    let (kept, _) = kept.rsplit_once('.').unwrap();
    let strange = format!("{kept}.01890000-0000-7000-8000-000000000000.{last}");
    fails(
        &here,
        &["sync", "wait", "--receipt", &strange],
        3,
        "not_found",
    );
    let reply = here
        .ctl()
        .ask(&["sync", "wait", "--receipt", "r9.x"])
        .must();
    assert_eq!(reply.code, 2, "{}", reply.stderr);
    assert!(reply.stderr.contains("later form"), "{}", reply.stderr);
}

#[test]
fn a_reader_waits_for_what_another_account_has_written() {
    let world = World::new();
    let hub = world.hub();
    let writer = world.machine_with_account("writer", Some(&hub));
    let reader = world.machine("reader", Some(&hub));
    let create = ["account", "create", "bea", "--password-stdin"];
    reader.ctl().run_with(&create, PASSWORD).must();
    wait(&reader);
    run(&reader, &["policy", NAME, "always"]);
    wait(&reader);
    run(&writer, &["create", "note", "--key", "shown"]);
    run(&writer, &["create", "note", "--key", "hidden"]);
    run(
        &writer,
        &["share", "key:shown", "--with", "bea", "--can", "read"],
    );
    wait(&writer);

    let shown = json(&writer, &["set", "key:shown", "a=1", "--receipt"]);
    run(
        &reader,
        &[
            "sync",
            "wait",
            "--receipt",
            shown["receipt"].as_str().unwrap(),
        ],
    );
    let id = shown["atomes"][0].as_str().unwrap();
    assert_eq!(json(&reader, &["get", id])["properties"]["a"], 1);
    // Of this one there is nothing to be seen: that the hub has it is all there is to wait for.
    let hidden = json(&writer, &["set", "key:hidden", "a=1", "--receipt"]);
    run(
        &reader,
        &[
            "sync",
            "wait",
            "--receipt",
            hidden["receipt"].as_str().unwrap(),
        ],
    );
    fails(
        &reader,
        &["get", hidden["atomes"][0].as_str().unwrap()],
        3,
        "not_found",
    );
}

/// What a wait for a receipt answers within a few seconds.
fn answer(machine: &Machine, receipt: &str) -> i32 {
    let wait = ["sync", "wait", "--timeout", "3s", "--receipt", receipt];
    machine.ctl().ask(&wait).must().code
}

#[test]
fn a_copied_disk_is_never_told_that_its_own_write_has_come_when_another_has() {
    let world = World::new();
    let mut hub = world.hub();
    let mut first = world.machine_with_account("first", Some(&hub));
    run(&first, &["create", "note", "--key", "n"]);
    wait(&first);
    first.stop().must();
    let mut copy =
        Machine::prepare(&world.binaries, &world.path("copy"), Some(&hub.remote())).must();
    let copied = Command::new("cp")
        .arg("-a")
        .args([&first.state_dir(), &copy.state_dir()])
        .status();
    assert!(copied.must().success());
    hub.stop().must();
    first.start().must();
    copy.start().must();
    // Two commits of one number.
    let receipts = [(&first, "a=1"), (&copy, "b=2")].map(|(machine, what)| {
        let written = json(machine, &["set", "key:n", what, "--receipt"]);
        written["receipt"].as_str().unwrap().to_owned()
    });
    hub.start().must();
    for machine in [&first, &copy, &first] {
        wait(machine);
    }
    let reader = world.machine_logged_in("reader", &hub);
    let mut answers: Vec<i32> = receipts
        .iter()
        .map(|receipt| answer(&reader, receipt))
        .collect();
    answers.sort_unstable();
    assert_eq!(
        answers,
        [0, 5],
        "one has the number, the other was given another"
    );
    let here = json(&reader, &["get", "key:n"]);
    assert_eq!(
        (&here["properties"]["a"], &here["properties"]["b"]),
        (&1.into(), &2.into())
    );
}

#[test]
fn a_hub_that_was_put_back_says_yes_only_once_it_has_the_write_again() {
    let world = World::new();
    let mut hub = world.hub();
    let mut writer = world.machine_with_account("writer", Some(&hub));
    run(&writer, &["create", "note", "--key", "n"]);
    wait(&writer);
    let reader = world.machine_logged_in("reader", &hub);
    let backup = world.path("hub.backup");
    let backup = backup.to_str().unwrap();
    hub.admin(&["backup", backup]).must().expect_code(0).must();
    let written = json(&writer, &["set", "key:n", "a=1", "--receipt"]);
    let receipt = written["receipt"].as_str().unwrap();
    for machine in [&writer, &reader] {
        assert_eq!(answer(machine, receipt), 0);
    }
    writer.stop().must();
    hub.stop().must();
    for file in ["hub.db", "hub.db-wal", "hub.db-shm"] {
        // What is not there need not go.
        let _ = std::fs::remove_file(hub.state_dir().join(file));
    }
    hub.admin(&["restore", backup]).must().expect_code(0).must();
    hub.start().must();
    assert_eq!(answer(&reader, receipt), 8, "the hub does not have it");
    writer.start().must();
    assert_eq!(answer(&writer, receipt), 0);
    assert_eq!(answer(&reader, receipt), 0);
}
