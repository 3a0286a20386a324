//! What support needs to know of a daemon beside its findings: settings and sizes, and nobody's data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::AccountId;

/// `GET /v1/facts`: no name, no phone number, no secret and no value of a particle has a place in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The settings in use, by dotted key; names of accounts and of the machine are left out, and the home
    /// folder of the daemon's user is written `~`.
    pub configuration: BTreeMap<String, String>,
    /// The stores of the accounts that the asker may see.
    pub stores: Vec<StoreFacts>,
}

/// One store in [`Facts`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoreFacts {
    /// The account.
    pub account: AccountId,
    /// Its files, with their length in bytes.
    pub files: BTreeMap<String, u64>,
    /// Its tables, with the number of their rows; empty where they cannot be counted.
    pub rows: BTreeMap<String, u64>,
}
