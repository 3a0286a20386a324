//! Starting and stopping: what stays, what goes, who may not start.

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::sync::Arc;

use atomed::daemon::{self, DaemonError, Start};
use atomed::socket::SocketError;
use atomed::stop::Stop;
use serde_json::{Value, json};

use crate::machine::{Machine, config};

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_keeps_everything() {
    let machine = Machine::with_alice().await;
    let id = machine
        .write(json!([{ "create": { "type": "task" }, "set": { "title": "x" } }]))
        .await
        .remove(0);
    let before = machine.export().await;
    let dir = machine.stop().await;
    let machine = Machine::start(dir, "").await.unwrap();
    assert_eq!(machine.export().await, before);
    let found = machine.get(&format!("/v1/atomes/{id}")).await.good().json();
    assert_eq!(found["properties"]["title"], "x");
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_declares_itself_while_it_is_there() {
    let machine = Machine::new().await;
    let path = machine.socket().with_extension("json");
    let declared: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    assert_eq!(declared["pid"], std::process::id());
    let endpoint = format!("unix://{}", machine.socket().display());
    assert_eq!(declared["localEndpoint"], endpoint);
    let asked = machine.get("/v1/runtime").await.good().json();
    assert_eq!(asked["localEndpoint"], endpoint);
    assert_eq!(asked["remoteEndpoint"], Value::Null);
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&machine.socket()), 0o660);
    assert_eq!(mode(&machine.dir.path().join("state")), 0o700);
    let socket = machine.socket();
    let dir = machine.stop().await;
    assert!(!path.exists() && !socket.exists());
    drop(dir);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_daemons_share_neither_state_nor_socket() {
    let machine = Machine::new().await;
    let same = config(machine.dir.path(), "");
    let refused = daemon::run(same.clone(), Start::plain(), Stop::default(), || ()).await;
    assert!(
        matches!(refused, Err(DaemonError::Shared(_))),
        "{refused:?}"
    );
    let mut other = same;
    other.state_dir = machine.dir.path().join("other");
    let refused = daemon::run(other, Start::plain(), Stop::default(), || ()).await;
    let taken = |error: &DaemonError| matches!(error, DaemonError::Socket(SocketError::Taken(_)));
    assert!(refused.as_ref().is_err_and(taken), "{refused:?}");
    machine.get("/v1/version").await.good();
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_socket_of_a_dead_daemon_is_replaced_and_a_file_is_not() {
    let dir = Arc::new(tempfile::tempdir().unwrap());
    let path = dir.path().join("a.sock");
    // A listener that is dropped leaves its file behind, as a killed daemon does.
    drop(UnixListener::bind(&path).unwrap());
    let machine = Machine::start(dir, "").await.unwrap();
    machine.get("/v1/version").await.good();
    let dir = machine.stop().await;
    std::fs::write(&path, "precious").unwrap();
    let refused = Machine::start(Arc::clone(&dir), "").await.err().unwrap();
    assert!(
        matches!(refused, DaemonError::Socket(SocketError::NoSocket(_))),
        "{refused}"
    );
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}

/// Marks a database as one of a newer program. Source: the SQLite file format, `user_version` at byte 60.
fn make_newer(path: &std::path::Path) {
    let mut file = OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(60)).unwrap();
    file.write_all(&9999u32.to_be_bytes()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_a_newer_version_is_left_alone_and_told() {
    let machine = Machine::with_alice().await;
    machine.create_account("bob").await.good();
    let accounts = machine.get("/v1/accounts").await.good().json();
    let alice = accounts[0]["id"].as_str().unwrap().to_owned();
    let dir = machine.stop().await;
    let state = dir.path().join("state");
    let replica = state.join("accounts").join(&alice).join("replica.db");
    make_newer(&replica);
    let before = std::fs::read(&replica).unwrap();

    let machine = Machine::start(dir, "").await.unwrap();
    let told = machine.get("/v1/atomes?account=alice").await;
    assert_eq!(told.problem(), "unsupported");
    assert!(
        told.json()["detail"]
            .as_str()
            .unwrap()
            .contains("newer version")
    );
    machine.get("/v1/atomes?account=bob").await.good();
    let status = machine.get("/v1/status").await.good().json();
    assert_eq!(status["health"][0]["code"], "store-unusable");
    assert_eq!(status["accounts"][0]["lastError"]["code"], "unsupported");
    let dir = machine.stop().await;
    assert_eq!(std::fs::read(&replica).unwrap(), before);

    make_newer(&state.join("machine.db"));
    let refused = Machine::start(dir, "").await.err().unwrap();
    assert!(refused.to_string().contains("newer version"), "{refused}");
}
