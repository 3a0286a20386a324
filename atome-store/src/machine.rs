//! The machine store: the accounts that this machine knows, which Unix user may use which, what is still to
//! be told to the hub, and a copy of the public directory.
//!
//! Tokens of the hub are not here; where they are is the configuration's choice.

mod accounts;
mod carry;
mod db;
mod directory;
mod queue;
mod read;
mod store;
#[cfg(test)]
mod tests;

use atome_proto::account::{DirectoryEntry, Secret};
use atome_proto::{AccountId, Epoch, HubId};

pub use carry::{Carried, carry};
pub use db::MachineDb;
pub use read::MachineView;
pub use store::MachineStore;

/// An account as this machine keeps it. No `Debug`: it holds a password's hash.
#[derive(Clone)]
pub struct MachineAccount {
    /// Its public identity.
    pub entry: DirectoryEntry,
    /// The argon2id hash of its password, in PHC form; absent where it came by a token.
    pub password_hash: Option<Secret>,
    /// Whether the hub knows it.
    pub registered: bool,
    /// Whether the hub gave its name or phone number to another.
    pub conflict: bool,
    /// The secret that shows a repeated registration to be one; present while it is pending.
    pub retry_secret: Option<Secret>,
    /// The invitation that the registration brings.
    pub invite: Option<Secret>,
    /// The session at the hub, where there is one.
    pub session: Option<SessionTerm>,
    /// The account of the hub that this one is becoming.
    pub joins: Option<AccountId>,
    /// When it was made, or first came, here, in milliseconds since 1970.
    pub created_at_ms: u64,
}

/// How long a session at the hub lives, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTerm {
    /// When it ends unless it is used, since 1970.
    pub expires_at_ms: u64,
    /// How long it lives from its last use on.
    pub life_ms: u64,
}

impl SessionTerm {
    /// A session that was used now.
    #[must_use]
    pub fn used(expires_at_ms: u64, now_ms: u64) -> Self {
        Self {
            expires_at_ms,
            life_ms: expires_at_ms.saturating_sub(now_ms),
        }
    }

    /// When it is to be used at the latest, so that it lives on in good time: at two thirds of its life.
    ///
    /// `None` where the hub said so of a session that is over by this machine's clock: the clock is wrong, and
    /// says nothing about when.
    #[must_use]
    pub fn due_ms(&self) -> Option<u64> {
        (self.life_ms > 0).then(|| self.expires_at_ms.saturating_sub(self.life_ms / 3))
    }
}

/// That a Unix user may use an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tie {
    /// The Unix user.
    pub uid: u32,
    /// The account.
    pub account: AccountId,
    /// Since when, in milliseconds since 1970.
    pub since_ms: u64,
}

/// A session that the hub is to be told to close.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Its place in the queue.
    pub id: i64,
    /// Whose session it is.
    pub account: AccountId,
    /// Under which name its token is kept.
    pub secret: String,
    /// Since when it waits, in milliseconds since 1970.
    pub since_ms: u64,
}

/// Of which hub the copy of the directory is, up to which change, and as of when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectoryCursor {
    /// The hub.
    pub hub: HubId,
    /// The life of its database.
    pub epoch: Epoch,
    /// The number of the last change that is in the copy.
    pub number: u64,
    /// When the hub last said that nothing was missing, in milliseconds since 1970.
    pub true_ms: u64,
}
