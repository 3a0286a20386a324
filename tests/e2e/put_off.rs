//! Commits that the hub puts off until a grant has come: they count where they were made, and `sync verify`
//! compares what is there besides.

use atome_tests::{Hub, Machine};
use serde_json::{Value, json as value};

use crate::world::{Must, PASSWORD, World, eventually, export, json, run, verified_digest, wait};

fn account(world: &World, name: &str, hub: &Hub) -> Machine {
    let machine = world.machine(name, Some(hub));
    let create = ["account", "create", name, "--password-stdin"];
    machine.ctl().run_with(&create, PASSWORD).must();
    wait(&machine);
    machine
}

/// Accepts the one request that waits.
fn accept(machine: &Machine) {
    let request = eventually(|| {
        wait(machine);
        let inbox = json(machine, &["inbox"]);
        inbox.as_array().unwrap().first().cloned()
    });
    run(
        machine,
        &["inbox", "accept", request["id"].as_str().unwrap()],
    );
    wait(machine);
}

fn share(machine: &Machine, key: &str, can: &str) {
    run(machine, &["share", key, "--with", "bob", "--can", can]);
    wait(machine);
}

/// What is said of the atomes that were compared without what was put off.
fn put_off(machine: &Machine) -> Value {
    verified_digest(machine);
    json(machine, &["sync", "verify"])["deferred"].clone()
}

#[test]
fn verifying_compares_what_is_decided_while_commits_wait_for_a_grant() {
    let world = World::new();
    let hub = world.hub();
    let ada = account(&world, "ada", &hub);
    let bob = account(&world, "bob", &hub);
    run(&ada, &["create", "place", "--key", "root", "name=root"]);
    let below = ["create", "place", "--key", "below", "--parent", "key:root"];
    run(&ada, &[&below[..], &["name=below"]].concat());
    share(&ada, "key:root", "read");
    accept(&bob);
    share(&ada, "key:below", "alter,create");
    accept(&bob);
    eventually(|| {
        wait(&bob);
        (export(&bob).lines().count() == 2).then_some(())
    });
    let found = json(&bob, &["list", "--where", "name=below"]);
    let id = found[0]["id"].as_str().unwrap();

    // Written while it was allowed here; at the hub the grant has ended, and the next is not accepted.
    run(&bob, &["sync", "pause"]);
    run(&bob, &["set", id, "name=by bob"]);
    let made = json(&bob, &["create", "place", "--parent", id, "name=made"]);
    let made = made["id"].as_str().unwrap().to_owned();
    run(&ada, &["unshare", "key:below", "--with", "bob"]);
    wait(&ada);
    share(&ada, "key:below", "alter,create");
    run(&bob, &["sync", "resume"]);
    wait(&bob);
    assert_eq!(json(&bob, &["get", id])["properties"]["name"], "by bob");
    assert_eq!(json(&ada, &["get", id])["properties"]["name"], "below");
    assert_eq!(json(&bob, &["sync", "refused"]), value!([]));
    let mut expected = [id, &made];
    expected.sort_unstable();
    assert_eq!(put_off(&bob), value!(expected));
    let table = run(&bob, &["sync", "verify", "-o", "table"]);
    assert!(table.stdout.contains(id), "{}", table.stdout);
    assert!(table.stderr.contains("2 atomes"), "{}", table.stderr);
    assert_eq!(put_off(&ada), Value::Null);

    accept(&bob);
    for machine in [&ada, &bob] {
        eventually(|| {
            wait(machine);
            let name = json(machine, &["get", id])["properties"]["name"].clone();
            (name == "by bob" && export(machine).lines().count() == 3).then_some(())
        });
        assert_eq!(put_off(machine), Value::Null);
    }
}
