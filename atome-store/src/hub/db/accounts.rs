//! Accounts and sessions of the hub store, each change one transaction.

use atome_proto::AccountId;
use atome_proto::account::Visibility;
use uuid::Uuid;

use super::HubDb;
use crate::error::HubError;
use crate::hub::fanout::News;
use crate::hub::{
    AccountRecord, Invite, NewAccount, NewSession, PasswordChange, Registered, SessionRecord,
    accounts, deletion, directory, invites, sessions,
};
use crate::sqlite::transact::atomically;

impl HubDb {
    /// Registers an account and opens its first session, together.
    ///
    /// # Errors
    ///
    /// As [`super::super::HubStore::register`].
    pub fn register(
        &mut self,
        account: &NewAccount,
        session: &NewSession,
    ) -> Result<Registered, HubError> {
        atomically(self, |db| {
            let connection = &db.base.connection;
            let registered = accounts::register(connection, account)?;
            sessions::open(connection, session)?;
            if registered == Registered::New && account.entry.visibility == Visibility::Public {
                let number = directory::note(connection, account.entry.user_id, true)?;
                db.news.push(News::Directory(number));
            }
            Ok(registered)
        })
    }

    /// The account of a folded name.
    ///
    /// # Errors
    ///
    /// [`HubError::Fault`].
    pub fn account_by_name(&self, folded: &str) -> Result<Option<AccountRecord>, HubError> {
        accounts::by_name(&self.base.connection, folded)
    }

    /// The account of an id.
    ///
    /// # Errors
    ///
    /// [`HubError::Fault`].
    pub fn account(&self, account: AccountId) -> Result<Option<AccountRecord>, HubError> {
        accounts::by_id(&self.base.connection, account)
    }

    /// Accounts by id, those after `after`.
    ///
    /// # Errors
    ///
    /// [`HubError::Fault`].
    pub fn accounts(
        &self,
        after: Option<AccountId>,
        limit: u32,
    ) -> Result<Vec<AccountRecord>, HubError> {
        accounts::page(&self.base.connection, after, limit)
    }

    /// Opens a session.
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchAccount`].
    pub fn open_session(&mut self, session: &NewSession) -> Result<(), HubError> {
        atomically(self, |db| {
            let connection = &db.base.connection;
            accounts::by_id(connection, session.account)?.ok_or(HubError::NoSuchAccount)?;
            sessions::open(connection, session)
        })
    }

    /// The session of a token, and moves its end.
    ///
    /// # Errors
    ///
    /// [`HubError::Fault`].
    pub fn session(
        &mut self,
        token_hash: [u8; 32],
        now_ms: u64,
    ) -> Result<Option<SessionRecord>, HubError> {
        let found = sessions::find(&self.base.connection, token_hash, now_ms)?;
        found
            .map(|found| {
                if found.is_due {
                    sessions::seen(&self.base.connection, &found.session, now_ms)?;
                }
                Ok(found.session)
            })
            .transpose()
    }

    /// Moves the end of a session that is used.
    pub(in crate::hub) fn session_seen(
        &mut self,
        session: &SessionRecord,
        now_ms: u64,
    ) -> Result<(), HubError> {
        sessions::seen(&self.base.connection, session, now_ms)
    }

    /// Closes a session; whether there was one.
    ///
    /// # Errors
    ///
    /// [`HubError::Fault`].
    pub fn close_session(&mut self, account: AccountId, session: Uuid) -> Result<bool, HubError> {
        atomically(self, |db| {
            let closed = sessions::close(&db.base.connection, account, session)?;
            db.news.push(News::Sessions(account));
            Ok(closed)
        })
    }

    /// Closes every session of an account but one; how many.
    ///
    /// # Errors
    ///
    /// [`HubError::Fault`].
    pub fn close_other_sessions(
        &mut self,
        account: AccountId,
        kept: Uuid,
    ) -> Result<u64, HubError> {
        atomically(self, |db| {
            let closed = sessions::close_others(&db.base.connection, account, Some(kept))?;
            db.news.push(News::Sessions(account));
            Ok(closed)
        })
    }

    /// Changes a password, and closes the other sessions where that is asked for.
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchAccount`].
    pub fn set_password(&mut self, change: &PasswordChange) -> Result<(), HubError> {
        let PasswordChange {
            account,
            password_hash,
            only_session,
            now_ms,
        } = change;
        atomically(self, |db| {
            let connection = &db.base.connection;
            accounts::set_password(connection, *account, password_hash, *now_ms)?;
            if only_session.is_some() {
                sessions::close_others(connection, *account, *only_session)?;
                db.news.push(News::Sessions(*account));
            }
            Ok(())
        })
    }

    /// Closes an account to its sessions, or opens it again.
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchAccount`].
    pub fn set_disabled(&mut self, account: AccountId, disabled: bool) -> Result<(), HubError> {
        atomically(self, |db| {
            accounts::set_disabled(&db.base.connection, account, disabled)?;
            db.news.push(News::Sessions(account));
            Ok(())
        })
    }

    /// Deletes an account.
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchAccount`].
    pub fn delete_account(&mut self, account: AccountId, now_ms: u64) -> Result<(), HubError> {
        atomically(self, |db| {
            db.end_all(account, now_ms)?;
            let listed = deletion::delete(&db.base.connection, account, now_ms)?;
            db.news.push(News::Sessions(account));
            db.news.extend(listed.map(News::Directory));
            Ok(())
        })
    }

    /// Takes about `limit` rows of deleted accounts away; whether there is more to do.
    ///
    /// # Errors
    ///
    /// [`HubError::Fault`].
    pub fn purge(&mut self, limit: u32) -> Result<bool, HubError> {
        atomically(self, |db| deletion::purge(&db.base.connection, limit))
    }

    /// Adds an invitation.
    ///
    /// # Errors
    ///
    /// [`HubError::Fault`].
    pub fn add_invite(&mut self, invite: &Invite) -> Result<(), HubError> {
        invites::add(&self.base.connection, invite)
    }
}
