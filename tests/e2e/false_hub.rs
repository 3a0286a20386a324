//! A hub that is none: it stands in a hub's place under its certificate, welcomes whoever comes, takes nothing,
//! and answers whatever it hears about the feed with one and the same frame.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use atome_proto::sync::frame::{Encoding, FrameBytes};
use atome_proto::sync::v1::{ClientFrame, HubFrame, Pong, SUBPROTOCOL, Welcome};
use atome_tests::Hub;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::{self, Message};

use crate::world::Must;

/// How long the next message may take: the longest back-off, and a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// What it heard of a machine.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) greetings: usize,
    pub(crate) pulls: usize,
    pub(crate) others: usize,
    /// From the first greeting to the last.
    pub(crate) took: Duration,
}

struct Script {
    welcome: Welcome,
    answer: HubFrame,
}

#[derive(Default)]
struct Shared {
    ends: AtomicBool,
    open: Mutex<Vec<TcpStream>>,
}

pub(crate) struct FalseHub {
    address: (&'static str, u16),
    shared: Arc<Shared>,
    heard: mpsc::Receiver<(Instant, ClientFrame)>,
    listening: Option<JoinHandle<()>>,
}

impl FalseHub {
    /// Takes the place of a hub that was stopped; the number of the welcome is always what was acknowledged before.
    pub(crate) fn in_place_of(hub: &Hub, welcome: Welcome, answer: HubFrame) -> Self {
        let listener = TcpListener::bind(hub.address()).must();
        let tls = Arc::new(tls(hub));
        let script = Arc::new(Script { welcome, answer });
        let shared = Arc::<Shared>::default();
        let (told, heard) = mpsc::channel();
        let ours = Arc::clone(&shared);
        let listening = thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if ours.ends.load(Ordering::Relaxed) {
                    return;
                }
                ours.keep(&stream).must();
                let (tls, script, told) = (Arc::clone(&tls), Arc::clone(&script), told.clone());
                // A machine hangs up when it likes to.
                thread::spawn(move || converse(stream, tls, &script, &told).ok());
            }
        });
        Self {
            address: hub.address(),
            shared,
            heard,
            listening: Some(listening),
        }
    }

    /// Waits until machines have greeted it so often, and tells what it has heard up to then.
    pub(crate) fn greeted(&self, times: usize) -> Heard {
        let (mut heard, mut first) = (Heard::default(), None);
        while heard.greetings < times {
            let (at, frame) = self.heard.recv_timeout(PATIENCE).must();
            match frame {
                ClientFrame::Hello(_) => {
                    heard.greetings += 1;
                    heard.took = at - *first.get_or_insert(at);
                }
                ClientFrame::Pull(_) => heard.pulls += 1,
                ClientFrame::Auth(_)
                | ClientFrame::Push(_)
                | ClientFrame::Applied(_)
                | ClientFrame::Evicted(_)
                | ClientFrame::AskDigest(_)
                | ClientFrame::AskStates(_)
                | ClientFrame::Offer(_)
                | ClientFrame::AskReceipt(_)
                | ClientFrame::Ping(_) => heard.others += 1,
            }
        }
        heard
    }
}

impl Shared {
    fn keep(&self, stream: &TcpStream) -> io::Result<()> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.push(stream.try_clone()?);
        Ok(())
    }
}

impl Drop for FalseHub {
    /// Leaves the place: nothing of it is open afterwards.
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Relaxed);
        // Wakes the one that waits for a connection; where it cannot be reached, it waits no more.
        let _woken = TcpStream::connect(self.address);
        if let Some(listening) = self.listening.take() {
            let _ended = listening.join();
        }
        let open = std::mem::take(
            &mut *self
                .shared
                .open
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        );
        for stream in open {
            // The machine may have closed it long ago.
            let _closed = stream.shutdown(Shutdown::Both);
        }
    }
}

/// The certificate of the hub, and its key.
fn tls(hub: &Hub) -> ServerConfig {
    let authority = hub.authority().unwrap();
    let chain = CertificateDer::pem_file_iter(&authority.cert_file).must();
    let chain = chain.collect::<Result<Vec<_>, _>>().must();
    let key = PrivateKeyDer::from_pem_file(&authority.key_file).must();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .must()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .must()
}

/// Speaks with one machine until either end hangs up.
fn converse(
    stream: TcpStream,
    tls: Arc<ServerConfig>,
    script: &Script,
    told: &mpsc::Sender<(Instant, ClientFrame)>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let stream = StreamOwned::new(ServerConnection::new(tls)?, stream);
    #[expect(clippy::result_large_err, reason = "what the library asks for")]
    let subprotocol = |_: &Request, mut response: Response| {
        let subprotocol = SUBPROTOCOL.parse().must();
        let headers = response.headers_mut();
        headers.insert("sec-websocket-protocol", subprotocol);
        Ok(response)
    };
    // What is no upgrade, such as a question about the directory, is left without an answer.
    let mut socket =
        tungstenite::accept_hdr(stream, subprotocol).map_err(|error| error.to_string())?;
    loop {
        let Message::Text(text) = socket.read()? else {
            continue;
        };
        let heard = ClientFrame::decode(FrameBytes::Text(text.as_str().to_owned()))?;
        let Some(heard) = heard else { continue };
        let answer = script.answer(&heard);
        told.send((Instant::now(), heard))?;
        if let Some(answer) = answer
            && let FrameBytes::Text(text) = answer.encode(Encoding::Text)?
        {
            socket.send(Message::text(text))?;
        }
    }
}

impl Script {
    fn answer(&self, heard: &ClientFrame) -> Option<HubFrame> {
        match heard {
            ClientFrame::Hello(hello) => {
                let welcome = Welcome {
                    number: hello.acked,
                    ..self.welcome.clone()
                };
                Some(welcome.into())
            }
            ClientFrame::Pull(_) | ClientFrame::Applied(_) => Some(self.answer.clone()),
            ClientFrame::Ping(ping) => {
                let pong = Pong {
                    timestamp: ping.timestamp,
                    hub_time: self.welcome.timestamp,
                    head: self.welcome.head,
                    number: 0,
                };
                Some(pong.into())
            }
            ClientFrame::Auth(_)
            | ClientFrame::Push(_)
            | ClientFrame::Evicted(_)
            | ClientFrame::AskDigest(_)
            | ClientFrame::AskStates(_)
            | ClientFrame::Offer(_)
            | ClientFrame::AskReceipt(_) => None,
        }
    }
}
