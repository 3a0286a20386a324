//! The daemon's socket and its files, when something is wrong with them.

use std::fs;
use std::io::{Read, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use atome_tests::{Ctl, listening};

use crate::world::{Must, World, export, run, wait};

#[test]
fn with_no_daemon_it_says_so() {
    let world = World::new();
    let nowhere = Ctl::new(
        world.binaries.atomectl(),
        world.path("nowhere.sock"),
        world.path("."),
    );
    let reply = nowhere
        .ask(&["status", "-o", "json"])
        .must()
        .expect_code(6)
        .must();
    assert_eq!(reply.error_code().must(), "no_daemon");
    assert!(reply.stderr.contains("nowhere.sock"), "{}", reply.stderr);

    let mut unnamed = std::process::Command::new(world.binaries.atomectl());
    unnamed.args(["status", "-o", "json"]);
    atome_tests::process::alone(&mut unnamed, &world.path("."));
    let reply = atome_tests::ctl::run(unnamed, &[]).must();
    assert_eq!(reply.expect_code(6).must().error_code().must(), "no_daemon");
}

#[test]
fn the_socket_of_a_dead_daemon_is_told_and_taken_over() {
    let world = World::new();
    let mut machine = world.machine_with_account("a", None);
    run(&machine, &["create", "task", "--key", "tasks/1"]);
    machine.kill().must();
    assert!(
        machine.socket().exists(),
        "a killed daemon leaves its socket"
    );
    let reply = machine.ctl().ask(&["status", "-o", "json"]).must();
    assert_eq!(reply.expect_code(6).must().error_code().must(), "no_daemon");
    machine.start().must();
    run(&machine, &["get", "key:tasks/1"]);
}

#[test]
fn junk_on_the_socket_harms_nobody() {
    let world = World::new();
    let machine = world.machine_with_account("a", None);
    let noise: Vec<u8> = (0..300_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let head = |text: &str| text.replace('\n', "\r\n").into_bytes();
    let junk = [
        b"\0\0\0\0".to_vec(),
        noise,
        b"GET".to_vec(),
        head("GET /v1/status HTTP/9.9\n\n"),
        head(&format!(
            "GET /v1/status HTTP/1.1\nhost: a\nx: {}\n\n",
            "x".repeat(1 << 20)
        )),
        head("POST /v1/commits HTTP/1.1\nhost: a\ncontent-length: 99999999999\n\n"),
        head("POST /v1/commits HTTP/1.1\nhost: a\ncontent-length: 9\n\n{\"nonsens"),
        head("POST /v1/commits HTTP/1.1\nhost: a\ntransfer-encoding: chunked\n\nzz\n"),
    ];
    for bytes in &junk {
        let answer = say(&machine.socket(), bytes, true);
        assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    }
    for (path, code) in [
        ("/v1/atomes/%ff%00", "bad_request"),
        ("/no/such/path", "not_found"),
        ("/v1/atomes?limit=x", "bad_request"),
        ("/v1/atomes?nonsense=1", "bad_request"),
    ] {
        let request = head(&format!(
            "GET {path} HTTP/1.1\nhost: a\nconnection: close\n\n"
        ));
        let answer = say(&machine.socket(), &request, false);
        let code = format!("\"code\":\"{code}\"");
        assert!(answer.contains(&code), "{path}: {answer}");
    }
    run(&machine, &["create", "task", "--key", "tasks/1"]);
    assert!(machine.running().is_some());
}

/// Says something and hears what comes until the daemon closes; `hang_up` says that no more will come.
pub(crate) fn say(socket: &Path, bytes: &[u8], hang_up: bool) -> String {
    let mut stream = UnixStream::connect(socket).must();
    stream
        .set_read_timeout(Some(Duration::from_secs(20)))
        .must();
    // The daemon may hang up in the middle of it.
    let _sent = stream.write_all(bytes);
    if hang_up {
        let _closed = stream.shutdown(std::net::Shutdown::Write);
    }
    let mut answer = Vec::new();
    let _heard = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn a_store_of_a_newer_version_is_refused_and_left_untouched() {
    let world = World::new();
    let mut machine = world.machine_with_account("a", None);
    run(&machine, &["create", "task", "--key", "tasks/1"]);
    let exported = export(&machine);
    machine.stop().must();
    let stores = stores(&machine.state_dir());
    assert!(
        stores.len() >= 2,
        "a machine store and a replica store: {stores:?}"
    );
    for store in stores {
        let kept = fs::read(&store).must();
        let newer = with_schema_version(&kept, 9_999);
        fs::write(&store, &newer).must();
        refused(&mut machine);
        assert_eq!(
            fs::read(&store).must(),
            newer,
            "{} was touched",
            store.display()
        );
        fs::write(&store, &kept).must();
    }
    machine.start().must();
    assert_eq!(export(&machine), exported);
}

/// The daemon does not start, or starts and does not serve the account; either way it says why.
fn refused(machine: &mut atome_tests::Machine) {
    let said = match machine.start() {
        Err(error) => error.to_string(),
        Ok(_) => {
            let reply = machine.ctl().ask(&["list"]).must();
            assert_ne!(reply.code, 0, "a store of a newer version was read");
            machine.stop().must();
            reply.stderr
        }
    };
    assert!(said.contains("newer"), "{said}");
}

fn stores(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).must() {
        let path = entry.must().path();
        if path.is_dir() {
            found.extend(stores(&path));
        } else if path.ends_with("machine.db") || path.ends_with("replica.db") {
            // The copy of the machine store and the index for searches are made anew, whatever is in them.
            found.push(path);
        }
    }
    found
}

/// `user_version`, where stores keep the version of their schema. Source: SQLite's file format, section
/// 1.3: four big-endian bytes at offset 60.
fn with_schema_version(file: &[u8], version: u32) -> Vec<u8> {
    let mut newer = file.to_vec();
    newer[60..64].copy_from_slice(&version.to_be_bytes());
    newer
}

#[test]
fn a_daemon_that_is_connected_listens_on_no_tcp_port() {
    let world = World::new();
    let hub = world.hub();
    let machine = world.machine_with_account("a", Some(&hub));
    let sample = atome_tests::binaries::sample();
    run(&machine, &["seed", sample.to_str().unwrap()]);
    wait(&machine);
    let listeners = |pid| listening::tcp_listeners(pid).must();
    assert_eq!(
        listeners(machine.running().unwrap().pid()),
        Vec::<String>::new()
    );
    // The look itself works: the hub has one.
    assert_eq!(listeners(hub.running().unwrap().pid()).len(), 1);
}
