//! Sync, seeding and verifying.

use serde::{Deserialize, Serialize};

use crate::code::Code;
use crate::digest::Digest;
use crate::id::{AtomeId, Epoch, HubId, ReplicaId};
use crate::local::v1::AccountStatus;
use crate::state::present;
use crate::value::Value;

/// When an account syncs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Always connected.
    #[default]
    Live,
    /// Connected every so many minutes until nothing is left to do.
    Interval,
    /// Connected when asked to, until nothing is left to do.
    Manual,
    /// Never connected.
    Off,
}

/// `PUT /v1/sync/mode`, and what a store keeps of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SetMode {
    /// The mode.
    pub mode: Mode,
    /// Minutes from one connection to the next, for [`Mode::Interval`]; 15 where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every_min: Option<u32>,
    /// For [`Mode::Interval`]: only within this part of the day, in UTC, as minutes from midnight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_min: Option<(u16, u16)>,
}

/// `GET /v1/sync`: the account's status with what only sync cares about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SyncStatus {
    /// As in `status`.
    pub account: AccountStatus,
    /// When it syncs.
    pub schedule: SetMode,
    /// The replica.
    pub replica: ReplicaId,
    /// The number of its last commit.
    pub number: u64,
    /// The number of its last commit that the hub decided.
    pub acked: u64,
    /// The hub that the cursor belongs to.
    pub hub: Option<HubId>,
    /// The life of the hub's database that the cursor belongs to.
    pub epoch: Option<Epoch>,
    /// Whether a connection stands.
    pub connected: bool,
    /// When the next attempt is due, in milliseconds, where one is.
    pub next_attempt_ms: Option<u64>,
}

/// `POST /v1/sync/wait`: the proof.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaitReply {
    /// The hub.
    pub hub: HubId,
    /// The life of its database.
    pub epoch: Epoch,
    /// The replica.
    pub replica: ReplicaId,
    /// Every commit up to this number is decided and durable at the hub.
    pub number: u64,
    /// Everything up to this feed number is applied here.
    pub cursor: u64,
    /// Commits that the hub refused, and that still wait for a person.
    pub refused: u64,
    /// The digest of the store at that moment.
    pub digest: Digest,
}

/// One line of `GET /v1/sync/refused`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RefusedCommit {
    /// The commit's number.
    pub number: u64,
    /// Why.
    pub code: Code,
    /// Why, for a person.
    pub message: String,
    /// When it was written.
    pub at: String,
    /// The atomes that it touched.
    pub atomes: Vec<AtomeId>,
}

/// `GET /v1/sync/verify`: two digests at one feed number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SyncVerify {
    /// Whether they are equal.
    pub equal: bool,
    /// The feed number at which both were taken.
    pub cursor: u64,
    /// The digest of this store, without commits that the hub has put off.
    pub local: Digest,
    /// The hub's digest.
    pub hub: Digest,
    /// Atomes that such commits touch, by id: they were compared as they are without them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deferred: Vec<AtomeId>,
    /// Buckets (last byte of the atome's id) that differ.
    #[serde(default)]
    pub differing: Vec<u8>,
    /// What differs, by atome: the first [`FOUND_MAX`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub found: Vec<Found>,
    /// How many atomes were given the hub's state, and whether the digest was counted anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mended: Option<u64>,
    /// Whether the hub's states do not come to the hub's own digest.
    #[serde(default)]
    pub hub_damaged: bool,
}

/// Most atomes that a verification names.
pub const FOUND_MAX: usize = 1_000;

/// One atome in which this store and the hub differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The atome.
    pub atome: AtomeId,
    /// How it differs.
    pub kind: FoundKind,
    /// The particles and registers that differ, where both can be read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
}

/// How an atome here differs from the hub's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FoundKind {
    /// Its row here cannot be read, or contradicts itself.
    Unreadable,
    /// Both have it, and not the same.
    Different,
    /// Only the hub has it.
    Missing,
    /// Only this store has it.
    Extra,
}

/// The query of `POST /v1/seed` (`dry_run=true`), whose body, as that of `POST /v1/verify`, is JSON
/// lines of [`crate::seed::Record`], at most [`crate::limit::SEED_CHUNK_RECORDS`] of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SeedQuery {
    /// Counts what would be written, and writes nothing.
    pub dry_run: bool,
}

/// What `POST /v1/seed` answers: all of it is durable on this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeedReply {
    /// Records that were made.
    pub created: u64,
    /// Records that were there and changed.
    pub altered: u64,
    /// Records that were there as they are.
    pub unchanged: u64,
    /// Commits that this took.
    pub commits: u64,
}

/// What `POST /v1/verify` answers: all differences of these records.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct VerifyReply {
    /// Records that are there and equal.
    pub equal: u64,
    /// The atomes that the records name, for `--strict`.
    pub atomes: Vec<AtomeId>,
    /// What differs.
    pub differences: Vec<Difference>,
}

/// How a store differs from a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DifferenceKind {
    /// The record or its field is not in the store.
    Missing,
    /// The store has another value.
    Different,
    /// The store has what no record says.
    Unexpected,
}

/// One difference between a record and the store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The record, by external key or id; `line N` of the request where it has neither.
    pub record: String,
    /// How it differs.
    pub difference: DifferenceKind,
    /// What differs: a particle, or `type`, `kind`, `parent`, `deleted` after a `$`; absent where it is
    /// the whole atome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What the record says.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub expected: Option<Value>,
    /// What the store has.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub found: Option<Value>,
}
