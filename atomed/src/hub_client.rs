//! The hub's endpoints for accounts, sessions and the directory. One request a connection; what is sent and
//! kept is for others to decide.

use std::time::Duration;

use atome_proto::account::{
    ChangePassword, DeleteAccount, DirectoryEntry, Login, Me, Register, Secret, Server, Session,
    Sessions, SessionsClosed,
};
use atome_proto::directory::{DirectoryChanges, DirectoryPage};
use atome_proto::{Code, Problem};
use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use uuid::Uuid;

use crate::sync::dial::Dialer;

mod ask;

use ask::Ask;

/// How long a request may take where it is waited for: registration and bootstrap.
pub const PATIENT: Duration = Duration::from_secs(15);
/// How long one may take where the daemon could do without. Source: design, 4 accounts.
pub const BRIEF: Duration = Duration::from_secs(2);
/// Longest answer: a page of the directory, with room.
const ANSWER_LEN_MAX: usize = 1 << 20;
/// How much of an answer is read ahead.
const BUFFER_LEN: usize = 64 << 10;

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

    /// What the hub says of itself to anyone.
    ///
    /// # Errors
    ///
    /// The hub's problem, or [`Code::HubUnreachable`].
    pub async fn server(&self, limit: Duration) -> Result<Server, Problem> {
        self.document(Ask::get("server"), limit).await
    }

    /// Registers an account; repeating it is safe.
    ///
    /// # Errors
    ///
    /// The hub's problem, or [`Code::HubUnreachable`].
    pub async fn register(&self, register: &Register) -> Result<Session, Problem> {
        let ask = Ask::post("auth/register").json(register)?;
        self.document(ask, PATIENT).await
    }

    /// Opens a session with a password.
    ///
    /// # Errors
    ///
    /// The hub's problem, or [`Code::HubUnreachable`].
    pub async fn login(&self, login: &Login, limit: Duration) -> Result<Session, Problem> {
        let ask = Ask::post("auth/login").json(login)?;
        self.document(ask, limit).await
    }

    /// Whose the session of a token is; it lives on by this.
    ///
    /// # Errors
    ///
    /// The hub's problem, or [`Code::HubUnreachable`].
    pub async fn me(&self, token: &Secret, limit: Duration) -> Result<Me, Problem> {
        self.document(Ask::get("auth/me").by(token), limit).await
    }

    /// Closes the session of a token.
    ///
    /// # Errors
    ///
    /// The hub's problem, or [`Code::HubUnreachable`].
    pub async fn logout(&self, token: &Secret) -> Result<(), Problem> {
        let ask = Ask::post("auth/logout").by(token);
        self.send(ask, PATIENT).await.map(drop)
    }

    /// The sessions of the account of a token.
    ///
    /// # Errors
    ///
    /// The hub's problem, or [`Code::HubUnreachable`].
    pub async fn sessions(&self, token: &Secret) -> Result<Sessions, Problem> {
        let ask = Ask::get("auth/sessions").by(token);
        self.document(ask, PATIENT).await
    }

    /// Closes one session of the account of a token.
    ///
    /// # Errors
    ///
    /// The hub's problem, or [`Code::HubUnreachable`].
    pub async fn close_session(&self, token: &Secret, session: Uuid) -> Result<(), Problem> {
        let ask = Ask::delete(&format!("auth/sessions/{session}")).by(token);
        self.send(ask, PATIENT).await.map(drop)
    }

    /// Closes every session of the account of a token but the token's own.
    ///
    /// # Errors
    ///
    /// The hub's problem, or [`Code::HubUnreachable`].
    pub async fn close_other_sessions(&self, token: &Secret) -> Result<u64, Problem> {
        let ask = Ask::delete("auth/sessions").by(token);
        let closed: SessionsClosed = self.document(ask, PATIENT).await?;
        Ok(closed.closed)
    }

    /// Changes the password of the account of a token.
    ///
    /// # Errors
    ///
    /// The hub's problem, or [`Code::HubUnreachable`].
    pub async fn change_password(
        &self,
        token: &Secret,
        change: &ChangePassword,
    ) -> Result<(), Problem> {
        let ask = Ask::post("auth/password").by(token).json(change)?;
        self.send(ask, PATIENT).await.map(drop)
    }

    /// Deletes an account, everywhere.
    ///
    /// # Errors
    ///
    /// The hub's problem, or [`Code::HubUnreachable`].
    pub async fn delete_account(&self, delete: &DeleteAccount) -> Result<(), Problem> {
        let ask = Ask::post("auth/delete").json(delete)?;
        self.send(ask, PATIENT).await.map(drop)
    }

    /// A page of the public directory.
    ///
    /// # Errors
    ///
    /// The hub's problem, or [`Code::HubUnreachable`].
    pub async fn directory(
        &self,
        token: &Secret,
        find: &str,
        after: &str,
        limit: u32,
    ) -> Result<DirectoryPage, Problem> {
        let limit = limit.to_string();
        let query = [("find", find), ("after", after), ("limit", &limit)];
        let given = query.into_iter().filter(|(_, value)| !value.is_empty());
        let ask = Ask::get("directory").by(token).query(given);
        self.document(ask, PATIENT).await
    }

    /// One entry of the public directory, by `name` or `phone`.
    ///
    /// # Errors
    ///
    /// The hub's problem, or [`Code::HubUnreachable`].
    pub async fn directory_lookup(
        &self,
        token: &Secret,
        by: (&str, &str),
        limit: Duration,
    ) -> Result<DirectoryEntry, Problem> {
        let ask = Ask::get("directory/lookup").by(token).query([by]);
        self.document(ask, limit).await
    }

    /// The changes of the public directory after a number.
    ///
    /// # Errors
    ///
    /// The hub's problem, or [`Code::HubUnreachable`].
    pub async fn directory_changes(
        &self,
        token: &Secret,
        after: u64,
        limit: u32,
    ) -> Result<DirectoryChanges, Problem> {
        let (after, limit) = (after.to_string(), limit.to_string());
        let query = [("after", after.as_str()), ("limit", &limit)];
        let ask = Ask::get("directory/changes").by(token).query(query);
        self.document(ask, PATIENT).await
    }

    async fn document<T: DeserializeOwned>(&self, ask: Ask, limit: Duration) -> Result<T, Problem> {
        let answer = self.send(ask, limit).await?;
        serde_json::from_slice(&answer).map_err(|_| {
            let message = "the hub answered something else than was asked for";
            Problem::new(Code::Unsupported, message)
                .hint("check that remote.endpoint names an Atome hub, of about this version")
        })
    }

    async fn send(&self, ask: Ask, limit: Duration) -> Result<Bytes, Problem> {
        let request = ask.into_request(&self.dialer.endpoint().authority())?;
        match timeout(limit, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => {
                let host = &self.dialer.endpoint().host;
                let message = format!("{host} does not answer within {} s", limit.as_secs());
                Err(Problem::new(Code::HubUnreachable, message))
            }
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Bytes, Problem> {
        let unreachable = |error: hyper::Error| {
            Problem::new(Code::HubUnreachable, format!("the hub broke off: {error}"))
        };
        let stream = self.dialer.dial().await?;
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(BUFFER_LEN)
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
