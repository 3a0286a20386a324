//! HTTP: which path is which, and how answers and problems look.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use atome_proto::account::Server;
use atome_proto::sync::v1;
use atome_proto::{Code, Problem};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::{Method, Request, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::auth;
use crate::gateway;
use crate::hub::{Hub, wall_ms};
use crate::listen::Place;

/// Longest body of a request about accounts, in bytes.
const BODY_LEN_MAX: usize = 64 << 10;

/// An answer.
pub type Reply = Response<Full<Bytes>>;
/// An answer, or what went wrong.
pub type Answer = Result<Reply, Problem>;

/// Answers one request.
///
/// # Errors
///
/// None: every problem is an answer.
pub async fn answer(
    hub: Arc<Hub>,
    place: Place,
    request: Request<Incoming>,
) -> Result<Reply, Infallible> {
    let peer = place.peer;
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let reply = route(hub, place, request).await.unwrap_or_else(|problem| {
        tracing::debug!(%peer, %method, path, code = %problem.code, "a request was not granted");
        problem_reply(&problem)
    });
    Ok(reply)
}

async fn route(hub: Arc<Hub>, place: Place, request: Request<Incoming>) -> Answer {
    let path = request.uri().path().to_owned();
    let allowed = match path.as_str() {
        "/healthz" | "/readyz" | "/api/v1/server" | "/api/v1/auth/me" | "/ws/sync" => Method::GET,
        "/api/v1/auth/register" | "/api/v1/auth/login" | "/api/v1/auth/logout" => Method::POST,
        _ => {
            return Err(Problem::new(
                Code::NotFound,
                "there is nothing at this path",
            ));
        }
    };
    if request.method() != allowed {
        return Ok(wrong_method(&allowed));
    }
    match path.as_str() {
        "/healthz" => Ok(text_reply("ok\n")),
        "/readyz" => ready(&hub).await,
        "/api/v1/server" => json_reply(StatusCode::OK, &server(&hub)),
        "/api/v1/auth/me" => auth::me(&hub, &request).await,
        "/api/v1/auth/register" => auth::register(&hub, request).await,
        "/api/v1/auth/login" => auth::login(&hub, request).await,
        "/api/v1/auth/logout" => auth::logout(&hub, &request).await,
        _ => gateway::upgrade(hub, place, request).await,
    }
}

async fn ready(hub: &Hub) -> Answer {
    if hub.stop.is_requested() {
        return Err(Problem::new(Code::Stopping, "the hub is stopping"));
    }
    hub.store.identity().await.map_err(auth::store_problem)?;
    Ok(text_reply("ready\n"))
}

fn server(hub: &Hub) -> Server {
    Server {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        protocols: vec![v1::VERSION],
        registration: hub.config.accounts.registration.as_str().to_owned(),
        timestamp: wall_ms(),
    }
}

/// Reads the JSON body of a request, no more of it and no longer than the limits say.
///
/// # Errors
///
/// `too_large`, `timed_out`, `bad_request` where it is not JSON of that shape.
pub async fn read_json<T: DeserializeOwned>(
    limit: Duration,
    request: Request<Incoming>,
) -> Result<T, Problem> {
    let body = Limited::new(request.into_body(), BODY_LEN_MAX).collect();
    let body = tokio::time::timeout(limit, body)
        .await
        .map_err(|_| Problem::new(Code::TimedOut, "the body of the request took too long"))?
        .map_err(|error| {
            if error.is::<LengthLimitError>() {
                let text = format!("the body of the request is longer than {BODY_LEN_MAX} bytes");
                Problem::new(Code::TooLarge, text)
            } else {
                Problem::new(Code::BadRequest, "the body of the request broke off")
            }
        })?;
    serde_json::from_slice(&body.to_bytes()).map_err(|error| {
        // The parser's own message may repeat a value, and values here are passwords.
        let place = format!("line {}, column {}", error.line(), error.column());
        let what = if error.is_data() {
            "has a field that is missing, unknown or wrong"
        } else {
            "is not JSON"
        };
        Problem::new(
            Code::BadRequest,
            format!("the body of the request {what} ({place})"),
        )
    })
}

/// An answer in JSON.
///
/// # Errors
///
/// `internal` where it cannot be written, which is a defect.
pub fn json_reply(status: StatusCode, body: &impl Serialize) -> Answer {
    let body = serde_json::to_vec(body)
        .map_err(|_| Problem::new(Code::Internal, "the answer cannot be written"))?;
    Ok(reply(status, "application/json", body.into()))
}

/// An answer without content.
#[must_use]
pub fn empty_reply() -> Reply {
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = StatusCode::NO_CONTENT;
    reply
}

/// A problem as an answer. Source: RFC 9457.
#[must_use]
pub fn problem_reply(problem: &Problem) -> Reply {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_vec(problem).unwrap_or_default();
    let mut reply = reply(status, "application/problem+json", body.into());
    if problem.code == Code::AuthRequired {
        let bearer = HeaderValue::from_static("Bearer");
        reply.headers_mut().insert(WWW_AUTHENTICATE, bearer);
    }
    if let Some(ms) = problem.retry_after_ms {
        reply
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(ms.div_ceil(1_000)));
    }
    reply
}

fn wrong_method(allowed: &Method) -> Reply {
    let mut problem = Problem::new(Code::BadRequest, format!("this path takes {allowed} only"));
    problem.status = StatusCode::METHOD_NOT_ALLOWED.as_u16();
    let mut reply = problem_reply(&problem);
    if let Ok(value) = HeaderValue::from_str(allowed.as_str()) {
        reply.headers_mut().insert(ALLOW, value);
    }
    reply
}

fn text_reply(text: &'static str) -> Reply {
    reply(
        StatusCode::OK,
        "text/plain; charset=utf-8",
        Bytes::from_static(text.as_bytes()),
    )
}

fn reply(status: StatusCode, content_type: &'static str, body: Bytes) -> Reply {
    let mut reply = Response::new(Full::new(body));
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        HeaderName::from_static("x-content-type-options"),
        HeaderValue::from_static("nosniff"),
    );
    reply
}
