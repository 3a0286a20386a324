//! Stores whose file is damaged: moved aside whole, what was pending saved, the rest back from the hub.

use std::fs;
use std::path::PathBuf;

use atome_tests::Machine;

use crate::world::{Must, World, export, json, run, verified_digest, wait};

/// The file of the only account's store.
fn store(machine: &Machine) -> PathBuf {
    let mut folders = fs::read_dir(machine.state_dir().join("accounts")).must();
    folders.next().unwrap().must().path().join("replica.db")
}

/// The folder in which the only damaged store is kept.
fn kept(machine: &Machine) -> PathBuf {
    let folders = fs::read_dir(machine.state_dir().join("quarantine")).must();
    let mut folders: Vec<PathBuf> = folders.map(|entry| entry.must().path()).collect();
    assert_eq!(folders.len(), 1, "{folders:?}");
    folders.remove(0)
}

/// Writes over what stands in the first page after the header, where the tables are named.
fn spoil_the_first_page(machine: &Machine) -> Vec<u8> {
    let path = store(machine);
    let mut bytes = fs::read(&path).must();
    bytes[100..400].fill(0xa5);
    fs::write(&path, &bytes).must();
    bytes
}

/// Writes over the leaf pages of tables that hold a text, but for those that hold another one.
fn spoil_pages_with(machine: &Machine, text: &str, but: &str) {
    let path = store(machine);
    let mut bytes = fs::read(&path).must();
    let holds = |page: &[u8], text: &str| page.windows(text.len()).any(|at| at == text.as_bytes());
    let mut spoilt = 0;
    for page in bytes.chunks_mut(4096).skip(1) {
        if holds(page, text) && !holds(page, but) {
            page[..64].fill(0xa5);
            spoilt += 1;
        }
    }
    assert!(spoilt > 0);
    fs::write(&path, bytes).must();
}

#[test]
fn a_store_that_cannot_be_read_at_all_comes_back_from_the_hub() {
    let world = World::new();
    let hub = world.hub();
    let mut machine = world.machine_with_account("a", Some(&hub));
    for n in 0..20 {
        run(
            &machine,
            &["create", "note", "--key", &format!("n/{n}"), "title=x"],
        );
    }
    wait(&machine);
    let before = export(&machine);
    machine.stop().must();
    let broken = spoil_the_first_page(&machine);
    machine.start().must();
    wait(&machine);
    assert_eq!(export(&machine), before);
    assert_eq!(fs::read(kept(&machine).join("replica.db")).must(), broken);
    let doctor = machine.ctl().ask(&["-o", "json", "doctor"]).must();
    assert!(
        doctor.stdout.contains("store-quarantined"),
        "{}",
        doctor.stdout
    );
    let other = world.machine_logged_in("b", &hub);
    assert_eq!(verified_digest(&machine), verified_digest(&other));
}

#[test]
fn what_was_pending_in_a_damaged_store_is_saved_once() {
    let world = World::new();
    let mut hub = world.hub();
    let mut machine = world.machine_with_account("a", Some(&hub));
    let filler = format!("title={}", "DECIDED-".repeat(60));
    for n in 0..60 {
        run(
            &machine,
            &["create", "note", "--key", &format!("n/{n}"), &filler],
        );
    }
    run(&machine, &["add", "key:n/1", "count=1"]);
    wait(&machine);
    hub.stop().must();
    let filler = format!("note={}", "PENDING-".repeat(60));
    for n in 0..40 {
        run(
            &machine,
            &["create", "note", "--key", &format!("p/{n}"), &filler],
        );
    }
    run(&machine, &["add", "key:n/1", "count=10"]);
    let before = export(&machine);
    machine.stop().must();
    spoil_pages_with(&machine, "DECIDED-", "PENDING-");
    // It was closed as it should be: it is the doctor who sees it.
    machine.start().must();
    let doctor = machine.ctl().ask(&["-o", "json", "doctor"]).must();
    assert!(doctor.stdout.contains("store-damaged"), "{}", doctor.stdout);
    machine.stop().must();
    machine.start().must();
    let told = fs::read_to_string(kept(&machine).join("what-happened.txt")).must();
    assert!(told.contains("41 commits"), "{told}");
    hub.start().must();
    wait(&machine);
    assert_eq!(export(&machine), before);
    assert_eq!(
        json(&machine, &["get", "key:n/1"])["properties"]["count"],
        11
    );
    let other = world.machine_logged_in("b", &hub);
    assert_eq!(export(&other), before);
    assert_eq!(verified_digest(&machine), verified_digest(&other));
}

#[test]
fn with_no_hub_all_that_can_be_read_is_saved() {
    let world = World::new();
    let mut machine = world.machine_with_account("a", None);
    let filler = format!("title={}", "x".repeat(600));
    for n in 0..40 {
        run(
            &machine,
            &["create", "note", "--key", &format!("n/{n}"), &filler],
        );
    }
    run(&machine, &["add", "key:n/1", "count=3"]);
    run(&machine, &["add", "key:n/1", "count=4"]);
    let before = export(&machine);
    machine.stop().must();
    // The states are gone: they follow from the commits.
    spoil_pages_with(&machine, "\"particles\"", "\"changes\"");
    machine.start().must();
    let doctor = machine.ctl().ask(&["-o", "json", "doctor"]).must();
    assert!(doctor.stdout.contains("store-damaged"), "{}", doctor.stdout);
    machine.stop().must();
    machine.start().must();
    let told = fs::read_to_string(kept(&machine).join("what-happened.txt")).must();
    assert!(told.contains("42 commits"), "{told}");
    assert_eq!(export(&machine), before);
    assert_eq!(
        json(&machine, &["get", "key:n/1"])["properties"]["count"],
        7
    );
    run(&machine, &["set", "key:n/1", "title=y"]);
}
