//! Output that is long or never ends: a reader that leaves, an interrupt.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};

use crate::Home;
use crate::fake::{Answer, serve};

#[test]
fn a_reader_that_leaves_makes_no_error() {
    let home = Home::new();
    serve(home.folder.path(), |_| {
        Answer::Whole(200, "{\"type\":\"t\",\"properties\":{}}\n".repeat(100_000))
    });
    let mut child = home
        .command(&["export"])
        .env("ATOME_SOCKET", home.path("s"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    drop(reader);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stderr, b"");
}

#[test]
fn an_interrupt_leaves_quietly() {
    let home = Home::new();
    serve(home.folder.path(), |_| {
        Answer::Forever("{\"cursor\":7}\n".to_owned())
    });
    let mut child = home
        .command(&["watch"])
        .env("ATOME_SOCKET", home.path("s"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert_eq!(line, "{\"cursor\":7}\n");
    let pid = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    kill_process(pid, Signal::INT).unwrap();
    reader.read_to_string(&mut line).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(output.stderr, b"");
}

#[test]
fn a_watch_whose_daemon_stops_says_where_to_go_on() {
    let home = Home::new();
    serve(home.folder.path(), |_| {
        Answer::Whole(200, "{\"cursor\":7}\n{\"cursor\":9}\n".to_owned())
    });
    let output = home.run(&["watch"]);
    assert_eq!(output.status.code(), Some(6));
    assert_eq!(crate::text(&output.stdout).lines().count(), 2);
    assert!(crate::text(&output.stderr).contains("watch --since 9"));
}

#[test]
fn a_full_disk_is_told() {
    let home = Home::new();
    serve(home.folder.path(), |_| {
        Answer::Whole(200, "{\"type\":\"t\"}\n".repeat(100_000))
    });
    let full = std::fs::File::options().write(true).open("/dev/full");
    let output = home
        .command(&["export"])
        .env("ATOME_SOCKET", home.path("s"))
        .stdout(full.unwrap())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(5));
    assert!(crate::text(&output.stderr).contains("standard output cannot be written"));
}
