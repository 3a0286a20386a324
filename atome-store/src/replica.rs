//! The replica store: one account's atomes, their timeline, what is pending, and where it stands in the
//! feed. One SQLite file.
//!
//! [`ReplicaDb`] is the store itself, synchronous, on one connection; [`ReplicaStore`] is its handle for
//! a daemon: one writer thread that groups waiting writes into one transaction, and a few readers.
//! Steps 6, 14 and 17 of the way of a write.
//!
//! A current value can always be computed anew from the versions that are kept: the baseline of an atome
//! (what a snapshot brought), and every commit since that touches it and was not refused. What a refusal,
//! a clamp or a fork changes is computed so.
//!
//! Atomes of other accounts that this one may see stand beside its own; whose an atome is, its state tells.
//! What may not be seen any more goes: from the states, from every commit, and from the files.

mod ack;
mod apply;
mod bench;
mod check;
mod db;
mod evict;
mod export;
mod family;
mod fork;
mod head;
mod history;
mod moving;
mod offer;
mod read;
mod recompute;
mod refused;
mod salvaged;
mod scrub;
mod search;
mod seed;
mod sharing;
mod snapshot;
mod store;
#[cfg(test)]
mod tests;
mod timeline;
mod write;

use atome_proto::local::v1::ChangeKind;
use atome_proto::stamp::Stamp;
use atome_proto::{AtomeId, ReplicaId};

pub use apply::ReadBatch;
pub use atome_engine::draft::Draft;
pub use atome_engine::replica::Position;
pub use check::{Part, Recount, read_states};
pub use db::ReplicaDb;
pub use export::Export;
pub use search::{BadWords, Wanted, Words};
pub use sharing::{Question, Shown, Which};
pub use snapshot::ReadPage;
pub use store::ReplicaStore;

/// What a write made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The replica.
    pub replica: ReplicaId,
    /// The commit's number there.
    pub number: u64,
    /// The stamp that it was given.
    pub stamp: Stamp,
    /// The local change that it is.
    pub change: u64,
}

/// A commit that the hub will decide on later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deferred {
    /// Its number.
    pub number: u64,
    /// What it waits for, for a person.
    pub on: String,
    /// When it was made, in milliseconds since 1970.
    pub at_ms: u64,
    /// The atomes that it touches.
    pub atomes: Vec<AtomeId>,
}

/// What to list. Every part that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Of this type.
    pub type_name: Option<String>,
    /// With this parent, as written.
    pub parent: Option<AtomeId>,
    /// Deleted ones too.
    pub deleted: bool,
    /// Only those with a greater id.
    pub after: Option<AtomeId>,
    /// At most so many are looked at; a page may be shorter and not the last. The last one is empty.
    pub limit: u32,
}

/// What was taken of a part of the atomes that a [`Scan`] goes through, by id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sifted<T> {
    /// What was taken.
    pub taken: Vec<T>,
    /// The last atome that was looked at: where to go on. None after the end.
    pub last: Option<AtomeId>,
}

/// What changed since a local change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// By local change; an atome stands once for each.
    pub events: Vec<(u64, ChangeKind, AtomeId)>,
    /// Whether, before those, a snapshot changed more than is listed: list all, then go on.
    pub reset: bool,
    /// Where to go on. What came before it is in the answer whole.
    pub through: u64,
}
