//! Figures: what is documented is served, and moves with what happens.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::world::{
    PROTOCOL, Reply, World, account_id, ask, commit, dial, hello, here, registration,
};

/// Where figures are asked for.
async fn figures(world: &World, method: &str, path: &str) -> Reply {
    let running = std::fs::read(world.folder.path().join("state/atome-server.json")).unwrap();
    let running: Value = serde_json::from_slice(&running).unwrap();
    let stream = TcpStream::connect(running["metrics"].as_str().unwrap())
        .await
        .unwrap();
    ask(stream, method, path, "", "").await
}

async fn start() -> World {
    World::start_with(&format!("[metrics]\nlisten = \"{}\"\n", here(0))).await
}

/// The samples, by their name with its labels.
async fn samples(world: &World) -> BTreeMap<String, f64> {
    let reply = figures(world, "GET", "/metrics").await;
    assert_eq!(reply.status, 200);
    let lines = reply.body.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        (name.to_owned(), value.parse().unwrap())
    };
    lines.map(sample).collect()
}

#[tokio::test]
async fn what_is_documented_is_served_and_nothing_else() {
    let world = start().await;
    let reply = figures(&world, "GET", "/metrics").await;
    assert_eq!(
        reply.header("content-type"),
        Some("text/plain; version=0.0.4; charset=utf-8")
    );
    let served = reply
        .body
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "));
    let served: Vec<String> = served.map(str::to_owned).collect();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/operation.md");
    let text = std::fs::read_to_string(file).unwrap();
    let rows = text
        .lines()
        .filter(|line| line.starts_with("| `atome_hub_"));
    let documented: Vec<String> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            format!("{} {}", cells[1].trim_matches('`'), cells[2])
        })
        .collect();
    assert_eq!(documented, served);
    world.stop().await;
}

#[tokio::test]
async fn nothing_else_is_there() {
    let world = start().await;
    for path in ["/", "/healthz", "/metrics/", "/api/v1/server", "/ws/sync"] {
        assert_eq!(figures(&world, "GET", path).await.status, 404, "{path}");
    }
    let reply = figures(&world, "POST", "/metrics").await;
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET")));
    assert_eq!(world.get("/metrics", "").await.status, 404, "for clients");
    world.stop().await;
}

#[tokio::test]
async fn figures_move_with_what_happens() {
    let world = start().await;
    let before = samples(&world).await;
    assert_eq!(before["atome_hub_accounts"], 0.0);
    let reply = world
        .post("/api/v1/auth/register", &registration("alice"))
        .await;
    let bearer = format!("Bearer {}", reply.json()["token"].as_str().unwrap());
    assert_eq!(world.get("/nowhere", "").await.status, 404);
    let stream = TcpStream::connect(world.listen).await.unwrap();
    let headers = [PROTOCOL, ("Authorization", bearer.as_str())];
    let mut client = dial(stream, world.listen, &headers).await.unwrap();
    client.say(&hello(1, &[])).await;
    client.hear_a("welcome").await;
    let mut refused = commit(account_id("alice"), 1, 2, "x");
    refused["author"] = json!(account_id("bob"));
    let commits = [
        commit(account_id("alice"), 1, 1, "a private matter"),
        refused,
    ];
    client
        .say(&json!({ "type": "push", "first": 1, "commits": commits }))
        .await;
    client.hear_a("ack").await;

    let after = samples(&world).await;
    for (name, value) in [
        ("atome_hub_accounts", 1.0),
        ("atome_hub_sessions", 1.0),
        ("atome_hub_connections{kind=\"sync\"}", 1.0),
        ("atome_hub_connections_accepted_total", 3.0),
        ("atome_hub_http_requests_total{status=\"1xx\"}", 1.0),
        ("atome_hub_http_requests_total{status=\"2xx\"}", 1.0),
        ("atome_hub_http_requests_total{status=\"4xx\"}", 1.0),
        ("atome_hub_http_request_seconds_count", 3.0),
        ("atome_hub_commits_admitted_total", 1.0),
        ("atome_hub_commits_refused_total", 1.0),
        ("atome_hub_admission_seconds_count", 1.0),
        ("atome_hub_push_backlog_commits", 0.0),
    ] {
        assert_eq!(after.get(name), Some(&value), "{name}");
    }
    assert!(after["atome_hub_admission_seconds_sum"] > 0.0);
    assert!(after["atome_hub_database_bytes"] + after["atome_hub_wal_bytes"] > 0.0);
    let text = figures(&world, "GET", "/metrics").await.body;
    assert!(!text.contains("alice"), "{text}");
    drop(client);
    world.stop().await;
}
