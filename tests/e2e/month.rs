//! The hub away for a month: local logins and work go on, and when it is back everything arrives.
//!
//! The month is the library libfaketime's: each day the machine starts anew, a day later. (A wall clock that
//! leaps while the machine runs is taken for a wrong one, and the hub's time counted on.)

use std::path::Path;

use atome_tests::{Machine, faketime};
use serde_json::Value;

use crate::world::{Must, NAME, PASSWORD, World, eventually, fails, json, run, skipped, wait};

const DAYS: u32 = 30;

/// The variables that give a program the time of a file, which is none of its own files.
fn variables(library: &Path, time: &Path) -> [(&'static str, String); 6] {
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    [
        ("LD_PRELOAD", text(library)),
        ("FAKETIME_TIMESTAMP_FILE", text(time)),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        // Timers go on as they are.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ("ATOMED_SANDBOX", "off".to_owned()),
        ("ATOME_SERVER_SANDBOX", "off".to_owned()),
    ]
}

fn set_day(time: &Path, day: u32) {
    // Whole or not at all, since the programs read it all the time.
    let new = time.with_extension("new");
    std::fs::write(&new, format!("+{day}d")).must();
    std::fs::rename(&new, time).must();
}

fn create(machine: &Machine, name: &str) {
    let create = ["account", "create", name, "--password-stdin"];
    machine.ctl().run_with(&create, PASSWORD).must();
}

fn login(machine: &Machine, name: &str) {
    let login = ["login", name, "--password-stdin"];
    machine.ctl().run_with(&login, PASSWORD).must();
}

/// What happens on some days, beside the work of each.
fn live(machine: &Machine, day: u32) {
    match day {
        5 => create(machine, "carl"),
        10 => {
            run(machine, &["--account", "bob", "logout"]);
        }
        15 => {
            run(machine, &["--account", NAME, "logout", "--keep"]);
            login(machine, NAME);
        }
        20 => {
            fails(machine, &["--account", "bob", "list"], 4, "auth_required");
            let write = ["--account", "carl", "create", "note", "--key", "notes/1"];
            run(machine, &write);
        }
        _ => {}
    }
}

#[test]
fn a_month_without_the_hub_loses_nothing() {
    let Some(library) = faketime::library() else {
        return skipped("libfaketime is not installed");
    };
    let world = World::new();
    let time = world.path("time");
    set_day(&time, 0);
    let mut hub = world.hub();
    hub.stop().must();
    for (name, value) in variables(&library, &time) {
        hub.set_env(name, &value);
    }
    hub.start().must();
    let mut machine = world.machine("a", Some(&hub));
    machine.stop().must();
    for (name, value) in variables(&library, &time) {
        machine.set_env(name, &value);
    }
    machine.start().must();
    for name in [NAME, "bob"] {
        create(&machine, name);
        json(&machine, &["--account", name, "sync", "wait"]);
    }
    let witness = world.machine("witness", Some(&hub));
    login(&witness, "bob");
    let sessions = || -> Option<usize> {
        let listed = witness.ctl().ask(&["sessions", "-o", "json"]).must();
        Some(listed.json::<Vec<Value>>().ok()?.len())
    };
    assert_eq!(sessions(), Some(2));
    hub.stop().must();

    for day in 1..=DAYS {
        machine.stop().must();
        set_day(&time, day);
        machine.start().must();
        let key = format!("days/{day}");
        let write = ["--account", NAME, "create", "day", "--key", &key];
        run(&machine, &write);
        live(&machine, day);
    }
    let status = json(&machine, &["status"]);
    let ada = &status["accounts"][0];
    assert_eq!(ada["name"], NAME, "{status}");
    assert_eq!(ada["pending"], DAYS, "{status}");

    hub.start().must();
    run(&machine, &["--account", NAME, "sync", "now"]);
    // What was written arrives, with the times at which it was written.
    let other = world.machine("b", Some(&hub));
    for name in [NAME, "carl"] {
        eventually(|| {
            let wait = ["--account", name, "sync", "wait", "--timeout", "5s"];
            (machine.ctl().ask(&wait).must().code == 0).then_some(())
        });
        login(&other, name);
        json(&other, &["--account", name, "sync", "wait"]);
        let export = ["--account", name, "export"];
        assert_eq!(run(&other, &export).stdout, run(&machine, &export).stdout);
    }
    let listed: Vec<Value> = run(&other, &["--account", NAME, "list", "-o", "jsonl"])
        .lines()
        .must();
    let mut days: Vec<&str> = listed
        .iter()
        .map(|atome| atome["created_at"].as_str().unwrap().get(..10).unwrap())
        .collect();
    days.sort_unstable();
    days.dedup();
    assert_eq!(days.len(), DAYS as usize, "{days:?}");
    // So does the logout.
    eventually(|| (sessions()? == 1).then_some(()));
    wait(&witness);
}
