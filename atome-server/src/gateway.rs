//! The gateway: `/ws/sync`, from the upgrade of a request to a session of the engine.
//!
//! Step 10 of the way of a write. It authenticates, decodes and moves frames; what to answer is for
//! the engine, what is kept for the store.

mod answer;
mod door;
mod driver;
mod reading;
mod socket;

use atome_proto::sync::v1::SUBPROTOCOL;
use atome_proto::{Code, Problem};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

use crate::auth;
use crate::http::ask::Ask;
use crate::http::origin;
use crate::http::reply::{Answer, Reply};

pub(crate) use self::answer::say_went_back;
use self::socket::Socket;

/// Upgrades a request to a WebSocket and leaves it to a task of its own.
///
/// # Errors
///
/// `bad_request` where it is no upgrade, `unsupported` where the client does not offer our
/// subprotocol, `auth_required` where it names a session that does not stand, `not_allowed` where a
/// browser sends it for another site, `stopping`.
pub async fn upgrade(ask: Ask) -> Answer {
    let Ask {
        hub,
        place,
        mut request,
        ..
    } = ask;
    if hub.stop.is_requested() {
        return Err(Problem::new(Code::Stopping, "the hub is stopping")
            .retry_after_ms(driver::come_back_ms(&hub)));
    }
    let reply = switch(&request)?;
    let headers = request.headers();
    let known = if auth::names_session(&hub, headers) {
        let known = auth::session_of(&hub, &place, headers).await?;
        if known.by_cookie {
            origin::check(headers, hub.config().tls.is_some())?;
        }
        Some(known)
    } else {
        None
    };
    let upgraded = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        match upgraded.await {
            Ok(stream) => {
                let socket = Socket::new(TokioIo::new(stream), known.is_some()).await;
                door::enter(hub, place, socket, known).await;
            }
            Err(error) => tracing::debug!(peer = %place.peer, %error, "an upgrade broke off"),
        }
    });
    Ok(reply)
}

fn switch(request: &Request<Incoming>) -> Result<Reply, Problem> {
    let mut reply: Response<Full<_>> = create_response_with_body(request, Full::default)
        .map_err(|error| Problem::new(Code::BadRequest, format!("this is no upgrade: {error}")))?;
    if !offers_subprotocol(request.headers()) {
        let detail = format!("the client does not offer the subprotocol {SUBPROTOCOL}");
        let hint = format!("send Sec-WebSocket-Protocol: {SUBPROTOCOL}");
        return Err(Problem::new(Code::Unsupported, detail).hint(hint));
    }
    reply.headers_mut().insert(
        SEC_WEBSOCKET_PROTOCOL,
        HeaderValue::from_static(SUBPROTOCOL),
    );
    Ok(reply)
}

fn offers_subprotocol(headers: &HeaderMap) -> bool {
    headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .any(|offered| offered.trim() == SUBPROTOCOL)
}
