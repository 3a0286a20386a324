//! Lines that are slow, cut, swallow or alter what is said, and programs that stand still: sync goes on by
//! itself afterwards, and everything is there once.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use atome_tests::{Hub, LineFault, Machine, Proxy};

use crate::world::{
    Must, NAME, PASSWORD, World, eventually, export, fails, run, verified_digest, wait,
};

/// A hub, a bad line before it, and a machine at its end, with the account made on it.
fn at_a_line(world: &World) -> (Hub, Proxy, Machine) {
    let hub = world.hub();
    let line = Proxy::before(&hub).must();
    let machine =
        Machine::start_new(&world.binaries, &world.path("a"), Some(&line.remote())).must();
    let create = ["account", "create", NAME, "--password-stdin"];
    machine.ctl().run_with(&create, PASSWORD).must();
    wait(&machine);
    (hub, line, machine)
}

/// Another machine, at a good line, has the same.
fn all_is_there(world: &World, hub: &Hub, machine: &Machine, atomes: usize) {
    wait(machine);
    let other = world.machine_logged_in("b", hub);
    assert_eq!(export(&other).lines().count(), atomes);
    assert_eq!(export(&other), export(machine));
    assert_eq!(verified_digest(&other), verified_digest(machine));
}

/// Writes while the line ends connections in its way; once it is good again, all arrives.
fn ends_connections(fault: LineFault, count: impl Fn(&Proxy) -> u64) {
    let world = World::new();
    let (hub, line, machine) = at_a_line(&world);
    let before = line.counts().connections.load(Relaxed);
    line.set(fault);
    for n in 0..5 {
        run(
            &machine,
            &["create", "note", "--key", &format!("notes/{n}")],
        );
    }
    // The connection that stood has ended, and the daemon has dialled anew.
    eventually(|| (line.counts().connections.load(Relaxed) > before).then_some(()));
    assert!(count(&line) > 0, "the line did nothing");
    fails(
        &machine,
        &["sync", "wait", "--timeout", "1s"],
        8,
        "timed_out",
    );
    line.set(LineFault::None);
    all_is_there(&world, &hub, &machine, 5);
}

#[test]
fn a_line_that_is_cut_is_dialled_again() {
    ends_connections(LineFault::Cut, |line| line.counts().cuts.load(Relaxed));
}

#[test]
fn what_a_line_swallows_is_said_again() {
    ends_connections(LineFault::Truncate, |line| {
        line.counts().truncations.load(Relaxed)
    });
}

#[test]
fn an_altered_bit_ends_the_connection_and_nothing_else() {
    ends_connections(LineFault::Corrupt, |line| {
        line.counts().corruptions.load(Relaxed)
    });
}

#[test]
fn a_slow_line_is_slow_and_no_more() {
    let world = World::new();
    let (hub, line, machine) = at_a_line(&world);
    let before = line.counts().connections.load(Relaxed);
    line.set(LineFault::Delay(Duration::from_millis(150)));
    for n in 0..5 {
        run(
            &machine,
            &["create", "note", "--key", &format!("notes/{n}")],
        );
    }
    wait(&machine);
    assert!(
        line.counts().delays.load(Relaxed) > 0,
        "the line did nothing"
    );
    assert_eq!(
        line.counts().connections.load(Relaxed),
        before,
        "it was dialled anew"
    );
    all_is_there(&world, &hub, &machine, 5);
}

#[test]
fn a_hub_that_stands_still_holds_up_no_write() {
    let world = World::new();
    let hub = world.hub();
    let machine = world.machine_with_account("a", Some(&hub));
    wait(&machine);
    hub.running().unwrap().freeze().must();
    for n in 0..5 {
        run(
            &machine,
            &["create", "note", "--key", &format!("notes/{n}")],
        );
    }
    fails(
        &machine,
        &["sync", "wait", "--timeout", "1s"],
        8,
        "timed_out",
    );
    hub.running().unwrap().thaw().must();
    all_is_there(&world, &hub, &machine, 5);
}

#[test]
fn a_daemon_that_stood_still_catches_up() {
    let world = World::new();
    let hub = world.hub();
    let machine = world.machine_with_account("a", Some(&hub));
    wait(&machine);
    let other = world.machine_logged_in("other", &hub);
    machine.running().unwrap().freeze().must();
    for n in 0..5 {
        run(&other, &["create", "note", "--key", &format!("notes/{n}")]);
    }
    // It holds up nobody else.
    wait(&other);
    machine.running().unwrap().thaw().must();
    all_is_there(&world, &hub, &machine, 5);
}
