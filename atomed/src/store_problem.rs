//! What a store's errors are to whoever asked: a code, a text, and what to do next.

use std::error::Error as _;

use atome_proto::{Code, Problem};
use atome_store::{OpenError, StoreError};

/// The problem that an operation's error is.
#[must_use]
pub fn problem(error: &StoreError) -> Problem {
    let mut detail = error.to_string();
    if let (StoreError::Fault(_), Some(cause)) = (error, error.source()) {
        detail = format!("{detail}: {cause}");
    }
    let problem = Problem::new(error.code(), detail);
    if problem.code == Code::LowSpace {
        return problem.hint("nothing is lost; free some space and do it again");
    }
    problem
}

/// The problem of an account whose store does not open. The store is left as it is.
#[must_use]
pub fn open_problem(error: &OpenError) -> Problem {
    let code = match error {
        OpenError::Newer { .. } => Code::Unsupported,
        OpenError::Foreign { .. }
        | OpenError::Exposed { .. }
        | OpenError::OtherAccount { .. }
        | OpenError::Io { .. } => Code::Internal,
        OpenError::Fault { source, .. } => source.code(),
    };
    let cause = error.source().map(|cause| format!(": {cause}"));
    Problem::new(code, format!("{error}{}", cause.unwrap_or_default()))
        .hint("the store was left untouched; the daemon's log says the same at every start")
}
