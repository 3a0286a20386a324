//! The local API: HTTP/1.1 and JSON over the Unix socket.
//!
//! Step 3 of the way of a write. Owns the connections: who asks, how many at once, how long a head may
//! take; what is asked is routed below. Whatever bytes come, the worst is a refusal.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use atome_proto::runtime::RuntimeDeclaration;
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::accounts::Accounts;
use crate::doctor::Doctor;
use crate::room::Room;
use crate::stop::Stop;

mod accounts;
mod atomes;
mod backup;
mod body;
mod commits;
mod directory;
pub mod door;
mod filter;
mod find;
mod list;
mod metrics;
mod peer;
mod query;
mod reference;
mod reply;
mod route;
mod seed;
mod sharing;
mod status;
mod sync;
mod tree;
mod view;
mod watch;

pub use peer::Peer;

/// Connections at once; more wait in the kernel's queue.
const CONNECTIONS_MAX: usize = 256;
/// How long the head of a request may take, and how long a connection may be idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest head, and how much of a body is read ahead.
const BUFFER_LEN_MAX: usize = 64 << 10;
/// Most headers.
const HEADERS_MAX: usize = 64;
/// How long a request that is at work may take once the daemon stops.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// What every request may use.
#[derive(Clone)]
pub struct Api(Arc<Shared>);

struct Shared {
    accounts: Accounts,
    declaration: RuntimeDeclaration,
    bodies: body::BodyBudget,
    doctor: Doctor,
    room: Room,
    /// The TCP ports that the daemon may connect to.
    ports: Vec<u16>,
    started: Instant,
    stop: Stop,
}

impl Api {
    /// The API of a daemon.
    #[must_use]
    pub fn new(
        accounts: Accounts,
        declaration: RuntimeDeclaration,
        doctor: Doctor,
        room: Room,
        ports: Vec<u16>,
        stop: Stop,
    ) -> Self {
        Self(Arc::new(Shared {
            accounts,
            declaration,
            bodies: body::BodyBudget::default(),
            doctor,
            room,
            ports,
            started: Instant::now(),
            stop,
        }))
    }

    /// Serves until the order to stop, then lets requests at work finish.
    pub async fn serve(self, listener: &UnixListener) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut connections = JoinSet::new();
        let stop = self.0.stop.clone();
        loop {
            let accepted = tokio::select! {
                accepted = accept(listener, &places) => accepted,
                Some(_) = connections.join_next() => continue,
                () = stop.ordered() => break,
            };
            if let Some((stream, place)) = accepted {
                connections.spawn(self.clone().connection(stream, place));
            }
        }
        let finished = async { while connections.join_next().await.is_some() {} };
        if timeout(STOP_TIMEOUT, finished).await.is_err() {
            tracing::warn!("requests at work were cut off");
        }
    }

    async fn connection(self, stream: UnixStream, place: OwnedSemaphorePermit) {
        let Ok(peer) = Peer::of(&stream) else {
            return;
        };
        let stop = self.0.stop.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let api = self.clone();
            async move { Ok::<Response<_>, Infallible>(route::answer(&api.0, peer, request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(BUFFER_LEN_MAX)
            .max_headers(HEADERS_MAX)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = std::pin::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stop.ordered() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(uid = peer.uid, %error, "a local connection ended");
        }
        drop(place);
    }
}

/// Takes the next connection once there is a place for it; `None` where that one failed.
async fn accept(
    listener: &UnixListener,
    places: &Arc<Semaphore>,
) -> Option<(UnixStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => Some((stream, place)),
        Err(error) => {
            // Out of file descriptors, most likely: those in use must come back first.
            tracing::warn!(%error, "a local connection was not accepted");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}
