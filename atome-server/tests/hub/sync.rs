//! `/ws/sync`, spoken by hand: who is let in, what junk costs, and a whole conversation.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::world::{Client, PROTOCOL, World, commit, hello};

/// What the hub says before it closes, and how it closes.
async fn ended(client: &mut Client) -> (Value, u16) {
    let error = client.hear_a("error").await;
    let close = client.hear_close().await.unwrap();
    (error, close.code.into())
}

async fn refused(world: &World, headers: &[(&'static str, &str)]) -> (u16, Value) {
    match world.dial(headers).await {
        Err(Error::Http(reply)) => {
            let body = reply.body().as_deref().unwrap_or_default();
            (
                reply.status().as_u16(),
                serde_json::from_slice(body).unwrap(),
            )
        }
        other => panic!(
            "a refusal was expected: {:?}",
            other.map(|_| "a connection")
        ),
    }
}

#[tokio::test]
async fn only_those_with_a_session_are_let_in() {
    let world = World::start().await;
    let (_, token) = world.register("alice").await;
    let bearer = format!("Bearer {}", "0".repeat(64));
    let wrong = [PROTOCOL, ("Authorization", bearer.as_str())];
    let (status, problem) = refused(&world, &wrong).await;
    assert_eq!((status, &problem["code"]), (401, &json!("auth_required")));
    let (status, problem) = refused(&world, &[]).await;
    assert_eq!((status, &problem["code"]), (426, &json!("unsupported")));
    assert_eq!(world.get("/ws/sync", &token).await.code(), "bad_request");

    let mut by_message = world.dial(&[PROTOCOL]).await.unwrap();
    by_message
        .say(&json!({ "type": "auth", "token": token }))
        .await;
    by_message.say(&hello(1, &[])).await;
    by_message.hear_a("welcome").await;

    for first in [
        json!({ "type": "auth", "token": "0".repeat(64) }),
        hello(1, &[]),
        json!({ "type": "auth" }),
    ] {
        let mut stranger = world.dial(&[PROTOCOL]).await.unwrap();
        stranger.say(&first).await;
        let (error, close) = ended(&mut stranger).await;
        assert_eq!((&error["code"], close), (&json!("auth_required"), 1008));
    }
    drop(by_message);
    world.stop().await;
}

#[tokio::test]
async fn a_stranger_may_neither_wait_nor_send_much() {
    let world = World::start_with("[limits]\nhandshake_timeout_s = 1\n").await;
    let mut silent = world.dial(&[PROTOCOL]).await.unwrap();
    let (error, _) = ended(&mut silent).await;
    assert_eq!(error["code"], "auth_required");

    let mut loud = world.dial(&[PROTOCOL]).await.unwrap();
    let long = json!({ "type": "auth", "token": "0".repeat(100_000) });
    loud.say(&long).await;
    assert_eq!(loud.hear_close().await, None, "cut without a word");
    world.stop().await;
}

#[tokio::test]
async fn junk_gets_an_error_and_a_close() {
    let world = World::start().await;
    let (_, token) = world.register("alice").await;
    let text = |text: &str| Message::text(text);
    let mut with_endpoint = hello(1, &[]);
    with_endpoint["runtime"]["localEndpoint"] = json!("unix:///run/atomed.sock");
    let mut too_new = hello(1, &[]);
    too_new["protocols"] = json!([7, 8]);
    for (message, code, close) in [
        (text("}{"), "bad_request", 1002),
        (text("[1]"), "bad_request", 1002),
        (text("{\"type\":\"dance\"}"), "unsupported", 1002),
        (
            text("{\"type\":\"push\",\"first\":1,\"commits\":[]}"),
            "bad_request",
            1002,
        ),
        (text("{\"type\":\"hello\"}"), "bad_request", 1002),
        (Message::binary(vec![0xff; 100]), "bad_request", 1002),
        (text(&with_endpoint.to_string()), "bad_request", 1002),
        (text(&too_new.to_string()), "unsupported", 1002),
        (text(&" ".repeat(5 << 20)), "too_large", 1009),
    ] {
        let bearer = format!("Bearer {token}");
        let headers = [PROTOCOL, ("Authorization", bearer.as_str())];
        let mut client = world.dial(&headers).await.unwrap();
        // The hub may close before it has read all of a long one.
        drop(futures_util::SinkExt::send(&mut client.0, message.clone()).await);
        let (error, closed) = ended(&mut client).await;
        assert_eq!(
            (error["code"].as_str().unwrap(), closed),
            (code, close),
            "{error}"
        );
    }
    let mut client = world.hello(&token, 1, &[]).await;
    client.hear_a("welcome").await;
    client
        .say(&json!({ "type": "dance", "optional": true }))
        .await;
    client.say(&json!({ "type": "ping", "timestamp": 5 })).await;
    assert_eq!(client.hear_a("pong").await["timestamp"], 5);
    drop(client);
    world.stop().await;
}

#[tokio::test]
async fn a_whole_conversation_in_plain_json() {
    let world = World::start().await;
    let (account, token) = world.register("alice").await;
    let mut a = world.hello(&token, 0xa, &[]).await;
    let welcome = a.hear_a("welcome").await;
    assert_eq!(
        (&welcome["head"], &welcome["number"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(welcome["protocol"], 1);

    a.say(&json!({ "type": "pull", "window": 4 })).await;
    let nothing = a.hear_a("snapshot").await;
    assert_eq!(nothing["states"], json!([]));
    let cursor = &nothing["end"]["cursor"];
    assert_eq!(cursor["feed"], 0);
    a.say(&json!({ "type": "applied", "cursor": cursor })).await;
    let commits = [
        commit(account, 0xa, 1, "one"),
        commit(account, 0xa, 2, "two"),
    ];
    a.say(&json!({ "type": "push", "first": 1, "commits": commits }))
        .await;
    let ack = a.hear_a("ack").await;
    assert_eq!(
        (&ack["number"], &ack["replica"]),
        (&json!(2), &json!("000000000000000a"))
    );
    assert_eq!(ack["verdicts"], Value::Null, "plainly accepted");
    let batch = a.hear_a("batch").await;
    assert_eq!(batch["entries"], json!([{ "mine": 1 }, { "mine": 2 }]));

    // The same again, after a lost answer, is acknowledged again and not applied again.
    a.say(&json!({ "type": "push", "first": 1, "commits": commits }))
        .await;
    assert_eq!(a.hear_a("ack").await["number"], 2);

    let mut b = world.hello(&token, 0xb, &[]).await;
    let welcome = b.hear_a("welcome").await;
    assert_eq!(welcome["head"], 2);
    b.say(&json!({ "type": "pull", "window": 4 })).await;
    let page = b.hear_a("snapshot").await;
    assert_eq!(page["states"].as_array().unwrap().len(), 2);
    let end = if page["end"].is_null() {
        b.hear_a("snapshot").await["end"].clone()
    } else {
        page["end"].clone()
    };
    assert_eq!(end["cursor"]["feed"], 2);
    b.say(&json!({ "type": "applied", "cursor": end["cursor"] }))
        .await;

    // Live: what one pushes, the other hears.
    let third = [commit(account, 0xa, 3, "three")];
    a.say(&json!({ "type": "push", "first": 3, "commits": third }))
        .await;
    assert_eq!(a.hear_a("ack").await["number"], 3);
    let batch = b.hear_a("batch").await;
    assert_eq!((&batch["from"], &batch["head"]), (&json!(3), &json!(3)));
    assert_eq!(
        batch["entries"][0]["commit"]["changes"][0]["set"]["title"],
        "three"
    );

    b.say(&json!({ "type": "digest", "ask": 9 })).await;
    let digest = b.hear_a("digest").await;
    assert_eq!((&digest["ask"], &digest["feed"]), (&json!(9), &json!(3)));
    assert!(!digest["buckets"].as_object().unwrap().is_empty());
    drop((a, b));
    world.stop().await;
}

#[tokio::test]
async fn a_refused_commit_does_not_stand_in_the_way() {
    let world = World::start().await;
    let (account, token) = world.register("alice").await;
    let (other, _) = world.register("bob").await;
    let mut a = world.hello(&token, 0xa, &[]).await;
    a.hear_a("welcome").await;
    let commits = [
        commit(account, 0xa, 1, "mine"),
        commit(other, 0xa, 2, "forged"),
        commit(account, 0xa, 3, "mine too"),
    ];
    a.say(&json!({ "type": "push", "first": 1, "commits": commits }))
        .await;
    let ack = a.hear_a("ack").await;
    assert_eq!(ack["number"], 3);
    assert_eq!(ack["verdicts"][0]["number"], 2);
    assert!(
        ack["verdicts"][0]["ruling"]["refused"]["code"].is_string(),
        "{ack}"
    );
    assert_eq!(ack["verdicts"].as_array().unwrap().len(), 1);
    drop(a);
    world.stop().await;
}

#[tokio::test]
async fn gaps_and_forks_are_named() {
    let world = World::start().await;
    let (account, token) = world.register("alice").await;
    let mut a = world.hello(&token, 0xa, &[]).await;
    a.hear_a("welcome").await;
    let push = |first: u64, title: &str| {
        let commits = [commit(account, 0xa, first, title)];
        json!({ "type": "push", "first": first, "commits": commits })
    };
    a.say(&push(5, "too far")).await;
    let gap = a.hear_a("error").await;
    assert_eq!(gap["details"]["number"], 1, "{gap}");
    a.say(&push(1, "one")).await;
    assert_eq!(a.hear_a("ack").await["number"], 1);
    a.say(&push(1, "another one")).await;
    a.hear_a("ack").await;
    let fork = a.hear_a("error").await;
    assert_eq!(
        (&fork["code"], &fork["details"]["number"]),
        (&json!("fork"), &json!(1))
    );
    drop(a);
    world.stop().await;
}

#[tokio::test]
async fn daemons_are_sent_compressed_frames() {
    let world = World::start().await;
    let (account, token) = world.register("alice").await;
    let mut a = world.hello(&token, 0xa, &[]).await;
    a.hear_a("welcome").await;
    let commits: Vec<_> = (1..=200)
        .map(|number| commit(account, 0xa, number, &format!("note {number}")))
        .collect();
    a.say(&json!({ "type": "push", "first": 1, "commits": commits }))
        .await;
    assert_eq!(a.hear_a("ack").await["number"], 200);

    let mut b = world.hello(&token, 0xb, &["zstd"]).await;
    b.hear_a("welcome").await;
    b.say(&json!({ "type": "pull", "window": 4 })).await;
    let page = futures_util::StreamExt::next(&mut b.0)
        .await
        .unwrap()
        .unwrap();
    assert!(page.is_binary());
    assert!(page.len() < 20_000, "{} bytes", page.len());
    drop((a, b));
    world.stop().await;
}
