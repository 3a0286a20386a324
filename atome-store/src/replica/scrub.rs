//! Scrubbing: nothing of what was evicted is left in the files.
//!
//! The database overwrites what it deletes (`secure_delete`); the WAL still has the pages from before, until
//! it is checkpointed and cut to nothing. What is to be done stands in the store (`traces`), so that a crash
//! or a reader that is in the way only delays it. Copies made before a migration hold it too, and the index for
//! searches: they go.

use std::io;
use std::path::Path;
use std::time::Duration;

use atome_engine::replica::Position;
use rusqlite::Connection;

use super::ReplicaDb;
use crate::error::{Fault, StoreError};
use crate::sqlite::migrate::REPLICA;
use crate::sqlite::{self, BUSY_TIMEOUT};

/// How long to wait for readers that are in the way. They are short; whoever is not comes to an end before
/// the next attempt.
const READERS_WAIT: Duration = Duration::from_secs(1);

impl ReplicaDb {
    /// Lets every write overwrite what it deletes, from now on.
    pub(super) fn overwrite_deleted(connection: &Connection) -> Result<(), Fault> {
        connection.pragma_update(None, "secure_delete", "ON")?;
        Ok(())
    }

    /// Removes the traces of evicted atomes from the files, where there are some; the position then says so.
    /// Where a reader is in the way it is left for the next time.
    ///
    /// A handle ([`super::ReplicaStore`]) sees to it after each group of writes.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn scrub(&mut self) -> Result<Position, StoreError> {
        let is_due = self.head.traces || self.head.evicted != self.head.evicting;
        let connection = &self.base.connection;
        if !is_due || !connection.is_autocommit() || (self.head.traces && !cut_wal(connection)?) {
            return self.position();
        }
        if self.head.traces {
            remove_copies(connection)?;
            // No reader is at a moment before the eviction any more: none can bring what was evicted back.
            self.search.discard()?;
        }
        self.step(|db| {
            db.head.traces = false;
            db.head.evicted = db.head.evicting;
            db.head.save(&db.base.connection)?;
            db.position()
        })
    }
}

/// Brings all that the WAL has into the database, and cuts it to nothing; whether that was possible.
fn cut_wal(connection: &Connection) -> Result<bool, Fault> {
    connection.busy_timeout(READERS_WAIT)?;
    let cut = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
        row.get::<_, bool>(0)
    });
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(!cut?)
}

/// Removes the copies made before a migration, and what is left of one that was never finished.
fn remove_copies(connection: &Connection) -> Result<(), Fault> {
    let Some(path) = connection.path().filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    let mut removed = false;
    for version in 1..REPLICA.known() {
        for copy in [
            format!("{path}.v{version}"),
            format!("{path}.v{version}.new"),
        ] {
            removed |=
                sqlite::remove_file(Path::new(&copy)).map_err(|error| failed(&copy, &error))?;
        }
    }
    if removed {
        sqlite::sync_folder_of(Path::new(path)).map_err(|error| failed(path, &error))?;
    }
    Ok(())
}

fn failed(path: &str, error: &io::Error) -> Fault {
    Fault::Defect(format!("cannot remove the old copy {path}: {error}"))
}
