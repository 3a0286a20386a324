//! Connections to the daemon's socket: dialled when needed, kept for the next request, given up when stale.

use std::error::Error as _;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

use crate::error::{ClientError, Why};

/// The sending end of one connection.
pub(crate) type Sender = SendRequest<Full<Bytes>>;

/// Connections kept for the next request; more than a command has at work at once are of no use.
const IDLE_MAX: usize = 4;

/// The connections to one socket. A request takes one for itself until its answer is read.
#[derive(Debug)]
pub(crate) struct Pool {
    path: PathBuf,
    idle: Mutex<Vec<Sender>>,
}

impl Pool {
    pub(crate) fn new(path: PathBuf) -> Self {
        let idle = Mutex::default();
        Self { path, idle }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Sends a request and reads the head of its answer.
    ///
    /// A kept connection that turns out to be stale is replaced by a new one, once, where the request was
    /// not sent yet or changes nothing.
    pub(crate) async fn send(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(Response<Incoming>, Sender), ClientError> {
        let mut request = request;
        if let Some(mut sender) = self.take().await {
            let again = request.method().is_safe().then(|| request.clone());
            match sender.try_send_request(request).await {
                Ok(response) => return Ok((response, sender)),
                Err(mut failed) => match failed.take_message().or(again) {
                    Some(unsent) => request = unsent,
                    None => return Err(self.broken(&failed.into_error())),
                },
            }
        }
        let mut sender = self.dial().await?;
        match sender.send_request(request).await {
            Ok(response) => Ok((response, sender)),
            Err(error) => Err(self.broken(&error)),
        }
    }

    /// Keeps a connection whose last answer is read to its end.
    pub(crate) fn give_back(&self, sender: Sender) {
        let mut idle = self.idle();
        if idle.len() < IDLE_MAX && !sender.is_closed() {
            idle.push(sender);
        }
    }

    /// What a failure of a connection that stood means.
    pub(crate) fn broken(&self, error: &hyper::Error) -> ClientError {
        let gone = error.is_incomplete_message()
            || error.is_closed()
            || error.is_canceled()
            || error.is_body_write_aborted()
            || error
                .source()
                .is_some_and(|source| source.is::<io::Error>());
        let why = if error.is_parse() || spoke_first(error) {
            Why::NotADaemon
        } else if gone {
            Why::WentAway
        } else {
            return ClientError::Protocol(error.to_string());
        };
        self.no_daemon(why)
    }

    fn no_daemon(&self, why: Why) -> ClientError {
        let path = self.path.clone();
        ClientError::NoDaemon { path, why }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Sender>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn take(&self) -> Option<Sender> {
        loop {
            let mut sender = self.idle().pop()?;
            if sender.ready().await.is_ok() {
                return Some(sender);
            }
        }
    }

    /// Sends a request on a connection of its own, and reads the head of its answer.
    pub(crate) async fn send_alone<B>(
        &self,
        request: Request<B>,
    ) -> Result<Response<Incoming>, ClientError>
    where
        B: hyper::body::Body<Data = Bytes, Error = std::convert::Infallible> + Send + 'static,
    {
        let mut sender = self.dial().await?;
        let answered = sender.send_request(request).await;
        answered.map_err(|error| self.broken(&error))
    }

    async fn dial<B>(&self) -> Result<SendRequest<B>, ClientError>
    where
        B: hyper::body::Body<Data = Bytes, Error = std::convert::Infallible> + Send + 'static,
    {
        let stream = UnixStream::connect(&self.path)
            .await
            .map_err(|error| self.no_daemon(why_not(&self.path, error)))?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.broken(&error))?;
        // What goes wrong on the connection reaches whoever waits for an answer on it.
        tokio::spawn(connection);
        Ok(sender)
    }
}

fn why_not(path: &Path, error: io::Error) -> Why {
    let kind = error.kind();
    if kind == ErrorKind::NotFound || kind == ErrorKind::NotADirectory {
        Why::Missing
    } else if kind == ErrorKind::PermissionDenied {
        Why::NotPermitted
    } else if kind == ErrorKind::ConnectionRefused {
        match path.metadata() {
            Ok(metadata) if !metadata.file_type().is_socket() => Why::NotASocket,
            Ok(_) | Err(_) => Why::Refused,
        }
    } else {
        Why::Other(error)
    }
}

/// Whether the other side said something before it was asked, as servers of other protocols greet.
fn spoke_first(error: &hyper::Error) -> bool {
    // hyper has no question for it: of what cancels a request before it is sent, only this is neither an end
    // nor a failure of the system.
    let cause = error.source().filter(|_| error.is_canceled());
    cause
        .and_then(|cause| cause.downcast_ref::<hyper::Error>())
        .is_some_and(|cause| cause.source().is_none() && !cause.is_incomplete_message())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::net::UnixStream as Plain;

    use super::*;

    /// Why the first request fails on a connection whose other side did `first` before it.
    async fn why(first: impl FnOnce(Plain) -> Option<Plain>) -> Why {
        let (here, there) = Plain::pair().unwrap();
        let _there = first(there);
        here.set_nonblocking(true).unwrap();
        let here = UnixStream::from_std(here).unwrap();
        here.readable().await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(here)).await.unwrap();
        let request = sender.send_request(Request::new(Full::<Bytes>::default()));
        let (_, answer) = tokio::join!(connection, request);
        let error = Pool::new(PathBuf::new()).broken(&answer.unwrap_err());
        let ClientError::NoDaemon { why, .. } = error else {
            panic!("{error}");
        };
        why
    }

    #[tokio::test]
    async fn who_speaks_first_is_no_daemon_and_who_leaves_went_away() {
        let greets = |mut there: Plain| {
            there.write_all(b"SSH-2.0-other\r\n").unwrap();
            Some(there)
        };
        assert!(matches!(why(greets).await, Why::NotADaemon));
        assert!(matches!(why(|_| None).await, Why::WentAway));
    }
}
