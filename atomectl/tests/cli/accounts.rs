//! Accounts, sessions and the directory: what is asked for, what is printed, what is refused.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use crate::fake::{Answer, Asked, Log, serve};
use crate::{Home, golden, text};

const ANNA: &str = "0198c0de-0000-7000-8000-00000000000a";
const BO: &str = "0198c0de-0000-7000-8000-00000000000b";
const TOKEN: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

fn account(name: &str) -> String {
    format!(
        r#"{{"id":"{ANNA}","name":"{name}","visibility":"public","state":"registering","created_at":"2026-11-23T10:00:00Z"}}"#
    )
}

fn session(id: &str, device: &str, current: bool) -> String {
    format!(
        r#"{{"id":"{id}","device":"{device}","created_at":"2026-11-23T10:00:00Z","seen_at":"2026-11-24T10:00:00Z",
        "expires_at":"2027-02-21T10:00:00Z","current":{current}}}"#
    )
}

/// A page of the directory: from the hub, but the one after `bo` from the copy.
fn page(line: &str) -> String {
    let anna = format!(
        r#"{{"user_id":"{ANNA}","username":"anna","phone":"+41791234567","visibility":"public"}}"#
    );
    let bo = format!(r#"{{"user_id":"{BO}","username":"Bo","visibility":"public"}}"#);
    let (source, age_ms, entries, next) = if line.contains("lookup") {
        ("cache", 7_200_000, anna, "")
    } else if line.contains("after=bo") {
        ("cache", 180_000, bo.replace("Bo", "Cy"), "")
    } else {
        ("hub", 0, format!("{anna},{bo}"), r#","next":"bo""#)
    };
    format!(
        r#"{{"source":"{source}","as_of":"2026-11-23T10:00:00Z","age_ms":{age_ms},"entries":[{entries}]{next}}}"#
    )
}

fn daemon(asked: &Asked) -> Answer {
    let ok = |body: String| Answer::Whole(200, body);
    let refused = |code: &str, detail: &str| {
        let status = 400;
        Answer::Whole(
            status,
            format!(r#"{{"code":"{code}","status":{status},"detail":"{detail}"}}"#),
        )
    };
    match asked.line.split('?').next().unwrap() {
        "POST /v1/accounts" | "POST /v1/login" => ok(account("anna")),
        line if line.ends_with("/resolve") => ok(account("anna-b")),
        "GET /v1/whoami" => ok(format!(
            r#"[{{"uid":1000,"account":"anna","id":"{ANNA}","access":"login"}}]"#
        )),
        "GET /v1/sessions" => ok(format!(
            "[{},{}]",
            session(ANNA, "desk", true),
            session(BO, "lap", false)
        )),
        "DELETE /v1/sessions" => ok(r#"{"revoked":2}"#.into()),
        "DELETE /v1/sessions/none" => refused("not_found", "there is no session 'none'"),
        "POST /v1/accounts/gone/delete" => refused("account_deleted", "it is gone already"),
        "GET /v1/directory/lookup" if asked.line.contains("nobody") => {
            refused("not_found", "there is no account 'nobody'")
        }
        line if line.starts_with("GET /v1/directory") => ok(page(&asked.line)),
        _ => Answer::Whole(204, String::new()),
    }
}

/// A home whose daemon is the one above, with a token that only its owner reads.
fn home() -> (Home, Log) {
    let home = Home::new();
    let log = serve(home.folder.path(), daemon);
    let path = home.write("token", format!("{TOKEN}\n"));
    std::fs::set_permissions(path, Permissions::from_mode(0o640)).unwrap();
    (home, log)
}

/// What one command asks for: each request, with its body.
fn asked(args: &[&str], input: &str) -> Vec<String> {
    let (home, log) = home();
    let output = home.run_with(args, input);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    log.all()
        .into_iter()
        .map(|asked| {
            format!("{} {}", asked.line, asked.body)
                .trim_end()
                .to_owned()
        })
        .collect()
}

#[test]
fn accounts_are_made_and_entered_as_said() {
    assert_eq!(
        asked(
            &[
                "account",
                "create",
                "anna",
                "--invite",
                "7Q2M",
                "--password-stdin"
            ],
            "pw\n"
        ),
        [
            r#"POST /v1/accounts {"name":"anna","visibility":"public","password":"pw","invite":"7Q2M"}"#
        ]
    );
    let by_token = format!(r#"POST /v1/login {{"name":"anna","token":"{TOKEN}"}}"#);
    for args in [
        &["login", "anna", "--token-file", "token"],
        &["login", "anna", "--token-file", "-"],
    ] {
        assert_eq!(asked(args, &format!("  {TOKEN}\n")), [by_token.as_str()]);
    }
}

#[test]
fn a_change_of_password_names_the_account() {
    let change = |name: &str, revoke: bool| {
        format!(
            r#"POST /v1/accounts/{name}/password {{"password":"old","new_password":"new one","revoke_others":{revoke}}}"#
        )
    };
    let lines = "old\nnew one\n";
    assert_eq!(
        asked(&["account", "passwd", "--password-stdin"], lines),
        ["GET /v1/whoami".to_owned(), change("anna", false)]
    );
    assert_eq!(
        asked(
            &[
                "--account",
                "bo",
                "account",
                "passwd",
                "--revoke-others",
                "--password-stdin"
            ],
            lines
        ),
        [change("bo", true)]
    );
}

#[test]
fn accounts_are_deleted_as_said() {
    let delete = |args: &[&str]| {
        let all = [&["account", "delete", "anna", "--yes"], args].concat();
        let asked = asked(&all, "pw\n");
        assert_eq!(asked.len(), 1);
        asked[0].clone()
    };
    assert_eq!(
        delete(&["--password-stdin"]),
        r#"POST /v1/accounts/anna/delete {"password":"pw","local_only":false,"discard":false}"#
    );
    assert_eq!(
        delete(&["--local-only", "--discard", "--password-stdin"]),
        r#"POST /v1/accounts/anna/delete {"password":"pw","local_only":true,"discard":true}"#
    );
    assert_eq!(
        delete(&["--local-only"]),
        r#"POST /v1/accounts/anna/delete {"local_only":true,"discard":false}"#
    );
}

#[test]
fn a_registration_is_resolved_as_said() {
    let resolve = |args: &[&str]| {
        let all = [&["account", "resolve", "anna"], args].concat();
        let asked = asked(&all, "pw\n");
        assert_eq!(asked.len(), 1);
        asked[0]
            .strip_prefix("POST /v1/accounts/anna/resolve ")
            .unwrap()
            .to_owned()
    };
    assert_eq!(resolve(&["--join", "--password-stdin"]), r#"{"join":"pw"}"#);
    assert_eq!(
        resolve(&["--name", "anna-b", "--phone", "+41", "--invite", "7Q2M"]),
        r#"{"alter":{"name":"anna-b","phone":"+41","invite":"7Q2M"}}"#
    );
    assert_eq!(resolve(&["--no-phone"]), r#"{"alter":{"phone":""}}"#);
}

#[test]
fn sessions_end_as_said() {
    assert_eq!(asked(&["sessions"], ""), ["GET /v1/sessions"]);
    assert_eq!(
        asked(
            &["--account", "anna", "sessions", "revoke", "0198", "0199"],
            ""
        ),
        [
            "DELETE /v1/sessions/0198?account=anna",
            "DELETE /v1/sessions/0199?account=anna"
        ]
    );
    assert_eq!(
        asked(&["sessions", "revoke", "--others"], ""),
        ["DELETE /v1/sessions?others=true"]
    );
}

#[test]
fn the_directory_is_asked_page_by_page() {
    assert_eq!(
        asked(&["directory", "list"], ""),
        ["GET /v1/directory", "GET /v1/directory?after=bo"]
    );
    assert_eq!(
        asked(&["directory", "list", "--limit", "3"], ""),
        [
            "GET /v1/directory?limit=3",
            "GET /v1/directory?after=bo&limit=1"
        ]
    );
    assert_eq!(
        asked(&["directory", "list", "--limit", "2"], ""),
        ["GET /v1/directory?limit=2"]
    );
    assert_eq!(
        asked(&["directory", "find", "a b"], ""),
        [
            "GET /v1/directory?find=a%20b",
            "GET /v1/directory?find=a%20b&after=bo"
        ]
    );
    assert_eq!(
        asked(&["directory", "show", "anna"], ""),
        ["GET /v1/directory/lookup?name=anna"]
    );
    assert_eq!(
        asked(&["directory", "show", "+41791234567"], ""),
        ["GET /v1/directory/lookup?phone=%2B41791234567"]
    );
}

#[test]
fn what_is_printed_is_as_it_was() {
    let (home, _) = home();
    let mut text = String::new();
    let documents: &[&[&str]] = &[
        &["account", "resolve", "anna", "--name", "anna-b"],
        &["sessions"],
        &["sessions", "revoke", "--others"],
        &["directory", "list"],
        &["directory", "list", "--limit", "2"],
        &["directory", "show", "anna"],
    ];
    for args in documents {
        for format in ["table", "json", "jsonl"] {
            let args = [args, &["-o", format][..]].concat();
            text.push_str(&home.told(&args, &home.run(&args)));
        }
    }
    let told: &[&[&str]] = &[
        &["sessions", "revoke", "0198", "none", "0199"],
        &["account", "passwd", "--password-stdin"],
        &["account", "passwd", "--revoke-others", "--password-stdin"],
        &["account", "delete", "anna", "--yes", "--password-stdin"],
        &["account", "delete", "anna", "--yes", "--local-only"],
    ];
    for args in told {
        text.push_str(&home.told(args, &home.run_with(args, "old\nnew\n")));
    }
    golden::compare("accounts.txt", &text);
}

#[test]
fn what_is_refused_is_as_it_was() {
    let (home, log) = home();
    home.write("short", "0123\n");
    home.write("upper", TOKEN.to_uppercase());
    home.write("long", format!("{TOKEN}\n").repeat(200));
    let private = Permissions::from_mode(0o600);
    std::fs::set_permissions(home.path("short"), private).unwrap();
    let public = Permissions::from_mode(0o644);
    std::fs::set_permissions(home.path("upper"), public).unwrap();
    let never_sent: &[&[&str]] = &[
        &["login", "anna", "--token-file", "none"],
        &["login", "anna", "--token-file", "."],
        &["login", "anna", "--token-file", "short"],
        &["login", "anna", "--token-file", "upper", "-o", "json"],
        &["-q", "login", "anna", "--token-file", "long"],
        &["login", "anna", "--token-file", "-"],
        &["login", "anna", "--token-file", "token", "--password-stdin"],
        &["account", "resolve", "anna"],
        &["account", "resolve", "anna", "--join"],
        &["account", "resolve", "anna", "--join", "--name", "b"],
        &["account", "resolve", "anna", "--phone", ""],
        &["account", "resolve", "anna", "--phone", "+41", "--no-phone"],
        &[
            "account",
            "resolve",
            "anna",
            "--name",
            "b",
            "--password-stdin",
        ],
        &["account", "delete", "anna"],
        &["account", "delete", "anna", "--local-only"],
        &["account", "delete", "anna", "--yes"],
        &["--account", "anna", "account", "passwd"],
        &["sessions", "revoke"],
        &["sessions", "revoke", ""],
        &["sessions", "revoke", "0198", "--others"],
        &["directory", "list", "--limit", "0"],
        &["directory", "find", ""],
    ];
    let mut text = String::new();
    for args in never_sent {
        text.push_str(&home.told(args, &home.run(args)));
    }
    let args = ["--account", "anna", "account", "passwd", "--password-stdin"];
    text.push_str(&home.told(&args, &home.run_with(&args, "only one line\n")));
    assert_eq!(log.lines(), <[&str; 0]>::default());
    let args = ["account", "delete", "gone", "--yes", "--password-stdin"];
    text.push_str(&home.told(&args, &home.run_with(&args, "pw\n")));
    for args in [
        &["directory", "show", "nobody"][..],
        &["sessions", "revoke", "none"],
    ] {
        text.push_str(&home.told(args, &home.run(args)));
    }
    golden::compare("accounts-refused.txt", &text);
}

#[test]
fn which_account_is_meant_must_be_clear() {
    let tell = |ties: fn(&Asked) -> Answer| {
        let home = Home::new();
        serve(home.folder.path(), ties);
        let output = home.run_with(&["account", "passwd", "--password-stdin"], "old\nnew\n");
        (output.status.code(), text(&output.stderr).to_owned())
    };
    let (exit, told) = tell(|_| Answer::Whole(200, "[]".into()));
    assert_eq!(exit, Some(4), "{told}");
    let (exit, told) = tell(|_| {
        let tie = |name: &str| {
            format!(r#"{{"uid":1000,"account":"{name}","id":"{ANNA}","access":"login"}}"#)
        };
        Answer::Whole(200, format!("[{},{}]", tie("anna"), tie("bo")))
    });
    assert_eq!(exit, Some(5), "{told}");
    assert!(told.contains("anna, bo") && told.contains("--account"));
}

#[test]
fn status_tells_of_a_session_that_ends_soon() {
    let home = Home::new();
    serve(home.folder.path(), |_| {
        Answer::Whole(
            200,
            format!(
                r#"{{"schema":1,"version":"0.1.0","accounts":[{{"name":"anna","id":"{ANNA}","state":"auth-required","mode":"live",
                "pending":0,"refused":0,"sessionExpiresAt":"2020-01-01T00:00:00Z"}}],
                "runtime":{{"runtimeType":"daemon","hasLocalServer":true,"profile":"production"}}}}"#
            ),
        )
    });
    let output = home.run(&["status", "-o", "table"]);
    assert!(text(&output.stdout).contains("anna: the session at the hub is over"));
}
