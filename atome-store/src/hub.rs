//! The hub store: accounts, sessions, the feed of each account and what it comes to.
//!
//! A trait, so that a hub can stand on another database; [`SqliteHub`] is its first implementation, and
//! the conformance suite what every implementation must pass.

use async_trait::async_trait;
use atome_proto::account::DirectoryEntry;
use atome_proto::commit::Key;
use atome_proto::digest::Buckets;
use atome_proto::directory::DirectoryChange;
use atome_proto::sharing::{Act, Grant, Policy, Right, Why};
use atome_proto::state::RawState;
use atome_proto::sync::v1::{AskReceipt, AskStates, Batch, Receipt, RefusedOffer, States};
use atome_proto::{AccountId, AtomeId, Epoch, GrantId, ReplicaId};
use tokio::sync::watch;
use uuid::Uuid;

use crate::error::HubError;

mod accounts;
mod admit;
mod census;
mod check;
#[cfg(test)]
mod conformance;
mod db;
mod deletion;
mod directory;
mod fanout;
mod feed;
mod horizon;
mod invites;
mod ledger;
mod offer;
mod receipt;
mod sessions;
mod setback;
mod sharing;
mod sqlite;
mod states;
mod upkeep;
mod views;

pub use admit::ReadPush;
pub use atome_engine::session::{
    Admitted, ChangedPage, Claim, FeedPosition, GrantPage, Identity, StatePage,
};
pub use census::Census;
pub use check::check;
pub use db::HubDb;
pub use setback::Setback;
pub use sqlite::SqliteHub;
pub use upkeep::{CopyError, Figures, back_up, figures, restore};

/// An account that asks to be registered.
#[derive(Clone)]
pub struct NewAccount {
    /// Its public identity.
    pub entry: DirectoryEntry,
    /// The argon2id hash of its password, in PHC form.
    pub password_hash: String,
    /// The hash of the registration's retry secret.
    pub retry_hash: [u8; 32],
    /// By what right; one that is known already needs none.
    pub admission: Admission,
    /// When, in milliseconds since 1970.
    pub created_at_ms: u64,
}

/// By what right an account is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Everyone may.
    Open,
    /// Whoever has an invitation, by the hash of its code.
    Invited(Option<[u8; 32]>),
    /// Nobody may.
    Closed,
}

/// An invitation to register, once. No `Debug`: it holds a code's hash.
#[derive(Clone, Copy)]
pub struct Invite {
    /// The hash of its code.
    pub code_hash: [u8; 32],
    /// When it was made, in milliseconds since 1970.
    pub created_at_ms: u64,
    /// Until when it is good, in milliseconds since 1970.
    pub expires_at_ms: u64,
}

/// What one entry of the directory is found by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectoryKey {
    /// The folded name of an account that is listed.
    Name(String),
    /// The phone number of any account.
    Phone(String),
}

/// Who changes a password, to what. No `Debug`: it holds a password's hash.
#[derive(Clone)]
pub struct PasswordChange {
    /// The account.
    pub account: AccountId,
    /// The argon2id hash of the new password, in PHC form.
    pub password_hash: String,
    /// The only session that stays, where the others are to be closed.
    pub only_session: Option<Uuid>,
    /// When, in milliseconds since 1970.
    pub now_ms: u64,
}

/// What those hear who wait for news of an account. Nothing is told of what was before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signals {
    /// The head of its feed; 0 until it has grown since someone first asked.
    pub head: u64,
    /// Grows when sessions of it may be over: ask for yours again.
    pub sessions: u64,
}

/// What became of a registration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registered {
    /// The account is new.
    New,
    /// It is the same registration as before, by its id and retry secret; the session is new.
    Again,
}

/// An account as the hub keeps it. No `Debug`: it holds a password's hash.
#[derive(Clone)]
pub struct AccountRecord {
    /// Its public identity.
    pub entry: DirectoryEntry,
    /// The argon2id hash of its password, in PHC form.
    pub password_hash: String,
    /// Whether the operator has closed it.
    pub disabled: bool,
    /// When it was registered, in milliseconds since 1970.
    pub created_at_ms: u64,
}

/// A session to be opened. No `Debug`: it holds a token's hash.
#[derive(Clone)]
pub struct NewSession {
    /// Whose.
    pub account: AccountId,
    /// Its id.
    pub session: Uuid,
    /// The hash of its token.
    pub token_hash: [u8; 32],
    /// The name of the machine.
    pub device: String,
    /// When, in milliseconds since 1970.
    pub created_at_ms: u64,
    /// How long it lives after its last use, in milliseconds.
    pub ttl_ms: u64,
}

/// A session that is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// Whose.
    pub account: AccountId,
    /// Its id.
    pub session: Uuid,
    /// The name of the machine.
    pub device: String,
    /// When it was opened, in milliseconds since 1970.
    pub created_at_ms: u64,
    /// When it was last used, to the hour, in milliseconds since 1970.
    pub seen_at_ms: u64,
    /// When it ends unless it is used, in milliseconds since 1970.
    pub expires_at_ms: u64,
}

/// A question about the rights of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Whose rights.
    pub actor: AccountId,
    /// To do what.
    pub right: Right,
    /// With which particle, where it is about one.
    pub key: Option<Key>,
    /// Of which atome.
    pub atome: AtomeId,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

/// What a hub keeps.
///
/// Every answer is given after what it tells of is durable.
#[async_trait]
pub trait HubStore: Send + Sync {
    /// Which hub it is, and which life of its database.
    async fn identity(&self) -> Result<Identity, HubError>;

    /// Registers an account and opens its first session, together.
    ///
    /// The same id with the same retry hash is the same registration: it gets a new session.
    ///
    /// # Errors
    ///
    /// [`HubError::NameTaken`], [`HubError::PhoneTaken`], [`HubError::BadName`], [`HubError::Closed`],
    /// [`HubError::NotInvited`], or [`HubError::AccountDeleted`] for an id that was one's.
    async fn register(
        &self,
        account: NewAccount,
        session: NewSession,
    ) -> Result<Registered, HubError>;

    /// The account of a folded name.
    async fn account_by_name(&self, folded: &str) -> Result<Option<AccountRecord>, HubError>;

    /// The account of an id.
    async fn account(&self, account: AccountId) -> Result<Option<AccountRecord>, HubError>;

    /// Accounts by id, those after `after`.
    async fn accounts(
        &self,
        after: Option<AccountId>,
        limit: u32,
    ) -> Result<Vec<AccountRecord>, HubError>;

    /// Changes a password, and closes the other sessions where that is asked for.
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchAccount`].
    async fn set_password(&self, change: PasswordChange) -> Result<(), HubError>;

    /// Closes an account to its sessions, or opens it again.
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchAccount`].
    async fn set_disabled(&self, account: AccountId, disabled: bool) -> Result<(), HubError>;

    /// Deletes an account: it cannot be opened any more, its sessions are over, the directory says so.
    /// [`purge`](Self::purge) takes away what it kept.
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchAccount`].
    async fn delete_account(&self, account: AccountId, now_ms: u64) -> Result<(), HubError>;

    /// Takes about `limit` rows of deleted accounts away; whether there is more to do now. Nothing while a
    /// [`Setback`] is not accepted.
    async fn purge(&self, limit: u32) -> Result<bool, HubError>;

    /// Takes up to `limit` entries that were taken before `before_ms`, in milliseconds since 1970, from one
    /// feed, and says from where on it is kept, in one transaction; whether to ask again for more.
    ///
    /// What an account's atomes come to, its commits and what was decided of them stay. A reader whose next
    /// entry is gone is told so by [`feed`](Self::feed), and begins with a snapshot; one that has read to the
    /// head notices nothing. Nothing while a [`Setback`] is not accepted.
    async fn compact(&self, before_ms: u64, limit: u32) -> Result<bool, HubError>;

    /// Adds an invitation.
    async fn add_invite(&self, invite: Invite) -> Result<(), HubError>;

    /// Opens a session.
    ///
    /// # Errors
    ///
    /// [`HubError::NoSuchAccount`].
    async fn open_session(&self, session: NewSession) -> Result<(), HubError>;

    /// The session of a token, and moves its end; `None` where there is none, it is over, or its account
    /// is disabled.
    ///
    /// # Errors
    ///
    /// [`HubError::AccountDeleted`] where it was a session of an account that was deleted.
    async fn session(
        &self,
        token_hash: [u8; 32],
        now_ms: u64,
    ) -> Result<Option<SessionRecord>, HubError>;

    /// Closes a session; whether there was one.
    async fn close_session(&self, account: AccountId, session: Uuid) -> Result<bool, HubError>;

    /// The sessions of an account that stand, the newest first.
    async fn sessions(
        &self,
        account: AccountId,
        now_ms: u64,
    ) -> Result<Vec<SessionRecord>, HubError>;

    /// Closes every session of an account but one; how many.
    async fn close_other_sessions(&self, account: AccountId, kept: Uuid) -> Result<u64, HubError>;

    /// Listed accounts whose folded name begins with `prefix` and comes after `after`, in its order.
    async fn directory(
        &self,
        prefix: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<DirectoryEntry>, HubError>;

    /// One entry of the directory.
    async fn directory_lookup(&self, key: DirectoryKey)
    -> Result<Option<DirectoryEntry>, HubError>;

    /// The directory's changes after a number, in order, and the number of the last one of all.
    async fn directory_changes(
        &self,
        after: u64,
        limit: u32,
    ) -> Result<(Vec<DirectoryChange>, u64), HubError>;

    /// Where an account's feed stands, and what is decided of a replica.
    async fn position(
        &self,
        account: AccountId,
        replica: ReplicaId,
    ) -> Result<FeedPosition, HubError>;

    /// Heeds what a client claims to have: where it is more than there is, its account begins the life
    /// `fresh` of the database, and what was shown is remembered, in one transaction. Where things stand then,
    /// and what was shown, where this client was the first to show it.
    async fn heed(
        &self,
        account: AccountId,
        replica: ReplicaId,
        claim: Claim,
        fresh: Epoch,
        now_ms: u64,
    ) -> Result<(FeedPosition, Option<Setback>), HubError>;

    /// What clients have shown of a database that went back, by account, until it is accepted.
    async fn setbacks(&self) -> Result<Vec<Setback>, HubError>;

    /// Accepts all that was shown: purging and compaction go on. How many accounts it was of.
    async fn accept_setbacks(&self) -> Result<u64, HubError>;

    /// Decides on commits of a replica, in one transaction.
    ///
    /// One that cannot be taken is refused alone (`no-poison`); one that is known is acknowledged again;
    /// at a gap or a fork it stops.
    async fn admit(&self, pushed: ReadPush, now_ms: u64) -> Result<Admitted, HubError>;

    /// Joins states to the account's own atomes, in one transaction; what could not be taken.
    async fn offer(
        &self,
        account: AccountId,
        states: Vec<RawState>,
        now_ms: u64,
    ) -> Result<Vec<RefusedOffer>, HubError>;

    /// Feed entries after `after`, as `replica` reads them: at least one where there is one, then as many
    /// as fit both limits. Where the next one is kept no more, none: the batch begins at the oldest kept.
    async fn feed(
        &self,
        account: AccountId,
        replica: ReplicaId,
        after: u64,
        max_entries: usize,
        max_bytes: usize,
    ) -> Result<Batch, HubError>;

    /// States of the atomes after `after`: at least one where there is one, then as many as fit.
    async fn states(
        &self,
        account: AccountId,
        after: Option<AtomeId>,
        max_bytes: usize,
    ) -> Result<StatePage, HubError>;

    /// States of the atomes that changed after feed number `since`, read at one moment.
    ///
    /// The changes of one commit are never divided: what one commit touched may go beyond `max_bytes`.
    async fn changed_states(
        &self,
        account: AccountId,
        replica: ReplicaId,
        since: u64,
        max_bytes: usize,
    ) -> Result<ChangedPage, HubError>;

    /// Carries out what time has brought to grants: those whose time has begun, those whose time is over.
    /// Ask before anything else: what follows answers by what is settled.
    async fn settle(&self, now_ms: u64) -> Result<(), HubError>;

    /// Grants that an account has to do with, as it is told of them, by id, those after `after`: at least one
    /// where there is one, then as many as fit. With the last ones come its policies.
    async fn grants(
        &self,
        account: AccountId,
        after: Option<GrantId>,
        max_bytes: usize,
    ) -> Result<GrantPage, HubError>;

    /// One grant, as an account is told of it; `None` where it has nothing to do with it.
    async fn grant(&self, account: AccountId, grant: GrantId) -> Result<Option<Grant>, HubError>;

    /// What an account does with the requests of others.
    async fn policies(&self, account: AccountId) -> Result<Vec<Policy>, HubError>;

    /// Carries out an act of sharing of an online client: what a commit that holds it would do.
    ///
    /// # Errors
    ///
    /// [`HubError::Refused`], with the reason.
    async fn act(&self, account: AccountId, act: Act, now_ms: u64) -> Result<(), HubError>;

    /// Why an account may do something, or may not.
    ///
    /// # Errors
    ///
    /// [`HubError::Refused`] where the asker has nothing to do with the atome.
    async fn why(&self, asker: AccountId, question: Question) -> Result<Why, HubError>;

    /// Takes note that a replica is here.
    async fn seen(
        &self,
        account: AccountId,
        replica: ReplicaId,
        now_ms: u64,
    ) -> Result<(), HubError>;

    /// Takes note that a replica has carried out every eviction up to a feed number, and tells those who
    /// had shared.
    async fn evicted(
        &self,
        account: AccountId,
        replica: ReplicaId,
        feed: u64,
        now_ms: u64,
    ) -> Result<(), HubError>;

    /// The feed number, and the digest of the state at it.
    async fn digest(&self, account: AccountId) -> Result<(u64, Buckets), HubError>;

    /// What became of a commit, and the head of an account's feed after that.
    async fn receipt(&self, account: AccountId, ask: AskReceipt) -> Result<Receipt, HubError>;

    /// A page of the states of some buckets of an account's digest, and the feed number that they are of: at
    /// least one state where there is one, then as many as fit.
    async fn buckets(
        &self,
        account: AccountId,
        ask: AskStates,
        max_bytes: usize,
    ) -> Result<States, HubError>;

    /// What becomes of an account's feed and sessions.
    ///
    /// Ask for the [`position`](Self::position) after subscribing: what is stored counts.
    fn subscribe(&self, account: AccountId) -> watch::Receiver<Signals>;

    /// The number of the directory's last change, as it grows; 0 until it has.
    fn subscribe_directory(&self) -> watch::Receiver<u64>;

    /// Sees whether another process has written, such as a command of administration, and has everyone
    /// who waits look again.
    async fn look_outside(&self) -> Result<(), HubError>;

    /// How much it keeps.
    async fn census(&self, now_ms: u64) -> Result<Census, HubError>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::Durability;
    #[tokio::test]
    async fn sqlite_conforms() {
        let dir = tempfile::tempdir().unwrap();
        let mut number = 0;
        conformance::conforms(|| {
            number += 1;
            let path = dir.path().join(format!("{number}/hub.db"));
            SqliteHub::open(&path, Durability::Normal).unwrap()
        })
        .await;
    }
}
