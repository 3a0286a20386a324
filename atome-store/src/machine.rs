//! The machine store: the accounts that this machine knows, and which Unix user may use which.
//!
//! Tokens of the hub are not here; where they are is the configuration's choice.

mod db;
mod read;
mod store;
#[cfg(test)]
mod tests;

use atome_proto::AccountId;
use atome_proto::account::{DirectoryEntry, Secret};

pub use db::MachineDb;
pub use store::MachineStore;

/// An account as this machine keeps it. No `Debug`: it holds a password's hash.
#[derive(Clone)]
pub struct MachineAccount {
    /// Its public identity.
    pub entry: DirectoryEntry,
    /// The argon2id hash of its password, in PHC form.
    pub password_hash: Secret,
    /// Whether the hub knows it.
    pub registered: bool,
    /// Whether the hub gave its name or phone number to another.
    pub conflict: bool,
    /// The secret that shows a repeated registration to be one; present while it is pending.
    pub retry_secret: Option<Secret>,
    /// When the session at the hub ends unless it is used, in milliseconds since 1970.
    pub session_expires_at_ms: Option<u64>,
    /// When it was made, or first came, here, in milliseconds since 1970.
    pub created_at_ms: u64,
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
