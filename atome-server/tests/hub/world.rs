//! A hub in this process, and clients that know it only from outside.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use argon2::password_hash::{PasswordHasher, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use atome_proto::AccountId;
use atome_sandbox::Entered;
use atome_server::config::{Config, Environment};
use atome_server::run::{self, RunError};
use atome_server::stop::{self, Stopper};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

/// The password of every account in these tests.
pub(crate) const PASSWORD: &str = "swordfish";
/// The protocol that `/ws/sync` speaks.
pub(crate) const PROTOCOL: (&str, &str) = ("Sec-WebSocket-Protocol", "atome.sync.v1");

/// How the clients of these tests name the hub.
pub(crate) const HOST: &str = "hub.example";

/// The one loopback address of these tests.
pub(crate) fn here(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::from([127, 0, 0, 1]), port)
}

/// A configuration for a hub in `folder`; `lines` come after it.
pub(crate) fn write_config(folder: &Path, lines: &str) -> PathBuf {
    let file = folder.join("hub.toml");
    let text = format!(
        "profile = \"development\"\nlisten = \"{}\"\nstate_dir = \"state\"\nsandbox = \"off\"\n{lines}",
        here(0)
    );
    std::fs::write(&file, text).unwrap();
    file
}

/// A hub that runs.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) listen: SocketAddr,
    stopper: Stopper,
    running: JoinHandle<Result<(), RunError>>,
}

impl World {
    pub(crate) async fn start() -> Self {
        Self::start_with("").await
    }

    /// Starts a hub whose configuration ends with `lines`.
    pub(crate) async fn start_with(lines: &str) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), lines).await
    }

    pub(crate) async fn start_in(folder: TempDir, lines: &str) -> Self {
        let file = write_config(folder.path(), lines);
        let config = Config::load(Some(&file), &Environment::default()).unwrap();
        let (stopper, stop) = stop::channel();
        let (tell, hear) = oneshot::channel();
        let running = tokio::spawn(run::run(config, Entered::off(), stop, None, |listen| {
            tell.send(listen).unwrap();
        }));
        let Ok(listen) = hear.await else {
            panic!("the hub did not start: {:?}", running.await);
        };
        Self {
            folder,
            listen,
            stopper,
            running,
        }
    }

    /// Stops it and waits until it has ended well.
    pub(crate) async fn stop(self) -> TempDir {
        self.stopper.stop();
        self.running.await.unwrap().unwrap();
        self.folder
    }

    pub(crate) fn begin_stop(&self) {
        self.stopper.stop();
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, token: &str, body: &str) -> Reply {
        let stream = TcpStream::connect(self.listen).await.unwrap();
        ask(stream, method, path, token, body).await
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Reply {
        self.ask("GET", path, token, "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.ask("POST", path, "", &body.to_string()).await
    }

    pub(crate) async fn delete(&self, path: &str, token: &str) -> Reply {
        self.ask("DELETE", path, token, "").await
    }

    /// Asks with any headers.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Reply {
        let stream = TcpStream::connect(self.listen).await.unwrap();
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        send(stream, method, path, headers, body.as_bytes()).await
    }

    /// Logs in and gives the token.
    pub(crate) async fn log_in(&self, name: &str, password: &str) -> String {
        let reply = self
            .post("/api/v1/auth/login", &login(name, password))
            .await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        reply.json()["token"].as_str().unwrap().to_owned()
    }

    /// Registers an account of that name and gives its id and token.
    pub(crate) async fn register(&self, name: &str) -> (AccountId, String) {
        let account = account_id(name);
        let reply = self
            .post("/api/v1/auth/register", &registration(name))
            .await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        (account, reply.json()["token"].as_str().unwrap().to_owned())
    }

    /// Upgrades to `/ws/sync` with these headers.
    pub(crate) async fn dial(&self, headers: &[(&'static str, &str)]) -> Result<Client, Error> {
        let stream = TcpStream::connect(self.listen).await.unwrap();
        dial(stream, self.listen, headers).await
    }

    /// Upgrades to `/ws/sync` with a token, and says hello as a replica.
    pub(crate) async fn hello(&self, token: &str, replica: u64, capabilities: &[&str]) -> Client {
        let bearer = format!("Bearer {token}");
        let headers = [PROTOCOL, ("Authorization", bearer.as_str())];
        let mut client = self.dial(&headers).await.unwrap();
        client.say(&hello(replica, capabilities)).await;
        client
    }
}

/// An answer over HTTP.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// A header, if there is one of that name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self
            .head
            .split("\r\n")
            .filter_map(|line| line.split_once(": "));
        let found = lines
            .into_iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    }

    /// The stable word of a problem.
    pub(crate) fn code(&self) -> String {
        let content_type = self.header("content-type");
        assert_eq!(content_type, Some("application/problem+json"), "{self:?}");
        self.json()["code"].as_str().unwrap().to_owned()
    }
}

/// Asks over any stream, by hand, with a bearer token unless it is empty.
pub(crate) async fn ask<S>(stream: S, method: &str, path: &str, token: &str, body: &str) -> Reply
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str())];
    let headers = if token.is_empty() { &[][..] } else { &headers };
    send(stream, method, path, headers, body.as_bytes()).await
}

/// Sends a request with these headers over any stream, and reads the answer.
pub(crate) async fn send<S>(
    mut stream: S,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Reply
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n{headers}\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The hub may answer, and close, before it has read all of a long body.
    drop(stream.write_all(body).await);
    let mut answer = Vec::new();
    // A TLS peer may leave without a word once the answer is there.
    drop(stream.read_to_end(&mut answer).await);
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Reply {
        status,
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

/// A client of `/ws/sync` that reads and writes JSON by hand.
pub(crate) struct Client<S = TcpStream>(pub(crate) WebSocketStream<S>);

pub(crate) async fn dial<S>(
    stream: S,
    listen: SocketAddr,
    headers: &[(&'static str, &str)],
) -> Result<Client<S>, Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut request = format!("ws://{listen}/ws/sync")
        .into_client_request()
        .unwrap();
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let (stream, _) = tokio_tungstenite::client_async(request, stream).await?;
    Ok(Client(stream))
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(crate) async fn say(&mut self, message: &Value) {
        self.say_text(&message.to_string()).await;
    }

    pub(crate) async fn say_text(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// The next message, whether it came as text or compressed.
    pub(crate) async fn hear(&mut self) -> Value {
        match self.0.next().await {
            Some(Ok(Message::Text(text))) => serde_json::from_str(&text).unwrap(),
            Some(Ok(Message::Binary(bytes))) => {
                let frame = atome_proto::sync::frame::FrameBytes::Binary(bytes.into());
                serde_json::from_str(&frame.unpack().unwrap()).unwrap()
            }
            other => panic!("a message was expected: {other:?}"),
        }
    }

    /// The next message, which is of that type.
    pub(crate) async fn hear_a(&mut self, kind: &str) -> Value {
        let message = self.hear().await;
        assert_eq!(message["type"], kind, "{message}");
        message
    }

    /// Waits until the hub says goodbye and closes; the code, within the second that the design gives it.
    pub(crate) async fn hear_bye(&mut self) -> String {
        let heard = async {
            let bye = self.hear_a("bye").await;
            self.hear_close().await;
            bye["code"].as_str().unwrap().to_owned()
        };
        let heard = tokio::time::timeout(Duration::from_secs(1), heard).await;
        heard.expect("a connection whose session is over is closed within a second")
    }

    /// Waits until the hub closes, and says how.
    pub(crate) async fn hear_close(&mut self) -> Option<CloseFrame> {
        match self.0.next().await {
            Some(Ok(Message::Close(frame))) => frame,
            None | Some(Err(_)) => None,
            other => panic!("a close was expected: {other:?}"),
        }
    }
}

/// The same id for the same name, of version 7.
pub(crate) fn account_id(name: &str) -> AccountId {
    let mut random = [0; 10];
    for (to, from) in random.iter_mut().zip(name.bytes()) {
        *to = from;
    }
    AccountId::new_v7(1_790_000_000_000, random)
}

/// A login as a daemon sends it.
pub(crate) fn login(name: &str, password: &str) -> Value {
    json!({ "username": name, "password": password, "device": "laptop" })
}

/// A registration as a daemon sends it.
pub(crate) fn registration(name: &str) -> Value {
    json!({
        "entry": {
            "user_id": account_id(name),
            "username": name,
            "visibility": "public",
        },
        "passwordHash": password_hash(),
        "retrySecret": "5e".repeat(32),
        "device": "laptop",
    })
}

pub(crate) fn password_hash() -> &'static str {
    static HASH: OnceLock<String> = OnceLock::new();
    HASH.get_or_init(|| {
        let params = Params::new(19_456, 2, 1, None).unwrap();
        let salt = SaltString::encode_b64(b"salt of the tests").unwrap();
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password(PASSWORD.as_bytes(), &salt)
            .unwrap()
            .to_string()
    })
}

pub(crate) fn hello(replica: u64, capabilities: &[&str]) -> Value {
    json!({
        "type": "hello",
        "protocols": [1],
        "runtime": {
            "runtimeType": "daemon",
            "hasLocalServer": true,
            "localEndpoint": null,
            "remoteEndpoint": "wss://hub.example",
            "profile": "production",
        },
        "replica": format!("{replica:016x}"),
        "number": 0,
        "acked": 0,
        "capabilities": capabilities,
    })
}

/// A commit that makes one atome with a title.
pub(crate) fn commit(account: AccountId, replica: u64, number: u64, title: &str) -> Value {
    let time = (1_795_000_000_000_u64 + number) << 16;
    json!({
        "number": number,
        "author": account,
        "stamp": format!("{time:016x}-{replica:016x}"),
        "changes": [{
            "atome": format!("0190a5d0-0000-7000-8000-{replica:04x}{number:08x}"),
            "create": {},
            "set": { "$type": "note", "title": title },
        }],
    })
}
