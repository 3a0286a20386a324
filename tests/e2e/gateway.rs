//! Junk on the hub's port and on `/ws/sync`: an error or a closed connection, and everyone else is served.

use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use atome_proto::ReplicaId;
use atome_proto::runtime::{Profile, RuntimeDeclaration, RuntimeType};
use atome_proto::sync::v1::{ClientFrame, Hello, SUBPROTOCOL, VERSION};
use atome_tests::{Hub, Machine};
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

use crate::world::{Must, NAME, PASSWORD, World, run, wait};

/// A hub without TLS, a machine in sync with it, and a token of a session of the account.
fn plain_hub(world: &World) -> (Hub, Machine, String) {
    let mut hub = Hub::prepare_plain(&world.binaries, &world.path("hub")).must();
    hub.start().must();
    let machine = world.machine_with_account("a", Some(&hub));
    wait(&machine);
    let password = std::str::from_utf8(PASSWORD).unwrap().trim_end();
    let body = json!({"username": NAME, "password": password, "device": "a test"}).to_string();
    let (host, port) = hub.address();
    let request = format!(
        "POST /api/v1/auth/login HTTP/1.1\r\nhost: {host}:{port}\r\ncontent-type: application/json\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = say(&hub, request.as_bytes(), false);
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let session: Value = serde_json::from_str(body).unwrap();
    let token = session["token"].as_str().unwrap().to_owned();
    (hub, machine, token)
}

/// Says something and hears what comes until the hub closes; `hang_up` says that no more will come.
fn say(hub: &Hub, bytes: &[u8], hang_up: bool) -> String {
    let mut stream = TcpStream::connect(hub.address()).must();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .must();
    // The hub may hang up in the middle of it.
    let _sent = stream.write_all(bytes);
    if hang_up {
        let _closed = stream.shutdown(std::net::Shutdown::Write);
    }
    let mut answer = Vec::new();
    let _heard = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

async fn connect(hub: &Hub, token: &str) -> WebSocketStream<tokio::net::TcpStream> {
    let (host, port) = hub.address();
    let url = format!("ws://{host}:{port}/ws/sync");
    let mut request = url.into_client_request().must();
    let headers = request.headers_mut();
    headers.insert("authorization", format!("Bearer {token}").parse().must());
    headers.insert("sec-websocket-protocol", SUBPROTOCOL.parse().must());
    let stream = tokio::net::TcpStream::connect(hub.address()).await.must();
    tokio_tungstenite::client_async(request, stream)
        .await
        .must()
        .0
}

/// What the hub says until it closes, as JSON where it is.
async fn heard(socket: &mut WebSocketStream<tokio::net::TcpStream>) -> Vec<Value> {
    let mut heard = Vec::new();
    while let Some(Ok(message)) = socket.next().await {
        if message.is_close() {
            break;
        }
        if let Message::Text(text) = message {
            heard.push(serde_json::from_str(&text).unwrap());
        }
    }
    heard
}

fn hello() -> Value {
    let runtime = RuntimeDeclaration {
        runtime_type: RuntimeType::Daemon,
        has_local_server: true,
        local_endpoint: None,
        remote_endpoint: None,
        profile: Profile::Development,
        enforced: std::collections::BTreeMap::new(),
        pid: None,
    };
    let hello = Hello {
        protocols: vec![VERSION],
        runtime,
        replica: ReplicaId(0xee),
        number: 0,
        acked: 0,
        cursor: None,
        capabilities: Vec::new(),
    };
    serde_json::to_value(ClientFrame::from(hello)).must()
}

/// Says each on a connection of its own; every one is answered with a code, or closed.
async fn junk_on_sync(hub: &Hub, token: &str) {
    let text = |value: Value| Message::text(value.to_string());
    let mut with_endpoint = hello();
    with_endpoint["runtime"]["localEndpoint"] = json!("unix:///run/secret.sock");
    let mut too_new = hello();
    too_new["protocols"] = json!([999]);
    let cases: Vec<(Vec<Message>, &str)> = vec![
        (vec![Message::text("{")], "bad_request"),
        (vec![Message::text("[]")], "bad_request"),
        (vec![Message::binary(vec![1, 2, 3])], "bad_request"),
        (vec![text(json!({"type": "nonsense"}))], "unsupported"),
        (vec![text(with_endpoint)], "bad_request"),
        (vec![text(too_new)], "unsupported"),
        (
            vec![text(json!({"type": "push", "first": 1, "commits": []}))],
            "bad_request",
        ),
        (
            vec![
                text(hello()),
                text(json!({"type": "push", "first": 1, "commits": 7})),
            ],
            "bad_request",
        ),
    ];
    for (messages, code) in cases {
        let mut socket = connect(hub, token).await;
        let said = format!("{messages:?}");
        for message in messages {
            socket.send(message).await.must();
        }
        let heard = heard_within(&mut socket).await;
        let codes: Vec<&Value> = heard
            .iter()
            .filter_map(|message| message.get("code"))
            .collect();
        assert_eq!(
            codes.first(),
            Some(&&json!(code)),
            "{said} was answered with {heard:?}"
        );
    }
}

/// The hub closes after junk; a test does not hang where it does not.
async fn heard_within(socket: &mut WebSocketStream<tokio::net::TcpStream>) -> Vec<Value> {
    let limit = Duration::from_secs(30);
    let heard = tokio::time::timeout(limit, heard(socket)).await;
    heard.expect("the hub neither answered nor closed")
}

#[test]
fn junk_on_the_hub_harms_nobody() {
    let world = World::new();
    let (hub, machine, token) = plain_hub(&world);
    for bytes in [
        &b"\0\xff\0\xff junk"[..],
        b"GET /ws/sync HTTP/1.1\r\n\r\n",
        b"GET /ws/sync HTTP/1.1\r\nhost: a\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-key: no\r\n\r\n",
        b"POST /api/v1/auth/register HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\n{{{",
    ] {
        let answer = say(&hub, bytes, true);
        assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .must();
    runtime.block_on(async {
        junk_on_sync(&hub, &token).await;
        frame_beyond_the_limit(&hub, &token).await;
        an_unknown_optional_message_is_ignored(&hub, &token).await;
    });
    run(&machine, &["create", "task", "--key", "tasks/1"]);
    wait(&machine);
}

async fn frame_beyond_the_limit(hub: &Hub, token: &str) {
    let mut socket = connect(hub, token).await;
    // The hub hangs up while it is still coming.
    let _sent = socket.send(Message::text("x".repeat(32 << 20))).await;
    heard_within(&mut socket).await;
}

async fn an_unknown_optional_message_is_ignored(hub: &Hub, token: &str) {
    let mut socket = connect(hub, token).await;
    let optional = json!({"type": "of-the-future", "optional": true});
    for message in [optional, hello()] {
        socket.send(Message::text(message.to_string())).await.must();
    }
    let Some(Ok(Message::Text(first))) = socket.next().await else {
        panic!("no welcome")
    };
    let first: Value = serde_json::from_str(&first).unwrap();
    assert_eq!(first["type"], "welcome", "{first}");
}

#[test]
fn an_account_made_at_the_hub_logs_in_on_a_machine() {
    let world = World::new();
    let mut hub = Hub::prepare_plain(&world.binaries, &world.path("hub")).must();
    hub.start().must();
    let password = std::str::from_utf8(PASSWORD).unwrap().trim_end();
    let body = json!({
        "entry": {
            "user_id": "01935a2b-7c00-7000-8000-000000000001",
            "username": NAME,
            "visibility": "public",
        },
        "password": password,
        "retrySecret": "0f".repeat(32),
        "device": "a browser",
        "cookie": true,
    });
    let body = body.to_string();
    let (host, port) = hub.address();
    let request = format!(
        "POST /api/v1/auth/register HTTP/1.1\r\nhost: {host}:{port}\r\n\
         content-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = say(&hub, request.as_bytes(), false);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let lower = answer.to_lowercase();
    assert!(lower.contains("set-cookie: atome_session="), "{answer}");
    assert!(lower.contains("httponly") && lower.contains("samesite=strict"));
    let machine = world.machine_logged_in("a", &hub);
    run(&machine, &["create", "task", "--key", "tasks/1"]);
    wait(&machine);
}
