//! One request, before it is sent: method, path, query, body, and how long to wait for the answer.

use std::fmt::Write as _;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{Method, Request};
use http_body_util::Full;
use serde::Serialize;

use crate::error::ClientError;

/// How long to wait for an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Patience {
    /// As long as the client is told to.
    Usual,
    /// For ever: the daemon itself keeps the time.
    Endless,
}

/// One request under `/v1`.
#[derive(Debug)]
pub(crate) struct Call {
    method: Method,
    target: String,
    queried: bool,
    body: Bytes,
    content_type: Option<&'static str>,
    pub(crate) patience: Patience,
}

impl Call {
    /// A request for `/v1/` and the segments, each percent-encoded.
    pub(crate) fn new(method: Method, segments: &[&str]) -> Self {
        let mut target = String::from("/v1");
        for segment in segments {
            target.push('/');
            encode(segment, &mut target);
        }
        Self {
            method,
            target,
            queried: false,
            body: Bytes::new(),
            content_type: None,
            patience: Patience::Usual,
        }
    }

    pub(crate) fn get(segments: &[&str]) -> Self {
        Self::new(Method::GET, segments)
    }

    pub(crate) fn post(segments: &[&str]) -> Self {
        Self::new(Method::POST, segments)
    }

    /// Adds a parameter to the query.
    pub(crate) fn query(mut self, name: &str, value: &str) -> Self {
        self.target.push(if self.queried { '&' } else { '?' });
        self.queried = true;
        encode(name, &mut self.target);
        self.target.push('=');
        encode(value, &mut self.target);
        self
    }

    /// Adds a parameter where there is a value.
    pub(crate) fn maybe(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// Adds `name=true` where it holds.
    pub(crate) fn flag(self, name: &str, holds: bool) -> Self {
        self.maybe(name, holds.then_some("true"))
    }

    /// Sends a value as JSON.
    pub(crate) fn json(mut self, value: &impl Serialize) -> Result<Self, ClientError> {
        let text = serde_json::to_vec(value)
            .map_err(|error| ClientError::Protocol(format!("the request: {error}")))?;
        self.body = text.into();
        self.content_type = Some("application/json");
        Ok(self)
    }

    /// Sends JSON lines.
    pub(crate) fn lines(mut self, body: Bytes) -> Self {
        self.body = body;
        self.content_type = Some("application/x-ndjson");
        self
    }

    /// Waits for the answer as long as the daemon takes.
    pub(crate) fn endless(mut self) -> Self {
        self.patience = Patience::Endless;
        self
    }

    /// The request as it goes on the socket. `Host` has no meaning there, and HTTP/1.1 wants one.
    pub(crate) fn into_request(self) -> Result<Request<Full<Bytes>>, ClientError> {
        let mut builder = Request::builder()
            .method(self.method)
            .uri(self.target)
            .header(HOST, "atome");
        if let Some(content_type) = self.content_type {
            builder = builder.header(CONTENT_TYPE, content_type);
        }
        builder
            .body(Full::new(self.body))
            .map_err(|error| ClientError::Protocol(format!("the request: {error}")))
    }
}

/// Percent-encodes all but the unreserved characters. Source: RFC 3986, section 2.3.
fn encode(text: &str, onto: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            onto.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(onto, "%{byte:02X}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_and_queries_are_percent_encoded() {
        let call = Call::get(&["atomes", "key:a/b é", "history"])
            .query("key", "x&y=z")
            .maybe("account", None)
            .flag("deleted", true)
            .flag("seed", false);
        let request = call.into_request().unwrap();
        assert_eq!(
            request.uri().to_string(),
            "/v1/atomes/key%3Aa%2Fb%20%C3%A9/history?key=x%26y%3Dz&deleted=true"
        );
        assert_eq!(request.headers()[HOST], "atome");
        assert!(!request.headers().contains_key(CONTENT_TYPE));
    }

    #[test]
    fn dots_in_a_reference_do_not_climb() {
        let request = Call::get(&["atomes", "../status"]).into_request().unwrap();
        assert_eq!(request.uri().path(), "/v1/atomes/..%2Fstatus");
    }
}
