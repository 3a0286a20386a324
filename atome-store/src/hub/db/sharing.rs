//! Sharing, each act one transaction.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use atome_proto::sharing::{Act, Grant, Why};
use atome_proto::state::RawState;
use atome_proto::sync::v1::RefusedOffer;
use atome_proto::{AccountId, GrantId, ReplicaId};
use rusqlite::Connection;

use super::HubDb;
use crate::error::{Fault, HubError};
use crate::hub::fanout::News;
use crate::hub::ledger::Ledger;
use crate::hub::sharing::{acts, grants, time, why};
use crate::hub::{GrantPage, Question, deletion, offer};
use crate::sqlite::transact::atomically;

/// When time next has an effect on a grant; never, where it has none.
pub(super) fn next_due(connection: &Connection) -> Result<u64, Fault> {
    let due = grants::next_due(connection).map_err(|error| Fault::Corrupt(error.to_string()))?;
    Ok(due.unwrap_or(u64::MAX))
}

impl HubDb {
    /// When time next has an effect on a grant, as it is durable.
    pub(in crate::hub) fn due(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.next_due)
    }

    /// What the transaction that stands open will have to tell.
    pub(super) fn tell(&mut self, news: Vec<News>) -> Result<(), HubError> {
        self.news.extend(news);
        self.due_ms = next_due(&self.base.connection)?;
        Ok(())
    }

    fn with_ledger<T>(
        &mut self,
        now_ms: u64,
        operation: impl FnOnce(&mut Ledger<'_>) -> Result<T, HubError>,
    ) -> Result<T, HubError> {
        atomically(self, |db| db.keep_ledger(now_ms, operation))
    }

    /// The same within a transaction.
    fn keep_ledger<T>(
        &mut self,
        now_ms: u64,
        operation: impl FnOnce(&mut Ledger<'_>) -> Result<T, HubError>,
    ) -> Result<T, HubError> {
        let mut ledger = Ledger::new(&self.base.connection, now_ms);
        let done = operation(&mut ledger)?;
        let news = ledger.finish()?;
        self.tell(news)?;
        Ok(done)
    }

    /// Carries out what time has brought to grants.
    ///
    /// # Errors
    ///
    /// [`HubError::Fault`].
    pub fn settle(&mut self, now_ms: u64) -> Result<(), HubError> {
        if now_ms < self.due_ms {
            return Ok(());
        }
        self.with_ledger(now_ms, time::settle)
    }

    /// Carries out an act of sharing.
    ///
    /// # Errors
    ///
    /// [`HubError::Refused`].
    pub fn act(&mut self, account: AccountId, act: &Act, now_ms: u64) -> Result<(), HubError> {
        self.with_ledger(now_ms, |ledger| {
            let refused = |(code, message)| HubError::Refused { code, message };
            acts::all(ledger, account, std::slice::from_ref(act))?.map_err(refused)
        })
    }

    /// Ends every grant of an account, within the transaction that deletes it.
    pub(super) fn end_all(&mut self, account: AccountId, now_ms: u64) -> Result<(), HubError> {
        self.keep_ledger(now_ms, |ledger| time::end_all(ledger, account))
    }

    /// Joins states to the account's own atomes, in one transaction; what could not be taken.
    ///
    /// # Errors
    ///
    /// [`HubError::Refused`] where one cannot be read, [`HubError::AccountDeleted`].
    pub fn offer(
        &mut self,
        account: AccountId,
        states: &[RawState],
        now_ms: u64,
    ) -> Result<Vec<RefusedOffer>, HubError> {
        self.with_ledger(now_ms, |ledger| {
            if deletion::is_deleted(ledger.connection, account)? {
                return Err(HubError::AccountDeleted);
            }
            offer::take(ledger, account, states)
        })
    }

    /// Grants that an account has to do with, by id, those after `after`.
    ///
    /// # Errors
    ///
    /// [`HubError::Fault`].
    pub fn grants(
        &self,
        account: AccountId,
        after: Option<GrantId>,
        max_bytes: usize,
    ) -> Result<GrantPage, HubError> {
        grants::page(&self.base.connection, account, after, max_bytes)
    }

    /// One grant, as an account is told of it.
    ///
    /// # Errors
    ///
    /// [`HubError::Fault`].
    pub fn grant(&self, account: AccountId, grant: GrantId) -> Result<Option<Grant>, HubError> {
        grants::one(&self.base.connection, account, grant)
    }

    /// Why an account may do something, or may not.
    ///
    /// # Errors
    ///
    /// [`HubError::Refused`].
    pub fn why(&self, asker: AccountId, question: &Question) -> Result<Why, HubError> {
        why::answer(&self.base.connection, asker, question)
    }

    /// Takes note that a replica is here.
    ///
    /// # Errors
    ///
    /// [`HubError::Fault`].
    pub fn seen(
        &mut self,
        account: AccountId,
        replica: ReplicaId,
        now_ms: u64,
    ) -> Result<(), HubError> {
        atomically(self, |db| {
            time::seen(&db.base.connection, account, replica, now_ms)
        })
    }

    /// Takes note that a replica has carried out every eviction up to a feed number.
    ///
    /// # Errors
    ///
    /// [`HubError::Fault`].
    pub fn evicted(
        &mut self,
        account: AccountId,
        replica: ReplicaId,
        feed: u64,
        now_ms: u64,
    ) -> Result<(), HubError> {
        self.with_ledger(now_ms, |ledger| {
            time::evicted(ledger, account, replica, feed)
        })
    }
}
