//! What the drivers hear from the hub that is not about their own store: the end of sessions, the directory,
//! accounts that were deleted. Gathered here until the keeper of the accounts takes it; bounded by the
//! number of accounts, whatever comes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use atome_proto::directory::DirectoryChange;
use atome_proto::sync::v1::Welcome;
use atome_proto::{AccountId, Epoch, HubId};
use tokio::sync::Notify;

/// Changes of the directory that are held; whoever misses one asks for it.
const CHANGES_MAX: usize = 256;

/// What was heard since it was last taken.
#[derive(Debug, Default)]
pub struct Heard {
    /// Accounts that were deleted.
    pub deleted: BTreeSet<AccountId>,
    /// When sessions end unless they are used, in milliseconds since 1970.
    pub sessions: BTreeMap<AccountId, u64>,
    /// The hub's directory, and the number of its last change.
    pub directory: Option<(HubId, Epoch, u64)>,
    /// Changes of the directory, as they came.
    pub changes: Vec<DirectoryChange>,
    /// When a connection was last known to stand that does not any more, in milliseconds since 1970.
    pub left_ms: Option<u64>,
}

/// Where drivers leave what they heard.
#[derive(Debug, Default)]
pub struct News {
    heard: Mutex<Heard>,
    there_is: Notify,
}

impl News {
    /// Waits until there is something new.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub async fn wait(&self) {
        self.there_is.notified().await;
    }

    /// Takes what there is.
    pub fn take(&self) -> Heard {
        std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The hub welcomed an account.
    pub(super) fn welcomed(&self, account: AccountId, welcome: &Welcome) {
        self.add(|heard| {
            if let Some(ends_ms) = welcome.session_expires_at_ms {
                heard.sessions.insert(account, ends_ms);
            }
            if let Some(number) = welcome.directory {
                heard.directory = Some((welcome.hub, welcome.epoch, number));
            }
        });
    }

    /// The directory changed. Each driver hears of it; once is enough.
    pub(super) fn listed(&self, change: DirectoryChange) {
        self.add(|heard| {
            if heard.changes.len() < CHANGES_MAX && !heard.changes.contains(&change) {
                heard.changes.push(change);
            }
        });
    }

    /// The account was deleted.
    pub(super) fn deleted(&self, account: AccountId) {
        self.add(|heard| {
            heard.deleted.insert(account);
        });
    }

    /// A connection that stood does not any more.
    pub(super) fn left(&self, now_ms: u64) {
        self.add(|heard| heard.left_ms = Some(now_ms));
    }

    fn add(&self, add: impl FnOnce(&mut Heard)) {
        add(&mut self.heard.lock().unwrap_or_else(PoisonError::into_inner));
        self.there_is.notify_one();
    }
}
