//! Version 1 of the sync protocol: every message, from either end.
//!
//! Every message is a JSON object with `type`. Unknown fields are ignored; an unknown type is ignored
//! where the message says `"optional": true`, else it is an error.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::account::{DirectoryEntry, Secret};
use crate::code::Code;
use crate::commit::RawCommit;
use crate::digest::Buckets;
use crate::id::{AccountId, AtomeId, Epoch, HubId, ReplicaId};
use crate::runtime::RuntimeDeclaration;
use crate::sharing::{Grant, Policy};
use crate::stamp::Stamp;
use crate::state::{AtomeState, RawState};
use crate::sync::frame::{BadFrame, Encoding, FrameBytes};

/// The version of this module.
pub const VERSION: u32 = 1;
/// The WebSocket subprotocol.
pub const SUBPROTOCOL: &str = "atome.sync.v1";
/// The capability of reading and writing zstd frames.
pub const CAPABILITY_ZSTD: &str = "zstd";
/// The capability of a client that wants to hear of changes of the directory.
pub const CAPABILITY_DIRECTORY: &str = "directory";
/// The capability of a hub that says what became of a commit.
pub const CAPABILITY_RECEIPTS: &str = "receipts";
/// The capability of a hub that shows the states of single buckets of the digest.
pub const CAPABILITY_STATES: &str = "states";
/// The capability of a hub that takes states of the account's own atomes, which it has lost or never had.
pub const CAPABILITY_OFFERS: &str = "offers";

macro_rules! frames {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(tag = "type")]
        pub enum $name {
            $(
                #[doc = concat!("`", $text, "`")]
                #[serde(rename = $text)]
                $variant($variant),
            )*
        }

        impl $name {
            /// Every message type of this direction.
            pub const TYPES: &[&str] = &[$($text),*];

            /// Reads a message; `None` where it is unknown and optional.
            ///
            /// # Errors
            ///
            /// [`BadFrame::Json`] or [`BadFrame::Unsupported`].
            pub fn from_json(json: &str) -> Result<Option<Self>, BadFrame> {
                let tag: Tag<'_> = serde_json::from_str(json)?;
                match tag.kind.as_ref() {
                    $($text => Ok(Some(Self::$variant(serde_json::from_str(json)?))),)*
                    _ if tag.optional => Ok(None),
                    other => Err(BadFrame::Unsupported(other.chars().take(64).collect())),
                }
            }

            /// Reads a message out of a frame; `None` where it is unknown and optional.
            ///
            /// # Errors
            ///
            /// [`BadFrame`].
            pub fn decode(frame: FrameBytes) -> Result<Option<Self>, BadFrame> {
                Self::from_json(&frame.unpack()?)
            }

            /// Puts the message into a frame.
            ///
            /// # Errors
            ///
            /// [`BadFrame::TooLong`].
            pub fn encode(&self, encoding: Encoding) -> Result<FrameBytes, BadFrame> {
                FrameBytes::pack(serde_json::to_string(self)?, encoding)
            }
        }

        $(impl From<$variant> for $name {
            fn from(message: $variant) -> Self {
                Self::$variant(message)
            }
        })*
    };
}

#[derive(Deserialize)]
struct Tag<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(default)]
    optional: bool,
}

frames! {
    /// A message from a client.
    ClientFrame {
        Auth = "auth",
        Hello = "hello",
        Push = "push",
        Pull = "pull",
        Applied = "applied",
        Evicted = "evicted",
        AskDigest = "digest",
        AskReceipt = "receipt",
        AskStates = "states",
        Offer = "offer",
        Ping = "ping",
    }
}

frames! {
    /// A message from the hub.
    HubFrame {
        Welcome = "welcome",
        Ack = "ack",
        Batch = "batch",
        Snapshot = "snapshot",
        Digest = "digest",
        Receipt = "receipt",
        States = "states",
        Offered = "offered",
        Pong = "pong",
        AccountCreated = "sync:account-created",
        AccountDeleted = "sync:account-deleted",
        Error = "error",
        Bye = "bye",
    }
}

/// Where a reader stands in a feed.
///
/// It means something only to the hub and the epoch that gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The hub.
    pub hub: HubId,
    /// The life of its database.
    pub epoch: Epoch,
    /// The feed number up to which everything is applied.
    pub feed: u64,
}

/// The first message of a client that could not authenticate on the upgrade.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Auth {
    /// The session's token.
    pub token: Secret,
}

/// The first message once authenticated: who speaks, and where it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hello {
    /// The protocol versions that the client speaks.
    pub protocols: Vec<u32>,
    /// What the client is; it must name no local endpoint.
    pub runtime: RuntimeDeclaration,
    /// The replica.
    pub replica: ReplicaId,
    /// The number of its last commit.
    pub number: u64,
    /// The number of its last commit whose decision it has kept: it pushes from the next one on.
    pub acked: u64,
    /// Where it stands in the feed; absent where it has nothing yet.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// What it can do beyond the minimum, such as `zstd`.
    #[serde(default)]
    pub capabilities: Vec<String>,
}

/// Commits of the replica that said hello, in order and without a gap.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Push {
    /// The number of the first one.
    pub first: u64,
    /// The commits.
    pub commits: Vec<RawCommit>,
}

/// Asks for the feed after a cursor, from now on and as it grows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pull {
    /// Where to begin; absent for the current state.
    #[serde(default)]
    pub cursor: Option<Cursor>,
    /// How many frames (batches or pages) may be on the way.
    pub window: u32,
}

/// One more frame (batch or page) is applied and durable: opens the window by one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Applied {
    /// Where the reader stands now; absent while a snapshot is on its way.
    #[serde(default)]
    pub cursor: Option<Cursor>,
}

/// Every eviction up to a feed number is carried out: nothing of it is in the replica's files any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evicted {
    /// The feed number.
    pub feed: u64,
}

/// Asks for the hub's digest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AskDigest {
    /// Returned as it is, to tell answers apart.
    pub ask: u64,
}

/// Asks what became of a commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AskReceipt {
    /// Returned as it is, to tell answers apart.
    pub ask: u64,
    /// Who wrote it.
    pub author: AccountId,
    /// The stamp that it was written under.
    pub stamp: Stamp,
    /// Its number.
    pub number: u64,
}

/// Asks for the states of some buckets of the digest, to see where a store differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AskStates {
    /// Returned as it is, to tell answers apart.
    pub ask: u64,
    /// The buckets: last bytes of atomes' ids.
    pub buckets: Vec<u8>,
    /// Only ids after this one; from the beginning, where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<AtomeId>,
}

/// States of the account's own atomes that another hub, or life of its database, gave, and of which this one lacks
/// something. Only to a hub with [`CAPABILITY_OFFERS`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// Returned as it is, to tell answers apart.
    pub ask: u64,
    /// The states, without what this machine has pending; a long one comes in parts.
    pub states: Vec<RawState>,
}

/// Asks for a sign of life.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ping {
    /// Returned as it is.
    pub timestamp: u64,
}

/// The hub's first message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Welcome {
    /// The name of this connection, in the hub's logs.
    pub client_id: String,
    /// The hub's time, in milliseconds since 1970.
    pub timestamp: u64,
    /// The protocol version chosen.
    pub protocol: u32,
    /// The hub.
    pub hub: HubId,
    /// The life of its database.
    pub epoch: Epoch,
    /// The last number of the account's feed.
    pub head: u64,
    /// The oldest feed number still kept.
    pub oldest: u64,
    /// The highest commit number that the hub has decided for this replica.
    pub number: u64,
    /// What the hub takes.
    pub limits: Limits,
    /// What both ends can do.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// The number of the last change of the public directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub directory: Option<u64>,
    /// When the session ends unless it is used, in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_expires_at_ms: Option<u64>,
}

/// What the hub takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Bytes of a commit's JSON.
    pub commit_len_max: u32,
    /// Bytes of a frame's JSON.
    pub frame_len_max: u32,
    /// Push frames that may wait for their acknowledgement.
    pub window: u32,
}

/// What the hub decided on commits that were pushed; every one of the replica up to `number` is durable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ack {
    /// The replica.
    pub replica: ReplicaId,
    /// The number of the first commit of the push that it answers.
    pub first: u64,
    /// The highest number of the push that is decided.
    pub number: u64,
    /// One for each commit of it that is not plainly accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verdicts: Vec<Verdict>,
}

/// What became of one commit that is not plainly accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The commit's number.
    pub number: u64,
    /// What became of it.
    pub ruling: Ruling,
}

/// A decision other than plain acceptance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Ruling {
    /// Accepted with the hub's time instead of its own, which was ahead or out of order.
    Clamped {
        /// The stamp that it has now, everywhere.
        stamp: Stamp,
    },
    /// Not accepted; it never will be.
    Refused(Box<Refusal>),
    /// Not decided yet; a later acknowledgement says more.
    Deferred {
        /// What it waits for.
        on: String,
    },
}

/// Why a commit was refused, and what stands instead.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Refusal {
    /// The stable word.
    pub code: Code,
    /// What is wrong, for a person.
    pub message: String,
    /// The hub's state of the atomes that it touched, where there are few.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<AtomeState>,
}

/// Feed entries in order, without a gap.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    /// The number of the first entry.
    pub from: u64,
    /// The entries, numbered one after the other.
    pub entries: Vec<Entry>,
    /// The head of the feed when the batch was read.
    pub head: u64,
}

impl Batch {
    /// The number of the last entry.
    #[must_use]
    pub fn to(&self) -> u64 {
        let len = u64::try_from(self.entries.len()).unwrap_or(u64::MAX);
        self.from.saturating_add(len).saturating_sub(1)
    }
}

impl Batch {
    /// The highest number of the reader's own commits in it; 0 where there is none.
    #[must_use]
    pub fn last_mine(&self) -> u64 {
        let mine = self.entries.iter().filter_map(|entry| match entry {
            Entry::Mine(number) => Some(*number),
            Entry::Commit(_)
            | Entry::State(_)
            | Entry::Evict(_)
            | Entry::Grant(_)
            | Entry::Policy(_)
            | Entry::Nothing => None,
        });
        mine.max().unwrap_or(0)
    }
}

/// One entry of a feed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Entry {
    /// A commit, whole or cut to what the reader may see.
    Commit(RawCommit),
    /// A commit of this very replica, by its number: it has the rest.
    Mine(u64),
    /// An atome of another account comes into sight, or more of it does: what may be seen of its state.
    /// A long one comes in parts, one entry each; they are joined.
    State(RawState),
    /// Atomes that the reader may not have any more, at most
    /// [`EVICTED_AT_ONCE`](crate::limit::EVICTED_AT_ONCE).
    Evict(Vec<AtomeId>),
    /// A grant that the reader has to do with is so now.
    Grant(Box<Grant>),
    /// What the reader does with another account's requests is so now.
    Policy(Policy),
    /// Nothing that the reader may see any more.
    Nothing,
}

/// A page of current state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The head of the feed when the snapshot began: the pages of one snapshot agree in it.
    pub since: u64,
    /// The place of this page, from 0; with the first one, what was gathered before is dropped.
    pub page: u64,
    /// States of atomes; a state may come in parts, or again: they are joined.
    pub states: Vec<RawState>,
    /// Atomes that were evicted since: what earlier pages have of them goes. What is seen of them still is in
    /// `states`, of this page or a later one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<AtomeId>,
    /// Grants that the reader has to do with; one that comes again takes the place of the one before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Grant>,
    /// What the reader does with other accounts' requests; the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<Policy>,
    /// How many atomes there are in all, for a progress bar.
    pub total: u64,
    /// Present on the last page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<SnapshotEnd>,
}

/// What a snapshot stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotEnd {
    /// The cursor whose state it is.
    pub cursor: Cursor,
    /// The highest commit number of this replica that is in it.
    pub number: u64,
}

/// The hub's digest of all that the account sees.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Digest {
    /// As asked.
    pub ask: u64,
    /// The feed number whose state it is.
    pub feed: u64,
    /// By atome.
    pub buckets: Buckets,
}

/// States of some buckets, by id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct States {
    /// As asked.
    pub ask: u64,
    /// The feed number whose states they are.
    pub feed: u64,
    /// The states; a long one comes in parts.
    pub states: Vec<RawState>,
    /// The last id of those looked at, where there are more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<AtomeId>,
}

/// What was offered is joined to what the hub has, and durable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Offered {
    /// As asked.
    pub ask: u64,
    /// What was not taken, and never will be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedOffer>,
}

/// An atome that was offered and not taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RefusedOffer {
    /// The atome.
    pub atome: AtomeId,
    /// Why.
    pub code: Code,
    /// The same for a person.
    pub message: String,
}

/// What became of a commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// As asked.
    pub ask: u64,
    /// What became of it.
    pub standing: Standing,
    /// The head of the asker's feed, read after that: what the asker may see of a commit that is accepted
    /// stands in it.
    pub head: u64,
}

/// What became of a commit, as far as the hub knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It has not come.
    Unknown,
    /// It is accepted, and durable.
    Accepted,
    /// It waits for something, such as a grant.
    Deferred,
    /// It is refused.
    Refused,
    /// Another commit came under its number: a copy of the replica was first, and this one was given another.
    Renumbered,
}

/// A sign of life.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pong {
    /// As sent.
    pub timestamp: u64,
    /// The hub's time, in milliseconds since 1970.
    pub hub_time: u64,
    /// The last number of the account's feed.
    pub head: u64,
    /// The highest commit number that the hub has decided for this replica.
    pub number: u64,
}

/// An account is listed in the public directory. Told to clients with [`CAPABILITY_DIRECTORY`].
///
/// A client whose directory cursor is not the number before has missed something, and asks
/// `GET /api/v1/directory/changes`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountCreated {
    /// The number of the change.
    pub number: u64,
    /// The account's public identity.
    pub entry: DirectoryEntry,
}

/// An account that was listed is deleted, everywhere. Told as [`AccountCreated`] is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountDeleted {
    /// The number of the change.
    pub number: u64,
    /// The account.
    pub user_id: AccountId,
}

/// Something that the client sent is wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Error {
    /// The stable word.
    pub code: Code,
    /// What is wrong, for a person.
    pub message: String,
    /// Whether the same may succeed later.
    #[serde(default)]
    pub retry: bool,
    /// More that belongs to the code: protocol ranges, a commit number.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, u64>,
}

/// The hub ends the connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Bye {
    /// Why.
    pub code: Code,
    /// Why, for a person.
    pub message: String,
    /// When to come back, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}
