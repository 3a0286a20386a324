//! Stores that the programs of earlier times have written: today's open them, they hold what they held, and go
//! on from there.

use std::fs;
use std::path::{Path, PathBuf};

use atome_tests::{Hub, Machine, binaries};

use crate::world::{Must, World, export, json, run, verified_digest, wait};

const PASSWORD: &[u8] = b"correct horse\n";

fn stores() -> PathBuf {
    binaries::workspace_root().join("tests/golden/stores")
}

/// Unpacks a store into a folder of a program; its directories are for the program only.
fn unpack(from: &Path, to: &Path) {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    let mut folder = fs::DirBuilder::new();
    folder.recursive(true).mode(0o700);
    folder.create(to.parent().unwrap()).must();
    let bytes = zstd::decode_all(fs::File::open(from).must()).must();
    fs::write(to, bytes).must();
    fs::set_permissions(to, fs::Permissions::from_mode(0o600)).must();
}

/// The schema that a file's header names.
fn schema(path: &Path) -> u32 {
    let bytes = fs::read(path).must();
    u32::from_be_bytes(bytes[60..64].try_into().unwrap())
}

/// A machine and its hub as they were left, their programs of today.
fn upgraded(world: &World, from: &Path) -> (Machine, Hub, PathBuf) {
    let account = fs::read_to_string(from.join("account.txt")).must();
    let mut hub = Hub::prepare(&world.binaries, &world.path("hub")).must();
    unpack(&from.join("hub.db.zst"), &hub.state_dir().join("hub.db"));
    let remote = hub.remote();
    let mut machine = Machine::prepare(&world.binaries, &world.path("a"), Some(&remote)).must();
    let state = machine.state_dir();
    let folder = state.join("accounts").join(account.trim());
    unpack(&from.join("machine.db.zst"), &state.join("machine.db"));
    unpack(&from.join("replica.db.zst"), &folder.join("replica.db"));
    machine.start().must();
    hub.start().must();
    (machine, hub, folder)
}

fn upgrade(name: &str) {
    let from = stores().join(name);
    let world = World::new();
    let (machine, hub, folder) = upgraded(&world, &from);
    let login = ["login", "ada", "--password-stdin"];
    machine.ctl().run_with(&login, PASSWORD).must();
    let before = fs::read_to_string(from.join("export.jsonl")).must();
    assert_eq!(export(&machine), before, "it holds what it held");

    // What was pending goes to the hub, once; another machine has all of it.
    wait(&machine);
    let other = world.machine("b", Some(&hub));
    other.ctl().run_with(&login, PASSWORD).must();
    wait(&other);
    assert_eq!(export(&other), before);
    assert_eq!(json(&other, &["get", "key:n/3"])["properties"]["seen"], 115);
    assert_eq!(verified_digest(&machine), verified_digest(&other));
    assert_eq!(json(&machine, &["sync", "verify"])["equal"], true);
    run(&machine, &["set", "key:n/1", "title=today"]);
    wait(&machine);
    wait(&other);
    assert_eq!(
        json(&other, &["get", "key:n/1"])["properties"]["title"],
        "today"
    );
    for machine in [&machine, &other] {
        assert_eq!(json(machine, &["find", "TODAY"])[0]["key"], "n/1");
    }
    assert_eq!(hub.admin(&["check"]).must().code, 0);

    // A copy from before each migration is beside the store, as it was.
    for store in [
        folder.join("replica.db"),
        machine.state_dir().join("machine.db"),
        hub.state_dir().join("hub.db"),
    ] {
        let packed = format!("{}.zst", store.file_name().unwrap().to_str().unwrap());
        let old = zstd::decode_all(fs::File::open(from.join(packed)).must()).must();
        let was = u32::from_be_bytes(old[60..64].try_into().unwrap());
        let now = schema(&store);
        if was < now {
            let copy = store.with_extension(format!("db.v{was}"));
            assert_eq!(schema(&copy), was, "{}", copy.display());
        }
    }
}

#[test]
fn the_stores_of_the_first_schemas_are_upgraded() {
    upgrade("1");
}

#[test]
fn the_stores_with_accounts_are_upgraded() {
    upgrade("2");
}

#[test]
fn the_stores_with_sharing_are_upgraded() {
    upgrade("3");
}
