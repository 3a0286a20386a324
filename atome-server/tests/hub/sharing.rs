//! Sharing over HTTP and the WebSocket: from a request to the data, and out of sight again.

use atome_proto::AccountId;
use serde_json::{Value, json};

use crate::world::{Client, Reply, World, commit};

const GRANT: &str = "0190a5d0-0000-7000-8000-00000000beef";
const ATOME: &str = "0190a5d0-0000-7000-8000-000a00000001";

async fn act(world: &World, token: &str, act: &Value) -> Reply {
    world
        .send(
            "POST",
            "/api/v1/acts",
            &[("Authorization", &format!("Bearer {token}"))],
            act,
        )
        .await
}

async fn refused(world: &World, token: &str, wrong: &Value, code: &str) {
    let reply = act(world, token, wrong).await;
    assert_eq!(reply.code(), code, "{wrong}: {}", reply.body);
}

async fn ask_why(
    world: &World,
    (alice, bob): (AccountId, AccountId),
    [token, bobs, carols]: [&str; 3],
) {
    let why = |actor| format!("/api/v1/why?actor={actor}&atome={ATOME}&right=alter");
    let answer = world.get(&why(bob), token).await.json();
    assert_eq!(answer["allowed"], false);
    assert_eq!(answer["reasons"][0]["note"], "it does not give that right");
    assert_eq!(world.get(&why(bob), carols).await.code(), "not_found");
    assert_eq!(world.get(&why(alice), bobs).await.code(), "not_allowed");
}

/// What may only be read is not altered, by whatever means.
async fn alter_forged(reader: &mut Client, bob: AccountId) {
    let mut forged = commit(bob, 0xb, 1, "mine now");
    forged["changes"][0]["atome"] = json!(ATOME);
    forged["changes"][0]["create"] = Value::Null;
    forged["changes"][0]["set"] = json!({ "title": "mine now" });
    reader
        .say(&json!({ "type": "push", "first": 1, "commits": [forged] }))
        .await;
    let ack = reader.hear_a("ack").await;
    let ruling = &ack["verdicts"][0]["ruling"]["refused"];
    assert_eq!(ruling["code"], "not_allowed", "{ack}");
}

#[tokio::test]
async fn a_tree_is_shared_read_and_taken_back() {
    let world = World::start().await;
    let (alice, token) = world.register("alice").await;
    let (bob, bobs) = world.register("bob").await;
    let (_, carols) = world.register("carol").await;
    let mut writer = world.hello(&token, 0xa, &[]).await;
    writer.hear_a("welcome").await;
    let commits = [commit(alice, 0xa, 1, "secret")];
    writer
        .say(&json!({ "type": "push", "first": 1, "commits": commits }))
        .await;
    writer.hear_a("ack").await;
    let mut reader = world.hello(&bobs, 0xb, &[]).await;
    reader.hear_a("welcome").await;
    reader.say(&json!({ "type": "pull", "window": 4 })).await;
    assert_eq!(reader.hear_a("snapshot").await["states"], json!([]));

    let share = json!({ "share": {
        "grant": GRANT, "atome": ATOME, "grantee": bob,
        "terms": { "can": ["read"], "message": "for you" },
    }});
    assert_eq!(act(&world, &token, &share).await.status, 204);
    let batch = reader.hear_a("batch").await;
    let told = &batch["entries"][0]["grant"];
    assert_eq!(
        (&told["id"], &told["by"]["name"]),
        (&json!(GRANT), &json!("alice"))
    );
    assert!(!batch.to_string().contains("secret"), "no data before yes");
    let cursor = |batch: &Value| json!({ "type": "applied", "cursor": batch["cursor"] });
    reader.say(&cursor(&batch)).await;

    let accept = json!({ "answer": { "grant": GRANT, "answer": "accept" } });
    refused(&world, &token, &accept, "not_allowed").await;
    refused(&world, &carols, &accept, "not_found").await;
    let path = format!("/api/v1/grants/{GRANT}");
    assert_eq!(world.get(&path, &carols).await.code(), "not_found");
    assert_eq!(act(&world, &bobs, &accept).await.status, 204);
    let batch = reader.hear_a("batch").await;
    assert!(batch.to_string().contains("secret"), "{batch}");
    reader.say(&cursor(&batch)).await;
    let listed = world.get("/api/v1/grants", &bobs).await.json();
    assert_eq!(listed["grants"][0]["moments"][1]["state"], "accepted");

    ask_why(&world, (alice, bob), [&token, &bobs, &carols]).await;
    alter_forged(&mut reader, bob).await;

    let end = json!({ "end": { "grant": GRANT } });
    refused(&world, &carols, &end, "not_found").await;
    assert_eq!(act(&world, &token, &end).await.status, 204);
    let batch = reader.hear_a("batch").await;
    let evicted = json!({ "evict": [ATOME] });
    assert!(
        batch["entries"].as_array().unwrap().contains(&evicted),
        "{batch}"
    );
    reader
        .say(&json!({ "type": "evicted", "feed": batch["head"] }))
        .await;
    let grant = loop {
        let grant = world.get(&path, &token).await.json();
        if grant["evictions"][0]["confirmed"] == true {
            break grant;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(grant["evictions"][0]["replica"], "000000000000000b");
    drop((writer, reader));
    world.stop().await;
}

#[tokio::test]
async fn a_policy_answers_by_itself() {
    let world = World::start().await;
    let (alice, token) = world.register("alice").await;
    let (bob, bobs) = world.register("bob").await;
    let mut writer = world.hello(&token, 0xa, &[]).await;
    writer.hear_a("welcome").await;
    let commits = [commit(alice, 0xa, 1, "secret")];
    writer
        .say(&json!({ "type": "push", "first": 1, "commits": commits }))
        .await;
    writer.hear_a("ack").await;
    let policy = json!({ "policy": { "sender": alice, "rule": "never" } });
    assert_eq!(act(&world, &bobs, &policy).await.status, 204);
    let kept = world.get("/api/v1/policies", &bobs).await.json();
    assert_eq!(kept["policies"][0]["rule"], "never");
    assert_eq!(kept["policies"][0]["sender"]["name"], "alice");
    let share = json!({ "share": {
        "grant": GRANT, "atome": ATOME, "grantee": bob, "terms": { "can": ["read"] },
    }});
    assert_eq!(act(&world, &token, &share).await.status, 204);
    let listed = world.get("/api/v1/grants", &token).await.json();
    assert_eq!(listed["grants"][0]["moments"][1]["state"], "refused");
    refused(
        &world,
        &token,
        &json!({ "share": {
            "grant": GRANT, "atome": ATOME, "grantee": bob, "terms": { "can": ["alter"] },
        }}),
        "conflict",
    )
    .await;
    drop(writer);
    world.stop().await;
}

/// Readers of one atome: 100, or as many as `ATOME_READERS` says.
fn readers() -> usize {
    let asked = std::env::var("ATOME_READERS").ok();
    asked.map_or(100, |text| text.parse().unwrap())
}

#[tokio::test]
async fn a_commit_reaches_every_reader_that_is_connected() {
    let lines = "[accounts]\nregistrations_per_hour = 100000\n";
    let world = World::start_with(lines).await;
    let (alice, token) = world.register("alice").await;
    let mut writer = world.hello(&token, 0xa, &[]).await;
    writer.hear_a("welcome").await;
    let push = |number: u64, commit: Value| json!({ "type": "push", "first": number, "commits": [commit] });
    writer.say(&push(1, commit(alice, 0xa, 1, "first"))).await;
    writer.hear_a("ack").await;
    let mut connected = vec![];
    for n in 0..readers() {
        let (reader, token_of_reader) = world.register(&format!("reader{n}")).await;
        let grant = format!("0190a5d0-0000-7000-8000-{n:012x}");
        let share = json!({ "share": {
            "grant": grant, "atome": ATOME, "grantee": reader, "terms": { "can": ["read"] },
        }});
        assert_eq!(act(&world, &token, &share).await.status, 204);
        let accept = json!({ "answer": { "grant": grant, "answer": "accept" } });
        assert_eq!(act(&world, &token_of_reader, &accept).await.status, 204);
        let mut client = world.hello(&token_of_reader, 0xb, &[]).await;
        client.hear_a("welcome").await;
        client.say(&json!({ "type": "pull", "window": 4 })).await;
        let page = client.hear_a("snapshot").await;
        assert!(page.to_string().contains("first"), "{page}");
        connected.push(client);
    }
    let mut second = commit(alice, 0xa, 2, "second");
    second["changes"][0]["atome"] = json!(ATOME);
    second["changes"][0]["create"] = Value::Null;
    second["changes"][0]["set"] = json!({ "title": "second" });
    let began = std::time::Instant::now();
    writer.say(&push(2, second)).await;
    assert_eq!(writer.hear_a("ack").await["number"], 2);
    let acknowledged = began.elapsed();
    for client in &mut connected {
        while !client.hear().await.to_string().contains("second") {}
    }
    println!(
        "{} readers: acknowledged after {acknowledged:?}, heard by all after {:?}",
        connected.len(),
        began.elapsed()
    );
    drop((writer, connected));
    world.stop().await;
}
