//! Passwords, hashes and tokens stay where they belong: in no log, no feed, no cache, no core file.

use std::fs;
use std::path::Path;

use atome_tests::{Hub, Machine};

use crate::wire::Wire;
use crate::world::{Must, NAME, PASSWORD, World, contains, eventually, files, run, token, wait};

const WRONG: &[u8] = b"a wrong passphrase\n";
const NEW: &[u8] = b"another good passphrase\n";
/// How a password's hash begins.
const HASH: &[u8] = b"$argon2id$";

fn say(machine: &Machine, words: &[&str], input: &[u8], exit: i32) {
    let all = [words, &["--password-stdin"]].concat();
    let reply = machine.ctl().ask_with(&all, input).must();
    reply.expect_code(exit).must();
}

/// Accounts made, synced, opened by token, changed, locked, deleted, with wrong passwords in between.
fn busy(world: &World, hub: &Hub, wire: &Wire) -> Vec<Machine> {
    let machine = |name: &str| {
        let folder = world.path(name);
        Machine::start_new(&world.binaries, &folder, Some(&wire.remote())).must()
    };
    let first = machine("a");
    say(&first, &["account", "create", NAME], PASSWORD, 0);
    let text = format!("text={}", "long enough to be packed ".repeat(40));
    for number in 0..60 {
        let key = format!("notes/{number}");
        run(&first, &["create", "note", "--key", &key, &text]);
    }
    wait(&first);
    let second = machine("b");
    say(&second, &["login", NAME], WRONG, 4);
    say(&second, &["login", NAME], PASSWORD, 0);
    wait(&second);
    say(&second, &["account", "create", "bob"], PASSWORD, 0);
    run(&second, &["--account", "bob", "sync", "wait"]);
    let token = token(hub, "9d");
    let file = world.file("given", &token);
    let third = machine("c");
    run(&third, &["login", NAME, "--token-file", &file]);
    wait(&third);
    fs::remove_file(file).must();
    let both = [PASSWORD, NEW].concat();
    say(&first, &["account", "passwd"], &both, 0);
    run(&second, &["--account", "bob", "logout"]);
    let delete = ["account", "delete", NAME, "--yes"];
    say(&first, &delete, WRONG, 4);
    eventually(|| {
        let list = ["directory", "list", "-o", "json"];
        let listed = first.ctl().ask(&list).must();
        listed.stdout.contains("bob").then_some(())
    });
    vec![first, second, third]
}

/// Whether a file is where tokens are kept.
fn keeps_tokens(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "secrets")
}

/// Whether a file holds the table of accounts.
fn keeps_hashes(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let stores = ["machine.db", "machine.copy.db", "hub.db"];
    name.is_some_and(|name| stores.iter().any(|store| name.starts_with(store)))
}

#[test]
fn secrets_stay_where_they_belong() {
    let world = World::new();
    let mut hub = Hub::prepare_plain(&world.binaries, &world.path("hub")).must();
    hub.set_env("ATOME_SERVER_LOG_LEVEL", "trace");
    hub.start().must();
    let wire = Wire::between(&hub);
    let mut machines = busy(&world, &hub, &wire);
    let all = files(&world.path(""));
    let kept = all.iter().filter(|path| keeps_tokens(path));
    let tokens: Vec<Vec<u8>> = kept.map(|path| fs::read(path).must()).collect();
    assert_eq!(tokens.len(), 3, "one for each session that is left");
    for machine in &mut machines {
        machine.stop().must();
    }
    hub.stop().must();

    let passwords = [PASSWORD, NEW, WRONG].map(|line| line.trim_ascii_end().to_vec());
    for path in files(&world.path("")) {
        let bytes = fs::read(&path).must();
        let told = path.display();
        for password in &passwords {
            assert!(!contains(&bytes, password), "a password in {told}");
        }
        for token in &tokens {
            let misplaced = contains(&bytes, token) && !keeps_tokens(&path);
            assert!(!misplaced, "a token in {told}");
        }
        let misplaced = contains(&bytes, HASH) && !keeps_hashes(&path);
        assert!(!misplaced, "a hash in {told}");
    }
    let frames = wire.frames();
    let some_says = |text: &[u8]| frames.iter().any(|frame| contains(frame, text));
    assert!(frames.len() > 50, "only {} frames", frames.len());
    assert!(some_says(b"sync:account-created") && some_says(b"long enough to be packed"));
    for secret in passwords.iter().chain(&tokens) {
        assert!(!some_says(secret), "a password or token in a frame");
    }
    assert!(!some_says(HASH), "a hash in a frame");
}

#[test]
fn a_crash_leaves_no_core() {
    let world = World::new();
    let hub = world.hub();
    let machine = world.machine_with_account("a", Some(&hub));
    for running in [hub.running().unwrap(), machine.running().unwrap()] {
        let limits = fs::read_to_string(format!("/proc/{}/limits", running.pid())).must();
        let core = limits.lines().find(|line| line.starts_with("Max core"));
        let words: Vec<&str> = core.unwrap().split_whitespace().collect();
        assert_eq!(words.get(4..6), Some(&["0", "0"][..]), "{core:?}");
    }
}
