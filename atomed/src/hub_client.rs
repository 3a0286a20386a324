//! The hub's account endpoints: register, log in, log out. One request a connection; what is sent and
//! kept is for others to decide.

use std::time::Duration;

use atome_proto::account::{Login, Register, Secret, Session};
use atome_proto::{Code, Problem};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use tokio::time::timeout;

use crate::sync::dial::Dialer;

/// How long a request may take where it is waited for: registration and bootstrap.
pub const PATIENT: Duration = Duration::from_secs(15);
/// How long one may take where the daemon could do without. Source: design, 4 accounts.
pub const BRIEF: Duration = Duration::from_secs(2);
/// Longest answer of an account endpoint.
const ANSWER_LEN_MAX: usize = 64 << 10;

/// Talks to the account endpoints of the one hub.
#[derive(Clone)]
pub struct HubClient {
    dialer: Dialer,
}

impl HubClient {
    /// A client of the hub that `dialer` dials.
    #[must_use]
    pub fn new(dialer: Dialer) -> Self {
        Self { dialer }
    }

    /// The dialler, for the sync link.
    #[must_use]
    pub fn dialer(&self) -> &Dialer {
        &self.dialer
    }

    /// Registers an account; repeating it is safe.
    ///
    /// # Errors
    ///
    /// The hub's problem, or [`Code::HubUnreachable`].
    pub async fn register(&self, register: &Register) -> Result<Session, Problem> {
        let answer = self.post("register", Some(register), None, PATIENT).await?;
        session(&answer)
    }

    /// Opens a session with a password.
    ///
    /// # Errors
    ///
    /// The hub's problem, or [`Code::HubUnreachable`].
    pub async fn login(&self, login: &Login, limit: Duration) -> Result<Session, Problem> {
        let answer = self.post("login", Some(login), None, limit).await?;
        session(&answer)
    }

    /// Closes the session of a token.
    ///
    /// # Errors
    ///
    /// The hub's problem, or [`Code::HubUnreachable`].
    pub async fn logout(&self, token: &Secret) -> Result<(), Problem> {
        let nothing: Option<&()> = None;
        self.post("logout", nothing, Some(token), BRIEF).await?;
        Ok(())
    }

    async fn post<B: Serialize>(
        &self,
        what: &str,
        body: Option<&B>,
        token: Option<&Secret>,
        limit: Duration,
    ) -> Result<Bytes, Problem> {
        let request = self.request(what, body, token)?;
        match timeout(limit, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => {
                let host = &self.dialer.endpoint().host;
                let message = format!("{host} does not answer within {} s", limit.as_secs());
                Err(Problem::new(Code::HubUnreachable, message))
            }
        }
    }

    fn request<B: Serialize>(
        &self,
        what: &str,
        body: Option<&B>,
        token: Option<&Secret>,
    ) -> Result<Request<Full<Bytes>>, Problem> {
        let ours = |error: &dyn std::fmt::Display| {
            Problem::new(
                Code::Internal,
                format!("the request cannot be made: {error}"),
            )
        };
        let body = match body {
            Some(body) => serde_json::to_vec(body).map_err(|e| ours(&e))?,
            None => Vec::new(),
        };
        let mut request = Request::post(format!("/api/v1/auth/{what}"))
            .header(header::HOST, self.dialer.endpoint().authority())
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|e| ours(&e))?;
        if let Some(token) = token {
            let bearer = format!("Bearer {}", token.0);
            let mut bearer = HeaderValue::try_from(bearer).map_err(|e| ours(&e))?;
            bearer.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, bearer);
        }
        Ok(request)
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Bytes, Problem> {
        let unreachable = |error: hyper::Error| {
            Problem::new(Code::HubUnreachable, format!("the hub broke off: {error}"))
        };
        let stream = self.dialer.dial().await?;
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(ANSWER_LEN_MAX)
            .handshake::<_, Full<Bytes>>(TokioIo::new(stream))
            .await
            .map_err(unreachable)?;
        let connection = tokio::spawn(connection);
        let answer = async { read(sender.send_request(request).await.map_err(unreachable)?).await };
        let answer = answer.await;
        connection.abort();
        answer
    }
}

async fn read(response: Response<Incoming>) -> Result<Bytes, Problem> {
    let (head, body) = response.into_parts();
    let body = Limited::new(body, ANSWER_LEN_MAX)
        .collect()
        .await
        .map_err(|error| Problem::new(Code::HubUnreachable, format!("the hub broke off: {error}")))?
        .to_bytes();
    if head.status.is_success() {
        Ok(body)
    } else {
        Err(problem_of(head.status, &head.headers, &body))
    }
}

fn session(answer: &[u8]) -> Result<Session, Problem> {
    serde_json::from_slice(answer).map_err(|_| {
        let message = "the hub answered a login with something else than a session";
        Problem::new(Code::Unsupported, message)
            .hint("check that remote.endpoint names an Atome hub")
    })
}

/// Reads what a hub, or something in front of it, said instead of yes.
#[must_use]
pub fn problem_of(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Problem {
    let asked_ms = headers
        .get(header::RETRY_AFTER)
        .and_then(|seconds| seconds.to_str().ok()?.parse::<u64>().ok())
        .map(|seconds| seconds.saturating_mul(1000));
    let mut problem = serde_json::from_slice::<Problem>(body).unwrap_or_else(|_| {
        let code = match status.as_u16() {
            401 => Code::AuthRequired,
            403 => Code::NotAllowed,
            426 => Code::Unsupported,
            429 => Code::Busy,
            _ => Code::HubUnreachable,
        };
        Problem::new(code, format!("the hub answered {status}"))
    });
    problem.retry_after_ms = problem.retry_after_ms.or(asked_ms);
    problem
}
