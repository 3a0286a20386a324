//! The programs under the restrictions of their units: nothing that they need is taken away.
//!
//! The whole of a unit can be had from a running systemd only; what is missing here, `confine` says.

use std::ffi::OsString;
use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;

use atome_tests::process::Running;
use atome_tests::{Confinement, Ctl, Hub, Machine, Unit, binaries, listening};

use crate::cage;
use crate::world::{Must, NAME, PASSWORD, World, is_missing};

const NEEDED: &[&str] = &["bwrap", "systemd-analyze", "cc"];

#[test]
fn the_daemon_does_its_job_as_its_unit_restricts_it() {
    if is_missing(NEEDED) {
        return;
    }
    let world = World::new();
    let machine = Machine::prepare(&world.binaries, &world.path("machine"), None).must();
    let running = start_daemon(&world, &machine, "atomed.service", None);
    let pid = declared_pid(&machine);
    is_restricted(pid);
    main_job(&machine.ctl());
    assert!(running.stop_from(pid).must().success());
    assert!(!machine.socket().exists());
}

#[test]
fn the_daemon_takes_the_socket_that_systemd_hands_in() {
    if is_missing(NEEDED) {
        return;
    }
    let world = World::new();
    for (name, unit) in [
        ("system", "atomed.service"),
        ("user", "user/atomed.service"),
    ] {
        let machine = Machine::prepare(&world.binaries, &world.path(name), None).must();
        let socket = UnixListener::bind(machine.socket()).must();
        let running = start_daemon(&world, &machine, unit, Some(socket.into()));
        main_job(&machine.ctl());
        assert!(running.stop_from(declared_pid(&machine)).must().success());
        assert!(machine.socket().exists(), "the socket is systemd's");
    }
}

#[test]
fn the_hub_serves_on_its_handed_in_socket_as_its_unit_restricts_it() {
    if is_missing(NEEDED) {
        return;
    }
    let world = World::new();
    let hub = Hub::prepare(&world.binaries, &world.path("hub")).must();
    let listener = TcpListener::bind(hub.address()).must();
    let unit = binaries::workspace_root().join("systemd/atome-server.service");
    let unit = Unit::read(&unit).must();
    let running = start(
        &unit,
        (&world.binaries.atome_server(), "atome-server"),
        &hub.config(),
        Some(listener.into()),
    );
    let [a, b] = ["a", "b"].map(|name| world.machine(name, Some(&hub)));
    cage::main_job(&a, &b);
    let pid = pid_in(&hub.state_dir().join("atome-server.json"));
    is_restricted(pid);
    // The socket is of the network outside: in the hub's own there is none.
    assert_eq!(listening::all_tcp_listeners(pid), 0);
    assert!(running.stop_from(pid).must().success());
}

/// Starts a machine's daemon under the restrictions of `unit`; its folder is all that it may write.
fn start_daemon(world: &World, machine: &Machine, unit: &str, socket: Option<OwnedFd>) -> Running {
    let unit = binaries::workspace_root().join("systemd").join(unit);
    let unit = Unit::read(&unit).must();
    let program = world.binaries.atomed();
    start(&unit, (&program, "atomed"), &machine.config(), socket)
}

/// Starts a program, with its name, under the restrictions of `unit`; the folder of its configuration is all that
/// it may write.
fn start(
    unit: &Unit,
    (program, name): (&Path, &str),
    config: &Path,
    socket: Option<OwnedFd>,
) -> Running {
    let folder = config.parent().unwrap();
    let inside = folder.join("program");
    let confinement = Confinement::new(unit, Path::new("/"))
        .writable(folder, folder)
        .readable(program, &inside)
        .filtered(folder)
        .must();
    let program: [OsString; 3] = [inside.into(), "--config".into(), config.into()];
    let (command, stdin) = confinement.command(&program, socket);
    Running::start_with(command, stdin, folder, name).must()
}

/// An account, the sample, and all of it again.
fn main_job(ctl: &Ctl) {
    let create = ["account", "create", NAME, "--password-stdin"];
    ctl.run_with(&create, PASSWORD).must();
    let sample = binaries::sample();
    ctl.run(&["seed", sample.to_str().unwrap()]).must();
    ctl.run(&["verify", sample.to_str().unwrap()]).must();
}

/// The process number that a daemon declares.
fn declared_pid(machine: &Machine) -> u32 {
    pid_in(&machine.socket().with_extension("json"))
}

/// The process number in what a running program says of itself.
fn pid_in(file: &Path) -> u32 {
    let text = fs::read_to_string(file).must();
    let said: serde_json::Value = serde_json::from_str(&text).must();
    said["pid"].as_u64().unwrap().try_into().must()
}

/// The kernel says that the process has no powers, can gain none, and that its calls are filtered.
fn is_restricted(pid: u32) {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).must();
    for (key, value) in [
        ("CapEff", "0000000000000000"),
        ("CapPrm", "0000000000000000"),
        ("NoNewPrivs", "1"),
        ("Seccomp", "2"),
    ] {
        let line = format!("{key}:\t{value}\n");
        assert!(status.contains(&line), "{key}: {status}");
    }
}
