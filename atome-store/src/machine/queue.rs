//! What the hub is still to be told: sessions to be closed. In the order in which it was asked for.

use atome_proto::AccountId;
use rusqlite::params;

use super::MachineDb;
use crate::error::StoreError;
use crate::sqlite::transact::atomically;
use crate::sqlite::value::Db;

impl MachineDb {
    /// Adds a session that is to be closed, whose token is kept under the name `secret`, and forgets it as
    /// the account's own.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn add_revocation(
        &mut self,
        account: AccountId,
        secret: &str,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        atomically(self, |db| {
            db.execute(
                "INSERT INTO revocations (account, secret, since_ms) VALUES (?, ?, ?)",
                params![Db(account), secret, Db(now_ms)],
            )?;
            db.execute(
                "UPDATE accounts SET session_expires_at_ms = NULL, session_life_ms = NULL \
                 WHERE account = ?",
                [Db(account)],
            )?;
            Ok(())
        })
    }

    /// Takes a session out of the queue: it is closed, or is to live on; whether it was still there.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn drop_revocation(&mut self, id: i64) -> Result<bool, StoreError> {
        Ok(self.execute("DELETE FROM revocations WHERE id = ?", [id])? > 0)
    }

    /// Takes the last session of an account out of the queue, so that it lives on.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn take_back_revocation(
        &mut self,
        account: AccountId,
    ) -> Result<Option<String>, StoreError> {
        let mut statement = self.base.connection.prepare_cached(
            "DELETE FROM revocations WHERE id = \
             (SELECT max(id) FROM revocations WHERE account = ?) RETURNING secret",
        )?;
        let taken: Vec<String> = statement
            .query_map([Db(account)], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        Ok(taken.into_iter().next())
    }
}
