//! Reading, writing and watching atomes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::commit::Key;
use crate::id::{AccountId, AtomeId, ReplicaId};
use crate::receipt::Receipt;
use crate::stamp::Stamp;
use crate::state::present;
use crate::value::{Number, Value};

/// An atome as people and scripts see it; absent fields are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AtomeView {
    /// Its id.
    pub id: AtomeId,
    /// The external key that it was made under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Its broad category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The atome above; left out where a ring of parents is cut here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<AtomeId>,
    /// The account that holds authority.
    pub owner: AccountId,
    /// The account that made it.
    pub creator: AccountId,
    /// The atome that it is a copy of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copied_from: Option<AtomeId>,
    /// When it was made.
    pub created_at: String,
    /// When it was last written.
    pub updated_at: String,
    /// Whether it is deleted; left out where it is not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// Its particles that have a value.
    pub properties: BTreeMap<Key, Value>,
}

/// `POST /v1/commits`: operations that become visible together.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Write {
    /// At least one.
    pub operations: Vec<Operation>,
    /// Whether to answer with a receipt.
    #[serde(default)]
    pub receipt: bool,
}

/// What is done to one atome. Atomes are named by id, unique prefix of an id, or `key:EXTERNAL-KEY`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// The atome; left out where the operation makes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub atome: Option<String>,
    /// Makes an atome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create: Option<NewAtome>,
    /// New values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<Key, Value>,
    /// Particles that lose their value.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unset: BTreeSet<Key>,
    /// What counters grow by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub add: BTreeMap<Key, Number>,
    /// Deletes or undeletes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deleted: Option<bool>,
    /// Moves below another atome; an empty text moves to the top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
}

/// An atome to be made; its particles stand in the operation's `set`, its parent in `parent`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAtome {
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Its broad category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Its id; left out for a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<AtomeId>,
    /// Its external key, which gives the id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// What a write answers: it is durable on this machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WriteReply {
    /// The replica.
    pub replica: ReplicaId,
    /// The commit's number there.
    pub number: u64,
    /// The atomes that were written, in the order of the operations.
    pub atomes: Vec<AtomeId>,
    /// The receipt, where it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
}

/// The query of `GET /v1/atomes`, answered as JSON lines of [`AtomeView`] (or, with `format=seed`, of
/// [`crate::seed::Record`], sorted by id, deleted ones included: what `export` prints).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// Only of this type (`type`).
    pub type_name: Option<String>,
    /// Only directly below this atome (`parent`).
    pub parent: Option<String>,
    /// Only where `key OP value` holds, each (`where`, may stand several times).
    pub wheres: Vec<String>,
    /// Sorted by this particle, descending with a leading `-`; by id where it is left out (`order`).
    pub order: Option<String>,
    /// At most so many (`limit`).
    pub limit: Option<u64>,
    /// Deleted ones too (`deleted`).
    pub deleted: bool,
    /// As seed records (`format=seed`).
    pub seed: bool,
}

/// The query of `GET /v1/find`, answered as JSON lines of [`AtomeView`]: those that are there and in whose texts all
/// words stand, by relevance, then the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FindQuery {
    /// Words, the beginning of one with `*` after it, phrases in double quotes (`text`).
    pub text: String,
    /// Only of this type (`type`).
    pub type_name: Option<String>,
    /// At most so many (`limit`).
    pub limit: Option<u64>,
}

/// One line of `POST /v1/index`, each time that the index for searches has read a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexProgress {
    /// How much it has not read yet, in no unit; 0 at the end.
    pub left: u64,
}

/// One line of `GET /v1/tree`: depth first, siblings by name then id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TreeLine {
    /// Levels below where the tree begins.
    pub depth: u32,
    /// The atome.
    pub id: AtomeId,
    /// Its external key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Its type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// Its particle `name` (or `title`), if that is a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// `GET /v1/atomes/{id}/history`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The atome.
    pub atome: AtomeId,
    /// Whether all of its past is here; not where this store began from a snapshot.
    pub complete: bool,
    /// Versions, the oldest first.
    pub versions: Vec<HistoryVersion>,
}

/// What became of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VersionState {
    /// It gives the particle its value, or is part of its sum.
    Current,
    /// A later one took its place.
    Superseded,
    /// The hub refused it.
    Refused,
}

/// One version of one particle.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HistoryVersion {
    /// The particle, or a register of the envelope such as `$parent`.
    pub key: String,
    /// The value that it was set to; absent where it was unset or added to.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub value: Option<Value>,
    /// What was added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added: Option<Number>,
    /// When, by its stamp.
    pub at: String,
    /// Its place in the order of versions.
    pub stamp: Stamp,
    /// The stamp that it came with, where the hub gave it another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<Stamp>,
    /// Who wrote it; absent where a snapshot brought it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<AccountId>,
    /// The number of its commit; absent where a snapshot brought it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// Whether the hub has not decided it yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pending: bool,
    /// What became of it.
    pub state: VersionState,
}

/// What happened to an atome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// It is new here.
    Created,
    /// It changed.
    Altered,
    /// It was deleted.
    Deleted,
}

/// One line of `GET /v1/watch`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WatchEvent {
    /// Where to go on with `since`; it counts changes of this store, here or brought by sync.
    pub cursor: u64,
    /// What happened.
    pub change: ChangeKind,
    /// The atome as it is now.
    pub atome: AtomeView,
}
