//! The handle of the machine store: its writer thread and its readers.

use std::path::Path;

use atome_proto::AccountId;
use atome_proto::account::Secret;

use super::{MachineAccount, MachineDb, Tie, read};
use crate::error::{OpenError, StoreError};
use crate::pool::Pool;
use crate::sqlite::Durability;
use crate::writer::Writer;

/// The machine store. Clones are handles of the same one.
#[derive(Clone)]
pub struct MachineStore {
    writer: Writer<MachineDb>,
    readers: Pool,
}

impl MachineStore {
    /// Opens the file, and makes it where there is none.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open(path: &Path, durability: Durability) -> Result<Self, OpenError> {
        let db = MachineDb::open(path, durability)?;
        let failed = |source| OpenError::Fault {
            path: path.to_owned(),
            source,
        };
        let writer = Writer::start("machine-writer", db).map_err(failed)?;
        let readers = Pool::start("machine-reader", path).map_err(failed)?;
        Ok(Self { writer, readers })
    }

    /// Closes the store; later calls are answered [`crate::Fault::Stopped`].
    pub async fn close(&self) {
        self.writer.close().await;
    }

    /// As [`MachineDb::create_account`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn create_account(&self, account: MachineAccount) -> Result<(), StoreError> {
        self.writer
            .run(0, move |db: &mut MachineDb| db.create_account(&account))
            .await
    }

    /// As [`MachineDb::remove_account`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn remove_account(&self, account: AccountId) -> Result<(), StoreError> {
        self.writer
            .run(0, move |db: &mut MachineDb| db.remove_account(account))
            .await
    }

    /// As [`MachineDb::set_registered`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn set_registered(&self, account: AccountId, yes: bool) -> Result<(), StoreError> {
        self.writer
            .run(0, move |db: &mut MachineDb| db.set_registered(account, yes))
            .await
    }

    /// As [`MachineDb::set_conflict`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn set_conflict(&self, account: AccountId, yes: bool) -> Result<(), StoreError> {
        self.writer
            .run(0, move |db: &mut MachineDb| db.set_conflict(account, yes))
            .await
    }

    /// As [`MachineDb::set_password_hash`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn set_password_hash(
        &self,
        account: AccountId,
        hash: Secret,
    ) -> Result<(), StoreError> {
        self.writer
            .run(0, move |db: &mut MachineDb| {
                db.set_password_hash(account, &hash)
            })
            .await
    }

    /// As [`MachineDb::set_session_expiry`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn set_session_expiry(
        &self,
        account: AccountId,
        expires_at_ms: Option<u64>,
    ) -> Result<(), StoreError> {
        self.writer
            .run(0, move |db: &mut MachineDb| {
                db.set_session_expiry(account, expires_at_ms)
            })
            .await
    }

    /// As [`MachineDb::tie`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn tie(&self, tie: Tie) -> Result<(), StoreError> {
        self.writer
            .run(0, move |db: &mut MachineDb| db.tie(tie))
            .await
    }

    /// As [`MachineDb::untie`].
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub async fn untie(&self, uid: u32, account: AccountId) -> Result<bool, StoreError> {
        self.writer
            .run(0, move |db: &mut MachineDb| db.untie(uid, account))
            .await
    }

    /// As [`MachineDb::ties_of`].
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub async fn ties_of(&self, uid: u32) -> Result<Vec<Tie>, StoreError> {
        self.readers
            .run(move |connection| read::ties_of(connection, uid))
            .await
    }

    /// As [`MachineDb::account`].
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub async fn account(&self, account: AccountId) -> Result<Option<MachineAccount>, StoreError> {
        self.readers
            .run(move |connection| read::account(connection, account))
            .await
    }

    /// As [`MachineDb::account_by_name`].
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub async fn account_by_name(
        &self,
        name: String,
    ) -> Result<Option<MachineAccount>, StoreError> {
        self.readers
            .run(move |connection| read::account_by_name(connection, &name))
            .await
    }

    /// As [`MachineDb::accounts`].
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub async fn accounts(&self) -> Result<Vec<MachineAccount>, StoreError> {
        self.readers.run(read::accounts).await
    }

    /// As [`MachineDb::pending_registrations`].
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub async fn pending_registrations(&self) -> Result<Vec<MachineAccount>, StoreError> {
        self.readers.run(read::pending_registrations).await
    }
}
