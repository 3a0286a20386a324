//! Searching for words: an index beside the store, in a file of its own, which no write waits for.
//!
//! Nothing is written to it but when somebody searches: it is brought then to the moment that is searched, by what
//! the store says of local changes, or by all of its states where it is new. What it finds counts only where the
//! store, at that moment, has it.
//!
//! It can be thrown away at any time. It is, where it is not of this store or is damaged; and where the files are
//! scrubbed of what was evicted ([`super::scrub`]): what it has of that goes with it.

mod reach;
mod words;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use atome_proto::AtomeId;
use rusqlite::{Connection, params};

use super::ReplicaDb;
use crate::error::{Fault, StoreError};
use crate::sqlite::migrate::Kind;
use crate::sqlite::value::Db;
use crate::sqlite::{self, Durability};

pub use words::{BadWords, Words};

/// The index of a replica store. It is never migrated, but made anew.
const INDEX: Kind = Kind {
    name: "an index of Atome for searches",
    application_id: 0x4174_0104,
    migrations: &[include_str!("search/schema.sql")],
};
/// Memory for its pages, in KiB: a search reads few of them, and making it writes each mostly once.
const CACHE_KIB: i32 = 2048;

/// What to search for. Every part that is given must hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// These words stand in the texts of its particles.
    pub words: Words,
    /// Of this type.
    pub type_name: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// The index, of which whoever has it at hand works with it alone.
pub(super) struct Search {
    /// Its file; it lives in memory where there is none.
    path: Option<PathBuf>,
    open: Mutex<Option<Connection>>,
}

impl Search {
    /// The index of the store that is the file `store`; nothing is read before somebody searches.
    pub(super) fn beside(store: &Path) -> Arc<Self> {
        Self::at(Some(store.with_extension("search.db")))
    }

    /// An index in memory.
    pub(super) fn in_memory() -> Arc<Self> {
        Self::at(None)
    }

    fn at(path: Option<PathBuf>) -> Arc<Self> {
        let open = Mutex::new(None);
        Arc::new(Self { path, open })
    }

    /// Reads a part of what it does not have of the store; how much is left, in no unit, 0 at the end.
    pub(super) fn advance(&self, store: &Connection) -> Result<u64, StoreError> {
        self.with(|index| reach::advance(index, store))
    }

    /// The atomes that are wanted, by relevance, then the newest first.
    pub(super) fn find(
        &self,
        store: &Connection,
        wanted: &Wanted,
    ) -> Result<Vec<AtomeId>, StoreError> {
        self.with(|index| {
            while let Some(left) = reach::advance(index, store)? {
                if left == 0 {
                    return find(index, store, wanted).map(Some);
                }
            }
            Ok(None)
        })
    }

    /// Throws it away, with every byte that it has in files.
    pub(super) fn discard(&self) -> Result<(), Fault> {
        self.remove(&mut self.hold())
    }

    /// Closes it, until somebody searches again.
    pub(super) fn close(&self) {
        *self.hold() = None;
    }

    fn hold(&self) -> MutexGuard<'_, Option<Connection>> {
        // What a panic left half done was undone with its transaction.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works with the index; where `work` finds that it does not fit the store, or is damaged, with a new one.
    fn with<T>(
        &self,
        work: impl Fn(&mut Connection) -> Result<Option<T>, StoreError>,
    ) -> Result<T, StoreError> {
        let mut open = self.hold();
        match self.opened(&mut open).and_then(&work) {
            Ok(Some(done)) => return Ok(done),
            Ok(None) => {}
            Err(StoreError::Fault(Fault::Corrupt(why))) => {
                tracing::warn!(why, "the index for searches is damaged, and made anew");
            }
            Err(error) => return Err(error),
        }
        self.remove(&mut open)?;
        let done = work(self.opened(&mut open)?)?;
        let unfit = || Fault::Defect("a new index does not fit its store".to_owned());
        Ok(done.ok_or_else(unfit)?)
    }

    fn opened<'o>(
        &self,
        open: &'o mut Option<Connection>,
    ) -> Result<&'o mut Connection, StoreError> {
        match open {
            Some(index) => Ok(index),
            none => Ok(none.insert(self.open()?)),
        }
    }

    fn open(&self) -> Result<Connection, Fault> {
        let Some(path) = &self.path else {
            return sqlite::open_in_memory(&INDEX).map_err(|error| error.into_fault());
        };
        // What a power cut takes of it is made again.
        let open = || sqlite::open(path, &INDEX, Durability::Normal);
        let index = open().or_else(|error| {
            tracing::warn!(%error, "the index for searches does not open, and is made anew");
            remove_files(path)?;
            open().map_err(|error| error.into_fault())
        })?;
        index.pragma_update(None, "cache_size", -CACHE_KIB)?;
        Ok(index)
    }

    fn remove(&self, open: &mut Option<Connection>) -> Result<(), Fault> {
        *open = None;
        self.path.as_deref().map_or(Ok(()), remove_files)
    }
}

/// Removes the file of an index, and what SQLite has beside it; durable when this returns.
fn remove_files(path: &Path) -> Result<(), Fault> {
    let failed = |error| Fault::Defect(format!("cannot remove the index for searches: {error}"));
    let mut removed = false;
    for extension in ["db", "db-wal", "db-shm"] {
        removed |= sqlite::remove_file(&path.with_extension(extension)).map_err(failed)?;
    }
    if removed {
        sqlite::sync_folder_of(path).map_err(failed)?;
    }
    Ok(())
}

fn find(
    index: &Connection,
    store: &Connection,
    wanted: &Wanted,
) -> Result<Vec<AtomeId>, StoreError> {
    let mut matching = index
        .prepare_cached("SELECT rowid, atome FROM words(?) ORDER BY rank, updated DESC, rowid")?;
    // A row may be left of an atome that is none any more.
    let mut fits = store.prepare_cached(
        "SELECT 1 FROM atomes WHERE gen = (SELECT gen FROM replica) AND atome = ?1 AND state = ?2 \
         AND NOT deleted AND type <> '' AND type = coalesce(?3, type)",
    )?;
    let mut rows = matching.query([wanted.words.expression()])?;
    let mut found = vec![];
    while found.len() < wanted.limit
        && let Some(row) = rows.next()?
    {
        let (state, Db(atome)): (i64, Db<AtomeId>) = (row.get(0)?, row.get(1)?);
        if fits.exists(params![Db(atome), state, wanted.type_name])? {
            found.push(atome);
        }
    }
    Ok(found)
}

impl ReplicaDb {
    /// Brings the index for searches further towards the store as it is now: a part at a time, so that nobody waits
    /// for long. How much is left, in no unit; 0 at the end.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn advance_index(&self) -> Result<u64, StoreError> {
        self.search.advance(&self.base.connection)
    }

    /// The atomes that are there in whose texts some words stand, by relevance, then the newest first. Upper and
    /// lower case are the same, and so are letters with marks and without. The index is brought up to date first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn find(&self, wanted: &Wanted) -> Result<Vec<AtomeId>, StoreError> {
        self.search.find(&self.base.connection, wanted)
    }
}
