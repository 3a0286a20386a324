//! The link: one WebSocket to the hub, frames in and frames out. It decides nothing.
//!
//! Steps 9 and 15 of the way of a write. Reading and writing are two tasks, so that a hub which is
//! busy sending never keeps the daemon from sending; what waits in between is bounded. Dropping the
//! link says goodbye and closes it; nothing more comes from it then.

use std::io;
use std::time::Duration;

use atome_proto::account::Secret;
use atome_proto::limit::{FRAME_LEN_MAX, READ_BESIDE_LEN, WINDOW_FRAMES};
use atome_proto::sync::v1::{ClientFrame, HubFrame, SUBPROTOCOL};
use atome_proto::sync::{BadFrame, Encoding, FrameBytes};
use atome_proto::{Code, Problem};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use http::{HeaderValue, header};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::Request;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

use crate::hub_client::problem_of;
use crate::sync::dial::{DialError, Dialer, Stream};

/// How long dialling, TLS and the upgrade may take together.
const OPEN_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a goodbye may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Frames that may wait to be written: both windows, and a short question of each who waits.
const OUTGOING_MAX: usize = 512;
/// Frames that may wait to be looked at: one window.
const INCOMING_MAX: usize = WINDOW_FRAMES as usize;
/// A binary frame may be a little longer than its JSON, where that does not compress.
const MESSAGE_LEN_MAX: usize = FRAME_LEN_MAX + (64 << 10);

type Socket = WebSocketStream<Stream>;

/// What comes from a link.
#[derive(Debug)]
pub enum Event {
    /// It stands.
    Connected,
    /// The hub sent a message.
    Frame(HubFrame),
    /// The hub does not take the token.
    AuthRefused(Problem),
    /// It could not be opened, or it ended: the last event.
    Closed(Option<Problem>),
}

/// The writing end of a link, and the queue of what comes from it.
#[derive(Debug)]
pub struct Link {
    outgoing: mpsc::Sender<(ClientFrame, Encoding)>,
    events: mpsc::Receiver<Event>,
    encoding: Encoding,
    task: JoinHandle<()>,
}

impl Link {
    /// Begins to open a link; what becomes of it is an event.
    #[must_use]
    pub fn open(dialer: Dialer, token: Secret) -> Self {
        let (outgoing, frames) = mpsc::channel(OUTGOING_MAX);
        let (told, events) = mpsc::channel(INCOMING_MAX);
        let task = tokio::spawn(run(dialer, token, frames, told));
        Self {
            outgoing,
            events,
            encoding: Encoding::Text,
            task,
        }
    }

    /// Closes the link and waits until goodbye is said, a moment at most.
    pub async fn close(self) {
        let Self {
            outgoing,
            events,
            task,
            ..
        } = self;
        drop((outgoing, events));
        // Whether the other side heard it does not matter any more.
        let _ = timeout(CLOSE_TIMEOUT, task).await;
    }

    /// The next event.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn event(&mut self) -> Event {
        self.events.recv().await.unwrap_or(Event::Closed(None))
    }

    /// Compresses what is sent from now on: both ends can.
    pub fn compress(&mut self) {
        self.encoding = Encoding::Zstd;
    }

    /// Queues a message; `false` where too many wait already, or the link has ended.
    #[must_use]
    pub fn send(&self, frame: ClientFrame) -> bool {
        self.outgoing.try_send((frame, self.encoding)).is_ok()
    }
}

async fn run(
    dialer: Dialer,
    token: Secret,
    frames: mpsc::Receiver<(ClientFrame, Encoding)>,
    told: mpsc::Sender<Event>,
) {
    let opened = tokio::select! {
        opened = timeout(OPEN_TIMEOUT, open(&dialer, &token)) => opened,
        () = told.closed() => return,
    };
    let socket = match opened {
        Ok(Ok(socket)) => socket,
        Ok(Err(event)) => return tell(&told, event).await,
        Err(_) => return tell(&told, Event::Closed(Some(timed_out(&dialer)))).await,
    };
    let (sink, stream) = socket.split();
    tell(&told, Event::Connected).await;
    let writing = tokio::spawn(write(sink, frames));
    let problem = read(stream, &told).await;
    tell(&told, Event::Closed(problem)).await;
    drop(told);
    // It ends once the link is dropped and goodbye is said; a panic in it is no matter of this task.
    let _ = writing.await;
}

async fn tell(told: &mpsc::Sender<Event>, event: Event) {
    // Nobody listens any more where the link was dropped: then nobody needs to know.
    let _ = told.send(event).await;
}

fn timed_out(dialer: &Dialer) -> Problem {
    let host = &dialer.endpoint().host;
    let message = format!("{host} does not answer within {} s", OPEN_TIMEOUT.as_secs());
    Problem::new(Code::HubUnreachable, message)
}

async fn open(dialer: &Dialer, token: &Secret) -> Result<Socket, Event> {
    let request = upgrade(dialer, token)
        .map_err(|e| Event::Closed(Some(Problem::new(Code::Internal, e.to_string()))))?;
    let stream = dialer
        .dial()
        .await
        .map_err(|e| Event::Closed(Some(e.into())))?;
    let config = WebSocketConfig::default()
        .read_buffer_size(16 << 10)
        .write_buffer_size(0)
        .max_message_size(Some(MESSAGE_LEN_MAX))
        .max_frame_size(Some(MESSAGE_LEN_MAX));
    match tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await {
        Ok((socket, _)) => Ok(socket),
        Err(error) => Err(not_upgraded(&error)),
    }
}

fn upgrade(dialer: &Dialer, token: &Secret) -> Result<Request<()>, WsError> {
    let endpoint = dialer.endpoint();
    let scheme = if endpoint.tls { "wss" } else { "ws" };
    let uri = format!("{scheme}://{}/ws/sync", endpoint.authority());
    let mut request = uri.into_client_request()?;
    let headers = request.headers_mut();
    let mut bearer =
        HeaderValue::try_from(format!("Bearer {}", token.0)).map_err(http::Error::from)?;
    bearer.set_sensitive(true);
    headers.insert(header::AUTHORIZATION, bearer);
    let subprotocol = HeaderValue::from_static(SUBPROTOCOL);
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, subprotocol);
    Ok(request)
}

/// Tells a hub that refuses from one that is out of reach.
fn not_upgraded(error: &WsError) -> Event {
    if let WsError::Http(response) = error {
        let body = response.body().as_deref().unwrap_or_default();
        let problem = problem_of(response.status(), response.headers(), body);
        return match response.status().as_u16() {
            401 | 403 | 410 => Event::AuthRefused(problem),
            _ => Event::Closed(Some(problem)),
        };
    }
    let problem = Problem::new(Code::HubUnreachable, format!("the upgrade failed: {error}"));
    Event::Closed(Some(problem))
}

impl From<DialError> for Problem {
    fn from(error: DialError) -> Self {
        Self::new(Code::HubUnreachable, error.to_string())
    }
}

/// Reads until the link ends; gives why, where that is known.
async fn read(mut stream: SplitStream<Socket>, told: &mpsc::Sender<Event>) -> Option<Problem> {
    let unreachable = |error: WsError| Problem::new(Code::HubUnreachable, error.to_string());
    loop {
        let message = tokio::select! {
            message = stream.next() => message,
            () = told.closed() => return None,
        };
        let bytes = match message {
            Some(Ok(Message::Text(text))) => FrameBytes::Text(text.as_str().to_owned()),
            Some(Ok(Message::Binary(bytes))) => FrameBytes::Binary(bytes.into()),
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
            Some(Ok(Message::Close(_))) | None => return None,
            Some(Err(error)) => return Some(unreachable(error)),
        };
        let decoded = if bytes.wire_len() < READ_BESIDE_LEN {
            HubFrame::decode(bytes)
        } else {
            match spawn_blocking(|| HubFrame::decode(bytes)).await {
                Ok(decoded) => decoded,
                Err(error) => {
                    let message = format!("a frame was not decoded: {error}");
                    return Some(Problem::new(Code::Internal, message));
                }
            }
        };
        match decoded {
            Ok(Some(frame)) => tell(told, Event::Frame(frame)).await,
            Ok(None) => {}
            Err(error) => return Some(unreadable(&error)),
        }
    }
}

fn unreadable(error: &BadFrame) -> Problem {
    let code = match error {
        BadFrame::Unsupported(_) => Code::Unsupported,
        BadFrame::TooLong => Code::TooLarge,
        BadFrame::Json(_) | BadFrame::Zstd(_) => Code::BadData,
    };
    Problem::new(code, format!("the hub sent what cannot be read: {error}"))
}

/// Writes until the link is dropped or breaks, then says goodbye.
async fn write(
    mut sink: SplitSink<Socket, Message>,
    mut frames: mpsc::Receiver<(ClientFrame, Encoding)>,
) {
    while let Some((frame, encoding)) = frames.recv().await {
        let message = match frame.encode(encoding) {
            Ok(FrameBytes::Text(text)) => Message::text(text),
            Ok(FrameBytes::Binary(bytes)) => Message::binary(bytes),
            Err(error) => {
                tracing::error!(%error, "a frame cannot be written");
                break;
            }
        };
        if let Err(error) = sink.send(message).await {
            tracing::debug!(%error, "the link broke while writing");
            break;
        }
    }
    let goodbye = async {
        sink.send(Message::Close(None))
            .await
            .map_err(io::Error::other)?;
        sink.close().await.map_err(io::Error::other)
    };
    // The other side may be gone: a goodbye that fails is none the less said.
    let _ = timeout(CLOSE_TIMEOUT, goodbye).await;
}
