//! Limits that change while the program runs, and what the keys of log and figures take. What changes besides
//! is asked of it in `tests/e2e/reload.rs`.

use std::time::Duration;

use atome_server::config::{Config, ConfigError, Environment};
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::program::Program;
use crate::world::write_config;

#[test]
fn levels_and_the_address_of_figures_are_judged() {
    let folder = tempfile::tempdir().unwrap();
    let load = |lines: &str| -> Result<Config, Vec<ConfigError>> {
        let text = format!(
            "profile = \"development\"\nstate_dir = \"s\"\nlisten = \"[::]:443\"\n{lines}\n"
        );
        let file = folder.path().join("hub.toml");
        std::fs::write(&file, text).unwrap();
        Config::load(Some(&file), &Environment::default())
    };
    for (lines, line, key, part) in [
        ("log_level = \"loud\"", 4, "log_level", "names no levels"),
        (
            "log_level = \"info,loud\"",
            4,
            "log_level",
            "\"info,atome_store=debug\"",
        ),
        ("log_format = \"journal\"", 4, "log_format", "\"json\""),
        (
            "[metrics]\nlisten = \"9464\"",
            5,
            "metrics.listen",
            "192.0.2.10:9464",
        ),
        (
            "[metrics]\nlisten = \"192.0.2.1:443\"",
            5,
            "metrics.listen",
            "another port",
        ),
        (
            "[metrics]\nport = 1",
            5,
            "metrics.port",
            "the keys of [metrics] are listen",
        ),
    ] {
        let errors = load(lines).unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:?}");
        let text = errors[0].to_string();
        assert!(
            text.contains(&format!("hub.toml:{line}: {key}: ")),
            "{text}"
        );
        assert!(text.contains(part), "{text}");
    }
    assert_eq!(load("[metrics]").unwrap().metrics, None);
    let set =
        load("log_level = \"warn,atome_store=debug\"\n[metrics]\nlisten = \"192.0.2.1:9464\"")
            .unwrap();
    assert_eq!(set.metrics, Some("192.0.2.1:9464".parse().unwrap()));
}

/// Far above what an answer takes.
const PATIENCE: Duration = Duration::from_secs(60);
/// In which an answer would have come.
const A_WHILE: Duration = Duration::from_millis(500);

/// A connection on which something was asked, and which stays.
struct Asked(TcpStream);

impl Asked {
    async fn of(program: &Program) -> Self {
        let mut asked = Self(TcpStream::connect(program.listen).await.unwrap());
        asked.ask("/healthz").await;
        asked
    }

    async fn ask(&mut self, path: &str) {
        let ask = format!("GET {path} HTTP/1.1\r\nhost: hub.example\r\n\r\n");
        self.0.write_all(ask.as_bytes()).await.unwrap();
    }

    /// Asks again and again, until the hub goes by another policy of registration.
    async fn hears_registration(&mut self, policy: &str) {
        let word = format!("\"registration\":\"{policy}\"");
        let mut heard = String::new();
        while !heard.contains(&word) {
            self.ask("/api/v1/server").await;
            let mut part = [0; 4096];
            let read = timeout(PATIENCE, self.0.read(&mut part)).await.unwrap();
            let part = &part[..read.unwrap()];
            assert_ne!(part, b"", "the connection ended");
            heard += &String::from_utf8_lossy(part);
        }
    }

    async fn is_answered_in(&mut self, patience: Duration) -> bool {
        let mut answer = [0; 15];
        let read = timeout(patience, self.0.read_exact(&mut answer)).await;
        read.is_ok_and(|read| read.is_ok() && &answer == b"HTTP/1.1 200 OK")
    }
}

#[tokio::test]
async fn places_for_connections_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let set = |max: u32, policy: &str| {
        let lines =
            format!("[limits]\nconnections_max = {max}\n[accounts]\nregistration = \"{policy}\"\n");
        write_config(folder.path(), &lines)
    };
    let program = Program::start(&set(1, "open"));
    let mut first = Asked::of(&program).await;
    assert!(first.is_answered_in(PATIENCE).await);
    let mut second = Asked::of(&program).await;
    assert!(!second.is_answered_in(A_WHILE).await, "there is one place");
    set(2, "open");
    program.signal(Signal::HUP);
    assert!(second.is_answered_in(PATIENCE).await);
    set(1, "closed");
    program.signal(Signal::HUP);
    first.hears_registration("closed").await;
    // Both stand; of their places one is taken away.
    drop(first);
    let mut third = Asked::of(&program).await;
    assert!(
        !third.is_answered_in(A_WHILE).await,
        "there is one place again"
    );
    drop(second);
    assert!(third.is_answered_in(PATIENCE).await);
    program.signal(Signal::TERM);
    assert_eq!(program.wait().0, Some(0));
}
