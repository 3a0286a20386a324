//! Bodies of the HTTP interface. What each operation may answer, its own description says.

use atome_wrong::Wrong;
use serde_json::{Value, json};

use crate::fuzz::{Operation, check};
use crate::tables::golden;
use crate::world::{PASSWORD, Reply, World, login, password_hash, registration, send};

/// What is right, by operation: one for each shape that its body has.
fn bodies(operation: &str) -> Vec<Value> {
    match operation {
        "register" => {
            let mut full = registration("carol");
            full["entry"]["phone"] = json!("+41441234567");
            full["invite"] = json!("5e".repeat(32));
            full["cookie"] = json!(true);
            vec![full]
        }
        "login" => {
            let mut full = login("alice", PASSWORD);
            full["cookie"] = json!(true);
            vec![full]
        }
        "changePassword" => vec![
            json!({ "password": PASSWORD, "newPasswordHash": password_hash(), "revokeOthers": true }),
            json!({ "password": PASSWORD, "newPassword": PASSWORD }),
        ],
        "deleteAccount" => vec![json!({
            "user_id": crate::world::account_id("bob"),
            "username": "bob",
            "password": PASSWORD,
        })],
        "act" => {
            let commits = golden("commit-").into_iter();
            let acts = commits.filter_map(|(_, commit)| commit["acts"].as_array().cloned());
            acts.flatten().collect()
        }
        other => panic!("the operation '{other}' takes a body; name what is right in this table"),
    }
}

/// Limits that do not end the game early.
const LINES: &str = "[accounts]\nregistrations_per_hour = 1000000\n\
    [limits]\ndirectory_per_minute = 60000\n";

#[tokio::test(flavor = "multi_thread")]
async fn every_body_with_every_field_wrong() {
    let world = World::start_with(LINES).await;
    let document = world.get("/api/v1/openapi.json", "").await.json();
    let (_, token) = world.register("alice").await;
    world.register("bob").await;
    let mut tried = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, description) in methods.as_object().unwrap() {
            if description["requestBody"].is_null() {
                continue;
            }
            let operation = Operation {
                document: &document,
                method: method.to_uppercase(),
                path: path.clone(),
                description,
            };
            for body in bodies(description["operationId"].as_str().unwrap()) {
                for wrong in atome_wrong::all(&body) {
                    let reply = ask(&world, &operation, &token, &wrong.bytes).await;
                    judge(&operation, &wrong, &reply);
                    tried += 1;
                }
            }
        }
    }
    println!("{tried} bodies");
    assert!(tried > 1_000);
    assert_eq!(world.get("/api/v1/auth/me", &token).await.status, 200);
    assert_eq!(world.get("/readyz", "").await.status, 200);
    world.stop().await;
}

async fn ask(world: &World, operation: &Operation<'_>, token: &str, body: &[u8]) -> Reply {
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str())];
    let stream = tokio::net::TcpStream::connect(world.listen).await.unwrap();
    send(stream, &operation.method, &operation.path, &headers, body).await
}

fn judge(operation: &Operation<'_>, wrong: &Wrong, reply: &Reply) {
    let at = format!("{} {wrong}", operation.path);
    if let Err(why) = check(operation, reply) {
        panic!("{at}: {why}");
    }
    if wrong.is_no_json() {
        assert_eq!(reply.code(), "bad_request", "{at}: {reply:?}");
    }
}
