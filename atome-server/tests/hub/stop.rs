//! The real program: it says where it listens, tells everyone when it stops, loses nothing and tells no
//! secrets.

use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::program::{Program, run};
use crate::world::{
    PASSWORD, PROTOCOL, World, account_id, ask, commit, dial, hello, here, password_hash,
    registration, write_config,
};

#[tokio::test]
async fn a_stopping_hub_says_goodbye_to_everyone() {
    let folder = tempfile::tempdir().unwrap();
    let config = write_config(folder.path(), "");
    for stop in [Signal::TERM, Signal::INT] {
        let program = Program::start(&config);
        let listen = program.listen;
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

        program.signal(stop);
        let bye = client.hear_a("bye").await;
        assert_eq!(bye["code"], "stopping");
        assert!(bye["retryAfterMs"].as_u64().unwrap() >= 500);
        assert_eq!(u16::from(client.hear_close().await.unwrap().code), 1012);
        drop(client);
        let file = program.running_file.clone();
        assert_eq!(program.wait().0, Some(0));
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
    let program = Program::start(&write_config(folder.path(), ""));
    let other = tempfile::tempdir().unwrap();
    let config = write_config(other.path(), "");
    let text = std::fs::read_to_string(&config).unwrap();
    let (free, taken) = (here(0).to_string(), program.listen.to_string());
    std::fs::write(&config, text.replace(&free, &taken)).unwrap();
    let (code, _, err) = run(&config, &["run"]);
    assert_eq!(code, Some(1));
    assert!(err.contains("cannot be listened at"), "{err}");
    program.signal(Signal::TERM);
    assert_eq!(program.wait().0, Some(0));
}

#[tokio::test]
async fn the_log_tells_no_secrets_and_no_values() {
    let folder = tempfile::tempdir().unwrap();
    let lines = "log_format = \"json\"\nlog_level = \"trace\"\n";
    let program = Program::start(&write_config(folder.path(), lines));
    let listen = program.listen;
    let post = async |path: &str, body: Value| {
        let stream = TcpStream::connect(listen).await.unwrap();
        ask(stream, "POST", path, "", &body.to_string()).await
    };
    post("/api/v1/auth/register", registration("alice")).await;
    let login =
        |password: &str| json!({ "username": "alice", "password": password, "device": "d" });
    post("/api/v1/auth/login", login("almost right")).await;
    let reply = post("/api/v1/auth/login", login(PASSWORD)).await.json();
    let token = reply["token"].as_str().unwrap();
    let bearer = format!("Bearer {token}");
    let headers = [PROTOCOL, ("Authorization", bearer.as_str())];
    let stream = TcpStream::connect(listen).await.unwrap();
    let mut client = dial(stream, listen, &headers).await.unwrap();
    client.say(&hello(1, &[])).await;
    client.hear_a("welcome").await;
    let commits = [commit(account_id("alice"), 1, 1, "a private matter")];
    client
        .say(&json!({ "type": "push", "first": 1, "commits": commits }))
        .await;
    client.hear_a("ack").await;
    client
        .say_text("{\"type\":\"push\",\"first\":\"a private matter\"}")
        .await;
    client.hear_a("error").await;
    drop(client);
    program.signal(Signal::TERM);
    let (code, log) = program.wait();
    assert_eq!(code, Some(0));
    assert!(log.len() > 8);
    for line in log {
        assert!(serde_json::from_str::<Value>(&line).unwrap()["level"].is_string());
        for secret in [
            PASSWORD,
            "almost right",
            token,
            password_hash(),
            "5e5e",
            "private matter",
        ] {
            assert!(!line.contains(secret), "{line}");
        }
    }
}
