//! The sessions of an account: listed, closed, and what becomes of their connections.

use serde_json::{Value, json};

use crate::world::{PASSWORD, World, account_id, login, password_hash, registration};

const ME: &str = "/api/v1/auth/me";
const SESSIONS: &str = "/api/v1/auth/sessions";
const CHANGE: &str = "/api/v1/auth/password";
const DELETE: &str = "/api/v1/auth/delete";
const OTHER: &str = "another password";

/// The ids of an account's sessions, and which of them is the one that asks.
async fn ids(world: &World, token: &str) -> Vec<(String, bool)> {
    let sessions = world.get(SESSIONS, token).await.json();
    let info = |session: &Value| {
        let id = session["id"].as_str().unwrap().to_owned();
        (id, session["current"].as_bool().unwrap())
    };
    sessions["sessions"]
        .as_array()
        .unwrap()
        .iter()
        .map(info)
        .collect()
}

#[tokio::test]
async fn sessions_are_listed_and_closed_by_their_own_account_only() {
    let world = World::start().await;
    let (_, alice) = world.register("alice").await;
    let (_, bob) = world.register("bob").await;
    let second = world.log_in("alice", PASSWORD).await;

    let list = world.get(SESSIONS, &alice).await;
    assert!(!list.body.contains(&alice) && !list.body.contains(&second));
    assert_eq!(list.json()["sessions"][0]["device"], "laptop");
    let ids_of_alice = ids(&world, &alice).await;
    assert_eq!(ids_of_alice.len(), 2);
    assert_eq!(
        ids_of_alice.iter().filter(|(_, current)| *current).count(),
        1
    );
    let (other, _) = ids_of_alice.iter().find(|(_, current)| !current).unwrap();
    let path = format!("{SESSIONS}/{other}");

    assert_eq!(world.delete(&path, &bob).await.code(), "not_found");
    assert_eq!(world.delete(&path, "").await.code(), "auth_required");
    let no_id = format!("{SESSIONS}/mine");
    assert_eq!(world.delete(&no_id, &alice).await.code(), "bad_request");
    assert_eq!(world.get(ME, &second).await.status, 200);

    assert_eq!(world.delete(&path, &alice).await.status, 204);
    assert_eq!(world.get(ME, &second).await.code(), "auth_required");
    assert_eq!(world.delete(&path, &alice).await.code(), "not_found");

    for _ in 0..3 {
        world.log_in("alice", PASSWORD).await;
    }
    assert_eq!(world.delete(SESSIONS, "").await.code(), "auth_required");
    let closed = world.delete(SESSIONS, &alice).await;
    assert_eq!(
        (closed.status, closed.json()),
        (200, json!({ "closed": 3 }))
    );
    assert_eq!(ids(&world, &alice).await.len(), 1);
    assert_eq!(world.get(ME, &bob).await.status, 200);
    world.stop().await;
}

#[tokio::test]
async fn a_closed_session_loses_its_connection_within_a_second() {
    let world = World::start().await;
    let (_, alice) = world.register("alice").await;
    let second = world.log_in("alice", PASSWORD).await;
    let mut kept = world.hello(&alice, 1, &[]).await;
    kept.hear_a("welcome").await;
    let mut lost = world.hello(&second, 2, &[]).await;
    lost.hear_a("welcome").await;
    let ids = ids(&world, &alice).await;
    let (other, _) = ids.iter().find(|(_, current)| !current).unwrap();

    world.delete(&format!("{SESSIONS}/{other}"), &alice).await;
    assert_eq!(lost.hear_bye().await, "auth_required");

    let third = world.log_in("alice", PASSWORD).await;
    let mut lost = world.hello(&third, 3, &[]).await;
    lost.hear_a("welcome").await;
    assert_eq!(
        world
            .ask("POST", "/api/v1/auth/logout", &third, "")
            .await
            .status,
        204
    );
    assert_eq!(lost.hear_bye().await, "auth_required");

    kept.say(&json!({ "type": "ping", "timestamp": 7 })).await;
    kept.hear_a("pong").await;
    drop(kept);
    world.stop().await;
}

#[tokio::test]
async fn a_password_is_changed_with_the_present_one() {
    let world = World::start().await;
    let (_, alice) = world.register("alice").await;
    let second = world.log_in("alice", PASSWORD).await;
    let change =
        async |token: &str, body: Value| world.ask("POST", CHANGE, token, &body.to_string()).await;
    let plain = json!({ "password": PASSWORD, "newPassword": OTHER });
    assert_eq!(change("", plain.clone()).await.code(), "auth_required");
    let wrong = json!({ "password": "swordfisch", "newPassword": OTHER });
    assert_eq!(change(&alice, wrong).await.code(), "wrong_credentials");
    for (body, code) in [
        (json!({ "password": PASSWORD }), "bad_request"),
        (
            json!({ "password": PASSWORD, "newPassword": OTHER, "newPasswordHash": password_hash() }),
            "bad_request",
        ),
        (
            json!({ "password": PASSWORD, "newPassword": "" }),
            "bad_data",
        ),
        (
            json!({ "password": PASSWORD, "newPassword": "x".repeat(1025) }),
            "bad_data",
        ),
        (
            json!({ "password": PASSWORD, "newPasswordHash": "x" }),
            "bad_data",
        ),
    ] {
        assert_eq!(change(&alice, body).await.code(), code);
    }
    assert_eq!(change(&alice, plain).await.status, 204);
    assert_eq!(
        world.get(ME, &second).await.status,
        200,
        "others stay unless told"
    );
    let old = world
        .post("/api/v1/auth/login", &login("alice", PASSWORD))
        .await;
    assert_eq!(old.code(), "wrong_credentials");
    let third = world.log_in("alice", OTHER).await;

    let mut connection = world.hello(&second, 2, &[]).await;
    connection.hear_a("welcome").await;
    let by_hash = json!({
        "password": OTHER, "newPasswordHash": password_hash(), "revokeOthers": true,
    });
    assert_eq!(change(&third, by_hash).await.status, 204);
    assert_eq!(connection.hear_bye().await, "auth_required");
    assert_eq!(world.get(ME, &alice).await.code(), "auth_required");
    assert_eq!(world.get(ME, &third).await.status, 200);
    world.log_in("alice", PASSWORD).await;
    world.stop().await;
}

#[tokio::test]
async fn a_deleted_account_is_gone_everywhere() {
    let world = World::start().await;
    let (id, alice) = world.register("alice").await;
    let (_, bob) = world.register("bob").await;
    let mut connection = world.hello(&alice, 1, &[]).await;
    connection.hear_a("welcome").await;
    let mut bystander = world.hello(&bob, 2, &["directory"]).await;
    bystander.hear_a("welcome").await;

    let delete = |id: Value, name: &str, password: &str| json!({ "userId": id, "username": name, "password": password });
    let mut answers = Vec::new();
    for body in [
        delete(json!(id), "alice", "swordfisch"),
        delete(json!(id), "bob", PASSWORD),
        delete(json!(account_id("bob")), "alice", PASSWORD),
        delete(json!(account_id("nobody")), "nobody", PASSWORD),
    ] {
        let reply = world.post(DELETE, &body).await;
        answers.push((reply.status, reply.code(), reply.body));
    }
    answers.dedup();
    assert_eq!(
        answers.len(),
        1,
        "one answer, whatever is wrong: {answers:?}"
    );
    assert_eq!(answers[0].1, "wrong_credentials");

    let done = world
        .post(DELETE, &delete(json!(id), "Alice", PASSWORD))
        .await;
    assert_eq!(done.status, 204, "{}", done.body);
    assert_eq!(connection.hear_bye().await, "account_deleted");
    let told = bystander.hear_a("sync:account-deleted").await;
    assert!(told.to_string().contains(&id.to_string()), "{told}");

    assert_eq!(world.get(ME, &alice).await.code(), "account_deleted");
    let again = world
        .post("/api/v1/auth/register", &registration("alice"))
        .await;
    assert_eq!(
        (again.status, again.code().as_str()),
        (410, "account_deleted")
    );
    let gone = world
        .post("/api/v1/auth/login", &login("alice", PASSWORD))
        .await;
    assert_eq!(gone.code(), "wrong_credentials");
    drop(bystander);
    world.stop().await;
}
