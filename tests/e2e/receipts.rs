//! Receipts: what a write has printed tells on any machine whether it has come.

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
