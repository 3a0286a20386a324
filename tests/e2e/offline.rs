//! One machine with no hub at all.

use std::path::{Path, PathBuf};

use atome_tests::{Machine, binaries};
use serde_json::Value;

use crate::world::{Must, World, export, fails, json, run, skip};

#[test]
fn a_seed_is_idempotent_and_verify_names_the_change() {
    let world = World::new();
    let machine = world.machine_with_account("a", None);
    let sample = binaries::sample();
    seed_export_verify(&world, &machine, &[sample.to_str().unwrap()], 252);
}

/// The size that the story tells of; the data is not part of the project.
#[test]
fn thirty_four_thousand_records_go_in_and_out() {
    let Some(folder) = shared_data() else {
        return skip("the large data is missing (no ../shared/data, no ATOME_SHARED)");
    };
    let files: Vec<String> = ["countries.jsonl", "cities.jsonl"]
        .iter()
        .map(|name| folder.join(name).to_str().unwrap().to_owned())
        .collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let world = World::new();
    let machine = world.machine_with_account("a", None);
    seed_export_verify(&world, &machine, &files, 34_258);
}

fn seed_export_verify(world: &World, machine: &Machine, files: &[&str], records: u64) {
    let seeded = json(machine, &[&["seed"], files].concat());
    assert_eq!(seeded["created"], records, "{seeded}");
    let before = export(machine);
    let again = json(machine, &[&["seed"], files].concat());
    assert_eq!(
        (&again["unchanged"], &again["commits"]),
        (&records.into(), &0.into()),
        "{again}"
    );
    run(machine, &[&["verify"], files].concat());

    let elsewhere = world.machine_with_account("elsewhere", None);
    let exported = world.file("export.jsonl", &before);
    run(&elsewhere, &["seed", &exported]);
    run(&elsewhere, &["verify", "--strict", &exported]);
    assert_eq!(u64::try_from(before.lines().count()).unwrap(), records);

    run(machine, &["set", "key:geonames/country/DE", "population=1"]);
    let verify = [&["verify"], files, &["-o", "jsonl"]].concat();
    let reply = machine.ctl().ask(&verify).must().expect_code(1).must();
    let found: Vec<Value> = reply.lines().must();
    assert_eq!(found.len(), 1, "{}", reply.stdout);
    let found = found.first().unwrap();
    assert_eq!(found["record"], "geonames/country/DE");
    assert_eq!(found["field"], "population");
    assert_eq!(found["found"], 1);
    assert_ne!(export(machine), before);
}

fn shared_data() -> Option<PathBuf> {
    let named = std::env::var_os("ATOME_SHARED").map(PathBuf::from);
    let root = binaries::workspace_root();
    let folder = named
        .or_else(|| Some(root.parent()?.join("shared")))?
        .join("data");
    let there = |name: &str| Path::exists(&folder.join(name));
    (there("countries.jsonl") && there("cities.jsonl")).then_some(folder)
}

#[test]
fn with_no_hub_in_the_configuration_what_needs_one_says_so_at_once() {
    let world = World::new();
    let machine = world.machine_with_account("a", None);
    run(&machine, &["create", "task", "title=Buy bread"]);
    for command in [&["sync", "wait"][..], &["sync", "verify"]] {
        fails(&machine, command, 7, "no_hub");
    }
    let status = json(&machine, &["status"]);
    assert_eq!(status["accounts"][0]["state"], "local", "{status}");
    assert_eq!(status["runtime"]["remoteEndpoint"], Value::Null);
}

#[test]
fn what_is_written_can_be_looked_at() {
    let world = World::new();
    let machine = world.machine_with_account("a", None);
    run(
        &machine,
        &["create", "list", "name=Shopping", "--key", "lists/1"],
    );
    run(
        &machine,
        &[
            "create",
            "task",
            "name=Bread",
            "n=1",
            "--key",
            "tasks/1",
            "--parent",
            "key:lists/1",
        ],
    );
    run(&machine, &["add", "key:tasks/1", "n=2"]);
    run(&machine, &["set", "key:tasks/1", "note=today"]);
    run(&machine, &["unset", "key:tasks/1", "note"]);
    let task = json(&machine, &["get", "key:tasks/1"]);
    assert_eq!(
        task["properties"],
        serde_json::json!({"n": 3, "name": "Bread"})
    );

    let tree = run(&machine, &["tree", "-o", "jsonl"])
        .lines::<Value>()
        .must();
    let names: Vec<&Value> = tree.iter().map(|line| &line["name"]).collect();
    assert_eq!(names, ["Shopping", "Bread"]);

    let listed = |arguments: &[&str]| {
        let arguments = [&["list", "-o", "jsonl"], arguments].concat();
        run(&machine, &arguments).stdout.lines().count()
    };
    assert_eq!(listed(&["--where", "n >= 3"]), 1);
    assert_eq!(listed(&["--where", "n > 3"]), 0);
    assert_eq!(listed(&["--type", "list"]), 1);
    run(&machine, &["delete", "key:tasks/1"]);
    assert_eq!((listed(&[]), listed(&["--deleted"])), (1, 2));
    run(&machine, &["undelete", "key:tasks/1"]);
    run(&machine, &["move", "key:tasks/1", "--top"]);
    assert_eq!(json(&machine, &["get", "key:tasks/1"]).get("parent"), None);

    let history = run(&machine, &["history", "key:tasks/1", "note", "-o", "json"]).stdout;
    assert!(history.contains("today"), "{history}");
}
