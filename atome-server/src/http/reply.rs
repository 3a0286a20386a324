//! How answers and problems look.

use atome_proto::{Code, Problem};
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::{Response, StatusCode};
use serde::Serialize;

/// An answer.
pub type Reply = Response<Full<Bytes>>;
/// An answer, or what went wrong.
pub type Answer = Result<Reply, Problem>;

/// An answer in JSON.
///
/// # Errors
///
/// `internal` where it cannot be written, which is a defect.
pub fn json(body: &impl Serialize) -> Answer {
    let body = serde_json::to_vec(body)
        .map_err(|_| Problem::new(Code::Internal, "the answer cannot be written"))?;
    Ok(json_bytes(body.into()))
}

/// An answer that is JSON already.
#[must_use]
pub fn json_bytes(body: Bytes) -> Reply {
    reply(StatusCode::OK, "application/json", body)
}

/// An answer without content.
#[must_use]
pub fn empty() -> Reply {
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = StatusCode::NO_CONTENT;
    let no_store = HeaderValue::from_static("no-store");
    reply.headers_mut().insert(CACHE_CONTROL, no_store);
    reply
}

/// An answer in text.
#[must_use]
pub fn text(text: impl Into<Bytes>) -> Reply {
    reply(StatusCode::OK, "text/plain; charset=utf-8", text.into())
}

/// What a path takes.
#[must_use]
pub fn options(allowed: &str) -> Reply {
    let mut reply = empty();
    allow(&mut reply, allowed);
    reply
}

/// That a path takes other methods.
#[must_use]
pub fn wrong_method(allowed: &str) -> Reply {
    let mut problem = Problem::new(Code::BadRequest, format!("this path takes {allowed} only"));
    problem.status = StatusCode::METHOD_NOT_ALLOWED.as_u16();
    let mut reply = problem_reply(&problem);
    allow(&mut reply, allowed);
    reply
}

/// A problem as an answer. Source: RFC 9457.
#[must_use]
pub fn problem_reply(problem: &Problem) -> Reply {
    let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_vec(problem).unwrap_or_default();
    let mut reply = reply(status, "application/problem+json", body.into());
    let headers = reply.headers_mut();
    if problem.code == Code::AuthRequired {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(ms) = problem.retry_after_ms {
        headers.insert(RETRY_AFTER, HeaderValue::from(ms.div_ceil(1_000)));
    }
    reply
}

fn allow(reply: &mut Reply, allowed: &str) {
    if let Ok(value) = HeaderValue::from_str(allowed) {
        reply.headers_mut().insert(ALLOW, value);
    }
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
