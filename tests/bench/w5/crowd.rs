//! Light clients that speak the real protocol over TLS, and do nothing but be there: hello, pull, ping.
//!
//! Each comes back as a daemon does, with the engine's own back-off. What they keep of each other's account is
//! nothing: they say that they have all that the hub has.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use atome_engine::backoff::{Backoff, STABLE_MS};
use atome_proto::ReplicaId;
use atome_proto::runtime::{Profile, RuntimeDeclaration, RuntimeType};
use atome_proto::sync::frame::{Encoding, FrameBytes};
use atome_proto::sync::v1::{
    CAPABILITY_ZSTD, ClientFrame, Cursor, Hello, HubFrame, Ping, Pull, SUBPROTOCOL, VERSION,
    Welcome,
};
use atome_tests::Hub;
use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::failure::{Failure, Tried, differs};

/// How long a client is silent before it asks for a sign of life, as daemons do.
const PING_EVERY: Duration = Duration::from_secs(30);
/// How many dial at once when they gather for the first time.
const GATHER_AT_ONCE: usize = 100;
/// Small, since here are as many as at the hub.
const BUFFER_LEN: usize = 4 << 10;

type Socket = WebSocketStream<TlsStream<TcpStream>>;

/// What they all share.
struct Shared {
    address: (&'static str, u16),
    tls: TlsConnector,
    gathering: Semaphore,
    connected: AtomicU64,
    failures: Mutex<Failures>,
}

/// What came of the attempts that began at a time or later.
struct Failures {
    since: Instant,
    count: u64,
    first: Option<String>,
}

/// The clients; they leave when this is dropped.
pub(super) struct Crowd {
    shared: Arc<Shared>,
    _tasks: JoinSet<()>,
}

impl Crowd {
    /// Has so many clients come, each a replica of its own, of the tokens' accounts in turn.
    pub(super) fn gather(hub: &Hub, tokens: &[String], count: u32) -> Tried<Self> {
        let ca_file = hub.remote().ca_file;
        let ca_file = ca_file.ok_or_else(|| Failure("the hub has no TLS".to_owned()))?;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(ca_file)?)?;
        let config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let shared = Arc::new(Shared {
            address: hub.address(),
            tls: TlsConnector::from(Arc::new(config)),
            gathering: Semaphore::new(GATHER_AT_ONCE),
            connected: AtomicU64::new(0),
            failures: Mutex::new(Failures::from_now_on()),
        });
        let mut tasks = JoinSet::new();
        for (n, token) in (0..count).zip(tokens.iter().cycle()) {
            tasks.spawn(be(Arc::clone(&shared), token.clone(), n));
        }
        Ok(Self {
            shared,
            _tasks: tasks,
        })
    }

    /// How many stand now.
    pub(super) fn connected(&self) -> u64 {
        self.shared.connected.load(Ordering::Relaxed)
    }

    /// How often one was not let in, or sent away; a hub that is not there does not count.
    pub(super) fn failures(&self) -> u64 {
        self.shared.failures().count
    }

    /// The first of these, in words.
    pub(super) fn first_failure(&self) -> Option<String> {
        self.shared.failures().first.clone()
    }

    /// Begins to count failures anew: those of attempts that begin from now on.
    pub(super) fn forget_failures(&self) {
        *self.shared.failures() = Failures::from_now_on();
    }
}

impl Failures {
    fn from_now_on() -> Self {
        Self {
            since: Instant::now(),
            count: 0,
            first: None,
        }
    }
}

impl Shared {
    fn failures(&self) -> std::sync::MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the failure of an attempt that began then.
    fn note(&self, began: Instant, Failure(why): Failure) {
        let mut failures = self.failures();
        if began >= failures.since {
            failures.count += 1;
            failures.first.get_or_insert(why);
        }
    }
}

/// One client, for ever.
async fn be(shared: Arc<Shared>, token: String, n: u32) {
    let mut backoff = Backoff::new(u64::from(n));
    let mut gathering = shared.gathering.acquire().await.ok();
    loop {
        let began = Instant::now();
        match TcpStream::connect(shared.address).await {
            Ok(stream) => match enter(&shared, stream, &token, n).await {
                Ok(socket) => {
                    drop(gathering.take());
                    shared.connected.fetch_add(1, Ordering::Relaxed);
                    let since = Instant::now();
                    stay(socket).await;
                    if since.elapsed() >= Duration::from_millis(STABLE_MS) {
                        backoff.reset();
                    }
                    shared.connected.fetch_sub(1, Ordering::Relaxed);
                }
                Err(failure) => shared.note(began, failure),
            },
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
            Err(error) => shared.note(began, error.into()),
        }
        tokio::time::sleep(Duration::from_millis(backoff.fail(None))).await;
    }
}

/// Says hello and asks for what comes.
async fn enter(shared: &Shared, stream: TcpStream, token: &str, n: u32) -> Tried<Socket> {
    stream.set_nodelay(true)?;
    let (host, port) = shared.address;
    let name = ServerName::try_from(host)?;
    let stream = shared.tls.connect(name, stream).await?;
    let mut request = format!("wss://{host}:{port}/ws/sync").into_client_request()?;
    let headers = request.headers_mut();
    headers.insert("Sec-WebSocket-Protocol", SUBPROTOCOL.parse()?);
    headers.insert("Authorization", format!("Bearer {token}").parse()?);
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER_LEN)
        .write_buffer_size(0);
    let (mut socket, _) =
        tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await?;
    say(&mut socket, hello(n).into()).await?;
    let welcome = welcome(&mut socket).await?;
    let cursor = Cursor {
        hub: welcome.hub,
        epoch: welcome.epoch,
        feed: welcome.head,
    };
    let pull = Pull {
        cursor: Some(cursor),
        window: 4,
    };
    say(&mut socket, pull.into()).await?;
    Ok(socket)
}

fn hello(n: u32) -> Hello {
    Hello {
        protocols: vec![VERSION],
        runtime: RuntimeDeclaration {
            runtime_type: RuntimeType::Daemon,
            has_local_server: true,
            local_endpoint: None,
            remote_endpoint: None,
            profile: Profile::Development,
            enforced: [].into(),
            pid: None,
        },
        replica: ReplicaId(u64::from(n) + 1),
        number: 0,
        acked: 0,
        cursor: None,
        capabilities: vec![CAPABILITY_ZSTD.to_owned()],
    }
}

async fn welcome(socket: &mut Socket) -> Tried<Welcome> {
    while let Some(message) = socket.next().await {
        let frame = match message? {
            Message::Text(text) => FrameBytes::Text(text.to_string()),
            Message::Binary(bytes) => FrameBytes::Binary(bytes.into()),
            Message::Ping(_) | Message::Pong(_) => continue,
            other @ (Message::Close(_) | Message::Frame(_)) => {
                return differs(format!("{other} in the place of a welcome"));
            }
        };
        match HubFrame::decode(frame)? {
            Some(HubFrame::Welcome(welcome)) => return Ok(welcome),
            Some(other) => return differs(format!("{other:?} in the place of a welcome")),
            None => {}
        }
    }
    differs("the hub went away before its welcome")
}

async fn say(socket: &mut Socket, frame: ClientFrame) -> Tried {
    let message = match frame.encode(Encoding::Text)? {
        FrameBytes::Text(text) => Message::text(text),
        FrameBytes::Binary(bytes) => Message::binary(bytes),
    };
    Ok(socket.send(message).await?)
}

/// Stays as long as the hub does.
async fn stay(mut socket: Socket) {
    loop {
        match tokio::time::timeout(PING_EVERY, socket.next()).await {
            Ok(Some(Ok(Message::Close(_)) | Err(_)) | None) => return,
            Ok(Some(Ok(_))) => {}
            Err(_) => {
                let ping = Ping { timestamp: 0 };
                if say(&mut socket, ping.into()).await.is_err() {
                    return;
                }
            }
        }
    }
}
