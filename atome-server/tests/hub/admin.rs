//! Administration by command, beside a hub that runs and without one.

use std::path::Path;

use serde_json::Value;

use crate::program::run;
use crate::world::{PASSWORD, World, login};

const ME: &str = "/api/v1/auth/me";

/// What a command prints that does what it is told.
fn done(config: &Path, args: &[&str]) -> String {
    let (code, out, err) = run(config, args);
    assert_eq!(code, Some(0), "{args:?}: {err}");
    out
}

#[tokio::test]
async fn a_running_hub_notices_within_a_second() {
    let world = World::start().await;
    let config = world.folder.path().join("hub.toml");
    let (_, token) = world.register("alice").await;
    let done = |args: &[&str]| done(&config, args);

    let mut client = world.hello(&token, 1, &[]).await;
    client.hear_a("welcome").await;
    assert_eq!(done(&["account", "disable", "ALICE"]), "");
    assert_eq!(client.hear_bye().await, "auth_required");
    assert_eq!(world.get(ME, &token).await.code(), "auth_required");
    let refused = world
        .post("/api/v1/auth/login", &login("alice", PASSWORD))
        .await;
    assert_eq!(refused.code(), "not_allowed");
    let wrong = world
        .post("/api/v1/auth/login", &login("alice", "swordfisch"))
        .await;
    assert_eq!(
        wrong.code(),
        "wrong_credentials",
        "only its owner learns that"
    );
    done(&["account", "enable", "alice"]);
    assert_eq!(world.get(ME, &token).await.status, 200);

    let list = done(&["account", "sessions", "alice", "-o", "json"]);
    let list: Value = serde_json::from_str(&list).unwrap();
    assert_eq!(list[0]["device"], "laptop");
    let session = list[0]["id"].as_str().unwrap();
    let mut client = world.hello(&token, 1, &[]).await;
    client.hear_a("welcome").await;
    done(&["account", "revoke", "alice", session]);
    assert_eq!(client.hear_bye().await, "auth_required");
    let (code, _, err) = run(&config, &["account", "revoke", "alice", session]);
    assert_eq!(code, Some(1));
    assert!(err.contains("has no session"), "{err}");

    world.stop().await;
}

#[tokio::test]
async fn a_token_opens_a_session_and_a_deletion_ends_all() {
    let world = World::start().await;
    let config = world.folder.path().join("hub.toml");
    let (id, _) = world.register("alice").await;
    let (_, bob) = world.register("bob").await;
    let mut bystander = world.hello(&bob, 9, &["directory"]).await;
    bystander.hear_a("welcome").await;
    let done = |args: &[&str]| done(&config, args);

    let args = [
        "token",
        "create",
        "--account",
        "alice",
        "--ttl",
        "365d",
        "--device",
        "door",
    ];
    let printed = done(&args);
    let token = printed.trim_end();
    assert_eq!(
        (token.len(), printed.len()),
        (64, 65),
        "the token and nothing else"
    );
    let me = world.get(ME, token).await.json();
    assert_eq!(me["entry"]["user_id"], serde_json::json!(id));
    let list = done(&["account", "sessions", "alice", "-o", "table"]);
    assert!(list.contains("DEVICE") && list.contains("door"), "{list}");

    let mut client = world.hello(token, 1, &[]).await;
    client.hear_a("welcome").await;
    let (code, _, err) = run(&config, &["account", "delete", "alice"]);
    assert_eq!(code, Some(2));
    assert!(err.contains("say --yes"), "{err}");
    assert_eq!(world.get(ME, token).await.status, 200);
    done(&["account", "delete", &id.to_string(), "--yes"]);
    assert_eq!(client.hear_bye().await, "account_deleted");
    bystander.hear_a("sync:account-deleted").await;
    drop(bystander);
    world.stop().await;
}

#[tokio::test]
async fn commands_work_without_a_hub_that_runs() {
    let world = World::start().await;
    let (_, token) = world.register("alice").await;
    let folder = world.stop().await;
    let config = folder.path().join("hub.toml");
    for (args, code, part) in [
        (&["account", "disable", "alice"][..], 0, "alice is disabled"),
        (&["account", "list"], 0, ""),
        (&["account", "enable", "alice"], 0, "alice is enabled"),
        (&["account", "enable", "bob"], 1, "there is no account bob"),
        (
            &["account", "delete", "no\nname", "--yes"],
            1,
            "there is no account",
        ),
        (
            &["token", "create", "--account", "bob", "--ttl", "1d"],
            1,
            "there is no account bob",
        ),
        (
            &["token", "create", "--account", "alice", "--ttl", "9"],
            2,
            "such as 7d",
        ),
        (&["invite", "--count", "0"], 2, "1..=10000"),
    ] {
        let (found, _, err) = run(&config, args);
        assert_eq!(found, Some(code), "{args:?}: {err}");
        assert!(err.contains(part), "{args:?}: {err}");
    }
    let world = World::start_in(folder, "").await;
    assert_eq!(world.get(ME, &token).await.status, 200);
    let folder = world.stop().await;
    let config = folder.path().join("hub.toml");
    let (code, _, err) = run(&config, &["account", "delete", "alice", "--yes"]);
    assert_eq!(code, Some(0), "{err}");
    let world = World::start_in(folder, "").await;
    assert_eq!(world.get(ME, &token).await.code(), "account_deleted");
    world.stop().await;
}
