//! Every body of the local API with every field wrong: each is refused with a code, or taken within the
//! limits, and the daemon goes on.

use std::path::Path;

use atome_proto::seed::Record;
use atome_wrong::{How, Wrong};
use serde_json::{Value, json};

use crate::machine::{Answer, Machine};

/// Method, path, and what is right there; requests of one path follow one another.
#[expect(clippy::too_many_lines, reason = "one table, a request a row")]
fn requests() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        (
            "POST",
            "/v1/commits?account=alice",
            json!({
                "operations": [
                    {
                        "create": { "type": "task", "kind": "work", "key": "tasks/1" },
                        "set": { "title": "x", "layout": { "x": [1.5, null] } },
                        "add": { "seen": 1 },
                        "parent": "",
                    },
                    { "atome": "key:tasks/1", "unset": ["title"], "deleted": false },
                ],
                "receipt": true,
            }),
        ),
        (
            "POST",
            "/v1/acts?account=alice",
            json!({ "share": {
                "atome": "key:tasks/1",
                "with": "bob",
                "terms": {
                    "can": ["read", "alter"],
                    "only": ["title"],
                    "mode": "manual",
                    "fromMs": 1, "untilMs": 2,
                    "message": "for you",
                },
            } }),
        ),
        (
            "POST",
            "/v1/acts?account=alice",
            json!({ "answer": { "grants": ["0193"], "answer": "accept", "always": true } }),
        ),
        (
            "POST",
            "/v1/acts?account=alice",
            json!({ "unshare": { "atome": "key:tasks/1", "with": "bob" } }),
        ),
        (
            "POST",
            "/v1/acts?account=alice",
            json!({ "policy": { "sender": "bob", "rule": "always", "can": ["read"] } }),
        ),
        (
            "POST",
            "/v1/acts?account=alice",
            json!({ "publish": { "atome": "key:tasks/1" } }),
        ),
        (
            "PUT",
            "/v1/sync/mode?account=alice",
            json!({ "mode": "interval", "everyMin": 15, "windowMin": [60, 120] }),
        ),
        ("POST", "/v1/seed?account=alice", record()),
        ("POST", "/v1/verify?account=alice", record()),
        (
            "POST",
            "/v1/accounts/bob/resolve",
            json!({ "alter": { "name": "bob", "phone": "", "invite": "x" } }),
        ),
        (
            "POST",
            "/v1/accounts/bob/resolve",
            json!({ "join": "secret" }),
        ),
        (
            "POST",
            "/v1/accounts/bob/password",
            json!({ "password": "wrong", "new_password": "x", "revoke_others": true }),
        ),
        (
            "POST",
            "/v1/accounts",
            json!({
                "name": "carol", "phone": "+41441234567", "visibility": "private",
                "password": "correct horse", "invite": "x",
            }),
        ),
        (
            "POST",
            "/v1/login",
            json!({ "name": "nobody", "password": "x", "token": "00ff" }),
        ),
        (
            "POST",
            "/v1/accounts/bob/delete",
            json!({ "password": "wrong", "local_only": true, "discard": true }),
        ),
        (
            "POST",
            "/v1/logout?account=bob",
            json!({ "pending": "keep" }),
        ),
    ]
}

fn record() -> Value {
    json!({
        "key": "tasks/2", "type": "task", "kind": "work", "parent": "tasks/1", "deleted": true,
        "properties": { "title": "x", "layout": { "x": [1.5, null] } },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn every_body_with_every_field_wrong() {
    let machine = Machine::with_alice().await;
    machine.create_account("bob").await.good();
    let mut tried = 0;
    for (method, path, right) in requests() {
        for wrong in atome_wrong::all(&right) {
            let answer = machine.ask(method, path, wrong.bytes.clone()).await;
            judge(path, &wrong, &answer);
            tried += 1;
        }
    }
    println!("{tried} bodies");
    assert!(tried > 2_000);
    machine.get("/v1/version").await.good();
    let kept = machine
        .get("/v1/atomes?format=seed&account=alice")
        .await
        .good();
    let kept = String::from_utf8(kept.body.to_vec()).unwrap();
    assert!(kept.lines().count() > 0, "something was taken");
    for line in kept.lines() {
        Record::parse(line).unwrap();
    }
    machine.stop().await;
}

fn judge(path: &str, wrong: &Wrong, answer: &Answer) {
    let what = || {
        let body: String = String::from_utf8_lossy(&wrong.bytes)
            .chars()
            .take(600)
            .collect();
        format!("{path} {wrong}: {answer:?} to {body}")
    };
    // Records stand one a line, and two of them without a line between are none.
    let may_be_empty = wrong.bytes.is_empty();
    if answer.status.is_success() {
        assert!(!wrong.is_no_json() || may_be_empty, "{}", what());
        return;
    }
    let code = answer.problem();
    assert_ne!(code, "internal", "{}", what());
    let of_the_form = ["bad_request", "bad_data", "too_large"].contains(&code.as_str());
    assert!(
        !wrong.is_no_json() || of_the_form || may_be_empty,
        "{}",
        what()
    );
    if matches!(wrong.how, How::Twice) && !wrong.at.contains("/set/") {
        let is_map = wrong.at.contains("/add/") || wrong.at.contains("/properties/");
        assert!(of_the_form || is_map, "{}", what());
    }
}

/// A handler that reads a body and has no row above would not be tried.
#[test]
fn every_handler_that_reads_a_body_is_in_the_table() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/api");
    let mut handlers = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            let source = std::fs::read_to_string(path).unwrap();
            handlers += source.matches("asked.shared.bodies.").count();
        }
    }
    let mut paths: Vec<_> = requests()
        .iter()
        .map(|(method, path, _)| (*method, *path))
        .collect();
    paths.dedup();
    assert_eq!(handlers, paths.len(), "{paths:?}");
}
