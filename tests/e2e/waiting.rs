//! `sync wait` never says yes before it is true.

use crate::world::{World, export, fails, json, run, wait};

#[test]
fn with_the_hub_stopped_it_times_out_and_says_why() {
    let world = World::new();
    let mut hub = world.hub();
    let machine = world.machine_with_account("a", Some(&hub));
    wait(&machine);
    hub.stop().unwrap();
    run(&machine, &["create", "task", "--key", "tasks/1"]);
    let reply = fails(
        &machine,
        &["sync", "wait", "--timeout", "1s"],
        8,
        "timed_out",
    );
    assert!(reply.stderr.contains("hub"), "{}", reply.stderr);
    let status = json(&machine, &["status"]);
    assert_eq!(status["accounts"][0]["pending"], 1, "{status}");

    hub.start().unwrap();
    let proof = wait(&machine);
    let status = json(&machine, &["sync", "status"]);
    assert_eq!(proof["number"], status["number"], "{proof} {status}");
    assert_eq!(json(&machine, &["status"])["accounts"][0]["pending"], 0);
}

#[test]
fn when_it_says_yes_the_hub_has_it_even_if_it_dies_that_moment() {
    let world = World::new();
    let mut hub = world.hub();
    let mut machine = world.machine_with_account("a", Some(&hub));
    let sample = atome_tests::binaries::sample();
    for n in 0..5 {
        run(&machine, &["seed", sample.to_str().unwrap()]);
        run(
            &machine,
            &["set", "key:geonames/country/CH", &format!("n={n}")],
        );
        wait(&machine);
        hub.kill().unwrap();
        hub.start().unwrap();
    }
    let exported = export(&machine);
    // The first machine is gone for good; what it was told is true all the same.
    machine.kill().unwrap();
    let other = world.machine_logged_in("b", &hub);
    assert_eq!(export(&other), exported);
}

#[test]
fn paused_and_off_are_told_apart_from_done() {
    let world = World::new();
    let hub = world.hub();
    let machine = world.machine_with_account("a", Some(&hub));
    wait(&machine);
    run(&machine, &["sync", "pause"]);
    run(&machine, &["create", "task", "--key", "tasks/1"]);
    let reply = fails(
        &machine,
        &["sync", "wait", "--timeout", "1s"],
        8,
        "timed_out",
    );
    assert!(reply.stderr.contains("paused"), "{}", reply.stderr);
    assert_eq!(
        json(&machine, &["status"])["accounts"][0]["state"],
        "paused"
    );
    run(&machine, &["sync", "resume"]);
    wait(&machine);
}
