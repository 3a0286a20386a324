//! The client: a socket, an account, and how long to wait; asks one thing at a time or several at once.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use atome_proto::Problem;
use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;

use crate::call::{Call, Patience};
use crate::connection::{Pool, Sender};
use crate::error::ClientError;
use crate::lines::Lines;

/// A client of one daemon.
///
/// A clone shares the connections. Requests made at the same time go over connections of their own.
/// Methods need a tokio runtime with IO and time.
#[derive(Clone, Debug)]
pub struct Client {
    pool: Arc<Pool>,
    account: Option<Arc<str>>,
    timeout: Option<Duration>,
}

impl Client {
    /// A client of the daemon that listens on `socket`; nothing is dialled before the first request.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self {
            pool: Arc::new(Pool::new(socket.into())),
            account: None,
            timeout: None,
        }
    }

    /// The same client for an account, by name or id; without one the daemon takes the only account that
    /// the asking Unix user is tied to.
    #[must_use]
    pub fn with_account(mut self, account: Option<&str>) -> Self {
        self.account = account.map(Arc::from);
        self
    }

    /// The same client that waits no longer than this for an answer; `None` is for ever. Of an answer that
    /// is a stream of lines only the beginning is waited for.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = timeout;
        self
    }

    /// The socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        self.pool.path()
    }

    /// The account that requests name, if any.
    #[must_use]
    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// Adds the account to a request about an account's data.
    pub(crate) fn of_account(&self, call: Call) -> Call {
        call.maybe("account", self.account.as_deref())
    }

    /// Asks for a JSON document.
    pub(crate) async fn ask<T: DeserializeOwned>(&self, call: Call) -> Result<T, ClientError> {
        let body = self.exchange(call).await?;
        serde_json::from_slice(&body).map_err(|error| ClientError::Protocol(error.to_string()))
    }

    /// Asks for a text.
    pub(crate) async fn text(&self, call: Call) -> Result<String, ClientError> {
        let body = self.exchange(call).await?;
        String::from_utf8(body.into()).map_err(|error| ClientError::Protocol(error.to_string()))
    }

    /// Asks for something to be done whose answer says no more than that it is.
    pub(crate) async fn tell(&self, call: Call) -> Result<(), ClientError> {
        self.exchange(call).await.map(drop)
    }

    /// Asks for JSON lines.
    pub(crate) async fn stream<T>(&self, call: Call) -> Result<Lines<T>, ClientError> {
        let patience = call.patience;
        let head = async {
            let (response, sender) = self.pool.send(call.into_request()?).await?;
            if response.status().is_success() {
                return Ok(Lines::new(response.into_body(), self.pool.clone(), sender));
            }
            Err(self.refusal(response, sender).await)
        };
        self.within(patience, head).await
    }

    /// Asks for a body that is read part by part.
    pub(crate) async fn open(&self, call: Call) -> Result<Incoming, ClientError> {
        let (response, sender) = self.pool.send(call.into_request()?).await?;
        if response.status().is_success() {
            return Ok(response.into_body());
        }
        Err(self.refusal(response, sender).await)
    }

    /// Sends a request whose body comes part by part, on a connection of its own, and reads the answer.
    pub(crate) async fn send_streamed<B, T>(
        &self,
        request: http::Request<B>,
    ) -> Result<T, ClientError>
    where
        B: hyper::body::Body<Data = Bytes, Error = std::convert::Infallible> + Send + 'static,
        T: DeserializeOwned,
    {
        let response = self.pool.send_alone(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await;
        let body = body.map_err(|error| self.pool.broken(&error))?.to_bytes();
        if !status.is_success() {
            return Err(problem_of(status, &body));
        }
        serde_json::from_slice(&body).map_err(|error| ClientError::Protocol(error.to_string()))
    }

    /// What a failure of a connection that stood means.
    pub(crate) fn broken(&self, error: &hyper::Error) -> ClientError {
        self.pool.broken(error)
    }

    async fn exchange(&self, call: Call) -> Result<Bytes, ClientError> {
        let patience = call.patience;
        let whole = async {
            let (response, sender) = self.pool.send(call.into_request()?).await?;
            if !response.status().is_success() {
                return Err(self.refusal(response, sender).await);
            }
            self.body(response, sender).await
        };
        self.within(patience, whole).await
    }

    async fn body(
        &self,
        response: Response<Incoming>,
        sender: Sender,
    ) -> Result<Bytes, ClientError> {
        let body = response.into_body().collect().await;
        let body = body.map_err(|error| self.pool.broken(&error))?;
        self.pool.give_back(sender);
        Ok(body.to_bytes())
    }

    /// The error that an answer with an error status stands for.
    async fn refusal(&self, response: Response<Incoming>, sender: Sender) -> ClientError {
        let status = response.status();
        match self.body(response, sender).await {
            Ok(body) => problem_of(status, &body),
            Err(error) => error,
        }
    }

    async fn within<T>(
        &self,
        patience: Patience,
        work: impl Future<Output = Result<T, ClientError>>,
    ) -> Result<T, ClientError> {
        match (patience, self.timeout) {
            (Patience::Endless, _) | (Patience::Usual, None) => work.await,
            (Patience::Usual, Some(limit)) => match tokio::time::timeout(limit, work).await {
                Ok(done) => done,
                Err(_elapsed) => Err(ClientError::Timeout(limit)),
            },
        }
    }
}

fn problem_of(status: StatusCode, body: &[u8]) -> ClientError {
    match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => ClientError::Problem(problem),
        Err(_) => ClientError::Protocol(format!("HTTP status {status} without problem details")),
    }
}
