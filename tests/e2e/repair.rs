//! A store whose file was damaged: found, named, mended from the hub.

use std::fs;

use atome_tests::Machine;
use serde_json::Value;

use crate::world::{Must, World, export, files, json, run, verified_digest, wait};

/// Writes other bytes over each place where a file below the machine's state holds `old`; how many there were.
fn overwrite(machine: &Machine, old: &str, new: &str) -> usize {
    assert_eq!(old.len(), new.len());
    let mut places = 0;
    for path in files(&machine.state_dir()) {
        let mut bytes = fs::read(&path).must();
        let found: Vec<usize> = (0..bytes.len())
            .filter(|at| bytes[*at..].starts_with(old.as_bytes()))
            .collect();
        for at in &found {
            bytes[*at..*at + new.len()].copy_from_slice(new.as_bytes());
        }
        if !found.is_empty() {
            fs::write(&path, bytes).must();
        }
        places += found.len();
    }
    places
}

#[test]
fn a_damaged_value_is_found_named_and_mended() {
    let world = World::new();
    let hub = world.hub();
    let writer = world.machine_with_account("writer", Some(&hub));
    run(
        &writer,
        &[
            "create",
            "note",
            "--key",
            "n",
            "title=q7Xv-right",
            "done=false",
        ],
    );
    for n in 0..50 {
        run(
            &writer,
            &["create", "note", "--key", &format!("n/{n}"), "title=other"],
        );
    }
    wait(&writer);
    let mut damaged = world.machine_logged_in("damaged", &hub);
    assert_eq!(json(&damaged, &["sync", "verify"])["equal"], true);
    let id = json(&damaged, &["get", "key:n"])["id"].clone();

    damaged.stop().must();
    // As it stands in a state; the timeline of a machine that came by snapshot has it nowhere else.
    let places = overwrite(&damaged, "\"v\":\"q7Xv-right\"", "\"v\":\"q7Xv-wrong\"");
    assert!(places > 0);
    damaged.start().must();
    wait(&damaged);
    assert_eq!(
        json(&damaged, &["get", "key:n"])["properties"]["title"],
        "q7Xv-wrong"
    );

    let reply = damaged.ctl().ask(&["-o", "json", "sync", "verify"]).must();
    let reply = reply.expect_code(1).must();
    let verified: Value = reply.json().must();
    assert_eq!(verified["equal"], false);
    assert_eq!(verified["found"][0]["atome"], id, "{verified}");
    assert_eq!(verified["found"][0]["kind"], "different");
    assert_eq!(verified["found"][0]["keys"][0], "title");
    assert_eq!(verified["found"].as_array().unwrap().len(), 1);
    assert!(reply.stderr.contains("--repair"), "{}", reply.stderr);

    let mended = json(&damaged, &["sync", "verify", "--repair"]);
    assert_eq!(
        (&mended["equal"], &mended["mended"]),
        (&true.into(), &1.into())
    );
    assert_eq!(
        json(&damaged, &["get", "key:n"])["properties"]["title"],
        "q7Xv-right"
    );
    assert_eq!(export(&damaged), export(&writer));
    assert_eq!(verified_digest(&damaged), verified_digest(&writer));
    // What is written after it goes on from there.
    run(&damaged, &["set", "key:n", "done=true"]);
    wait(&damaged);
    wait(&writer);
    assert_eq!(verified_digest(&damaged), verified_digest(&writer));
}
