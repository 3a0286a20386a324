//! The public directory as it crosses a wire: who can be found, and what changed.
//!
//! What it holds of an account is [`DirectoryEntry`], and no other field, by type.

use serde::{Deserialize, Serialize};

use crate::account::DirectoryEntry;
use crate::id::{AccountId, Epoch, HubId};

/// `GET /api/v1/directory`: listed accounts by folded name, a page of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DirectoryPage {
    /// The entries.
    pub entries: Vec<DirectoryEntry>,
    /// What to give as `after` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// `GET /api/v1/directory/changes`: what changed after a number, a page of it, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DirectoryChanges {
    /// The hub whose directory it is.
    pub hub: HubId,
    /// The life of its database.
    pub epoch: Epoch,
    /// The changes. Numbers grow and have gaps: of each account only the last change is kept.
    pub changes: Vec<DirectoryChange>,
    /// The number of the last change of all; with it reached, nothing is missing.
    pub head: u64,
}

/// One change of the directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DirectoryChange {
    /// Its number: the directory cursor of whoever has applied it.
    pub number: u64,
    /// What changed.
    pub change: DirectoryEvent,
}

/// What can change in the directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum DirectoryEvent {
    /// An account is listed, with this entry.
    Created(DirectoryEntry),
    /// An account is deleted, everywhere.
    Deleted(AccountId),
}
