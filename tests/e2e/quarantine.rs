//! Stores whose file is damaged: moved aside whole, what was pending saved, the rest back from the hub.

use std::fs;
use std::path::{Path, PathBuf};

use atome_tests::{Hub, Machine};

use crate::world::{Must, NAME, PASSWORD, World, export, fails, json, run, verified_digest, wait};

/// The file of the only account's store.
fn store(machine: &Machine) -> PathBuf {
    let mut folders = fs::read_dir(machine.state_dir().join("accounts")).must();
    folders.next().unwrap().must().path().join("replica.db")
}

/// The file of the machine's own store.
fn machine_store(machine: &Machine) -> PathBuf {
    machine.state_dir().join("machine.db")
}

/// The folder in which the only damaged store is kept.
fn kept(machine: &Machine) -> PathBuf {
    let folders = fs::read_dir(machine.state_dir().join("quarantine")).must();
    let mut folders: Vec<PathBuf> = folders.map(|entry| entry.must().path()).collect();
    assert_eq!(folders.len(), 1, "{folders:?}");
    folders.remove(0)
}

/// Writes over what stands in the first page after the header, where the tables are named.
fn spoil_the_first_page(path: &Path) -> Vec<u8> {
    let mut bytes = fs::read(path).must();
    bytes[100..400].fill(0xa5);
    fs::write(path, &bytes).must();
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
    let broken = spoil_the_first_page(&store(&machine));
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

/// Takes an account's part of what is said.
fn of<'a>(account: &'a str, arguments: &[&'a str]) -> Vec<&'a str> {
    [arguments, &["--account", account]].concat()
}

/// Two accounts on one machine: one in sync with a hub that is away now, with a write that waits; one that no hub
/// knows yet, with all that it has.
fn two_accounts(world: &World) -> (Hub, Machine, [String; 2]) {
    let mut hub = world.hub();
    let machine = world.machine_with_account("a", Some(&hub));
    run(&machine, &["create", "note", "--key", "n/1", "title=x"]);
    wait(&machine);
    hub.stop().must();
    run(&machine, &["create", "note", "--key", "n/2", "title=y"]);
    let create = ["account", "create", "eve", "--password-stdin"];
    machine.ctl().run_with(&create, PASSWORD).must();
    run(&machine, &of("eve", &["create", "note", "title=z"]));
    let exports = [NAME, "eve"].map(|name| run(&machine, &of(name, &["export"])).stdout);
    (hub, machine, exports)
}

/// Damages the machine's store; both accounts are there again without a login, and go on with the hub.
fn comes_back_from_its_copy(damage: impl Fn(&Path)) {
    let world = World::new();
    let (mut hub, mut machine, exports) = two_accounts(&world);
    machine.stop().must();
    damage(&machine_store(&machine));
    machine.start().must();
    for (name, before) in [NAME, "eve"].iter().zip(&exports) {
        assert_eq!(run(&machine, &of(name, &["export"])).stdout, *before);
        run(&machine, &of(name, &["create", "note", "title=later"]));
    }
    let told = fs::read_to_string(kept(&machine).join("what-happened.txt")).must();
    assert!(told.contains("2 accounts were saved."), "{told}");
    let doctor = machine.ctl().ask(&["-o", "json", "doctor"]).must();
    assert!(
        doctor.stdout.contains("store-quarantined"),
        "{}",
        doctor.stdout
    );
    hub.start().must();
    for name in [NAME, "eve"] {
        run(&machine, &of(name, &["sync", "wait"]));
        let other = world.machine(name, Some(&hub));
        let login = ["login", name, "--password-stdin"];
        other.ctl().run_with(&login, PASSWORD).must();
        wait(&other);
        let export_here = run(&machine, &of(name, &["export"])).stdout;
        assert_eq!(export(&other), export_here);
    }
}

#[test]
fn a_machine_store_that_cannot_be_read_comes_back_from_its_copy() {
    comes_back_from_its_copy(|path| drop(spoil_the_first_page(path)));
}

#[test]
fn a_machine_store_that_is_gone_comes_back_from_its_copy() {
    comes_back_from_its_copy(|path| fs::write(path, b"").must());
    comes_back_from_its_copy(|path| fs::remove_file(path).must());
}

#[test]
fn with_no_copy_either_a_login_at_the_hub_opens_an_account_with_all_that_waits() {
    let world = World::new();
    let (mut hub, mut machine, [before, _]) = two_accounts(&world);
    let backup = world.path("eve.backup");
    let backup = backup.to_str().unwrap();
    run(&machine, &of("eve", &["backup", backup]));
    machine.stop().must();
    let accounts = machine.state_dir().join("accounts");
    let folders = || fs::read_dir(&accounts).must().count();
    assert_eq!(folders(), 2);
    let broken = spoil_the_first_page(&machine_store(&machine));
    fs::remove_file(machine.state_dir().join("machine.copy.db")).must();
    machine.start().must();
    let kept = kept(&machine);
    assert_eq!(fs::read(kept.join("machine.db")).must(), broken);
    let told = fs::read_to_string(kept.join("what-happened.txt")).must();
    assert!(told.contains("atomectl login"), "{told}");
    fails(&machine, &["list"], 4, "auth_required");
    // What is there is not given to whoever brings a file, and not taken away for it.
    fails(&machine, &["restore-backup", backup], 5, "conflict");
    assert_eq!(folders(), 2);
    hub.start().must();
    let login = ["login", NAME, "--password-stdin"];
    machine.ctl().run_with(&login, PASSWORD).must();
    wait(&machine);
    assert_eq!(export(&machine), before);
    let other = world.machine_logged_in("b", &hub);
    assert_eq!(export(&other), before);
}
