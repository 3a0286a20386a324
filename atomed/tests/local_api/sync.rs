//! What sync says without a hub, and with one that is out of reach.

use std::net::{IpAddr, TcpListener};
use std::sync::Arc;

use serde_json::json;

use crate::machine::Machine;

#[tokio::test(flavor = "multi_thread")]
async fn without_a_hub_it_says_so_at_once() {
    let machine = Machine::with_alice().await;
    for (method, path) in [
        ("POST", "/v1/sync/now"),
        ("POST", "/v1/sync/wait?timeout_ms=0"),
        ("GET", "/v1/sync/verify"),
        ("GET", "/v1/sync/verify?repair=true"),
    ] {
        assert_eq!(
            machine.ask(method, path, "").await.problem(),
            "no_hub",
            "{path}"
        );
    }
    let mode = json!({ "mode": "interval", "everyMin": 5, "windowMin": [60, 120] });
    machine
        .ask("PUT", "/v1/sync/mode", mode.to_string())
        .await
        .good();
    let wrong = json!({ "mode": "interval", "everyMin": 0 });
    let wrong = machine.ask("PUT", "/v1/sync/mode", wrong.to_string()).await;
    assert_eq!(wrong.problem(), "bad_request");
    let status = machine.get("/v1/sync").await.good().json();
    assert_eq!(status["schedule"], mode);
    assert_eq!(status["account"]["state"], "local");
    assert_eq!(status["connected"], false);
    assert_eq!(
        machine.get("/v1/sync/refused").await.good().json(),
        json!([])
    );
    let none = machine.ask("DELETE", "/v1/sync/refused/7", "").await;
    assert_eq!(none.problem(), "not_found");
    let none = machine.ask("POST", "/v1/sync/refused/x/retry", "").await;
    assert_eq!(none.problem(), "bad_request");
    machine.stop().await;
}

/// An endpoint where nobody listens.
fn dead_hub() -> String {
    let own = IpAddr::from([127, 0, 0, 1]);
    let port = TcpListener::bind((own, 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    format!("[remote]\nendpoint = \"ws://{own}:{port}\"\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_hub_out_of_reach_local_work_goes_on() {
    let dir = Arc::new(tempfile::tempdir().unwrap());
    let machine = Machine::start(dir, &dead_hub()).await.unwrap();
    let login = json!({ "name": "alice", "password": "correct horse" });
    let unreachable = machine.post("/v1/login", &login).await;
    assert_eq!(unreachable.problem(), "hub_unreachable");
    let accounts = machine.get("/v1/accounts").await.good().json();
    assert_eq!(accounts, json!([]), "no half-made account");

    assert_eq!(
        machine.create_account("alice").await.good().json()["state"],
        "registering"
    );
    machine
        .write(json!([{ "create": { "type": "task" } }]))
        .await;
    let waited = machine
        .ask("POST", "/v1/sync/wait?timeout_ms=300", "")
        .await;
    assert_eq!(waited.problem(), "timed_out");
    let detail = waited.json()["detail"].as_str().unwrap().to_owned();
    assert!(
        detail.contains("not registered") && detail.contains("1 commit"),
        "{detail}"
    );

    let verified = machine.get("/v1/sync/verify").await;
    assert_eq!(verified.problem(), "hub_unreachable");

    machine.ask("POST", "/v1/sync/pause", "").await.good();
    let status = machine.get("/v1/status").await.good().json();
    assert_eq!(status["accounts"][0]["state"], "paused");
    assert_eq!(status["accounts"][0]["pending"], 1);
    let waited = machine.ask("POST", "/v1/sync/wait?timeout_ms=1", "").await;
    assert!(waited.json()["detail"].as_str().unwrap().contains("paused"));
    machine.ask("POST", "/v1/sync/resume", "").await.good();
    machine.ask("POST", "/v1/sync/now", "").await.good();
    let dir = machine.stop().await;

    let machine = Machine::start(dir, &dead_hub()).await.unwrap();
    let status = machine.get("/v1/status").await.good().json();
    assert_eq!(
        status["accounts"][0]["state"], "registering",
        "the registration is queued for good"
    );
    machine.stop().await;
}
