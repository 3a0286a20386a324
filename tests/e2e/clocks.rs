//! Wrong clocks: an hour ahead, a day behind, in 1970. Nothing is lost, nobody wins for it, and it is told.

use std::path::Path;

use atome_tests::{Machine, faketime};

use crate::world::{Must, World, eventually, export, json, run, skipped, verified_digest, wait};

/// Has the machine's next start be at another time, in libfaketime's words.
fn set_clock(machine: &mut Machine, library: &Path, time: &str) {
    machine.set_env("LD_PRELOAD", library.to_str().unwrap());
    machine.set_env("FAKETIME", time);
    machine.set_env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    machine.set_env("ATOMED_SANDBOX", "off");
}

fn claims(machine: &Machine, key: &str) -> usize {
    let history = json(machine, &["history", "key:n", key]);
    let versions = history["versions"].as_array().unwrap();
    let is_clamped = |version: &&serde_json::Value| !version["claimed"].is_null();
    versions.iter().filter(is_clamped).count()
}

#[test]
fn a_clock_an_hour_ahead_is_told_clamped_and_wins_nothing() {
    let Some(library) = faketime::library() else {
        return skipped("libfaketime is missing (apt-get install libfaketime)");
    };
    let world = World::new();
    let mut hub = world.hub();
    let right = world.machine_with_account("right", Some(&hub));
    run(&right, &["create", "note", "--key", "n", "title=first"]);
    wait(&right);
    let mut ahead = world.machine_logged_in("ahead", &hub);
    ahead.stop().must();
    hub.stop().must();
    // With the hub away nothing tells it what time it is.
    set_clock(&mut ahead, &library, "+3600s");
    ahead.start().must();
    run(&ahead, &["set", "key:n", "title=ahead"]);
    assert_eq!(claims(&ahead, "title"), 0);
    hub.start().must();
    wait(&ahead);
    assert_eq!(
        claims(&ahead, "title"),
        1,
        "the hub's stamp is adopted, the claim kept"
    );
    let told = eventually(|| {
        let status = ahead.ctl().run(&["-o", "json", "status"]).must().stdout;
        status.contains("clock-ahead").then_some(status)
    });
    assert!(told.contains("clock-ahead"));
    wait(&right);
    assert_eq!(
        json(&right, &["get", "key:n"])["properties"]["title"],
        "ahead"
    );
    run(&right, &["set", "key:n", "title=later"]);
    wait(&right);
    wait(&ahead);
    let third = world.machine_logged_in("third", &hub);
    for machine in [&right, &ahead, &third] {
        assert_eq!(
            json(machine, &["get", "key:n"])["properties"]["title"],
            "later"
        );
        assert_eq!(export(machine), export(&right));
        assert_eq!(verified_digest(machine), verified_digest(&right));
    }
}

#[test]
fn clocks_a_day_behind_and_in_1970_lose_nothing() {
    let Some(library) = faketime::library() else {
        return skipped("libfaketime is missing (apt-get install libfaketime)");
    };
    let world = World::new();
    let hub = world.hub();
    let mut machine = world.machine_with_account("a", Some(&hub));
    run(&machine, &["create", "note", "--key", "n", "title=first"]);
    wait(&machine);
    for (time, title) in [("-86400s", "behind"), ("@1970-01-02 00:00:00", "in 1970")] {
        machine.stop().must();
        set_clock(&mut machine, &library, time);
        machine.start().must();
        let title = format!("title={title}");
        run(&machine, &["set", "key:n", &title]);
        run(&machine, &["add", "key:n", "count=1"]);
    }
    assert_eq!(
        json(&machine, &["get", "key:n"])["properties"]["title"],
        "in 1970"
    );
    // By then no certificate was good: it has to be set right first.
    machine.stop().must();
    set_clock(&mut machine, &library, "+0s");
    machine.start().must();
    wait(&machine);
    let other = world.machine_logged_in("b", &hub);
    let here = json(&other, &["get", "key:n"]);
    assert_eq!(here["properties"]["title"], "in 1970");
    assert_eq!(here["properties"]["count"], 2);
    assert_eq!(export(&other), export(&machine));
    assert_eq!(verified_digest(&other), verified_digest(&machine));
}
