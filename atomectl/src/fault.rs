//! What ends a command early, and what a person is told about it.

use std::io;

use atome_client::{ClientError, Why};
use atome_proto::{Code, Problem};

use crate::exit::Exit;

/// Why a command did not do all that it was asked to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The daemon could not be asked, or said no.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Found here, before or after the daemon was asked.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// The answer is no, and was printed.
    #[error("the answer is no")]
    No,
    /// Told already; only the exit code is left to give.
    #[error("told already")]
    Told(Code),
    /// Standard output cannot be written.
    #[error("standard output cannot be written: {0}")]
    Output(#[from] io::Error),
    /// Interrupted from the keyboard.
    #[error("interrupted")]
    Interrupted,
}

impl Fault {
    /// An error in the command line.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Problem(Problem::new(Code::BadRequest, message))
    }

    /// An error in what was given to be written.
    pub(crate) fn bad_data(message: impl Into<String>) -> Self {
        Self::Problem(Problem::new(Code::BadData, message))
    }

    /// The exit code. Whoever reads our output may stop reading at any time: that is no error.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Client(error) => Exit::of(error.code()),
            Self::Problem(problem) => Exit::of(problem.code),
            Self::No => Exit::No,
            Self::Told(code) => Exit::of(*code),
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
            Self::Output(_) => Exit::of(Code::LowSpace),
            Self::Interrupted => Exit::Interrupted,
        }
    }

    /// What is left to tell.
    pub(crate) fn problem(&self) -> Option<Problem> {
        match self {
            Self::Client(ClientError::Problem(problem)) | Self::Problem(problem) => {
                Some(problem.clone())
            }
            Self::Client(error) => {
                Some(Problem::new(error.code(), error.to_string()).hint(hint_of(error)))
            }
            Self::Output(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                Some(Problem::new(Code::LowSpace, self.to_string()))
            }
            Self::No | Self::Told(_) | Self::Output(_) | Self::Interrupted => None,
        }
    }
}

pub(crate) fn hint_of(error: &ClientError) -> &'static str {
    match error {
        ClientError::NoDaemon { why, .. } => match why {
            Why::Missing => "start atomed, or name its socket with --socket or ATOME_SOCKET",
            Why::NotASocket | Why::NotADaemon => {
                "name the daemon's socket with --socket or ATOME_SOCKET"
            }
            Why::Refused => "start atomed again; it replaces the socket that was left behind",
            Why::NotPermitted => "join the group that owns the socket, or ask who runs the daemon",
            Why::WentAway => {
                "see the daemon's log; whether the request was carried out is not known"
            }
            Why::Other(_) => "check the path of the socket",
        },
        ClientError::Timeout(_) => {
            "see the daemon's log, or allow more with --timeout; what was asked for may still be done"
        }
        ClientError::Protocol(_) => {
            "compare the versions of the two programs with 'atomectl version'"
        }
        ClientError::Problem(_) => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_stops_reading_makes_no_error() {
        let fault = Fault::Output(io::ErrorKind::BrokenPipe.into());
        assert_eq!(fault.exit(), Exit::Done);
        assert_eq!(fault.problem(), None);
        let fault = Fault::Output(io::ErrorKind::StorageFull.into());
        assert_eq!(fault.exit(), Exit::Conflict);
        assert!(fault.problem().is_some());
    }

    #[test]
    fn a_client_error_says_what_to_do_next() {
        let path = "/x".into();
        let why = Why::Missing;
        let fault = Fault::from(ClientError::NoDaemon { path, why });
        let problem = fault.problem().unwrap();
        assert_eq!(problem.code, Code::NoDaemon);
        assert_eq!(
            problem.detail,
            "no daemon answers on /x: there is no such socket"
        );
        assert!(problem.hint.unwrap().contains("--socket"));
    }
}
