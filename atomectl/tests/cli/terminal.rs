//! What is asked on a terminal: a real one, made by script(1), with the answers typed as the questions come.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use crate::Home;
use crate::fake::{Answer, Log, serve};

/// Runs a command on a terminal and types each answer once its question stands there. Returns the exit
/// code and all that was to be seen; `None` where script(1) is missing.
fn converse(home: &Home, command: &str, talk: &[(&str, &str)]) -> Option<(Option<i32>, String)> {
    let line = format!("'{}' {command}", env!("CARGO_BIN_EXE_atomectl"));
    let started = Command::new("script")
        .args(["--quiet", "--return", "--command", &line, "/dev/null"])
        .env("ATOME_SOCKET", home.path("s"))
        .env("HOME", home.folder.path())
        .env("SHELL", "/bin/sh")
        .env_remove("ATOME_ACCOUNT")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = match started {
        Ok(child) => child,
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "script(1): {error}");
            let note = format!("skipped: script(1) cannot be started: {error}\n");
            std::io::stderr().write_all(note.as_bytes()).unwrap();
            return None;
        }
    };
    let mut keyboard = child.stdin.take().unwrap();
    let mut screen = child.stdout.take().unwrap();
    // What stands there since the last answer.
    let mut fresh = Vec::new();
    let mut seen = String::new();
    let mut piece = [0; 1024];
    let mut talk = talk.iter();
    let mut next = talk.next();
    loop {
        if let Some((question, answer)) = next {
            let text = String::from_utf8_lossy(&fresh);
            if text.contains(question) {
                seen.push_str(&text);
                fresh.clear();
                keyboard
                    .write_all(format!("{answer}\n").as_bytes())
                    .unwrap();
                next = talk.next();
                continue;
            }
        }
        let count = screen.read(&mut piece).unwrap();
        if count == 0 {
            break;
        }
        fresh.extend(piece.iter().take(count));
    }
    seen.push_str(&String::from_utf8_lossy(&fresh));
    assert!(next.is_none(), "not asked: {next:?}; seen: {seen}");
    Some((child.wait().unwrap().code(), seen))
}

fn home() -> (Home, Log) {
    let home = Home::new();
    let log = serve(home.folder.path(), |_| Answer::Whole(204, String::new()));
    (home, log)
}

/// The bodies of the requests.
fn bodies(log: &Log) -> Vec<String> {
    log.all().into_iter().map(|asked| asked.body).collect()
}

#[test]
fn deleting_asks_for_the_name_and_the_password() {
    let (home, log) = home();
    let talk = [
        ("Type its name to go on: ", "anna"),
        ("Password for anna: ", "hunter2"),
    ];
    let Some((exit, seen)) = converse(&home, "account delete anna", &talk) else {
        return;
    };
    assert_eq!(exit, Some(0), "{seen}");
    assert!(seen.contains("gone everywhere and for good"), "{seen}");
    assert_eq!(
        bodies(&log),
        [r#"{"password":"hunter2","local_only":false,"discard":false}"#]
    );
}

#[test]
fn another_name_deletes_nothing() {
    let (home, log) = home();
    let talk = [("Type its name to go on: ", "yes")];
    let Some((exit, seen)) = converse(&home, "account delete anna --local-only", &talk) else {
        return;
    };
    assert_eq!(exit, Some(2), "{seen}");
    assert!(seen.contains("This machine's copy"), "{seen}");
    assert!(seen.contains("nothing was deleted"), "{seen}");
    assert_eq!(bodies(&log), <[&str; 0]>::default());
}

#[test]
fn a_copy_without_a_password_is_deleted_without_one() {
    let (home, log) = home();
    let talk = [("Password for anna (Enter where it has none): ", "")];
    let command = "account delete anna --local-only --yes";
    let Some((exit, seen)) = converse(&home, command, &talk) else {
        return;
    };
    assert_eq!(exit, Some(0), "{seen}");
    assert_eq!(bodies(&log), [r#"{"local_only":true,"discard":false}"#]);
}

#[test]
fn a_new_password_is_asked_for_twice() {
    let (home, log) = home();
    let command = "--account anna account passwd";
    let talk = |again| {
        [
            ("Present password for anna: ", "old"),
            ("New password for anna: ", "new"),
            ("The same again: ", again),
        ]
    };
    let Some((exit, seen)) = converse(&home, command, &talk("else")) else {
        return;
    };
    assert_eq!(exit, Some(2), "{seen}");
    assert_eq!(bodies(&log), <[&str; 0]>::default());
    let (exit, seen) = converse(&home, command, &talk("new")).unwrap();
    assert_eq!(exit, Some(0), "{seen}");
    assert_eq!(
        bodies(&log),
        [r#"{"password":"old","new_password":"new","revoke_others":false}"#]
    );
}
