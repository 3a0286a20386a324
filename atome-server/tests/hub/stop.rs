//! The real program: it says where it listens, tells everyone when it stops, and loses nothing.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::net::TcpStream;

use crate::world::{PROTOCOL, World, ask, dial, hello, registration, write_config};

const PROGRAM: &str = env!("CARGO_BIN_EXE_atome-server");

/// Starts the program and waits until its log says that it is ready.
fn start(config: &Path) -> Child {
    let mut child = Command::new(PROGRAM)
        .args(["--config".as_ref(), config.as_os_str()])
        .env_clear()
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
    let ready = log.by_ref().map(Result::unwrap);
    assert!(
        ready
            .into_iter()
            .any(|line| line.contains("the hub is ready"))
    );
    std::thread::spawn(move || log.for_each(drop));
    child
}

fn run(config: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let done = Command::new(PROGRAM)
        .args(["--config".as_ref(), config.as_os_str()])
        .args(args)
        .env_clear()
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (done.status.code(), text(done.stdout), text(done.stderr))
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[tokio::test]
async fn a_stopping_hub_says_goodbye_to_everyone() {
    let folder = tempfile::tempdir().unwrap();
    let config = write_config(folder.path(), "");
    for stop in [Signal::TERM, Signal::INT] {
        let mut child = start(&config);
        let file = folder.path().join("state/atome-server.json");
        let running: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!(running["pid"], child.id());
        let listen = running["listen"].as_str().unwrap().parse().unwrap();

        let body = registration("alice").to_string();
        let stream = TcpStream::connect(listen).await.unwrap();
        let reply = ask(stream, "POST", "/api/v1/auth/register", "", &body).await;
        let bearer = format!("Bearer {}", reply.json()["token"].as_str().unwrap());
        let stream = TcpStream::connect(listen).await.unwrap();
        let headers = [PROTOCOL, ("Authorization", bearer.as_str())];
        let mut client = dial(stream, listen, &headers).await.unwrap();
        client.say(&hello(1, &[])).await;
        client.hear_a("welcome").await;

        let (code, list, _) = run(&config, &["account", "list"]);
        assert_eq!(code, Some(0));
        let line: Value = serde_json::from_str(list.trim()).unwrap();
        assert_eq!(line["name"], "alice", "listed while the hub runs");

        signal(&child, stop);
        let bye = client.hear_a("bye").await;
        assert_eq!(bye["code"], "stopping");
        assert!(bye["retryAfterMs"].as_u64().unwrap() >= 500);
        assert_eq!(u16::from(client.hear_close().await.unwrap().code), 1012);
        drop(client);
        assert_eq!(child.wait().unwrap().code(), Some(0));
        assert!(!file.exists());
        let wal = folder.path().join("state/hub.db-wal");
        assert!(
            std::fs::metadata(wal).map_or(0, |wal| wal.len()) == 0,
            "checkpointed"
        );
    }
}

#[tokio::test]
async fn a_stopped_hub_takes_nobody() {
    let world = World::start().await;
    let (_, token) = world.register("alice").await;
    let mut client = world.hello(&token, 1, &[]).await;
    client.hear_a("welcome").await;
    let mut unknown = world.dial(&[PROTOCOL]).await.unwrap();
    world.begin_stop();
    assert_eq!(client.hear_a("bye").await["code"], "stopping");
    assert_eq!(unknown.hear_a("error").await["code"], "stopping");
    drop((client, unknown));
    let listen = world.listen;
    world.stop().await;
    assert!(TcpStream::connect(listen).await.is_err());
}

#[test]
fn the_program_checks_and_lists_without_a_hub() {
    let folder = tempfile::tempdir().unwrap();
    let config = write_config(folder.path(), "");
    let (code, out, _) = run(&config, &["--check-config"]);
    assert_eq!(
        (code, out.as_str()),
        (Some(0), "the configuration is right\n")
    );
    let (code, _, err) = run(&config, &["account", "list", "-o", "json"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("there is no hub in"), "{err}");
    let (code, out, _) = run(&config, &["version"]);
    assert_eq!(code, Some(0));
    assert!(out.starts_with("atome-server 0."), "{out}");

    let config = write_config(folder.path(), "colour = 1\n");
    let (code, _, err) = run(&config, &["--check-config"]);
    assert_eq!(code, Some(2));
    assert!(
        err.contains("hub.toml:5: colour: there is no such key"),
        "{err}"
    );
    let config = write_config(
        folder.path(),
        "[tls]\ncert_file = \"a\"\nkey_file = \"b\"\n",
    );
    let (code, _, err) = run(&config, &["--check-config"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("a cannot be read"), "{err}");
}

#[test]
fn two_hubs_do_not_share_an_address() {
    let folder = tempfile::tempdir().unwrap();
    let config = write_config(folder.path(), "");
    let mut child = start(&config);
    let file = folder.path().join("state/atome-server.json");
    let running: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let other = tempfile::tempdir().unwrap();
    let config = write_config(other.path(), "");
    let text = std::fs::read_to_string(&config).unwrap();
    let taken = running["listen"].as_str().unwrap();
    let free = crate::world::here(0).to_string();
    std::fs::write(&config, text.replace(&free, taken)).unwrap();
    let (code, _, err) = run(&config, &["run"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("cannot be listened at"), "{err}");
    signal(&child, Signal::TERM);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
