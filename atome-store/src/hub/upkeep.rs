//! What an operator does with a hub's database: copy it, put a copy back, see how much it keeps.
//!
//! Each works on the file from beside, whether a hub runs on it or not, and blocks.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use atome_proto::Epoch;
use rusqlite::Connection;

use super::{Identity, setback};
use crate::error::{Fault, OpenError};
use crate::examine::{self, Soundness};
use crate::sqlite;
use crate::sqlite::migrate::{self, HUB};
use crate::sqlite::value::Db;

/// Longest check of a copy before it is put back: nobody waits longer, and what is so large is better
/// looked at by itself.
const CHECK_MAX: Duration = Duration::from_secs(3_600);

/// Why a copy was not made, or not put back.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// There is something by that name. It is left as it is.
    #[error("{0} is there already and is not written over; move it away, or name another file")]
    Exists(PathBuf),
    /// There is nothing to copy.
    #[error("there is no {0}")]
    Missing(PathBuf),
    /// The file is no database of a hub that this program can read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// What is to be put back is damaged.
    #[error("{path} is damaged and is not put back: {why}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite says of it.
        why: String,
    },
    /// The copy cannot be written.
    #[error("{path} cannot be written")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// How much a hub's database keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Which hub it is, and which life of its database.
    pub identity: Identity,
    /// Its schema.
    pub schema: u32,
    /// Accounts, disabled ones included and deleted ones not.
    pub accounts: u64,
    /// Sessions, those that are over and not removed yet included.
    pub sessions: u64,
    /// Atomes, deleted ones included.
    pub atomes: u64,
    /// Commits that were decided.
    pub commits: u64,
    /// Entries that feeds keep.
    pub feed_entries: u64,
    /// When the oldest of them was taken, in milliseconds since 1970; absent where there is none.
    pub oldest_entry_ms: Option<u64>,
    /// Accounts whose clients have shown that the database went back, until that is accepted.
    pub setbacks: u64,
    /// Bytes of the file, and those of them that nothing uses at present.
    pub bytes: u64,
    /// See [`bytes`](Self::bytes).
    pub free_bytes: u64,
}

/// Copies a hub's database, as it is at one moment, into a new file; a hub may run on it.
///
/// # Errors
///
/// [`CopyError`].
pub fn back_up(database: &Path, to: &Path) -> Result<(), CopyError> {
    if !database.exists() {
        return Err(CopyError::Missing(database.to_owned()));
    }
    refuse_existing(to)?;
    migrate::look(database, &HUB)?;
    let new = beside(to, ".new");
    let written = sqlite::write_copy(database, &new).and_then(|()| sqlite::put_in_place(&new, to));
    written.map_err(|source| unwritten(&new, to, source))
}

/// Makes a copy the database of a hub that has none, and begins the life `epoch` of it, so that every client
/// says again what it has. The copy itself stays as it is.
///
/// # Errors
///
/// [`CopyError`].
pub fn restore(from: &Path, database: &Path, epoch: Epoch) -> Result<(), CopyError> {
    if !from.exists() {
        return Err(CopyError::Missing(from.to_owned()));
    }
    for name in [database.to_owned(), beside(database, "-wal")] {
        refuse_existing(&name)?;
    }
    let damaged = |why: String| CopyError::Damaged {
        path: from.to_owned(),
        why,
    };
    if migrate::look(from, &HUB)? == 0 {
        return Err(damaged("it is empty".to_owned()));
    }
    let found = examine::check(from, CHECK_MAX).map_err(|fault| OpenError::of(from, fault))?;
    if let Soundness::Damaged(lines) = found {
        return Err(damaged(lines.join("; ")));
    }
    sqlite::check_folder(database)?;
    let new = beside(database, ".new");
    let written = sqlite::write_copy(from, &new)
        .and_then(|()| begin(&new, epoch).map_err(io::Error::other))
        .and_then(|()| sqlite::put_in_place(&new, database));
    written.map_err(|source| unwritten(&new, database, source))
}

/// Brings a copy to the newest schema, and begins a life of it; everything is in the one file then.
fn begin(new: &Path, epoch: Epoch) -> Result<(), Fault> {
    let mut connection = Connection::open(new)?;
    connection.pragma_update(None, "journal_mode", "DELETE")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    migrate::migrate(&mut connection, &HUB)?;
    let begun = || -> Result<(), crate::error::HubError> {
        let transaction = connection.unchecked_transaction().map_err(Fault::from)?;
        setback::begin(&transaction, epoch)?;
        // Whoever puts a copy back knows that the database goes back.
        setback::accept(&transaction)?;
        Ok(transaction.commit().map_err(Fault::from)?)
    };
    begun().map_err(|error| Fault::Defect(error.to_string()))?;
    connection
        .close()
        .map_err(|(_, error)| Fault::from(error))?;
    fs::File::open(new)
        .and_then(|file| file.sync_all())
        .map_err(|error| Fault::from_io(&error))
}

/// Counts what a hub's database keeps.
///
/// # Errors
///
/// [`OpenError`], also where its schema is not this program's.
pub fn figures(database: &Path) -> Result<Figures, OpenError> {
    let schema = look_current(database)?;
    let count = || -> Result<Figures, Fault> {
        let connection = sqlite::open_reader(database)?;
        let moment = connection.unchecked_transaction()?;
        let identity =
            super::sqlite::identity(&moment).map_err(|error| Fault::Defect(error.to_string()))?;
        let number = |sql: &str| -> Result<u64, Fault> {
            Ok(moment.query_row(sql, [], |row| Ok(row.get::<_, Db<u64>>(0)?.0))?)
        };
        let rows = |table: &str| number(&format!("SELECT count(*) FROM {table}"));
        let page_len = number("PRAGMA page_size")?;
        let oldest = moment.query_row("SELECT min(oldest_ms) FROM heads", [], |row| {
            row.get::<_, Option<Db<u64>>>(0)
        })?;
        Ok(Figures {
            identity,
            schema,
            accounts: rows("accounts")?,
            sessions: rows("sessions")?,
            atomes: rows("states")?,
            commits: rows("commits")?,
            feed_entries: number("SELECT coalesce(sum(head - oldest + 1), 0) FROM heads")?,
            oldest_entry_ms: oldest.map(|Db(ms)| ms),
            setbacks: rows("setbacks")?,
            bytes: number("PRAGMA page_count")?.saturating_mul(page_len),
            free_bytes: number("PRAGMA freelist_count")?.saturating_mul(page_len),
        })
    };
    count().map_err(|fault| OpenError::of(database, fault))
}

/// The schema of a database, which must be this program's.
pub(super) fn look_current(database: &Path) -> Result<u32, OpenError> {
    let schema = migrate::look(database, &HUB)?;
    if schema != HUB.known() {
        let why = format!(
            "its schema is {schema} and this program's {}; start the hub once, and it is migrated",
            HUB.known()
        );
        return Err(OpenError::of(database, Fault::Corrupt(why)));
    }
    Ok(schema)
}

fn refuse_existing(path: &Path) -> Result<(), CopyError> {
    // A link that leads nowhere is something too.
    match path.symlink_metadata() {
        Ok(_) => Err(CopyError::Exists(path.to_owned())),
        Err(_) => Ok(()),
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// What was begun of a copy is of no use to anyone.
fn unwritten(new: &Path, path: &Path, source: io::Error) -> CopyError {
    if let Err(error) = fs::remove_file(new) {
        tracing::debug!(%error, "the unfinished copy is not there");
    }
    CopyError::Write {
        path: path.to_owned(),
        source,
    }
}
