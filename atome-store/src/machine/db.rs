//! The machine store itself, synchronous, on one connection.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use atome_proto::AccountId;
use rusqlite::{Connection, Params, params};

use super::{MachineView, Tie};
use crate::error::{OpenError, StoreError};
use crate::sqlite::migrate::MACHINE;
use crate::sqlite::transact::{Base, Stored};
use crate::sqlite::value::Db;
use crate::sqlite::{self, Durability};

/// The machine store, synchronous. Each method that writes is one transaction.
pub struct MachineDb {
    pub(super) base: Base,
    /// Counts the groups of writes of this process that became durable.
    pub(super) revision: Arc<AtomicU64>,
}

impl MachineDb {
    /// Opens the file, and makes it where there is none.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open(path: &Path, durability: Durability) -> Result<Self, OpenError> {
        Ok(Self::of(sqlite::open(path, &MACHINE, durability)?))
    }

    /// The same on the virtual file system that is registered with SQLite under the name `vfs`: for
    /// simulations of a disk. Folders, modes and copies before a migration are left out.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open_on(vfs: &str, path: &Path, durability: Durability) -> Result<Self, OpenError> {
        Ok(Self::of(sqlite::open_on(vfs, path, &MACHINE, durability)?))
    }

    /// A store that lives in memory, for tests.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open_in_memory() -> Result<Self, OpenError> {
        Ok(Self::of(sqlite::open_in_memory(&MACHINE)?))
    }

    fn of(connection: Connection) -> Self {
        Self {
            base: Base::new(connection),
            revision: Arc::default(),
        }
    }

    /// What is in it.
    #[must_use]
    pub fn view(&self) -> MachineView<'_> {
        MachineView(&self.base.connection)
    }

    /// Executes one statement; how many rows it altered.
    pub(super) fn execute(&self, sql: &str, with: impl Params) -> Result<usize, StoreError> {
        Ok(self.base.connection.prepare_cached(sql)?.execute(with)?)
    }

    /// Lets a Unix user use an account; since when stays where it may already.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchAccount`].
    pub fn tie(&mut self, tie: Tie) -> Result<(), StoreError> {
        self.view()
            .account(tie.account)?
            .ok_or(StoreError::NoSuchAccount)?;
        self.execute(
            "INSERT INTO ties (uid, account, since_ms) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            params![tie.uid, Db(tie.account), Db(tie.since_ms)],
        )?;
        Ok(())
    }

    /// Ends that; whether it was so.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn untie(&mut self, uid: u32, account: AccountId) -> Result<bool, StoreError> {
        let untied = self.execute(
            "DELETE FROM ties WHERE uid = ? AND account = ?",
            params![uid, Db(account)],
        )?;
        Ok(untied > 0)
    }
}

impl Stored for MachineDb {
    type Memory = ();

    fn base(&mut self) -> &mut Base {
        &mut self.base
    }
    fn memory(&self) {}
    fn restore(&mut self, (): ()) {}
    fn publish(&mut self) {
        self.revision.fetch_add(1, Ordering::Release);
    }
}
