//! Accounts, logins, and who may use what.

use serde_json::json;

use crate::machine::Machine;

#[tokio::test(flavor = "multi_thread")]
async fn an_account_made_here_works_at_once() {
    let machine = Machine::new().await;
    assert_eq!(machine.get("/v1/atomes").await.problem(), "auth_required");
    let made = machine.create_account("Alice").await;
    assert_eq!(made.status, 201);
    let made = made.json();
    assert_eq!(
        (&made["name"], &made["state"]),
        (&json!("Alice"), &json!("local"))
    );
    assert_eq!(machine.get("/v1/atomes").await.good().body, "");
    let who = machine.get("/v1/whoami").await.good().json();
    assert_eq!(who[0]["account"], "Alice");
    assert_eq!(who[0]["access"], "login");
    let id = made["id"].as_str().unwrap();
    for name in ["alice", "ALICE", id] {
        let shown = machine
            .get(&format!("/v1/accounts/{name}"))
            .await
            .good()
            .json();
        assert_eq!(shown["id"], made["id"]);
    }
    let status = machine.get("/v1/status").await.good().json();
    assert_eq!(status["schema"], 1);
    assert_eq!(status["accounts"][0]["name"], "Alice");
    assert_eq!(status["runtime"]["runtimeType"], "daemon");
    assert_eq!(status["health"][0]["code"], "development-profile");
    let metrics = machine.get("/v1/metrics").await.good().body;
    let pending = format!("atome_pending_commits{{account=\"{id}\"}} 0\n");
    assert!(std::str::from_utf8(&metrics).unwrap().contains(&pending));
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_an_account_is_refused() {
    let machine = Machine::with_alice().await;
    assert_eq!(
        machine.create_account("ＡＬＩＣＥ").await.problem(),
        "conflict"
    );
    for bad in ["", " bob", "b\u{200b}ob", &"x".repeat(65)] {
        assert_eq!(
            machine.create_account(bad).await.problem(),
            "bad_request",
            "{bad}"
        );
    }
    let empty = json!({ "name": "bob", "password": "" });
    assert_eq!(
        machine.post("/v1/accounts", &empty).await.problem(),
        "bad_request"
    );
    let phone = json!({ "name": "bob", "password": "x", "phone": "123" });
    assert_eq!(
        machine.post("/v1/accounts", &phone).await.problem(),
        "bad_request"
    );
    let unknown = json!({ "name": "bob", "password": "x", "colour": "red" });
    assert_eq!(
        machine.post("/v1/accounts", &unknown).await.problem(),
        "bad_data"
    );
    assert_eq!(machine.get("/v1/accounts/bob").await.problem(), "not_found");
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_several_accounts_one_is_named() {
    let machine = Machine::with_alice().await;
    machine.create_account("bob").await.good();
    let ambiguous = machine.get("/v1/atomes").await;
    assert_eq!(ambiguous.problem(), "ambiguous");
    assert!(
        ambiguous.json()["detail"]
            .as_str()
            .unwrap()
            .contains("alice, bob")
    );
    machine.get("/v1/atomes?account=Bob").await.good();
    let other = machine.get("/v1/atomes?account=carol").await;
    assert_eq!(other.problem(), "auth_required");
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_locks_and_a_login_opens() {
    let machine = Machine::with_alice().await;
    let task = json!([{ "create": { "type": "task" }, "set": { "title": "x" } }]);
    let id = machine.write(task).await.remove(0);
    let pending = machine.post("/v1/logout", &json!({})).await;
    assert_eq!(pending.problem(), "conflict");
    assert!(
        pending.json()["detail"]
            .as_str()
            .unwrap()
            .contains("1 commit")
    );
    machine
        .post("/v1/logout", &json!({ "pending": "keep" }))
        .await
        .good();
    assert_eq!(machine.get("/v1/atomes").await.problem(), "auth_required");
    assert_eq!(machine.get("/v1/whoami").await.good().json(), json!([]));

    let login = |name: &str, password: &str| json!({ "name": name, "password": password });
    let wrong = machine.post("/v1/login", &login("alice", "wrong")).await;
    assert_eq!(wrong.problem(), "wrong_credentials");
    let unknown = machine.post("/v1/login", &login("nobody", "wrong")).await;
    assert_eq!(
        wrong.body, unknown.body,
        "a name is not told from a password"
    );

    machine
        .post("/v1/login", &login("ALICE", "correct horse"))
        .await
        .good();
    let found = machine.get(&format!("/v1/atomes/{id}")).await.good().json();
    assert_eq!(found["properties"]["title"], "x");
    machine
        .post("/v1/logout", &json!({ "pending": "discard" }))
        .await
        .good();
    machine
        .post("/v1/login", &login("alice", "correct horse"))
        .await
        .good();
    assert_eq!(
        machine.get(&format!("/v1/atomes/{id}")).await.problem(),
        "not_found"
    );
    machine.stop().await;
}
