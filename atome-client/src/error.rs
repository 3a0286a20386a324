//! What can go wrong between a command and its daemon.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use atome_proto::{Code, Problem};

/// Why a request got no good answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is nobody to ask.
    #[error("no daemon answers on {}: {why}", path.display())]
    NoDaemon {
        /// The socket that was tried.
        path: PathBuf,
        /// What stood in the way.
        #[source]
        why: Why,
    },
    /// The daemon answered, and the answer is an error.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// The daemon took longer than the caller wants to wait. What was asked for may still be done.
    #[error("the daemon gave no answer within {0:?}")]
    Timeout(Duration),
    /// The daemon answered something that this client cannot read.
    #[error("the daemon's answer cannot be read: {0}")]
    Protocol(String),
}

/// What stands in the way to a daemon.
#[derive(Debug, thiserror::Error)]
pub enum Why {
    /// The path names nothing.
    #[error("there is no such socket")]
    Missing,
    /// The path names something else than a socket.
    #[error("it is not a socket")]
    NotASocket,
    /// The socket is there, and nobody listens.
    #[error("nobody listens there any more; the daemon that made it is gone")]
    Refused,
    /// The file's owner, group and mode do not let this user in.
    #[error("this user may not open it")]
    NotPermitted,
    /// The connection ended before the answer: the daemon stopped or was killed.
    #[error("it went away before it answered")]
    WentAway,
    /// Whoever listens does not speak HTTP.
    #[error("whoever listens there is no Atome daemon")]
    NotADaemon,
    /// Anything else that the system says.
    #[error("{0}")]
    Other(#[source] io::Error),
}

impl ClientError {
    /// The stable word for it.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::NoDaemon { .. } => Code::NoDaemon,
            Self::Problem(problem) => problem.code,
            Self::Timeout(_) => Code::TimedOut,
            Self::Protocol(_) => Code::Internal,
        }
    }
}
