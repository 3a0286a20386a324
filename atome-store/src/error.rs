//! What can go wrong with a store, by the operation that was attempted.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use atome_engine::name::BadName;
use atome_proto::commit::BadCommit;
use atome_proto::{AtomeId, Code};
use rusqlite::ErrorCode;

/// What the disk, or the database on it, answered instead of doing its work.
///
/// Whatever it is, nothing of the operation was kept, and what was acknowledged before it stays. Where the
/// disk failed in the midst of making it durable, the whole of it may be there after a crash all the same.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Fault {
    /// The disk is full. Work resumes when there is room.
    #[error("the disk is full; free some space and try again")]
    LowSpace(#[source] Arc<rusqlite::Error>),
    /// The disk cannot be read or written.
    #[error("the disk of the store cannot be read or written")]
    Io(#[source] Arc<rusqlite::Error>),
    /// The file is damaged.
    #[error("the store is damaged: {0}")]
    Corrupt(String),
    /// The store is closed, or its writer gave up.
    #[error("the store is closed")]
    Stopped,
    /// A defect of ours.
    #[error("the store failed: {0}")]
    Defect(String),
}

impl Fault {
    /// The stable word for it.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::LowSpace(_) => Code::LowSpace,
            Self::Stopped => Code::Stopping,
            Self::Io(_) | Self::Corrupt(_) | Self::Defect(_) => Code::Internal,
        }
    }
}

impl Fault {
    /// What a file's error comes to.
    #[must_use]
    pub fn from_io(error: &io::Error) -> Self {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        let full = matches!(error.kind(), StorageFull | QuotaExceeded);
        let code = if full {
            rusqlite::ffi::SQLITE_FULL
        } else {
            rusqlite::ffi::SQLITE_IOERR
        };
        let code = rusqlite::ffi::Error::new(code);
        rusqlite::Error::SqliteFailure(code, Some(error.to_string())).into()
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::LowSpace(Arc::new(error)),
            // No room for the WAL's index.
            Some(ErrorCode::SystemIoFailure)
                if error.sqlite_error().map(|error| error.extended_code)
                    == Some(rusqlite::ffi::SQLITE_IOERR_SHMSIZE) =>
            {
                Self::LowSpace(Arc::new(error))
            }
            Some(
                ErrorCode::SystemIoFailure
                | ErrorCode::ReadOnly
                | ErrorCode::CannotOpen
                | ErrorCode::PermissionDenied
                | ErrorCode::FileLockingProtocolFailed,
            ) => Self::Io(Arc::new(error)),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
                Self::Corrupt(error.to_string())
            }
            _ => Self::Defect(error.to_string()),
        }
    }
}

/// Why a store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A newer program wrote it. It is left as it is.
    #[error(
        "{path} was written by a newer version of Atome (schema {found}, this program knows {known}); \
         update this program"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
        /// The newest schema that this program knows.
        known: u32,
    },
    /// The file is no store of this kind. It is left as it is.
    #[error("{path} is not {expected}; move it away, or name another file")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it should have been.
        expected: &'static str,
    },
    /// Others may read the file or its folder.
    #[error("{path} is open to others (mode {mode:o}); run: chmod {wanted:o} {path}")]
    Exposed {
        /// The file or folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
        /// The mode that it must have.
        wanted: u32,
    },
    /// The store belongs to another account.
    #[error("{path} is the store of another account")]
    OtherAccount {
        /// The file.
        path: PathBuf,
    },
    /// The file or its folder cannot be made or read.
    #[error("{path} cannot be opened")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The database in it cannot be opened or migrated.
    #[error("{path} cannot be opened: {source}")]
    Fault {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Fault,
    },
}

impl OpenError {
    /// That the database in the file at `path` failed.
    pub(crate) fn of(path: &Path, fault: impl Into<Fault>) -> Self {
        Self::Fault {
            path: path.to_owned(),
            source: fault.into(),
        }
    }

    /// The fault that it is, where no person can do more about it.
    pub(crate) fn into_fault(self) -> Fault {
        if let Self::Fault { source, .. } = self {
            source
        } else {
            Fault::Defect(self.to_string())
        }
    }
}

/// Why an operation on a replica store or machine store was not done.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// What was to be altered is not there.
    #[error("there is no atome {0}")]
    NotFound(AtomeId),
    /// What was to be made is there already, deleted perhaps.
    #[error("there is an atome {0} already")]
    Exists(AtomeId),
    /// What was to be written is not well made or beyond a limit.
    #[error("{0}")]
    BadData(#[from] BadCommit),
    /// The batch does not begin where this replica stands.
    #[error("the batch begins at feed number {found}, and this replica waits for {expected}")]
    Gap {
        /// The feed number that was expected.
        expected: u64,
        /// The feed number that came.
        found: u64,
    },
    /// What the hub sent cannot be read.
    #[error("what the hub sent cannot be read: {0}")]
    BadFeed(String),
    /// No listed refused commit has this number.
    #[error("no refused commit has the number {0}")]
    NoSuchCommit(u64),
    /// The store was with a hub, or holds commits of others: it cannot become another account's.
    #[error(
        "the data of this account has been with a hub already, so it cannot become another account's; \
         export it, and seed it as that account"
    )]
    HasSynced,
    /// The name cannot be an account's.
    #[error("{0}")]
    BadName(#[from] BadName),
    /// The machine has an account of this name or id already.
    #[error("there is an account of that name already")]
    AccountExists,
    /// The machine has no such account.
    #[error("there is no such account here")]
    NoSuchAccount,
    /// The account may not do this, or it makes no sense, as far as is known here.
    #[error("{message}")]
    Refused {
        /// The stable word.
        code: Code,
        /// What is wrong, for a person.
        message: String,
    },
    /// The disk or database failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl StoreError {
    /// The stable word for it.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::NotFound(_) | Self::NoSuchCommit(_) | Self::NoSuchAccount => Code::NotFound,
            Self::Exists(_) | Self::HasSynced | Self::AccountExists => Code::Conflict,
            Self::BadData(_) | Self::BadFeed(_) => Code::BadData,
            Self::BadName(_) => Code::BadRequest,
            Self::Refused { code, .. } => *code,
            Self::Gap { .. } => Code::Internal,
            Self::Fault(fault) => fault.code(),
        }
    }

    /// The fault that it is; anything else is a defect where only faults can be.
    pub(crate) fn into_fault(self) -> Fault {
        if let Self::Fault(fault) = self {
            fault
        } else {
            Fault::Defect(self.to_string())
        }
    }
}

/// Why an operation on a hub store was not done.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// Another account has the name, or has the id with another secret.
    #[error("the name is taken")]
    NameTaken,
    /// Another account has the phone number.
    #[error("the phone number is taken")]
    PhoneTaken,
    /// The name cannot be an account's.
    #[error("{0}")]
    BadName(#[from] BadName),
    /// There is no such account.
    #[error("there is no such account")]
    NoSuchAccount,
    /// The account was deleted.
    #[error("the account was deleted")]
    AccountDeleted,
    /// Nobody may register.
    #[error("no registrations are taken")]
    Closed,
    /// Only who is invited may register, and this invitation is none, was used, or is over.
    #[error("a registration needs an invitation that is still good")]
    NotInvited,
    /// The account may not do this, or it makes no sense.
    #[error("{message}")]
    Refused {
        /// The stable word.
        code: Code,
        /// What is wrong, for a person.
        message: String,
    },
    /// The disk or database failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl HubError {
    /// The stable word for it.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::NameTaken | Self::PhoneTaken => Code::Conflict,
            Self::BadName(_) => Code::BadRequest,
            Self::NoSuchAccount => Code::NotFound,
            Self::AccountDeleted => Code::AccountDeleted,
            Self::Closed | Self::NotInvited => Code::NotAllowed,
            Self::Refused { code, .. } => *code,
            Self::Fault(fault) => fault.code(),
        }
    }
}

/// Makes the errors of the database, and of the JSON that it keeps, faults of the operation.
macro_rules! from_faults {
    ($($error:ident),*) => {$(
        impl From<rusqlite::Error> for $error {
            fn from(error: rusqlite::Error) -> Self {
                Self::Fault(error.into())
            }
        }
        impl From<serde_json::Error> for $error {
            fn from(error: serde_json::Error) -> Self {
                Self::Fault(Fault::Corrupt(error.to_string()))
            }
        }
    )*};
}

from_faults!(StoreError, HubError);
