//! The door: who is at the other end of a WebSocket that brought no `Authorization`?

use std::sync::Arc;

use atome_proto::sync::frame::Encoding;
use atome_proto::sync::v1::{ClientFrame, Error, HubFrame};
use atome_proto::{Code, Problem};
use tokio::io::{AsyncRead, AsyncWrite};

use super::driver::Driver;
use super::socket::{Received, Socket};
use crate::auth::{self, Known};
use crate::hub::Hub;
use crate::listen::Place;

/// Lets a connection in, by its session or by a first message `auth`, and drives it to its end.
pub(super) async fn enter<S>(
    hub: Arc<Hub>,
    place: Place,
    mut socket: Socket<S>,
    known: Option<Known>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let known = match known {
        Some(known) => known,
        None => match ask(&hub, &place, &mut socket).await {
            Ok(Some(known)) => known,
            Ok(None) => return,
            Err(problem) => return turn_away(&place, socket, problem).await,
        },
    };
    socket.trust();
    let metrics = Arc::clone(&hub.metrics);
    let _syncing = metrics.syncing.hold(1);
    Driver::new(hub, place, socket, &known).run().await;
}

/// Waits for the message `auth`; `None` where the connection went away first.
async fn ask<S>(hub: &Hub, place: &Place, socket: &mut Socket<S>) -> Result<Option<Known>, Problem>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let limit = hub.config().limits.handshake_timeout;
    let received = tokio::select! {
        () = hub.stop.requested() => {
            return Err(Problem::new(Code::Stopping, "the hub is stopping"));
        }
        received = tokio::time::timeout(limit, socket.receive()) => received,
    };
    let required = |detail: &str| Problem::new(Code::AuthRequired, detail);
    let frame = match received {
        Ok(Received::Frame(frame)) => frame,
        Ok(Received::Junk(problem)) => return Err(problem),
        Ok(Received::Ended) => return Ok(None),
        Err(_) => return Err(required("nobody authenticated in time")),
    };
    match ClientFrame::decode(frame) {
        Ok(Some(ClientFrame::Auth(auth))) => {
            let known = auth::session_by_token(hub, place, &auth.token.0).await?;
            Ok(Some(known))
        }
        // What exactly is wrong with a message of a stranger may repeat its token.
        Ok(_) | Err(_) => Err(required("the first message must be auth, with a token")),
    }
}

async fn turn_away<S>(place: &Place, mut socket: Socket<S>, problem: Problem)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let code = problem.code;
    tracing::debug!(peer = %place.peer, %code, "a connection was not let in");
    let error = HubFrame::from(Error {
        code,
        message: problem.detail,
        retry: problem.retry_after_ms.is_some(),
        details: [].into(),
    });
    if let Ok(frame) = error.encode(Encoding::Text) {
        socket.send(frame);
    }
    socket.close(code).await;
}
