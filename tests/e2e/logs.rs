//! The log, as the journal and collectors read it.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use atome_tests::{Hub, Machine};
use serde_json::Value;

use crate::world::{Must, PASSWORD, World, eventually, json, run, wait};

/// What systemd sets where a file is the journal's stream: its device and its inode.
fn stream_of(log: &Path) -> String {
    fs::create_dir_all(log.parent().unwrap()).must();
    let file = File::create(log).must().metadata().must();
    format!("{}:{}", file.dev(), file.ino())
}

/// A hub and a machine of which one finds its standard error at the journal and the other does not; their logs.
fn logs(world: &World, lines: [&str; 2]) -> [String; 4] {
    let [there, not] = ["there", "not"].map(|name| {
        let mut hub = Hub::prepare(&world.binaries, &world.path(name).join("hub")).must();
        let sandbox = "sandbox = \"best-effort\"";
        hub.reconfigure(sandbox, &format!("{sandbox}\n{}", lines[0]))
            .must();
        let folder = world.path(name).join("machine");
        let mut machine = Machine::prepare(&world.binaries, &folder, None).must();
        machine.configure(lines[1]).must();
        let mut streams = [
            stream_of(&world.path(name).join("hub/atome-server.log")),
            stream_of(&folder.join("atomed.log")),
        ];
        if name == "not" {
            streams.swap(0, 1);
        }
        hub.set_env("JOURNAL_STREAM", &streams[0]);
        machine.set_env("JOURNAL_STREAM", &streams[1]);
        hub.start().must();
        machine.start().must();
        [
            hub.running().unwrap().log(),
            machine.running().unwrap().log(),
        ]
    });
    [there, not].concat().try_into().unwrap()
}

#[test]
fn the_journal_reads_levels_and_others_read_times() {
    let world = World::new();
    let [hub, machine, other_hub, other_machine] = logs(&world, ["", ""]);
    for log in [&hub, &machine] {
        assert!(log.lines().count() >= 2, "{log}");
        for line in log.lines() {
            let words = ["<4>atome", "<6>atome"];
            assert!(words.iter().any(|word| line.starts_with(word)), "{line}");
        }
    }
    // The profile of the tests' machine is for development, which is a warning.
    assert!(
        machine.contains("\n<4>atomed::daemon: The development profile"),
        "{machine}"
    );
    assert!(
        hub.contains("\n<6>atome_server::run: the hub is ready"),
        "{hub}"
    );
    for log in [&other_hub, &other_machine] {
        assert!(log.lines().count() >= 2, "{log}");
        for line in log.lines() {
            assert!(line.starts_with("20") && line.contains("Z "), "{line}");
            assert!(
                line.contains(" INFO atome") || line.contains(" WARN atome"),
                "{line}"
            );
        }
    }
}

#[test]
fn json_is_an_object_a_line() {
    let world = World::new();
    let json = "[log]\nformat = \"json\"";
    let [hub, machine, other_hub, other_machine] = logs(&world, ["log_format = \"json\"", json]);
    let unprefixed = |line: &str| {
        line.strip_prefix("<6>")
            .or(line.strip_prefix("<4>"))
            .map(str::to_owned)
    };
    let there = [hub, machine].map(|log| log.lines().map(unprefixed).collect::<Option<Vec<_>>>());
    let not = [other_hub, other_machine].map(|log| log.lines().map(str::to_owned).collect());
    for lines in there.map(Option::unwrap).into_iter().chain(not) {
        assert!(lines.len() >= 2);
        for line in lines {
            let event: Value = serde_json::from_str(&line).must();
            assert!(event["timestamp"].is_string(), "{line}");
            assert!(
                event["target"].as_str().unwrap().starts_with("atome"),
                "{line}"
            );
        }
    }
}

#[test]
fn no_level_tells_names_values_or_passwords() {
    const NAMES: [&str; 2] = ["quillon", "zephyrine"];
    let world = World::new();
    let mut hub = Hub::prepare(&world.binaries, &world.path("hub")).must();
    hub.set_env("ATOME_SERVER_LOG_LEVEL", "trace");
    hub.start().must();
    let machines = [(0, "a"), (1, "b")].map(|(number, folder)| {
        let mut machine =
            Machine::prepare(&world.binaries, &world.path(folder), Some(&hub.remote())).must();
        machine.set_env("ATOMED_LOG__LEVEL", "trace");
        machine.start().must();
        let create = [
            "account",
            "create",
            NAMES[number],
            "--phone",
            "+41791234567",
            "--password-stdin",
        ];
        machine.ctl().ask_with(&create, PASSWORD).must();
        run(
            &machine,
            &["create", "note", "title=a-private-matter", "hidden-key=1"],
        );
        machine
    });
    let [a, b] = &machines;
    wait(a);
    // The phone number was taken: this one cannot be registered.
    eventually(|| {
        let status = json(b, &["status"]);
        (status["accounts"][0]["state"] == "conflict").then_some(())
    });
    let login = ["login", NAMES[0], "--password-stdin"];
    b.ctl().ask_with(&login, b"wrong-password\n").must();
    b.ctl().run_with(&login, PASSWORD).must();
    run(b, &["--account", NAMES[0], "sync", "wait"]);
    run(b, &["directory", "show", NAMES[0], "--account", NAMES[0]]);
    let hub_log = hub.running().unwrap().log();
    assert!(hub_log.contains(" DEBUG "), "{hub_log}");
    hub.stop().must();
    let logs = [a, b].map(|machine| {
        eventually(|| Some(machine.running()?.log()).filter(|log| log.contains(" DEBUG ")))
    });
    let password = String::from_utf8_lossy(PASSWORD);
    let values = [
        "a-private-matter",
        "hidden-key",
        "wrong-password",
        password.trim_end(),
        "1234567",
    ];
    for log in logs.iter().chain([&hub_log]) {
        for word in values.iter().chain(&NAMES) {
            let line = log.lines().find(|line| line.contains(word));
            assert_eq!(line, None, "{word}");
        }
    }
}
