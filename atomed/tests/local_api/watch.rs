//! Watching: changes as they happen, and those missed meanwhile.

use bytes::BytesMut;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};

use crate::machine::Machine;

struct Events {
    body: Incoming,
    buffer: BytesMut,
}

impl Events {
    async fn of(machine: &Machine, query: &str) -> Self {
        let response = machine.send("GET", &format!("/v1/watch{query}"), "").await;
        assert_eq!(response.status(), 200);
        Self {
            body: response.into_body(),
            buffer: BytesMut::new(),
        }
    }

    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.buffer.iter().position(|b| *b == b'\n') {
                let line = self.buffer.split_to(end + 1);
                return Some(serde_json::from_slice(&line).unwrap());
            }
            let frame = self.body.frame().await?.unwrap();
            self.buffer.extend_from_slice(&frame.into_data().unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_sees_each_change_and_can_come_back() {
    let machine = Machine::with_alice().await;
    machine
        .write(json!([{ "create": { "type": "old" } }]))
        .await;
    let mut live = Events::of(&machine, "").await;
    let mut tasks = Events::of(&machine, "?type=task").await;
    let id = machine
        .write(json!([{ "create": { "type": "task" } }]))
        .await
        .remove(0);
    let created = live.next().await.unwrap();
    assert_eq!(created["change"], "created");
    assert_eq!(created["atome"]["id"], id.as_str());
    machine
        .write(json!([{ "create": { "type": "note" } }]))
        .await;
    machine
        .write(json!([{ "atome": id, "set": { "a": 1 } }]))
        .await;
    machine
        .write(json!([{ "atome": id, "deleted": true }]))
        .await;
    let changes = |events: Vec<Value>| -> Vec<String> {
        events
            .iter()
            .map(|e| e["change"].as_str().unwrap().to_owned())
            .collect()
    };
    let mut seen = vec![];
    for _ in 0..3 {
        seen.push(tasks.next().await.unwrap());
    }
    assert_eq!(changes(seen), ["created", "altered", "deleted"]);

    let since = format!("?since={}", created["cursor"]);
    let mut missed = Events::of(&machine, &since).await;
    let mut seen = vec![];
    for _ in 0..3 {
        seen.push(missed.next().await.unwrap());
    }
    assert_eq!(changes(seen), ["created", "altered", "deleted"]);

    machine.stop().await;
    while missed.next().await.is_some() {}
}
