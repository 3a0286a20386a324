//! The systemd units, as systemd itself reads and judges them.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use atome_tests::binaries::workspace_root;
use atome_tests::process::alone;
use atome_tests::{Reply, ctl};

use crate::world::{Must, World, is_missing};

/// Every unit, below `systemd/`; the user's ones are for a user's systemd.
const UNITS: &[&str] = &[
    "atomed.service",
    "atomed.socket",
    "atome-server.service",
    "atome-server.socket",
    "user/atomed.service",
    "user/atomed.socket",
];
/// Tenths of an exposure of 1.5, of ten that a service without any restriction has.
const EXPOSURE_MAX: &str = "15";

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    if is_missing(&["systemd-analyze"]) {
        return;
    }
    let world = World::new();
    for unit in installed(&world) {
        let reply = analyze(&world, &unit, &["verify", "--man=no"]);
        let reply = reply.expect_code(0).must();
        assert_eq!(reply.stderr, "", "{}", unit.display());
    }
    let broken = PathBuf::from(world.file("broken.service", "[Service]\nExecStart=nowhere\n"));
    let reply = analyze(&world, &broken, &["verify", "--man=no"]);
    assert_ne!(reply.stderr, "", "a broken unit was not found");
}

/// The socket for figures is the operator's to make, for only they know the address.
#[test]
fn the_unit_that_the_documentation_shows_is_right() {
    if is_missing(&["systemd-analyze"]) {
        return;
    }
    let world = World::new();
    let text = fs::read_to_string(workspace_root().join("docs/operation.md")).must();
    let (_, unit) = text.split_once("```ini\n").unwrap();
    let (unit, _) = unit.split_once("```").unwrap();
    // It names the service, which lies beside it.
    installed(&world);
    let path = world.path("units/atome-server-metrics.socket");
    fs::write(&path, unit).must();
    let reply = analyze(&world, &path, &["verify", "--man=no"]);
    let reply = reply.expect_code(0).must();
    assert_eq!(reply.stderr, "");
}

/// A socket unit starts nothing, so there is nothing to restrict.
#[test]
fn services_are_exposed_little() {
    if is_missing(&["systemd-analyze"]) {
        return;
    }
    let world = World::new();
    let judge = ["security", "--offline=true", "--no-pager", "--threshold"];
    let judge = [&judge[..], &[EXPOSURE_MAX]].concat();
    let services = installed(&world)
        .into_iter()
        .filter(|unit| unit.extension().is_some_and(|kind| kind == "service"));
    for service in services {
        analyze(&world, &service, &judge).expect_code(0).must();
    }
    let open = PathBuf::from(world.file("open.service", "[Service]\nExecStart=/bin/true\n"));
    assert_ne!(analyze(&world, &open, &judge).code, 0);
}

/// The units in a folder, their programs where the test's are.
fn installed(world: &World) -> Vec<PathBuf> {
    let programs = format!("={}/", world.binaries.folder.display());
    let put = |unit: &&str| {
        let text = fs::read_to_string(workspace_root().join("systemd").join(unit)).must();
        let path = world.path("units").join(unit);
        fs::create_dir_all(path.parent().unwrap()).must();
        fs::write(&path, text.replace("=/usr/bin/", &programs)).must();
        path
    };
    UNITS.iter().map(put).collect()
}

fn analyze(world: &World, unit: &std::path::Path, what: &[&str]) -> Reply {
    let mut command = Command::new("systemd-analyze");
    if unit.parent().unwrap().ends_with("user") {
        command.arg("--user");
    }
    command.args(what).arg(unit);
    alone(&mut command, &world.path("."));
    command.env("XDG_RUNTIME_DIR", world.path("."));
    ctl::run(command, &[]).must()
}
