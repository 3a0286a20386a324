//! A daemon whose power is cut.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use atome_client::Client;
use atome_proto::Value;
use atome_proto::commit::Key;
use atome_proto::local::v1::{NewAtome, Operation, Write};
use atome_tests::{Binaries, Hub, Machine};
use futures_util::future::join_all;
use tempfile::TempDir;

use crate::Must as _;
use crate::cut::{Image, Names, Unsynced, after};
use crate::dice::Dice;
use crate::record::Step;
use crate::recorder::{Recorder, until};

pub(crate) const PASSWORD: &[u8] = b"correct horse battery staple\n";
const WRITERS: u64 = 3;
/// More than fit into a WAL, so that a checkpoint is in the record.
const WRITES: u64 = 200;

/// What a daemon did, and what it acknowledged when.
struct History {
    folder: TempDir,
    binaries: Binaries,
    steps: Vec<Step>,
    /// How far the record was when the account was there, with its token.
    made: u64,
    secrets: BTreeMap<String, Vec<u8>>,
    /// The writes, and how far the record was when each was acknowledged.
    acknowledged: Vec<(u64, String)>,
}

fn key(name: &str) -> Key {
    Key::of_particle(name).must()
}

/// One commit with two particles: there whole, or not at all.
pub(crate) fn write(name: &str) -> Write {
    let text = Value::from_text(name);
    let create = NewAtome {
        type_name: "proof".to_owned(),
        key: Some(name.to_owned()),
        ..NewAtome::default()
    };
    let operation = Operation {
        create: Some(create),
        set: BTreeMap::from([(key("one"), text.clone()), (key("two"), text)]),
        ..Operation::default()
    };
    Write {
        operations: vec![operation],
        receipt: false,
    }
}

/// The keys of an export; each atome is whole.
pub(crate) fn keys(export: &str) -> BTreeSet<String> {
    let key = |line: &str| -> String {
        let record: atome_proto::seed::Record = serde_json::from_str(line).must();
        assert_eq!(record.properties.len(), 2, "half a commit: {line}");
        record.key.unwrap()
    };
    export.lines().map(key).collect()
}

fn record(durability: &str) -> History {
    let folder = tempfile::Builder::new()
        .prefix("atome-power-")
        .tempdir()
        .must();
    let binaries = Binaries::get().must();
    let hub = Hub::start_new(&binaries, &folder.path().join("hub")).must();
    let place = folder.path().join("machine");
    let mut machine = Machine::prepare(&binaries, &place, Some(&hub.remote())).must();
    let recorder = Recorder::of(machine.state_dir(), &folder);
    for (name, value) in recorder.variables() {
        machine.set_env(name, &value);
    }
    machine.set_env("ATOMED_DURABILITY", durability);
    machine.start().must();
    let create = ["account", "create", "ada", "--password-stdin"];
    machine.ctl().run_with(&create, PASSWORD).must();
    machine.ctl().run(&["sync", "wait"]).must();
    let made = recorder.position();
    let acknowledged = acknowledged(&machine, &recorder);
    machine.kill().must();
    History {
        steps: recorder.steps(),
        secrets: secrets(&machine.state_dir()),
        binaries,
        made,
        acknowledged,
        folder,
    }
}

fn acknowledged(machine: &Machine, recorder: &Recorder) -> Vec<(u64, String)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let client = Client::new(machine.socket());
    let writers = (0..WRITERS).map(|writer| {
        let client = client.clone();
        async move {
            let mut acknowledged = Vec::new();
            for n in 0..WRITES {
                let name = format!("{writer}/{n}");
                client.write(&write(&name)).await.must();
                acknowledged.push((recorder.position(), name));
            }
            acknowledged
        }
    });
    runtime.must().block_on(join_all(writers)).concat()
}

fn secrets(state: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = std::fs::read_dir(state.join("secrets")).must().flatten();
    let read = |file: std::fs::DirEntry| {
        let name = file.file_name().into_string().unwrap();
        (name, std::fs::read(file.path()).must())
    };
    files.map(read).collect()
}

impl History {
    fn end(&self) -> u64 {
        self.steps.last().unwrap().end
    }

    /// Starts the daemon on what a cut left; gives how many acknowledged writes are lost.
    fn lost_at(&self, position: u64, image: &Image, why: &str) -> usize {
        for (name, secret) in &self.secrets {
            let kept = image.files.get(&Path::new("secrets").join(name));
            assert!(kept == Some(secret), "{why}: the secret {name} is lost");
        }
        let place = self.folder.path().join("cut");
        let mut machine = Machine::prepare(&self.binaries, &place, None).must();
        image.write(&machine.state_dir());
        machine
            .start()
            .unwrap_or_else(|error| panic!("{why}: {error}"));
        let export = machine.ctl().run(&["export"]);
        let there = keys(
            &export
                .unwrap_or_else(|error| panic!("{why}: {error}"))
                .stdout,
        );
        let before = self.acknowledged.iter().filter(|(at, _)| *at <= position);
        let lost = before.filter(|(_, name)| !there.contains(name)).count();
        // It goes on as if nothing had been.
        machine
            .ctl()
            .run(&["create", "note", "--key", "after"])
            .must();
        machine.kill().must();
        std::fs::remove_dir_all(&place).must();
        lost
    }
}

#[test]
fn what_a_daemon_acknowledged_outlives_a_power_cut() {
    let history = record("full");
    assert!(!history.secrets.is_empty(), "there is no token to lose");
    let mut dice = Dice(7);
    for round in 0..48 {
        let names = if dice.half() {
            Names::Ordered
        } else {
            Names::BySync
        };
        let unsynced = [
            Unsynced::Nothing,
            Unsynced::Some,
            Unsynced::Some,
            Unsynced::Everything,
        ];
        let unsynced = unsynced[dice.below(4) as usize];
        let position = history.made + dice.below(history.end() - history.made + 1);
        let why = format!("round {round}, cut at {position}, {names:?}, {unsynced:?} of the rest");
        let image = after(until(&history.steps, position), names, unsynced, &mut dice);
        assert_eq!(history.lost_at(position, &image, &why), 0, "{why}");
    }
}

/// The same cuts find what a daemon loses that does not sync each write: the test has teeth.
#[test]
fn with_durability_normal_the_last_moments_are_lost_and_nothing_is_damaged() {
    let history = record("normal");
    let mut dice = Dice(8);
    let mut lost = 0;
    for round in 0..12 {
        let unsynced = if round % 2 == 0 {
            Unsynced::Nothing
        } else {
            Unsynced::Some
        };
        let position = history.made + dice.below(history.end() - history.made + 1);
        let why = format!("round {round}, cut at {position}, {unsynced:?} of the rest");
        let image = after(
            until(&history.steps, position),
            Names::Ordered,
            unsynced,
            &mut dice,
        );
        lost += history.lost_at(position, &image, &why);
    }
    assert!(
        lost > 0,
        "no cut lost anything: the record shows syncs that there are not"
    );
}
