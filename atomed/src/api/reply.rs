//! Replies: JSON at once, JSON lines as they come, problems as RFC 9457 wants them.

use std::convert::Infallible;

use atome_proto::{Code, Problem};
use atome_service::metrics::CONTENT_TYPE;
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http::{HeaderValue, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::Frame;
use serde::Serialize;
use tokio::sync::mpsc;

use super::backup::read_part;

/// What every reply carries.
pub(super) type Body = UnsyncBoxBody<Bytes, Infallible>;
/// What a handler gives.
pub(super) type Handled = Result<Response<Body>, Problem>;

/// Chunks of lines that may wait for a slow reader.
const CHUNKS_MAX: usize = 4;
/// A chunk is sent once it is about so long.
const CHUNK_LEN: usize = 32 << 10;
/// Bytes of a file that are read at once.
const PART_LEN: usize = 256 << 10;

fn response(status: StatusCode, kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// A JSON document.
pub(super) fn json<T: Serialize>(status: StatusCode, value: &T) -> Handled {
    let mut text = serde_json::to_vec(value).map_err(|error| {
        Problem::new(
            Code::Internal,
            format!("the reply cannot be written: {error}"),
        )
    })?;
    text.push(b'\n');
    Ok(response(
        status,
        "application/json",
        Full::from(text).boxed_unsync(),
    ))
}

/// A JSON document that answers a question.
pub(super) fn ok<T: Serialize>(value: &T) -> Handled {
    json(StatusCode::OK, value)
}

/// Figures for Prometheus.
pub(super) fn metrics(text: String) -> Response<Body> {
    response(
        StatusCode::OK,
        CONTENT_TYPE,
        Full::from(text).boxed_unsync(),
    )
}

/// It is done, and there is nothing to say.
pub(super) fn done() -> Handled {
    let mut response = Response::new(Empty::new().boxed_unsync());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// A problem.
pub(super) fn problem(problem: &Problem) -> Response<Body> {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    // A problem is a few texts and numbers; writing it cannot fail.
    let mut text = serde_json::to_vec(problem).unwrap_or_default();
    text.push(b'\n');
    response(
        status,
        "application/problem+json",
        Full::from(text).boxed_unsync(),
    )
}

/// JSON lines that `write` gives one after the other, as fast as the asker reads them.
///
/// `write` runs as a task of its own; a problem that it ends with becomes the last line.
pub(super) fn lines<F>(write: impl FnOnce(Lines) -> F) -> Handled
where
    F: Future<Output = Result<(), Cut>> + Send + 'static,
{
    let (chunks, mut ready) = mpsc::channel(CHUNKS_MAX);
    let task = write(Lines {
        chunks: chunks.clone(),
        buffer: BytesMut::new(),
    });
    tokio::spawn(async move {
        let Err(Cut::Problem(problem)) = task.await else {
            return;
        };
        let mut last = Lines {
            chunks,
            buffer: BytesMut::new(),
        };
        // If the asker is gone too, nobody misses it.
        let _ = last.push(&problem).await;
        let _ = last.flush().await;
    });
    let frames = stream::poll_fn(move |cx| ready.poll_recv(cx));
    let frames = futures_util::StreamExt::map(frames, |chunk| Ok(Frame::data(chunk)));
    let body = StreamBody::new(frames).boxed_unsync();
    Ok(response(StatusCode::OK, "application/x-ndjson", body))
}

/// A file of so many bytes, from where it stands. Where it cannot be read to its end the reply breaks off, which
/// the asker sees by the length.
pub(super) fn file(file: std::fs::File, len: u64) -> Response<Body> {
    let (parts, mut ready) = mpsc::channel(CHUNKS_MAX);
    tokio::task::spawn_blocking(move || {
        loop {
            match read_part(&file, PART_LEN) {
                Ok(part) if part.is_empty() => return,
                Ok(part) => {
                    if parts.blocking_send(Bytes::from(part)).is_err() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::error!(%error, "a file was not read to its end");
                    return;
                }
            }
        }
    });
    let frames = stream::poll_fn(move |cx| ready.poll_recv(cx));
    let frames = futures_util::StreamExt::map(frames, |part| Ok(Frame::data(part)));
    let body = StreamBody::new(frames).boxed_unsync();
    let mut response = response(StatusCode::OK, "application/vnd.sqlite3", body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(len));
    response
}

/// Why a reply of JSON lines ends before its time.
#[derive(Debug)]
pub(super) enum Cut {
    /// The asker went away; what was to be told does not matter any more.
    Gone,
    /// Something went wrong.
    Problem(Problem),
}

impl From<Problem> for Cut {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// The writing end of a reply of JSON lines. What is pushed must be flushed in the end.
#[derive(Debug)]
pub(super) struct Lines {
    chunks: mpsc::Sender<Bytes>,
    buffer: BytesMut,
}

impl Lines {
    /// Adds a line.
    pub(super) async fn push<T: Serialize + Sync>(&mut self, line: &T) -> Result<(), Cut> {
        let text = serde_json::to_vec(line).map_err(|error| {
            Problem::new(Code::Internal, format!("a line cannot be written: {error}"))
        })?;
        self.buffer.extend_from_slice(&text);
        self.buffer.extend_from_slice(b"\n");
        if self.buffer.len() >= CHUNK_LEN {
            return self.flush().await;
        }
        Ok(())
    }

    /// Sends what has gathered.
    pub(super) async fn flush(&mut self) -> Result<(), Cut> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = self.buffer.split().freeze();
        self.chunks.send(chunk).await.map_err(|_| Cut::Gone)
    }

    /// Waits until the asker is gone.
    pub(super) async fn gone(&self) {
        self.chunks.closed().await;
    }
}
