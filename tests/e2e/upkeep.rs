//! Looking after a hub's database: feeds that let go of what is old, copies that are put back, by the command
//! and by hand.

use std::fs;

use atome_tests::{Hub, Machine, Reply};
use serde_json::Value;

use crate::world::{Must, World, eventually, export, json, run, verified_digest, wait};

#[track_caller]
fn admin(hub: &Hub, arguments: &[&str]) -> Reply {
    hub.admin(arguments).must().expect_code(0).must()
}

fn stats(hub: &Hub) -> Value {
    admin(hub, &["stats", "-o", "json"]).json().must()
}

fn create(machine: &Machine, key: &str) {
    run(machine, &["create", "task", "n=1", "--key", key]);
}

/// Both have all of each other's, and hold the same as the hub.
#[track_caller]
fn settle(a: &Machine, b: &Machine) -> String {
    for machine in [a, b, a] {
        wait(machine);
    }
    assert_eq!(export(a), export(b));
    assert_eq!(verified_digest(a), verified_digest(b));
    export(a)
}

#[test]
fn a_machine_away_past_the_horizon_keeps_what_it_has_pending() {
    let world = World::new();
    let hub = world.hub();
    let a = world.machine_with_account("a", Some(&hub));
    for key in ["altered", "deleted", "counted"] {
        create(&a, key);
    }
    wait(&a);
    let b = world.machine_logged_in("b", &hub);
    run(&b, &["sync", "pause"]);
    create(&b, "pending");
    run(&b, &["add", "key:counted", "n=10"]);
    create(&a, "new");
    run(&a, &["set", "key:altered", "n=2"]);
    run(&a, &["add", "key:counted", "n=5"]);
    run(&a, &["delete", "key:deleted"]);
    wait(&a);
    let head = json(&a, &["status"])["accounts"][0]["hubHead"].clone();
    // The newest must be a second old.
    eventually(|| {
        admin(&hub, &["compact", "--older-than", "1s"]);
        (stats(&hub)["feed_entries"] == 0).then_some(())
    });
    admin(&hub, &["check"]);
    // One that is connected and up to date goes on from where it is.
    create(&a, "later");
    wait(&a);
    let status = json(&a, &["status"]);
    let now = &status["accounts"][0]["hubHead"];
    assert_eq!(now.as_u64(), head.as_u64().map(|head| head + 1), "{status}");
    assert_eq!(stats(&hub)["feed_entries"], 1);

    run(&b, &["sync", "resume"]);
    let all = settle(&a, &b);
    for key in ["pending", "new", "later", "altered"] {
        assert!(all.contains(&format!("\"{key}\"")), "{key}: {all}");
    }
    let counted = json(&a, &["get", "key:counted"]);
    assert_eq!(counted["properties"]["n"], 16, "{counted}");
    admin(&hub, &["check"]);
}

/// Two machines, a copy of the hub's database, and all that both have written since.
fn with_a_copy(world: &World) -> (Hub, Machine, Machine, String) {
    let hub = world.hub();
    let a = world.machine_with_account("a", Some(&hub));
    create(&a, "counted");
    wait(&a);
    let b = world.machine_logged_in("b", &hub);
    let copy = world.path("copy.db");
    admin(&hub, &["backup", copy.to_str().unwrap()]);
    let again = hub.admin(&["backup", copy.to_str().unwrap()]).must();
    again.expect_code(1).must();
    for (machine, name) in [(&a, "a"), (&b, "b")] {
        for n in 0..5 {
            create(machine, &format!("{name}-{n}"));
            run(machine, &["add", "key:counted", "n=1"]);
        }
    }
    let all = settle(&a, &b);
    (hub, a, b, all)
}

/// Nothing is lost, and nothing counts twice.
fn assert_all_is_there(a: &Machine, b: &Machine, before: &str) {
    assert_eq!(settle(a, b), before);
    assert_eq!(json(a, &["get", "key:counted"])["properties"]["n"], 11);
    assert_eq!(json(b, &["status"])["accounts"][0]["refused"], 0);
}

fn move_away(hub: &Hub) {
    for name in ["hub.db", "hub.db-wal", "hub.db-shm"] {
        let file = hub.state_dir().join(name);
        if file.exists() {
            fs::rename(&file, file.with_extension(format!("old-{name}"))).must();
        }
    }
}

#[test]
fn after_a_copy_is_put_back_machines_push_again_what_they_have() {
    let world = World::new();
    let (mut hub, a, b, before) = with_a_copy(&world);
    let epoch = stats(&hub)["epoch"].clone();
    let copy = world.path("copy.db");
    hub.stop().must();
    let refused = hub.admin(&["restore", copy.to_str().unwrap()]).must();
    let refused = refused.expect_code(1).must();
    assert!(
        refused.stderr.contains("is there already"),
        "{}",
        refused.stderr
    );
    move_away(&hub);
    admin(&hub, &["restore", copy.to_str().unwrap()]);
    assert_ne!(stats(&hub)["epoch"], epoch);
    hub.start().must();
    assert_all_is_there(&a, &b, &before);
    admin(&hub, &["check"]);
}

#[test]
fn a_copy_that_was_put_back_by_hand_is_noticed_and_nothing_is_lost() {
    let world = World::new();
    let (mut hub, a, b, before) = with_a_copy(&world);
    hub.stop().must();
    move_away(&hub);
    fs::copy(world.path("copy.db"), hub.state_dir().join("hub.db")).must();
    hub.start().must();
    assert_all_is_there(&a, &b, &before);

    let found = hub.admin(&["check"]).must().expect_code(1).must();
    assert!(found.stdout.contains("went back"), "{}", found.stdout);
    let waits = hub.admin(&["compact"]).must().expect_code(1).must();
    assert!(
        waits.stderr.contains("atome-server check"),
        "{}",
        waits.stderr
    );
    assert_eq!(stats(&hub)["setbacks"], 1);
    admin(&hub, &["check", "--accept"]);
    admin(&hub, &["check"]);
    admin(&hub, &["compact"]);
    assert_all_is_there(&a, &b, &before);
}

/// Nothing of these machines is pending or refused, and they hold the same as the hub and each other.
#[track_caller]
fn assert_alike(machines: &[&Machine], all: &str) {
    // Once more, for what the last of them brought.
    for machine in machines.iter().chain(machines) {
        wait(machine);
    }
    for machine in machines {
        assert_eq!(export(machine), all);
        assert_eq!(json(machine, &["sync", "refused"]), Value::Array(vec![]));
        verified_digest(machine);
    }
}

#[test]
fn what_a_lost_machine_made_is_brought_back_by_others_and_counts_once() {
    let world = World::new();
    let mut hub = world.hub();
    let mut a = world.machine_with_account("a", Some(&hub));
    create(&a, "old");
    wait(&a);
    let mut b = world.machine_logged_in("b", &hub);
    let mut c = world.machine_logged_in("c", &hub);
    let copy = world.path("copy.db");
    admin(&hub, &["backup", copy.to_str().unwrap()]);
    create(&a, "new");
    run(&a, &["add", "key:new", "n=10"]);
    wait(&a);
    wait(&b);
    run(&b, &["set", "key:new", "state=altered"]);
    run(&b, &["add", "key:new", "n=100"]);
    wait(&b);
    for machine in [&a, &c] {
        wait(machine);
    }
    let all = export(&b);
    for machine in [&mut a, &mut b, &mut c] {
        machine.stop().must();
    }
    hub.stop().must();
    move_away(&hub);
    admin(&hub, &["restore", copy.to_str().unwrap()]);
    hub.start().must();

    // The machine that made it never comes, as far as these know.
    for machine in [&mut b, &mut c] {
        machine.start().must();
    }
    assert_alike(&[&b, &c], &all);
    let d = world.machine_logged_in("d", &hub);
    assert_alike(&[&b, &c, &d], &all);
    let new = json(&d, &["get", "key:new"]);
    assert_eq!(new["properties"]["state"], "altered", "{new}");
    assert_eq!(new["properties"]["n"], 111, "{new}");

    a.start().must();
    assert_alike(&[&a, &b, &c, &d], &all);
    run(&a, &["add", "key:new", "n=1000"]);
    assert_ne!(export(&a), all);
    wait(&a);
    assert_alike(&[&b, &c, &d, &a], &export(&a));
    assert_eq!(json(&d, &["get", "key:new"])["properties"]["n"], 1111);
    admin(&hub, &["check"]);
}
