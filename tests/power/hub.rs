//! A hub whose power is cut.

use atome_client::Client;
use atome_tests::{Binaries, Hub, Machine};

use crate::Must as _;
use crate::cut::{Names, Unsynced, after};
use crate::daemon::{PASSWORD, keys, write};
use crate::dice::Dice;
use crate::recorder::{Recorder, until};

const ROUNDS: u64 = 30;
const WRITES: u64 = 8;

#[test]
fn what_a_hub_acknowledged_outlives_a_power_cut() {
    let folder = tempfile::Builder::new()
        .prefix("atome-power-")
        .tempdir()
        .must();
    let binaries = Binaries::get().must();
    let mut hub = Hub::prepare(&binaries, &folder.path().join("hub")).must();
    let recorder = Recorder::of(hub.state_dir(), &folder);
    for (name, value) in recorder.variables() {
        hub.set_env(name, &value);
    }
    hub.start().must();
    let place = folder.path().join("machine");
    let machine = Machine::start_new(&binaries, &place, Some(&hub.remote())).must();
    let create = ["account", "create", "ada", "--password-stdin"];
    machine.ctl().run_with(&create, PASSWORD).must();
    machine.ctl().run(&["sync", "wait"]).must();
    let made = recorder.position();
    // How far the record was when the hub had so many writes.
    let mut marks = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .must();
    let client = Client::new(machine.socket());
    for round in 0..ROUNDS {
        for n in round * WRITES..(round + 1) * WRITES {
            runtime
                .block_on(client.write(&write(&format!("{n}"))))
                .must();
        }
        machine.ctl().run(&["sync", "wait"]).must();
        marks.push((recorder.position(), (round + 1) * WRITES));
    }
    drop(machine);
    hub.kill().must();
    let steps = recorder.steps();
    let end = steps.last().unwrap().end;

    let mut dice = Dice(9);
    for round in 0..10 {
        let names = if dice.half() {
            Names::Ordered
        } else {
            Names::BySync
        };
        let unsynced = [Unsynced::Nothing, Unsynced::Some][dice.below(2) as usize];
        let position = made + dice.below(end - made + 1);
        let why = format!("round {round}, cut at {position}, {names:?}, {unsynced:?} of the rest");
        let image = after(until(&steps, position), names, unsynced, &mut dice);
        let place = folder.path().join("cut");
        let mut hub = Hub::prepare(&binaries, &place.join("hub")).must();
        image.write(&hub.state_dir());
        hub.start().unwrap_or_else(|error| panic!("{why}: {error}"));
        let machine =
            Machine::start_new(&binaries, &place.join("fresh"), Some(&hub.remote())).must();
        let login = ["login", "ada", "--password-stdin"];
        let reply = machine.ctl().run_with(&login, PASSWORD);
        reply.unwrap_or_else(|error| panic!("{why}: {error}"));
        machine.ctl().run(&["sync", "wait"]).must();
        let there = keys(&machine.ctl().run(&["export"]).must().stdout);
        let mark = marks.iter().rev().find(|(at, _)| *at <= position);
        for n in 0..mark.map_or(0, |(_, writes)| *writes) {
            assert!(there.contains(&n.to_string()), "{why}: {n} is lost");
        }
        drop((machine, hub));
        std::fs::remove_dir_all(&place).must();
    }
}
