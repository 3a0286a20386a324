//! Errors as they are told, with their exit codes, in one golden file.

use std::os::unix::net::UnixListener;

use crate::fake::{Answer, Asked, serve};
use crate::{Home, golden, shown};

/// Answers `/v1/accounts/CODE` with a problem of that code.
fn problems(asked: &Asked) -> Answer {
    let name = asked.line.rsplit('/').next().unwrap();
    let code = name.split('?').next().unwrap();
    Answer::Whole(
        500,
        format!(
            r#"{{"code":"{code}","status":500,"detail":"it is {code}","hint":"do this\nor that"}}"#
        ),
    )
}

#[test]
fn errors_are_as_they_were() {
    let home = Home::new();
    serve(home.folder.path(), problems);
    let mut text = String::new();
    let long = format!("{}=1", "k".repeat(300));
    let large = format!("a=@{}", shown(&home.write("large", "v".repeat(2 << 20))));
    let cases: &[&[&str]] = &[
        &["nonsense"],
        &["-o", "json", "nonsense"],
        &["-o", "json", "get"],
        &["--timeout", "5", "status"],
        &["create", "note", "title"],
        &["create", "note", "a=1", "a=2"],
        &["create", "note", "--id", "x"],
        &["-o", "json", "create", "note", "a:={"],
        &["create", "note", "a=@none"],
        &["create", "note", "$type=x"],
        &["create", "note", &long],
        &["create", "note", &large],
        &["add", "x", "n=many"],
        &["move", "x"],
        &["list", "--where", "population"],
        &["find"],
        &["sync", "mode", "live", "--every", "5m"],
        &["sync", "mode", "interval", "--every", "90s"],
        &["sync", "mode", "interval", "--window", "22-6"],
        &["login", "anna"],
        &["seed", "none.jsonl"],
    ];
    for args in cases {
        text.push_str(&home.told(args, &home.run(args)));
    }
    let empty = home.run_with(&["login", "anna", "--password-stdin"], "\n");
    text.push_str(&home.told(&["login", "anna", "--password-stdin"], &empty));
    golden::compare("errors.txt", &text.replace(&"k".repeat(300), "KKK"));
}

#[test]
fn the_daemons_problems_are_as_they_were() {
    let home = Home::new();
    serve(home.folder.path(), problems);
    let mut text = String::new();
    for code in atome_proto::Code::ALL {
        let args = ["account", "show", code.as_str()];
        text.push_str(&home.told(&args, &home.run(&args)));
    }
    let args = ["-o", "json", "account", "show", "not_found"];
    text.push_str(&home.told(&args, &home.run(&args)));
    let args = ["account", "show", "of_a_newer_daemon"];
    text.push_str(&home.told(&args, &home.run(&args)));
    golden::compare("problems.txt", &text);
}

#[test]
fn why_there_is_no_daemon_is_as_it_was() {
    let home = Home::new();
    let mut text = String::new();
    let mut tell = |args: &[&str]| {
        let output = home.command(args).output().unwrap();
        text.push_str(&home.told(args, &output));
    };
    // The declaration of a daemon of the whole machine would be found.
    if !std::path::Path::new("/run/atome/atomed.json").exists() {
        tell(&["status"]);
    }
    tell(&["--socket", "none", "status"]);
    tell(&["-o", "json", "--socket", "none", "status"]);
    tell(&["--socket", "none", "version"]);
    home.write("file", "");
    tell(&["--socket", "file", "status"]);
    drop(UnixListener::bind(home.path("dead")).unwrap());
    tell(&["--socket", "dead", "status"]);
    std::fs::create_dir_all(home.path("run/atome")).unwrap();
    let declare = |pid: u32, socket: &str| {
        let socket = home.path(socket);
        let text = format!(
            r#"{{"runtimeType":"daemon","hasLocalServer":true,"localEndpoint":"unix://{}","profile":"production","pid":{pid}}}"#,
            socket.display()
        );
        home.write("run/atome/atomed.json", text);
    };
    declare(std::process::id(), "dead");
    tell(&["status"]);
    declare(1 << 23, "dead");
    tell(&["status"]);
    std::fs::create_dir_all(home.path(".config/atome")).unwrap();
    home.write(".config/atome/atomectl.toml", "sockt = \"/x\"\n");
    tell(&["status"]);
    home.write(".config/atome/atomectl.toml", "socket = \"/nowhere/s\"\n");
    tell(&["status"]);
    let own = format!("process {} is", std::process::id());
    golden::compare("no-daemon.txt", &text.replace(&own, "process PID is"));
}

#[test]
fn a_mute_daemon_is_not_waited_for_for_ever() {
    let home = Home::new();
    serve(home.folder.path(), |_| Answer::Silence);
    let args = ["--timeout", "50ms", "status"];
    golden::compare("timeout.txt", &home.told(&args, &home.run(&args)));
}

#[test]
fn junk_on_the_socket_is_no_daemon() {
    let home = Home::new();
    let listener = UnixListener::bind(home.path("s")).unwrap();
    std::thread::spawn(move || {
        use std::io::Write;
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"220 mail ready\r\n").unwrap();
    });
    assert_eq!(home.run(&["status"]).status.code(), Some(6));
}
