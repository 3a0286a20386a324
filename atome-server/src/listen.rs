//! Listening: connections in, each with its limits, until the hub stops.
//!
//! Every connection of the hub begins here, opened by its other end. Nothing in this crate dials.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

use crate::http;
use crate::hub::Hub;
use crate::places::Taken;
use crate::source::{Source, Stranger};

/// Most bytes of a request's head: room for a token and what proxies add.
const HEAD_LEN_MAX: usize = 16 << 10;
/// Most header lines of a request.
const HEADERS_MAX: usize = 64;
/// Files that the hub has open besides connections: its database, its log, the listener.
const OTHER_FILES: u64 = 64;
/// How long to wait when the system has no more files or memory for a connection.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(200);

/// One place among the connections that may stand at once; free again when the last clone is gone.
#[derive(Clone, Debug)]
pub struct Place {
    _taken: Arc<Taken>,
    stranger: Arc<Stranger>,
    /// The address at the other end.
    pub peer: SocketAddr,
}

impl Place {
    /// Where the connection comes from, as far as limits count.
    #[must_use]
    pub fn source(&self) -> Source {
        self.stranger.source()
    }

    /// A session was shown on the connection: it takes no place of a stranger any more.
    pub fn become_known(&self) {
        self.stranger.leave();
    }
}

/// Lets this process have as many files as connections need, as far as the system allows it.
pub fn raise_file_limit(connections_max: usize) {
    let wanted = u64::try_from(connections_max)
        .unwrap_or(u64::MAX)
        .saturating_add(OTHER_FILES);
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return;
    }
    let reachable = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let raised = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(reachable),
            maximum: limit.maximum,
        },
    );
    if raised.is_err() || reachable < wanted {
        tracing::warn!(
            wanted,
            reachable,
            "the system allows fewer open files than limits.connections_max needs; \
             raise LimitNOFILE of the service, or lower limits.connections_max"
        );
    }
}

/// Accepts connections until the hub stops.
pub async fn accept(listener: TcpListener, hub: &Arc<Hub>) {
    let mut was_full = false;
    loop {
        let is_full = hub.places.are_full();
        if is_full && !was_full {
            tracing::warn!("limits.connections_max is reached; new connections wait");
        }
        was_full = is_full;
        let accepted = tokio::select! {
            () = hub.stop.requested() => return,
            accepted = accept_one(&listener, hub) => accepted,
        };
        match accepted {
            Ok((stream, place)) => {
                tokio::spawn(handle(stream, place, Arc::clone(hub)));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(EXHAUSTED_PAUSE).await;
            }
        }
    }
}

/// Waits until every connection has ended, but no longer than the configuration says.
pub async fn drain(hub: &Hub) {
    let config = hub.config();
    let limits = &config.limits;
    match tokio::time::timeout(limits.stop_timeout, hub.places.all_free()).await {
        Ok(()) => tracing::info!("every connection has ended"),
        Err(_) => tracing::warn!("some connections did not end in time and are cut"),
    }
}

async fn accept_one(listener: &TcpListener, hub: &Hub) -> io::Result<(TcpStream, Place)> {
    hub.places.room().await;
    let (stream, peer) = listener.accept().await?;
    hub.metrics.accepted.one();
    // There may be fewer places by now.
    let taken = hub.places.take().await;
    let place = Place {
        _taken: Arc::new(taken),
        stranger: Arc::new(Stranger::new(&hub.strangers, peer.ip())),
        peer,
    };
    Ok((stream, place))
}

async fn handle(stream: TcpStream, place: Place, hub: Arc<Hub>) {
    let peer = place.peer;
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "small packets cannot be sent at once");
    }
    let limit = hub.config().limits.handshake_timeout;
    let entered = tokio::select! {
        () = hub.stop.requested() => return,
        entered = tokio::time::timeout(limit, place.stranger.enter()) => entered,
    };
    if entered.is_err() {
        hub.metrics.throttled.connections.one();
        tracing::debug!(%peer, "too many connections of its source show no session");
        return;
    }
    let Some(tls) = hub.tls() else {
        return serve_http(stream, place, hub).await;
    };
    let shaken = tokio::select! {
        () = hub.stop.requested() => return,
        shaken = tokio::time::timeout(limit, tls.accept(stream)) => shaken,
    };
    if !matches!(shaken, Ok(Ok(_))) {
        hub.metrics.tls_failures.one();
    }
    match shaken {
        Ok(Ok(stream)) => serve_http(stream, place, hub).await,
        Ok(Err(error)) => tracing::debug!(%peer, %error, "the TLS handshake failed"),
        Err(_) => tracing::debug!(%peer, "the TLS handshake took too long"),
    }
}

async fn serve_http<S>(stream: S, place: Place, hub: Arc<Hub>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let peer = place.peer;
    let stop = hub.stop.clone();
    let limit = hub.config().limits.request_timeout;
    let service = service_fn(move |request| http::answer(Arc::clone(&hub), place.clone(), request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limit)
        .max_buf_size(HEAD_LEN_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.requested() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}
