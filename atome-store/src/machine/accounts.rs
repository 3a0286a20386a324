//! Accounts of the machine, and what becomes of them.

use atome_engine::name::fold;
use atome_proto::AccountId;
use atome_proto::account::{DirectoryEntry, Secret};
use rusqlite::params;

use super::{MachineAccount, MachineDb, SessionTerm};
use crate::error::StoreError;
use crate::sqlite::transact::atomically;
use crate::sqlite::value::Db;

impl MachineDb {
    /// Adds an account.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadName`], or [`StoreError::AccountExists`] where its name or id is there.
    pub fn create_account(&mut self, account: &MachineAccount) -> Result<(), StoreError> {
        let entry = &account.entry;
        let made = self.execute(
            "INSERT INTO accounts (account, name, name_folded, phone, visibility, password_hash, \
             registered, conflict, retry_secret, invite, session_expires_at_ms, session_life_ms, \
             created_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
            params![
                Db(entry.user_id),
                entry.username,
                fold(&entry.username)?,
                entry.phone,
                serde_json::to_string(&entry.visibility)?,
                hash_text(account.password_hash.as_ref()),
                account.registered,
                account.conflict,
                account.retry_secret.as_ref().map(|secret| &secret.0),
                account.invite.as_ref().map(|secret| &secret.0),
                account.session.map(|term| Db(term.expires_at_ms)),
                account.session.map(|term| Db(term.life_ms)),
                Db(account.created_at_ms),
            ],
        )?;
        if made == 0 {
            return Err(StoreError::AccountExists);
        }
        Ok(())
    }

    /// Takes an account away, with its ties; its files are to be removed from now on.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchAccount`].
    pub fn remove_account(&mut self, account: AccountId) -> Result<(), StoreError> {
        atomically(self, |db| {
            db.delete_account(account)?;
            db.execute(
                "INSERT INTO removals (account) VALUES (?) ON CONFLICT DO NOTHING",
                [Db(account)],
            )?;
            Ok(())
        })
    }

    /// Takes an account away, with its ties, and leaves its files.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchAccount`].
    pub fn forget_account(&mut self, account: AccountId) -> Result<(), StoreError> {
        atomically(self, |db| db.delete_account(account))
    }

    fn delete_account(&self, account: AccountId) -> Result<(), StoreError> {
        some(self.execute("DELETE FROM accounts WHERE account = ?", [Db(account)])?)?;
        self.execute("DELETE FROM ties WHERE account = ?", [Db(account)])?;
        Ok(())
    }

    /// Notes that the files of an account that was taken away are gone.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn files_removed(&mut self, account: AccountId) -> Result<(), StoreError> {
        self.execute("DELETE FROM removals WHERE account = ?", [Db(account)])?;
        Ok(())
    }

    /// Notes that the hub knows the account, and its session there. What the registration needed is
    /// forgotten.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchAccount`].
    pub fn set_registered(
        &mut self,
        account: AccountId,
        term: SessionTerm,
    ) -> Result<(), StoreError> {
        some(self.execute(
            "UPDATE accounts SET registered = TRUE, conflict = FALSE, retry_secret = NULL, \
             invite = NULL, session_expires_at_ms = ?2, session_life_ms = ?3 WHERE account = ?1",
            params![Db(account), Db(term.expires_at_ms), Db(term.life_ms)],
        )?)
    }

    /// Notes that the hub gave the account's name or phone number to another.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchAccount`].
    pub fn set_conflict(&mut self, account: AccountId) -> Result<(), StoreError> {
        some(self.execute(
            "UPDATE accounts SET conflict = TRUE WHERE account = ?",
            [Db(account)],
        )?)
    }

    /// Changes an account that is not registered; its registration is pending again.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadName`]; [`StoreError::AccountExists`] where the name is another's here;
    /// [`StoreError::NoSuchAccount`] where there is none that is not registered.
    pub fn alter_unregistered(
        &mut self,
        entry: &DirectoryEntry,
        invite: Option<&Secret>,
    ) -> Result<(), StoreError> {
        let folded = fold(&entry.username)?;
        atomically(self, |db| {
            let other = db.view().account_by_name(&entry.username)?;
            if other.is_some_and(|other| other.entry.user_id != entry.user_id) {
                return Err(StoreError::AccountExists);
            }
            some(db.execute(
                "UPDATE accounts SET name = ?2, name_folded = ?3, phone = ?4, conflict = FALSE, \
                 invite = coalesce(?5, invite) WHERE account = ?1 AND NOT registered",
                params![
                    Db(entry.user_id),
                    entry.username,
                    folded,
                    entry.phone,
                    invite.map(|invite| &invite.0),
                ],
            )?)
        })
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
        some(self.execute(
            "UPDATE accounts SET password_hash = ?2 WHERE account = ?1",
            params![Db(account), hash.0],
        )?)
    }

    /// Notes how long the session at the hub lives; `None` where there is none.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchAccount`].
    pub fn set_session(
        &mut self,
        account: AccountId,
        term: Option<SessionTerm>,
    ) -> Result<(), StoreError> {
        some(self.execute(
            "UPDATE accounts SET session_expires_at_ms = ?2, session_life_ms = ?3 WHERE account = ?1",
            params![
                Db(account),
                term.map(|term| Db(term.expires_at_ms)),
                term.map(|term| Db(term.life_ms))
            ],
        )?)
    }

    /// Notes that an account begins to become one of the hub, with what is known of that one.
    ///
    /// # Errors
    ///
    /// [`StoreError::BadName`]; [`StoreError::NoSuchAccount`] where there is none that is not registered.
    pub fn begin_join(
        &mut self,
        account: AccountId,
        to: &DirectoryEntry,
        password_hash: &Secret,
        term: SessionTerm,
    ) -> Result<(), StoreError> {
        some(self.execute(
            "UPDATE accounts SET joins = ?2, name = ?3, name_folded = ?4, phone = ?5, \
             visibility = ?6, password_hash = ?7, session_expires_at_ms = ?8, session_life_ms = ?9 \
             WHERE account = ?1 AND NOT registered",
            params![
                Db(account),
                Db(to.user_id),
                to.username,
                fold(&to.username)?,
                to.phone,
                serde_json::to_string(&to.visibility)?,
                password_hash.0,
                Db(term.expires_at_ms),
                Db(term.life_ms),
            ],
        )?)
    }

    /// The account has become the one of the hub: its ties, and its place in time, are that one's now.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoSuchAccount`] where it did not begin to; [`StoreError::AccountExists`] where the
    /// other one is here too.
    pub fn finish_join(&mut self, account: AccountId) -> Result<MachineAccount, StoreError> {
        atomically(self, |db| {
            let from = db
                .view()
                .account(account)?
                .ok_or(StoreError::NoSuchAccount)?;
            let to = from.joins.ok_or(StoreError::NoSuchAccount)?;
            some(db.execute("DELETE FROM accounts WHERE account = ?", [Db(account)])?)?;
            let joined = MachineAccount {
                entry: DirectoryEntry {
                    user_id: to,
                    ..from.entry
                },
                registered: true,
                conflict: false,
                retry_secret: None,
                invite: None,
                joins: None,
                ..from
            };
            db.create_account(&joined)?;
            db.execute(
                "UPDATE ties SET account = ?2 WHERE account = ?1",
                params![Db(account), Db(to)],
            )?;
            Ok(joined)
        })
    }
}

/// How a password's hash, or that there is none, is written.
fn hash_text(hash: Option<&Secret>) -> &str {
    hash.map_or("", |hash| &hash.0)
}

fn some(altered: usize) -> Result<(), StoreError> {
    if altered == 0 {
        return Err(StoreError::NoSuchAccount);
    }
    Ok(())
}
