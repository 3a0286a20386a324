//! A WebSocket as frames in and frames out, both ways at once, with bounds on both.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use atome_proto::limit::FRAME_LEN_MAX;
use atome_proto::sync::frame::FrameBytes;
use atome_proto::{Code, Problem};
use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message};

/// Bytes that a client may send before it has authenticated: one `auth` message, with room.
const UNKNOWN_LEN_MAX: usize = 8 << 10;
/// Frames that may wait to be sent before nothing more is read: two windows.
const QUEUE_LEN_MAX: usize = 16;
/// Size of the buffer that each connection holds for reading: small, for there are many.
const READ_BUFFER_LEN: usize = 8 << 10;
/// How long the other end is given to close after us.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// What came.
#[derive(Debug)]
pub(super) enum Received {
    /// A frame.
    Frame(FrameBytes),
    /// Something that is no frame; nothing more can be read.
    Junk(Problem),
    /// The connection is gone.
    Ended,
}

/// A WebSocket.
pub(super) struct Socket<S> {
    stream: WebSocketStream<Guarded<S>>,
    queue: VecDeque<Message>,
    unflushed: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// Takes over an upgraded stream; one that is not `known` yet may send little.
    pub(super) async fn new(stream: S, known: bool) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER_LEN)
            .max_message_size(Some(FRAME_LEN_MAX))
            .max_frame_size(Some(FRAME_LEN_MAX));
        let left = (!known).then_some(UNKNOWN_LEN_MAX);
        let guarded = Guarded { stream, left };
        Self {
            stream: WebSocketStream::from_raw_socket(guarded, Role::Server, Some(config)).await,
            queue: VecDeque::new(),
            unflushed: false,
        }
    }

    /// The client is known now, and may send what the protocol allows.
    pub(super) fn trust(&mut self) {
        self.stream.get_mut().left = None;
    }

    /// Puts a frame into the queue; it leaves while [`Self::receive`] waits.
    pub(super) fn send(&mut self, frame: FrameBytes) {
        self.queue.push_back(match frame {
            FrameBytes::Text(text) => Message::text(text),
            FrameBytes::Binary(bytes) => Message::binary(bytes),
        });
    }

    /// Whether so much waits to be sent that nothing is read meanwhile.
    pub(super) fn is_full(&self) -> bool {
        self.queue.len() >= QUEUE_LEN_MAX
    }

    /// Sends what is in the queue and waits for a frame; reads nothing while the queue is full.
    ///
    /// # Cancel safety
    ///
    /// Safe: no frame is lost, in either direction.
    pub(super) async fn receive(&mut self) -> Received {
        poll_fn(|cx| self.poll_receive(cx)).await
    }

    /// Sends what is in the queue, says goodbye, and waits a little for the other end's.
    pub(super) async fn close(mut self, code: Code) {
        self.queue.push_back(Message::Close(Some(CloseFrame {
            code: close_code(code),
            reason: code.as_str().into(),
        })));
        let closed = async {
            poll_fn(|cx| self.poll_send(cx)).await?;
            while poll_fn(|cx| Pin::new(&mut self.stream).poll_next(cx))
                .await
                .is_some()
            {}
            Ok::<_, Error>(())
        };
        drop(tokio::time::timeout(CLOSE_TIMEOUT, closed).await);
    }

    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Received> {
        if let Poll::Ready(Err(_)) = self.poll_send(cx) {
            return Poll::Ready(Received::Ended);
        }
        if self.is_full() {
            return Poll::Pending;
        }
        loop {
            let received = match ready!(Pin::new(&mut self.stream).poll_next(cx)) {
                Some(Ok(Message::Text(text))) => {
                    Received::Frame(FrameBytes::Text(text.as_str().to_owned()))
                }
                Some(Ok(Message::Binary(bytes))) => {
                    Received::Frame(FrameBytes::Binary(bytes.into()))
                }
                // The stream answers a ping and a close by itself; the answer only has to be flushed.
                Some(Ok(
                    Message::Ping(_) | Message::Pong(_) | Message::Frame(_) | Message::Close(_),
                )) => {
                    self.unflushed = true;
                    if let Poll::Ready(Err(_)) = self.poll_send(cx) {
                        return Poll::Ready(Received::Ended);
                    }
                    continue;
                }
                None => Received::Ended,
                Some(Err(error)) => junk(&error),
            };
            return Poll::Ready(received);
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        while !self.queue.is_empty() {
            ready!(Pin::new(&mut self.stream).poll_ready(cx))?;
            if let Some(message) = self.queue.pop_front() {
                Pin::new(&mut self.stream).start_send(message)?;
                self.unflushed = true;
            }
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}

fn junk(error: &Error) -> Received {
    let problem = if matches!(error, Error::Capacity(_)) {
        let detail = format!("a frame is longer than {FRAME_LEN_MAX} bytes");
        Problem::new(Code::TooLarge, detail)
    } else if matches!(
        error,
        Error::Protocol(_) | Error::Utf8(_) | Error::AttackAttempt
    ) {
        let detail = format!("this is not a WebSocket any more: {error}");
        Problem::new(Code::BadRequest, detail)
    } else {
        return Received::Ended;
    };
    Received::Junk(problem)
}

/// Source: RFC 6455, section 7.4, and IANA's registry of close codes.
fn close_code(code: Code) -> CloseCode {
    const CODES: &[(Code, CloseCode)] = &[
        (Code::TooLarge, CloseCode::Size),
        (Code::Stopping, CloseCode::Restart),
        (Code::Busy, CloseCode::Again),
        (Code::Internal, CloseCode::Error),
        (Code::LowSpace, CloseCode::Error),
        (Code::BadRequest, CloseCode::Protocol),
        (Code::Unsupported, CloseCode::Protocol),
    ];
    let found = CODES.iter().find(|(ours, _)| *ours == code);
    found.map_or(CloseCode::Policy, |(_, theirs)| *theirs)
}

/// A stream from which only so many bytes may be read while it is guarded.
struct Guarded<S> {
    stream: S,
    left: Option<usize>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let Some(left) = self.left else {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        };
        if left == 0 {
            let error = std::io::Error::other("too much was sent before authentication");
            return Poll::Ready(Err(error));
        }
        let mut part = buf.take(left);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut part))?;
        let read = part.filled().len();
        // The part lies within `buf`, which does not know yet that it was filled.
        let bytes = part.filled().to_vec();
        buf.put_slice(&bytes);
        self.left = Some(left - read);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
