//! The machine store itself, synchronous, on one connection.

use std::path::Path;

use atome_engine::name::fold;
use atome_proto::AccountId;
use atome_proto::account::Secret;
use rusqlite::params;

use super::{MachineAccount, Tie, read};
use crate::error::{OpenError, StoreError};
use crate::sqlite::migrate::MACHINE;
use crate::sqlite::transact::{Base, Stored, atomically};
use crate::sqlite::value::Db;
use crate::sqlite::{self, Durability};

/// The machine store, synchronous. Each method that writes is one transaction.
pub struct MachineDb {
    base: Base,
}

impl MachineDb {
    /// Opens the file, and makes it where there is none.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open(path: &Path, durability: Durability) -> Result<Self, OpenError> {
        let connection = sqlite::open(path, &MACHINE, durability)?;
        Ok(Self {
            base: Base::new(connection),
        })
    }

    /// A store that lives in memory, for tests.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open_in_memory() -> Result<Self, OpenError> {
        let connection = sqlite::open_in_memory(&MACHINE)?;
        Ok(Self {
            base: Base::new(connection),
        })
    }

    /// Adds an account.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadName`], or [`StoreError::AccountExists`] where its name or id is there.
    pub fn create_account(&mut self, account: &MachineAccount) -> Result<(), StoreError> {
        let entry = &account.entry;
        let secret = account.retry_secret.as_ref();
        let made = self
            .base.connection
            .prepare_cached(
                "INSERT INTO accounts (account, name, name_folded, phone, visibility, password_hash, \
                 registered, conflict, retry_secret, session_expires_at_ms, created_at_ms) \
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            )?
            .execute(params![
                Db(entry.user_id),
                entry.username,
                fold(&entry.username)?,
                entry.phone,
                serde_json::to_string(&entry.visibility)?,
                account.password_hash.0,
                account.registered,
                account.conflict,
                secret.map(|secret| &secret.0),
                account.session_expires_at_ms.map(Db),
                Db(account.created_at_ms),
            ])?;
        if made == 0 {
            return Err(StoreError::AccountExists);
        }
        Ok(())
    }

    /// Takes an account away, with its ties.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchAccount`].
    pub fn remove_account(&mut self, account: AccountId) -> Result<(), StoreError> {
        atomically(self, |db| {
            db.alter("DELETE FROM accounts WHERE account = ?1", account, None)?;
            db.base
                .connection
                .prepare_cached("DELETE FROM ties WHERE account = ?")?
                .execute([Db(account)])?;
            Ok(())
        })
    }

    /// Notes whether the hub knows the account. Once it does, the retry secret is forgotten.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchAccount`].
    pub fn set_registered(&mut self, account: AccountId, yes: bool) -> Result<(), StoreError> {
        self.alter(
            "UPDATE accounts SET registered = ?2, conflict = conflict AND NOT ?2, \
             retry_secret = iif(?2, NULL, retry_secret) WHERE account = ?1",
            account,
            Some(yes.into()),
        )
    }

    /// Notes whether the hub gave the account's name or phone number to another.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchAccount`].
    pub fn set_conflict(&mut self, account: AccountId, yes: bool) -> Result<(), StoreError> {
        self.alter(
            "UPDATE accounts SET conflict = ?2 WHERE account = ?1",
            account,
            Some(yes.into()),
        )
    }

    /// Changes the hash of the password.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchAccount`].
    pub fn set_password_hash(
        &mut self,
        account: AccountId,
        hash: &Secret,
    ) -> Result<(), StoreError> {
        self.alter(
            "UPDATE accounts SET password_hash = ?2 WHERE account = ?1",
            account,
            Some(hash.0.clone().into()),
        )
    }

    /// Notes when the session at the hub ends; `None` where there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchAccount`].
    pub fn set_session_expiry(
        &mut self,
        account: AccountId,
        expires_at_ms: Option<u64>,
    ) -> Result<(), StoreError> {
        let value = expires_at_ms.map(|ms| i64::try_from(ms).unwrap_or(i64::MAX));
        self.alter(
            "UPDATE accounts SET session_expires_at_ms = ?2 WHERE account = ?1",
            account,
            Some(value.into()),
        )
    }

    fn alter(
        &self,
        sql: &str,
        account: AccountId,
        value: Option<rusqlite::types::Value>,
    ) -> Result<(), StoreError> {
        let mut statement = self.base.connection.prepare_cached(sql)?;
        let altered = match value {
            Some(value) => statement.execute(params![Db(account), value])?,
            None => statement.execute([Db(account)])?,
        };
        if altered == 0 {
            return Err(StoreError::NoSuchAccount);
        }
        Ok(())
    }

    /// Lets a Unix user use an account; since when stays where it may already.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchAccount`].
    pub fn tie(&mut self, tie: Tie) -> Result<(), StoreError> {
        self.account(tie.account)?
            .ok_or(StoreError::NoSuchAccount)?;
        self.base
            .connection
            .prepare_cached(
                "INSERT INTO ties (uid, account, since_ms) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            )?
            .execute(params![tie.uid, Db(tie.account), Db(tie.since_ms)])?;
        Ok(())
    }

    /// Ends that; whether it was so.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn untie(&mut self, uid: u32, account: AccountId) -> Result<bool, StoreError> {
        let mut statement = self
            .base
            .connection
            .prepare_cached("DELETE FROM ties WHERE uid = ? AND account = ?")?;
        Ok(statement.execute(params![uid, Db(account)])? > 0)
    }

    /// The accounts that a Unix user may use, by id.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn ties_of(&self, uid: u32) -> Result<Vec<Tie>, StoreError> {
        read::ties_of(&self.base.connection, uid)
    }

    /// The account of an id.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn account(&self, account: AccountId) -> Result<Option<MachineAccount>, StoreError> {
        read::account(&self.base.connection, account)
    }

    /// The account of a name, in whatever spelling.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn account_by_name(&self, name: &str) -> Result<Option<MachineAccount>, StoreError> {
        read::account_by_name(&self.base.connection, name)
    }

    /// Every account, by name.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn accounts(&self) -> Result<Vec<MachineAccount>, StoreError> {
        read::accounts(&self.base.connection)
    }

    /// The accounts whose registration waits for the hub, by name.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn pending_registrations(&self) -> Result<Vec<MachineAccount>, StoreError> {
        read::pending_registrations(&self.base.connection)
    }
}

impl Stored for MachineDb {
    type Memory = ();

    fn base(&mut self) -> &mut Base {
        &mut self.base
    }
    fn memory(&self) {}
    fn restore(&mut self, (): ()) {}
}
