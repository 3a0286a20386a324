//! Seed files: opened, unpacked, read a line at a time, checked whole, and cut into chunks for the daemon.
//!
//! What a record is belongs to [`atome_proto::seed`]; nothing here asks the daemon.

mod check;
mod chunk;
mod door;
mod lines;
mod source;

use std::io;

use atome_proto::{Code, Problem};

use crate::fault::Fault;

pub(crate) use check::{BadLine, Checked, Rules, check};
pub(crate) use chunk::{Chunk, Chunks};
pub use door::seed_lines;
pub(crate) use source::Source;

/// Why a file cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SeedError {
    /// It cannot be opened.
    #[error("{name} cannot be opened: {error}")]
    Open {
        name: String,
        #[source]
        error: io::Error,
    },
    /// It broke off, or what it is packed with did.
    #[error("{name}:{line}: the rest cannot be read: {error}")]
    Read {
        name: String,
        line: u64,
        #[source]
        error: io::Error,
    },
    /// It is not what it was when it was checked.
    #[error("{0} changed while it was being read; nothing is lost, run the command again")]
    Changed(String),
}

impl From<SeedError> for Fault {
    fn from(error: SeedError) -> Self {
        let code = match &error {
            SeedError::Open { error, .. } if error.kind() == io::ErrorKind::NotFound => {
                Code::NotFound
            }
            SeedError::Open { error, .. } if error.kind() == io::ErrorKind::PermissionDenied => {
                Code::NotAllowed
            }
            SeedError::Open { .. } => Code::BadRequest,
            SeedError::Read { .. } => Code::BadData,
            SeedError::Changed(_) => Code::Conflict,
        };
        Problem::new(code, error.to_string()).into()
    }
}
