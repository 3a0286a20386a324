//! Frames of a client, over a real socket.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use atome_proto::limit::{KEY_LEN_MAX, VALUE_LEN_MAX};
use atome_proto::state::RawState;
use atome_proto::sync::v1::ClientFrame;
use atome_proto::{AccountId, AtomeId, Code};
use atome_wrong::{How, Wrong};
use futures_util::{SinkExt, StreamExt, stream};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::tables::golden;
use crate::world::{Client, PROTOCOL, World, commit, hello};

/// Who owns what is in the golden messages, and which replica wrote it.
const OWNER: &str = "01935a2b-7c00-7000-8000-000000000001";
const OTHER: &str = "01935a2b-7c00-7000-8000-000000000002";
/// The atome that is there before, and the one that is made, under its key.
const ATOME: &str = "01935a2b-7c00-7000-8000-000000000100";
const KEYED: &str = "3c93f7b4-cc8f-5c81-b60f-0a93eebc79a3";
const KEY: &str = "tasks/1";
const REPLICA: &str = "0123456789abcdef";
/// The replica that begins.
const FIRST: u64 = 1 << 32;
/// What the last question of each conversation says.
const MARK: u64 = 777;
/// Below this a stranger is told what is wrong.
const STRANGER_LEN: usize = 4_000;
/// Conversations at once.
const AT_ONCE: usize = 8;
/// Every message gets an answer or an end of the connection; on a slow machine within so long.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// What a client hears of what it said.
#[derive(Debug, Default)]
struct Heard {
    /// The codes of errors that end the connection.
    errors: Vec<Code>,
    /// The codes of what was not taken of a push, after which the connection stands.
    refused: Vec<Code>,
    /// Whether the question that came after was answered.
    went_on: bool,
    /// Whether the connection ended.
    ended: bool,
}

struct Talk {
    world: World,
    account: AccountId,
    other: AccountId,
    token: String,
    replicas: AtomicU64,
}

impl Talk {
    /// Says one message where it belongs in a conversation, then asks for a sign of life.
    async fn say(&self, kind: &str, bytes: &[u8]) -> Heard {
        let replica = self.replicas.fetch_add(1, Ordering::Relaxed);
        let bytes = replaced(bytes, REPLICA, &format!("{replica:016x}"));
        let bytes = replaced(&bytes, OWNER, &self.account.to_string());
        let keyed = AtomeId::from_key(self.account, KEY).to_string();
        let bytes = replaced(&bytes, KEYED, &keyed);
        let bytes = replaced(&bytes, OTHER, &self.other.to_string());
        let bearer = format!("Bearer {}", self.token);
        let headers = [PROTOCOL, ("Authorization", bearer.as_str())];
        let headers = if kind == "auth" {
            &headers[..1]
        } else {
            &headers[..]
        };
        let mut client = self.world.dial(headers).await.unwrap();
        if kind != "auth" && kind != "hello" {
            client.say(&hello(replica, &[])).await;
            client.hear_a("welcome").await;
        }
        let message = match String::from_utf8(bytes) {
            Ok(text) => Message::text(text),
            // A text frame cannot hold it; what is packed in a binary one can.
            Err(no_text) => Message::binary(zstd(no_text.as_bytes())),
        };
        // The hub may hang up at any of these.
        drop(client.0.send(message).await);
        if kind == "auth" {
            let hello = hello(replica, &[]).to_string();
            drop(client.0.send(Message::text(hello)).await);
        }
        // The sign of life is asked for behind the answer, where there is one: what only reads may overtake a write.
        if !["auth", "hello", "push", "offer"].contains(&kind) {
            ping(&mut client).await;
        }
        let heard = tokio::time::timeout(ANSWER_TIMEOUT, hear(&mut client)).await;
        heard.unwrap_or_default()
    }
}

/// Asks for a sign of life; the hub may hang up meanwhile.
async fn ping(client: &mut Client) {
    let ping = json!({ "type": "ping", "timestamp": MARK }).to_string();
    drop(client.0.send(Message::text(ping)).await);
}

async fn hear(client: &mut Client) -> Heard {
    let mut heard = Heard::default();
    while !heard.went_on {
        let text = match client.0.next().await {
            Some(Ok(Message::Text(text))) => text.to_string(),
            Some(Ok(Message::Binary(bytes))) => {
                let frame = atome_proto::sync::FrameBytes::Binary(bytes.into());
                frame.unpack().unwrap()
            }
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
            None | Some(Ok(Message::Close(_)) | Err(_)) => {
                heard.ended = true;
                break;
            }
        };
        let message: Value = serde_json::from_str(&text).unwrap();
        let code = |at: &Value| serde_json::from_value::<Code>(at.clone()).unwrap();
        match message["type"].as_str().unwrap() {
            "welcome" => ping(client).await,
            // It is about one commit, and the connection stands.
            "error" if message["details"]["number"].is_u64() => {
                heard.refused.push(code(&message["code"]));
                ping(client).await;
            }
            "error" | "bye" => heard.errors.push(code(&message["code"])),
            "ack" => {
                let verdicts = message["verdicts"].as_array().cloned().unwrap_or_default();
                let refused = verdicts.iter().map(|verdict| &verdict["ruling"]["refused"]);
                let refused = refused.filter(|refused| refused.is_object());
                let refused = refused.map(|refused| code(&refused["code"]));
                heard.refused.extend(refused);
                ping(client).await;
            }
            "offered" => {
                let refused = message["refused"].as_array().cloned().unwrap_or_default();
                let refused = refused.iter().map(|refused| code(&refused["code"]));
                heard.refused.extend(refused);
                ping(client).await;
            }
            "pong" if message["timestamp"] == MARK => heard.went_on = true,
            _ => {}
        }
    }
    heard
}

/// The bytes as a zstd frame of one raw block. Source: RFC 8878, section 3.1.1.
fn zstd(bytes: &[u8]) -> Vec<u8> {
    let header = u32::try_from(bytes.len()).unwrap() << 3 | 1;
    let [low, middle, high, _] = header.to_le_bytes();
    let window_8_mib = 13 << 3;
    let head = [0x28, 0xb5, 0x2f, 0xfd, 0, window_8_mib, low, middle, high];
    [&head[..], bytes].concat()
}

fn replaced(bytes: &[u8], from: &str, to: &str) -> Vec<u8> {
    let mut found = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest
        .windows(from.len())
        .position(|part| part == from.as_bytes())
    {
        found.extend_from_slice(&rest[..at]);
        found.extend_from_slice(to.as_bytes());
        rest = &rest[at + from.len()..];
    }
    found.extend_from_slice(rest);
    found
}

/// The golden messages as a replica that the hub has never seen says them; commits are pushed, acts one by one.
fn messages(token: &str, welcome: &Value) -> Vec<(String, Value)> {
    let mut messages = golden("client-");
    for (_, message) in &mut messages {
        if message["cursor"].is_object() {
            let (hub, epoch) = (&welcome["hub"], &welcome["epoch"]);
            message["cursor"] = json!({ "hub": hub, "epoch": epoch, "feed": 0 });
        }
        match message["type"].as_str().unwrap() {
            "auth" => message["token"] = json!(token),
            "hello" => (message["number"], message["acked"]) = (json!(0), json!(0)),
            // Only what is one's own may be offered.
            "offer" => {
                for state in message["states"].as_array_mut().unwrap() {
                    state["owner"] = json!(OWNER);
                }
            }
            "push" => {
                message["first"] = json!(1);
                for (i, commit) in message["commits"]
                    .as_array_mut()
                    .unwrap()
                    .iter_mut()
                    .enumerate()
                {
                    commit["number"] = json!(i + 1);
                }
            }
            _ => {}
        }
    }
    for message in ClientFrame::TYPES {
        let named = messages
            .iter()
            .any(|(_, golden)| golden["type"] == *message);
        assert!(named, "no golden message '{message}'");
    }
    messages.extend(golden("commit-").into_iter().flat_map(pushes));
    messages
}

fn pushes((name, mut commit): (String, Value)) -> Vec<(String, Value)> {
    commit["number"] = json!(1);
    // What is another's can be made only where that one allows it.
    if let Some(owner) = commit.pointer_mut("/changes/0/create/owner") {
        *owner = json!(OWNER);
    }
    let push = |commit: &Value| json!({ "type": "push", "first": 1, "commits": [commit] });
    let Some(acts) = commit["acts"].as_array().cloned() else {
        return vec![(format!("push of commit-{name}"), push(&commit))];
    };
    let one = acts.into_iter().map(|act| {
        let name = format!("push of commit-{name} {act}");
        commit["acts"] = json!([act]);
        (name, push(&commit))
    });
    one.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_with_every_field_wrong() {
    let lines = "[limits]\nconnections_max = 1000\nunknown_per_source_max = 1000\n";
    let world = World::start_with(lines).await;
    let (account, token) = world.register("alice").await;
    let (other, _) = world.register("bob").await;
    let mut client = world.hello(&token, FIRST, &[]).await;
    let welcome = client.hear_a("welcome").await;
    let mut made = commit(account, FIRST, 1, "made");
    made["changes"][0]["atome"] = json!(ATOME);
    client
        .say(&json!({ "type": "push", "first": 1, "commits": [made] }))
        .await;
    assert_eq!(client.hear_a("ack").await["verdicts"], Value::Null);
    drop(client);
    let talk = Arc::new(Talk {
        world,
        account,
        other,
        token,
        replicas: AtomicU64::new(1),
    });
    let mut cases = Vec::new();
    for (name, message) in messages(&talk.token, &welcome) {
        let kind = message["type"].as_str().unwrap().to_owned();
        let heard = talk.say(&kind, message.to_string().as_bytes()).await;
        // Acts are about grants that are not there, or may not be done twice.
        let is_taken = heard.refused.is_empty() || message.pointer("/commits/0/acts").is_some();
        assert!(
            heard.went_on && is_taken,
            "{name} as it is right: {heard:?}"
        );
        let wrongs = atome_wrong::all(&message).into_iter();
        cases.extend(wrongs.map(|wrong| (name.clone(), kind.clone(), wrong)));
    }
    let tried = cases.len();
    let went_on = stream::iter(cases)
        .map(|(name, kind, wrong)| {
            let talk = Arc::clone(&talk);
            async move {
                let heard = talk.say(&kind, &wrong.bytes).await;
                judge(&name, &kind, &wrong, &heard);
                heard.went_on
            }
        })
        .buffer_unordered(AT_ONCE)
        .filter(|went_on| std::future::ready(*went_on))
        .count()
        .await;
    println!("{tried} messages, the connection went on after {went_on}");
    assert!(tried > 7_000 && went_on > 2_500, "{went_on} of {tried}");
    within_the_limits(&talk).await;
    Arc::into_inner(talk).unwrap().world.stop().await;
}

/// What may be said of any message, and of what is pushed or offered.
const OF_ALL: [Code; 4] = [
    Code::BadRequest,
    Code::BadData,
    Code::Unsupported,
    Code::TooLarge,
];
const OF_WRITES: [Code; 5] = [
    Code::NotFound,
    Code::NotAllowed,
    Code::Conflict,
    Code::Refused,
    Code::Fork,
];

/// Whether what was heard is what the protocol says.
fn judge(name: &str, kind: &str, wrong: &Wrong, heard: &Heard) {
    let what = || format!("{name} {wrong}: {heard:?} to {}", shown(&wrong.bytes));
    assert!(heard.went_on || heard.ended, "no answer: {}", what());
    if heard.went_on {
        assert!(heard.errors.is_empty(), "an error ends it: {}", what());
        let is_refused = !heard.refused.is_empty();
        assert!(!wrong.is_no_json() || is_refused, "{}", what());
    } else if kind == "auth" && wrong.bytes.len() > STRANGER_LEN {
        // A stranger's long message is cut without a word.
        assert!(heard.errors.len() <= 1, "{}", what());
    } else {
        assert_eq!(heard.errors.len(), 1, "it is said why: {}", what());
    }
    for code in heard.errors.iter().chain(&heard.refused) {
        let is_known = OF_ALL.contains(code)
            || (kind == "auth" && *code == Code::AuthRequired)
            || (["push", "offer"].contains(&kind) && OF_WRITES.contains(code));
        assert!(is_known, "{}", what());
    }
    if matches!(wrong.how, How::End(_)) {
        assert!(heard.ended, "{}", what());
    }
}

fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().take(600).collect()
}

/// What the hub has taken of all that, it shows again, within the limits.
async fn within_the_limits(talk: &Talk) {
    let mut client = talk.world.hello(&talk.token, 0xffff_ffff, &[]).await;
    client.hear_a("welcome").await;
    client.say(&json!({ "type": "pull", "window": 1000 })).await;
    let mut seen = 0;
    loop {
        let page = client.hear_a("snapshot").await;
        for state in page["states"].as_array().unwrap() {
            let state = RawState::from_text(state.to_string())
                .unwrap()
                .decode()
                .unwrap();
            seen += 1;
            for (key, particle) in &state.particles {
                assert!((1..=KEY_LEN_MAX).contains(&key.as_str().len()));
                let value = particle.value();
                assert!(value.is_none_or(|value| value.as_str().len() <= VALUE_LEN_MAX));
            }
        }
        if page["end"].is_object() {
            break;
        }
        // The window is a few frames, whatever was asked for: each is told when it was taken.
        client
            .say(&json!({ "type": "applied", "cursor": null }))
            .await;
    }
    assert!(seen > 0, "something was taken");
}
