//! The listener for figures: whoever may see how the hub is need not reach its clients' port, nor the other
//! way round. It serves `GET /metrics` and nothing else, in the clear and to anyone who reaches it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use atome_proto::{Code, Problem};
use atome_service::metrics::CONTENT_TYPE;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE as CONTENT_TYPE_NAME, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::page;
use crate::http::reply::{self, Reply, problem_reply};
use crate::hub::Hub;

/// The path of the figures.
const PATH: &str = "/metrics";
/// Connections at once: a few collectors, and a person.
const CONNECTIONS_MAX: usize = 16;
/// How long the head of a request may take, and how long a connection may be idle: longer than the minute
/// between two visits of a collector.
const HEAD_TIMEOUT: Duration = Duration::from_secs(90);
/// Most bytes of a request's head.
const HEAD_LEN_MAX: usize = 8 << 10;
/// How long to wait when the system has no more files for a connection.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(200);

/// Serves until the hub stops.
pub async fn serve(listener: TcpListener, hub: Arc<Hub>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let accept = async {
        loop {
            // This semaphore is never closed.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let hub = Arc::clone(&hub);
                    tokio::spawn(async move {
                        answer(stream, hub).await;
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection for figures could not be accepted");
                    tokio::time::sleep(EXHAUSTED_PAUSE).await;
                }
            }
        }
    };
    tokio::select! {
        () = accept => {}
        () = hub.stop.requested() => {}
    }
}

async fn answer(stream: TcpStream, hub: Arc<Hub>) {
    let stop = hub.stop.clone();
    let service = service_fn(move |request| figures(Arc::clone(&hub), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(HEAD_LEN_MAX)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.requested() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection for figures ended early");
    }
}

async fn figures(hub: Arc<Hub>, request: Request<Incoming>) -> Result<Reply, Infallible> {
    if request.uri().path() != PATH {
        let problem = Problem::new(Code::NotFound, format!("there is only {PATH} here"));
        return Ok(problem_reply(&problem));
    }
    if request.method() != Method::GET {
        return Ok(reply::wrong_method("GET"));
    }
    let mut reply = reply::text(page::write(&hub).await);
    let content_type = HeaderValue::from_static(CONTENT_TYPE);
    reply.headers_mut().insert(CONTENT_TYPE_NAME, content_type);
    Ok(reply)
}
