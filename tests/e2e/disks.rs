//! Disks of machines and hubs that are full, or read-only: what was acknowledged stays, what was refused is
//! not there, and work goes on by itself when there is room.

use std::collections::{BTreeMap, BTreeSet};

use atome_client::Client;
use atome_proto::local::v1::{NewAtome, Operation, Write};
use atome_tests::{Hub, Machine, SmallDisk};

use crate::world::{Must, World, eventually, export, fails, json, lacking, run, skipped, wait};

/// A machine whose state is on a small disk, with the account made on it.
fn machine_on_a_disk(world: &World, hub: Option<&Hub>) -> (Machine, SmallDisk) {
    let disk = SmallDisk::mount(&world.path("a").join("state")).must();
    (world.machine_with_account("a", hub), disk)
}

/// Writes atoms named from `first` on, until one is refused or there are so many; gives how many there are,
/// and the code of the refusal.
fn write_on(machine: &Machine, first: u64, most: u64) -> (u64, Option<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let client = Client::new(machine.socket());
    runtime.must().block_on(async {
        for n in first..first + most {
            let create = NewAtome {
                type_name: "note".into(),
                key: Some(format!("notes/{n}")),
                ..NewAtome::default()
            };
            let operation = Operation {
                create: Some(create),
                set: BTreeMap::new(),
                ..Operation::default()
            };
            let operations = vec![operation];
            if let Err(error) = client
                .write(&Write {
                    operations,
                    receipt: false,
                })
                .await
            {
                return (n, Some(error.code().as_str().to_owned()));
            }
        }
        (first + most, None)
    })
}

/// The numbers of the notes that are there.
fn notes(machine: &Machine) -> BTreeSet<u64> {
    let number = |line: &str| -> u64 {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let key = record["key"].as_str().unwrap();
        key.strip_prefix("notes/").unwrap().parse().unwrap()
    };
    export(machine).lines().map(number).collect()
}

/// The folder of the only account.
fn account_folder(machine: &Machine) -> String {
    let mut folders = std::fs::read_dir(machine.state_dir().join("accounts")).must();
    let folder = folders.next().unwrap().must();
    folder.file_name().into_string().unwrap()
}

#[test]
fn a_full_disk_refuses_writes_and_nothing_else() {
    if let Some(why) = lacking(&["mount"]) {
        return skipped(&why);
    }
    let world = World::new();
    let hub = world.hub();
    let (machine, disk) = machine_on_a_disk(&world, Some(&hub));
    let (written, _) = write_on(&machine, 0, 50);
    wait(&machine);
    disk.leave(0).must();
    let (written, code) = write_on(&machine, written, 50_000);
    assert_eq!(code.as_deref(), Some("low_space"));
    let refused = fails(&machine, &["create", "note"], 5, "low_space");
    assert!(
        refused.stderr.contains("free some space"),
        "{}",
        refused.stderr
    );
    // Reads go on.
    json(&machine, &["get", "key:notes/7"]);
    json(&machine, &["status"]);
    disk.give_back().must();
    let (written, code) = write_on(&machine, written + 1, 10);
    assert_eq!(code, None);
    wait(&machine);
    let mut expected: BTreeSet<u64> = (0..written).collect();
    expected.remove(&(written - 11));
    assert_eq!(notes(&machine), expected);
    let other = world.machine_logged_in("b", &hub);
    assert_eq!(export(&other), export(&machine));
}

#[test]
fn below_the_floor_everything_goes_on_but_new_writes() {
    if let Some(why) = lacking(&["mount"]) {
        return skipped(&why);
    }
    let world = World::new();
    let hub = world.hub();
    let (machine, disk) = machine_on_a_disk(&world, Some(&hub));
    let (written, _) = write_on(&machine, 0, 20);
    wait(&machine);
    let other = world.machine_logged_in("b", &hub);
    // One part in fifty is kept: 800 KiB of these.
    let ballast = machine.state_dir().join("ballast");
    std::fs::write(&ballast, vec![1; 40 << 20]).must();
    disk.leave(600 << 10).must();
    let refused = eventually(|| {
        let reply = machine.ctl().ask(&["-o", "json", "create", "note"]).must();
        (reply.code != 0).then_some(reply)
    });
    assert_eq!(refused.error_code().must(), "low_space");
    assert!(
        refused.stderr.contains("new writes need"),
        "{}",
        refused.stderr
    );
    let seed = ["seed", "-"];
    let reply = machine
        .ctl()
        .ask_with(&seed, b"{\"type\":\"note\"}\n")
        .must();
    assert_eq!(reply.code, refused.code, "{}", reply.stderr);
    run(&machine, &["seed", "-", "--dry-run"]);
    // What the hub brings is taken, and read.
    run(&other, &["set", "key:notes/7", "from=elsewhere"]);
    wait(&other);
    wait(&machine);
    assert_eq!(
        json(&machine, &["get", "key:notes/7"])["properties"]["from"],
        "elsewhere"
    );
    assert_eq!(export(&machine), export(&other));
    disk.give_back().must();
    let (now, code) = write_on(&machine, written, 10);
    assert_eq!((now, code), (written + 10, None));
}

#[test]
fn what_a_full_disk_refused_is_not_there_after_a_crash() {
    if let Some(why) = lacking(&["mount"]) {
        return skipped(&why);
    }
    let world = World::new();
    let (mut machine, disk) = machine_on_a_disk(&world, None);
    // More than a WAL holds: its file has its full length, and is begun anew.
    let (written, _) = write_on(&machine, 0, 1_000);
    machine.kill().must();
    machine.start().must();
    // Room for the WAL is there now, none for the index of it beyond its first page: a commit fails after all
    // of it has been written.
    disk.leave(0).must();
    let (written, code) = write_on(&machine, written, 50_000);
    assert_eq!(code.as_deref(), Some("low_space"));
    machine.kill().must();
    disk.give_back().must();
    machine.start().must();
    assert_eq!(notes(&machine).last(), Some(&(written - 1)));
}

#[test]
fn a_daemon_that_starts_on_a_full_disk_goes_on_when_there_is_room() {
    if let Some(why) = lacking(&["mount"]) {
        return skipped(&why);
    }
    let world = World::new();
    let (mut machine, disk) = machine_on_a_disk(&world, None);
    let (written, _) = write_on(&machine, 0, 20);
    machine.kill().must();
    // Enough for the index of the machine store's WAL, not for that of the account's.
    let account = account_folder(&machine);
    for store in [
        "machine.db-shm".to_owned(),
        format!("accounts/{account}/replica.db-shm"),
    ] {
        std::fs::remove_file(machine.state_dir().join(store)).must();
    }
    disk.leave(40 << 10).must();
    machine.start().must();
    let list = machine.ctl().ask(&["list"]).must();
    assert_ne!(list.code, 0, "there is room for all of it");
    disk.give_back().must();
    eventually(|| (machine.ctl().ask(&["list"]).must().code == 0).then_some(()));
    assert_eq!(notes(&machine), (0..written).collect());
    assert_eq!(write_on(&machine, written, 1).1, None);
}

#[test]
fn a_read_only_state_folder_stops_a_start_with_a_reason() {
    if let Some(why) = lacking(&["mount"]) {
        return skipped(&why);
    }
    let world = World::new();
    let (mut machine, disk) = machine_on_a_disk(&world, None);
    let (written, _) = write_on(&machine, 0, 20);
    machine.stop().must();
    disk.read_only().must();
    let why = machine.start().unwrap_err().to_string();
    assert!(why.contains("Read-only file system"), "{why}");
    disk.writable().must();
    machine.start().must();
    assert_eq!(notes(&machine), (0..written).collect());
}

#[test]
fn a_hub_with_a_full_disk_is_waited_for() {
    if let Some(why) = lacking(&["mount"]) {
        return skipped(&why);
    }
    let world = World::new();
    let disk = SmallDisk::mount(&world.path("hub").join("state")).must();
    let hub = world.hub();
    let machine = world.machine_with_account("a", Some(&hub));
    wait(&machine);
    disk.leave(0).must();
    let (written, code) = write_on(&machine, 0, 2_000);
    assert_eq!(code, None, "a machine needs no hub");
    let wait_in_vain = ["sync", "wait", "--timeout", "3s"];
    let reply = fails(&machine, &wait_in_vain, 8, "timed_out");
    assert!(
        reply.stderr.contains("the hub has no room"),
        "{}",
        reply.stderr
    );
    let status = json(&machine, &["status"]);
    assert_ne!(status["accounts"][0]["pending"], 0, "{status}");
    disk.give_back().must();
    wait(&machine);
    assert_eq!(notes(&machine), (0..written).collect());
    let other = world.machine_logged_in("b", &hub);
    assert_eq!(export(&other), export(&machine));
    run(&machine, &["sync", "verify"]);
}
