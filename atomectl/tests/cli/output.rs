//! What commands print in each format, in one golden file, and what they ask the daemon for.

use crate::fake::{Answer, Asked, serve};
use crate::{Home, golden, text};

const ANNA: &str = "0198c0de-0000-7000-8000-00000000000a";
const ONE: &str = "0198c0de-0000-7000-8000-000000000001";

fn account(state: &str) -> String {
    format!(
        r#"{{"id":"{ANNA}","name":"anna","visibility":"public","state":"{state}","created_at":"2026-11-23T10:00:00Z"}}"#
    )
}

fn status_of_account() -> String {
    format!(
        r#"{{"name":"anna","id":"{ANNA}","state":"syncing","mode":"live","pending":3,"refused":1,"cursor":120,"hubHead":130,
        "lastSyncedAt":"2026-11-23T10:00:00Z","lastError":{{"code":"hub_unreachable","status":503,"detail":"no route","hint":"wait"}},
        "snapshotDone":5,"snapshotTotal":9}}"#
    )
}

fn atome(last: char, name: &str) -> String {
    format!(
        r#"{{"id":"0198c0de-0000-7000-8000-00000000000{last}","key":"k/{last}","type":"place.city","owner":"{ANNA}","creator":"{ANNA}",
        "created_at":"2026-11-23T10:00:00Z","updated_at":"2026-11-23T11:00:00Z","properties":{{"name":"{name}","population":[1,2]}}}}"#
    )
    .replace("\n        ", "")
}

const RUNTIME: &str = r#"{"runtimeType":"daemon","hasLocalServer":true,"localEndpoint":"unix:///run/atome/atomed.sock","remoteEndpoint":"wss://hub.example.org","profile":"production","enforced":{"tcpConnect":"443 only, by landlock (ABI 7)","tcpListen":"denied by landlock (ABI 7)"}}"#;

fn daemon(asked: &Asked) -> Answer {
    let ok = |body: String| Answer::Whole(200, body);
    let line = asked.line.split('?').next().unwrap();
    match line {
        "GET /v1/version" => ok(r#"{"version":"0.1.0","local":[1],"sync":[1]}"#.into()),
        "GET /v1/runtime" => ok(RUNTIME.into()),
        "GET /v1/prove-direction" => ok(
            r#"[{"attempt":"listen on a TCP port","outcome":"forbidden by the kernel (EACCES)","forbidden":true},
            {"attempt":"list the folder /","outcome":"it worked","forbidden":false}]"#
                .into(),
        ),
        "GET /v1/doctor" => ok(format!(
            r#"[{{"code":"disk-ok","severity":"ok","message":"The disk has room.","remedy":""}},
            {{"code":"commits-refused","severity":"warning","account":"{ANNA}","message":"The hub refused 1 commit.","remedy":"look at it"}},
            {{"code":"certificate-over","severity":"error","since":"2026-11-23T10:00:00Z","message":"The certificate has ended.","remedy":"renew it"}}]"#
        )),
        "GET /v1/status" => ok(format!(
            r#"{{"schema":1,"version":"0.1.0","runtime":{RUNTIME},"accounts":[{}],"health":[{{"code":"clock-ahead","severity":"warning",
            "since":"2026-11-23T10:00:00Z","message":"the clock is 90 s ahead","remedy":"set the clock"}}]}}"#,
            status_of_account()
        )),
        "GET /v1/accounts" => ok(format!("[{}]", account("synced"))),
        "GET /v1/accounts/anna" | "POST /v1/login" => ok(account("synced")),
        "POST /v1/accounts" => ok(account("registering")),
        "GET /v1/whoami" => ok(format!(
            r#"[{{"uid":1000,"account":"anna","id":"{ANNA}","access":"login"}}]"#
        )),
        "POST /v1/commits" => ok(format!(
            r#"{{"replica":"00000000000000ab","number":7,"atomes":["{ONE}"]}}"#
        )),
        "GET /v1/atomes" | "GET /v1/find" => ok(format!(
            "{}\n{}\n",
            atome('1', "Bern"),
            atome('2', "Lavāsān")
        )),
        "GET /v1/atomes/none" => Answer::Whole(
            404,
            r#"{"code":"not_found","status":404,"detail":"there is no atome 'none'"}"#.into(),
        ),
        line if line.ends_with("/history") => ok(history()),
        line if line.starts_with("GET /v1/atomes/") => ok(atome('1', "Bern")),
        "GET /v1/tree" => ok(tree()),
        "GET /v1/sync" => ok(format!(
            r#"{{"account":{},"schedule":{{"mode":"interval","everyMin":15,"windowMin":[1320,360]}},"replica":"00000000000000ab",
            "number":7,"acked":4,"hub":null,"epoch":null,"connected":false,"nextAttemptMs":1500}}"#,
            status_of_account()
        )),
        "POST /v1/sync/wait" => ok(format!(
            r#"{{"hub":"{ANNA}","epoch":"00000000000000ef","replica":"00000000000000ab","number":7,"cursor":130,"refused":1,"digest":"{}"}}"#,
            "0".repeat(64)
        )),
        "GET /v1/sync/refused" => ok(format!(
            r#"[{{"number":6,"code":"not_allowed","message":"not yours","at":"2026-11-23T10:00:00Z","atomes":["{ONE}"]}}]"#
        )),
        "GET /v1/sync/verify" => ok(format!(
            r#"{{"equal":false,"cursor":130,"local":"{}","hub":"{}","differing":[1,255]}}"#,
            "0".repeat(64),
            "1".repeat(64)
        )),
        _ => Answer::Whole(204, String::new()),
    }
}

fn history() -> String {
    let stamp = "0000000000010000-0000000000000001";
    format!(
        r#"{{"atome":"{ONE}","complete":false,"versions":[
        {{"key":"name","value":"Berne","at":"2026-11-23T10:00:00Z","stamp":"{stamp}","number":1,"state":"superseded"}},
        {{"key":"name","value":"Bern","at":"2026-11-23T11:00:00Z","stamp":"{stamp}","number":2,"pending":true,"state":"current"}},
        {{"key":"n","added":3,"at":"2026-11-23T11:00:00Z","stamp":"{stamp}","state":"current"}},
        {{"key":"old","at":"2026-11-23T11:00:00Z","stamp":"{stamp}","state":"current"}}]}}"#
    )
}

fn tree() -> String {
    let line = |depth: u32, name: &str| {
        format!(r#"{{"depth":{depth},"id":"{ONE}","type":"place","name":"{name}"}}"#) + "\n"
    };
    [
        line(0, "Switzerland"),
        line(1, "Bern"),
        line(1, "Zürich"),
        line(0, "Iran"),
    ]
    .concat()
}

#[test]
fn output_is_as_it_was() {
    let home = Home::new();
    serve(home.folder.path(), daemon);
    let mut text = String::new();
    let documents: &[&[&str]] = &[
        &["status"],
        &["runtime"],
        &["doctor"],
        &["doctor", "--prove-direction"],
        &["version"],
        &["account", "list"],
        &["account", "show", "anna"],
        &["whoami"],
        &["create", "note", "title=x"],
        &["get", ONE],
        &["get", ONE, "none", "key:k/1"],
        &["set", ONE, "a=1"],
        &["delete", ONE],
        &["list"],
        &["find", "bern"],
        &["tree"],
        &["history", ONE],
        &["sync", "status"],
        &["sync", "wait"],
        &["sync", "refused"],
        &["sync", "verify"],
    ];
    for args in documents {
        for format in ["table", "json", "jsonl"] {
            let args = [args, &["-o", format][..]].concat();
            text.push_str(&home.told(&args, &home.run(&args)));
        }
    }
    for args in [
        &["sync", "now"][..],
        &["sync", "pause"],
        &["sync", "resume"],
        &["sync", "mode", "manual"],
        &["sync", "refused", "retry", "6"],
        &["sync", "refused", "discard", "6"],
        &["-q", "logout"],
        &["logout", "--keep"],
    ] {
        text.push_str(&home.told(args, &home.run(args)));
    }
    for args in [
        &[
            "account",
            "create",
            "anna",
            "--password-stdin",
            "-o",
            "table",
        ][..],
        &["login", "anna", "--password-stdin", "--wait"],
    ] {
        text.push_str(&home.told(args, &home.run_with(args, "hunter2\n")));
    }
    golden::compare("output.txt", &without_owner(&text));
}

/// Who runs the test owns the socket.
fn without_owner(text: &str) -> String {
    let mut parts = text.split(" owner ");
    let mut whole = parts.next().unwrap().to_owned();
    for part in parts {
        let (_, rest) = part.split_once(": this user").unwrap();
        whole.push_str(&format!(" owner OWNER and group GROUP: this user{rest}"));
    }
    whole
}

/// What the daemon was asked for by one command: its last request.
fn asked(args: &[&str]) -> (String, String) {
    let home = Home::new();
    let log = serve(home.folder.path(), daemon);
    let output = home.run_with(args, "hunter2\n");
    let asked = log.all();
    let asked = asked
        .first()
        .unwrap_or_else(|| panic!("{}", text(&output.stderr)));
    (asked.line.clone(), asked.body.clone())
}

#[test]
fn writes_ask_for_one_commit() {
    let commit = |args: &[&str]| {
        let (line, body) = asked(args);
        assert_eq!(line, "POST /v1/commits");
        body
    };
    assert_eq!(
        commit(&[
            "create", "note", "--key", "k", "--kind", "text", "--parent", "p", "n=1", "t=a b"
        ]),
        r#"{"operations":[{"create":{"type":"note","kind":"text","key":"k"},"set":{"n":1,"t":"a b"},"parent":"p"}],"receipt":false}"#
    );
    assert_eq!(
        commit(&["add", "key:a", "n=-3", "m=0.5"]),
        r#"{"operations":[{"atome":"key:a","add":{"m":0.5,"n":-3}}],"receipt":false}"#
    );
    assert_eq!(
        commit(&["unset", "x", "a", "b"]),
        r#"{"operations":[{"atome":"x","unset":["a","b"]}],"receipt":false}"#
    );
    assert_eq!(
        commit(&["undelete", "x", "y"]),
        r#"{"operations":[{"atome":"x","deleted":false},{"atome":"y","deleted":false}],"receipt":false}"#
    );
    assert_eq!(
        commit(&["move", "x", "--top"]),
        r#"{"operations":[{"atome":"x","parent":""}],"receipt":false}"#
    );
}

#[test]
fn commands_ask_for_what_they_say() {
    assert_eq!(
        asked(&[
            "list",
            "--type",
            "t",
            "--where",
            "a>1",
            "--where",
            "b = x y",
            "--order",
            "-a",
            "--limit",
            "5",
            "--deleted"
        ])
        .0,
        "GET /v1/atomes?type=t&order=-a&limit=5&deleted=true&where=a%3E1&where=b%20%3D%20x%20y"
    );
    assert_eq!(
        asked(&["find", "a b*", "\"c d\"", "--type", "t", "--limit", "5"]).0,
        "GET /v1/find?text=a%20b%2A%20%22c%20d%22&type=t&limit=5"
    );
    assert_eq!(
        asked(&["--account", "anna", "history", "key:a/b", "name"]).0,
        "GET /v1/atomes/key%3Aa%2Fb/history?account=anna&key=name"
    );
    assert_eq!(
        asked(&["sync", "wait"]).0,
        "POST /v1/sync/wait?timeout_ms=60000"
    );
    assert_eq!(
        asked(&["sync", "wait", "--timeout", "0"]).0,
        "POST /v1/sync/wait?timeout_ms=0"
    );
    assert_eq!(
        asked(&[
            "sync",
            "mode",
            "interval",
            "--every",
            "1h",
            "--window",
            "22:00-06:00"
        ])
        .1,
        r#"{"mode":"interval","everyMin":60,"windowMin":[1320,360]}"#
    );
    assert_eq!(
        asked(&[
            "account",
            "create",
            "bob",
            "--private",
            "--phone",
            "+41",
            "--password-stdin"
        ])
        .1,
        r#"{"name":"bob","phone":"+41","visibility":"private","password":"hunter2"}"#
    );
    assert_eq!(
        asked(&["logout", "--discard"]).1,
        r#"{"pending":"discard"}"#
    );
}
