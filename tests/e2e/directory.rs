//! The public directory: told at once, caught up with after an absence, answered offline.

use atome_tests::Machine;
use serde_json::Value;

use crate::world::{Must, NAME, PASSWORD, World, eventually, fails, json, run, wait};

fn create(machine: &Machine, arguments: &[&str]) {
    let all = [&["account", "create"], arguments, &["--password-stdin"]].concat();
    machine.ctl().run_with(&all, PASSWORD).must();
}

fn directory(machine: &Machine, words: &[&str]) -> Value {
    json(
        machine,
        &[&["--account", NAME, "directory"], words].concat(),
    )
}

fn names(machine: &Machine) -> Vec<String> {
    let listed = directory(machine, &["list"]);
    let entries = listed["entries"].as_array().unwrap();
    let name = |entry: &Value| entry["username"].as_str().unwrap().to_owned();
    entries.iter().map(name).collect()
}

#[test]
fn a_new_account_is_told_to_who_is_there_and_to_who_was_away() {
    let world = World::new();
    let mut hub = world.hub();
    let first = world.machine_with_account("a", Some(&hub));
    wait(&first);
    let mut away = world.machine_logged_in("away", &hub);
    eventually(|| (names(&away) == [NAME]).then_some(()));
    away.stop().must();

    let second = world.machine("b", Some(&hub));
    for name in ["Grace", "Zoë"] {
        create(&second, &[name]);
    }
    create(&second, &["hidden", "--private", "--phone", "+41791234567"]);
    eventually(|| (names(&first) == [NAME, "Grace", "Zoë"]).then_some(()));
    let found = directory(&first, &["find", "RAC"]);
    assert_eq!(found["source"], "cache", "{found}");
    assert_eq!(found["entries"][0]["username"], "Grace", "{found}");
    let fields = found["entries"][0].as_object().unwrap();
    let fields: Vec<&str> = fields.keys().map(String::as_str).collect();
    assert_eq!(
        fields,
        ["user_id", "username", "visibility"],
        "and no other"
    );

    // A private account is found by its exact number only.
    wait_for(&second, "hidden");
    let unknown = |by: &str| {
        let show = ["--account", NAME, "directory", "show", by];
        fails(&first, &show, 3, "not_found");
    };
    unknown("hidden");
    let hidden = directory(&first, &["show", "+41791234567"]);
    assert_eq!(hidden["entries"][0]["username"], "hidden", "{hidden}");
    unknown("+41791234568");

    away.start().must();
    eventually(|| (names(&away) == [NAME, "Grace", "Zoë"]).then_some(()));

    // Who is gone is gone from every copy.
    let delete = ["account", "delete", "Grace", "--yes", "--password-stdin"];
    second.ctl().run_with(&delete, PASSWORD).must();
    for machine in [&first, &away] {
        eventually(|| (names(machine) == [NAME, "Zoë"]).then_some(()));
    }

    // Offline the copy answers, and says how old it is.
    hub.stop().must();
    eventually(|| (directory(&first, &["list"])["age_ms"] != 0).then_some(()));
    assert_eq!(names(&first), [NAME, "Zoë"]);
    let table = [
        &["--account", NAME, "-o", "table"],
        &["directory", "list"][..],
    ]
    .concat();
    let told = run(&first, &table);
    assert!(told.stderr.contains("old"), "{}", told.stderr);
}

fn wait_for(machine: &Machine, account: &str) {
    json(machine, &["--account", account, "sync", "wait"]);
}

#[test]
fn a_machine_may_keep_no_copy_or_only_what_it_looked_up() {
    let world = World::new();
    let mut hub = world.hub();
    let mut machine = world.machine_with_account("a", Some(&hub));
    wait(&machine);
    create(&machine, &["grace"]);
    wait_for(&machine, "grace");
    create(&machine, &["zoe"]);
    wait_for(&machine, "zoe");
    for mode in ["none", "contacts"] {
        machine.stop().must();
        machine.set_env("ATOMED_DIRECTORY", mode);
        machine.start().must();
        wait_for(&machine, NAME);
        assert_eq!(directory(&machine, &["list"])["source"], "hub", "{mode}");
        let found = directory(&machine, &["show", "grace"]);
        assert_eq!(found["source"], "hub", "{mode}");
    }
    hub.stop().must();
    eventually(|| {
        let show = [
            "--account",
            NAME,
            "directory",
            "show",
            "grace",
            "-o",
            "json",
        ];
        let found: Value = machine.ctl().ask(&show).must().json().ok()?;
        (found["source"] == "cache").then_some(())
    });
    let show = ["--account", NAME, "directory", "show", "nobody"];
    fails(&machine, &show, 7, "hub_unreachable");
}

#[test]
fn a_full_offline_machine_says_that_there_is_no_directory() {
    let world = World::new();
    let machine = world.machine_with_account("a", None);
    fails(&machine, &["directory", "list"], 7, "no_hub");
    fails(&machine, &["sessions"], 7, "no_hub");
}
