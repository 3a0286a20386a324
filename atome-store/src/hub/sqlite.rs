//! The hub store on SQLite: one writer thread and a few readers.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use atome_proto::account::DirectoryEntry;
use atome_proto::digest::Buckets;
use atome_proto::directory::DirectoryChange;
use atome_proto::sharing::{Act, Grant, Policy, Why};
use atome_proto::state::RawState;
use atome_proto::sync::v1::{AskReceipt, AskStates, Batch, Receipt, RefusedOffer, States};
use atome_proto::{AccountId, AtomeId, Epoch, GrantId, ReplicaId};
use rusqlite::Connection;
use tokio::sync::watch;
use uuid::Uuid;

use super::admit::ReadPush;
use super::fanout::Fanout;
use super::sharing::{grants, policies, time, why};
use super::{
    AccountRecord, Admitted, Census, ChangedPage, Claim, DirectoryKey, FeedPosition, GrantPage,
    HubDb, HubStore, Identity, Invite, NewAccount, NewSession, PasswordChange, Question,
    Registered, SessionRecord, Setback, Signals, StatePage, accounts, census, directory, feed,
    receipt, sessions, setback, states,
};
use crate::error::{HubError, OpenError};
use crate::pool::Pool;
use crate::sqlite::Durability;
use crate::sqlite::value::Db;
use crate::writer::Writer;

/// A hub store in one SQLite file. Clones are handles of the same one.
#[derive(Clone)]
pub struct SqliteHub {
    writer: Writer<HubDb>,
    readers: Pool,
    fanout: Arc<Fanout>,
    /// When time next has an effect on a grant, in milliseconds since 1970.
    next_due: Arc<AtomicU64>,
}

impl SqliteHub {
    /// Opens the file; makes it, a new hub, where there is none.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open(path: &Path, durability: Durability) -> Result<Self, OpenError> {
        let db = HubDb::open(path, durability)?;
        let fanout = db.fanout();
        let next_due = db.due();
        let failed = |source| OpenError::Fault {
            path: path.to_owned(),
            source,
        };
        Ok(Self {
            writer: Writer::start("hub-writer", db).map_err(failed)?,
            readers: Pool::start("hub-reader", path).map_err(failed)?,
            fanout,
            next_due,
        })
    }

    /// Closes the store; later calls are answered [`crate::Fault::Stopped`].
    pub async fn close(&self) {
        self.writer.close().await;
    }

    async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> Result<T, HubError> + Send + 'static,
    ) -> Result<T, HubError> {
        self.readers.run(question).await
    }

    async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&mut HubDb) -> Result<T, HubError> + Send + 'static,
    ) -> Result<T, HubError> {
        self.writer.run(0, write).await
    }
}

/// Which hub it is, and which life of its database.
pub(super) fn identity(connection: &Connection) -> Result<Identity, HubError> {
    let mut statement = connection.prepare_cached("SELECT hub, epoch FROM hub")?;
    Ok(statement.query_row([], |row| {
        Ok(Identity {
            hub: row.get::<_, Db<_>>(0)?.0,
            epoch: row.get::<_, Db<_>>(1)?.0,
        })
    })?)
}

#[async_trait]
impl HubStore for SqliteHub {
    async fn identity(&self) -> Result<Identity, HubError> {
        self.read(identity).await
    }

    async fn register(
        &self,
        account: NewAccount,
        session: NewSession,
    ) -> Result<Registered, HubError> {
        self.write(move |db| db.register(&account, &session)).await
    }

    async fn account_by_name(&self, folded: &str) -> Result<Option<AccountRecord>, HubError> {
        let folded = folded.to_owned();
        self.read(move |connection| accounts::by_name(connection, &folded))
            .await
    }

    async fn account(&self, account: AccountId) -> Result<Option<AccountRecord>, HubError> {
        self.read(move |connection| accounts::by_id(connection, account))
            .await
    }

    async fn accounts(
        &self,
        after: Option<AccountId>,
        limit: u32,
    ) -> Result<Vec<AccountRecord>, HubError> {
        self.read(move |connection| accounts::page(connection, after, limit))
            .await
    }

    async fn set_password(&self, change: PasswordChange) -> Result<(), HubError> {
        self.write(move |db| db.set_password(&change)).await
    }

    async fn set_disabled(&self, account: AccountId, disabled: bool) -> Result<(), HubError> {
        self.write(move |db| db.set_disabled(account, disabled))
            .await
    }

    async fn delete_account(&self, account: AccountId, now_ms: u64) -> Result<(), HubError> {
        self.write(move |db| db.delete_account(account, now_ms))
            .await
    }

    async fn purge(&self, limit: u32) -> Result<bool, HubError> {
        self.write(move |db| db.purge(limit)).await
    }

    async fn compact(&self, before_ms: u64, limit: u32) -> Result<bool, HubError> {
        self.write(move |db| db.compact(before_ms, limit)).await
    }

    async fn add_invite(&self, invite: Invite) -> Result<(), HubError> {
        self.write(move |db| db.add_invite(&invite)).await
    }

    async fn open_session(&self, session: NewSession) -> Result<(), HubError> {
        self.write(move |db| db.open_session(&session)).await
    }

    async fn session(
        &self,
        token_hash: [u8; 32],
        now_ms: u64,
    ) -> Result<Option<SessionRecord>, HubError> {
        let find = move |connection: &Connection| sessions::find(connection, token_hash, now_ms);
        let Some(found) = self.read(find).await? else {
            return Ok(None);
        };
        let session = found.session.clone();
        if found.is_due {
            self.write(move |db| db.session_seen(&session, now_ms))
                .await?;
        }
        Ok(Some(found.session))
    }

    async fn close_session(&self, account: AccountId, session: Uuid) -> Result<bool, HubError> {
        self.write(move |db| db.close_session(account, session))
            .await
    }

    async fn sessions(
        &self,
        account: AccountId,
        now_ms: u64,
    ) -> Result<Vec<SessionRecord>, HubError> {
        self.read(move |connection| sessions::of_account(connection, account, now_ms))
            .await
    }

    async fn close_other_sessions(&self, account: AccountId, kept: Uuid) -> Result<u64, HubError> {
        self.write(move |db| db.close_other_sessions(account, kept))
            .await
    }

    async fn directory(
        &self,
        prefix: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<DirectoryEntry>, HubError> {
        let (prefix, after) = (prefix.to_owned(), after.to_owned());
        self.read(move |connection| directory::page(connection, &prefix, &after, limit))
            .await
    }

    async fn directory_lookup(
        &self,
        key: DirectoryKey,
    ) -> Result<Option<DirectoryEntry>, HubError> {
        self.read(move |connection| directory::lookup(connection, &key))
            .await
    }

    async fn directory_changes(
        &self,
        after: u64,
        limit: u32,
    ) -> Result<(Vec<DirectoryChange>, u64), HubError> {
        self.read(move |connection| {
            // The head first: what comes in between is then not taken for something that is missing.
            let head = directory::head(connection)?;
            Ok((directory::changes(connection, after, limit)?, head))
        })
        .await
    }

    async fn position(
        &self,
        account: AccountId,
        replica: ReplicaId,
    ) -> Result<FeedPosition, HubError> {
        self.read(move |connection| feed::position(connection, account, replica))
            .await
    }

    async fn heed(
        &self,
        account: AccountId,
        replica: ReplicaId,
        claim: Claim,
        fresh: Epoch,
        now_ms: u64,
    ) -> Result<(FeedPosition, Option<Setback>), HubError> {
        self.write(move |db| db.heed(account, replica, claim, fresh, now_ms))
            .await
    }

    async fn setbacks(&self) -> Result<Vec<Setback>, HubError> {
        self.read(setback::all).await
    }

    async fn accept_setbacks(&self) -> Result<u64, HubError> {
        self.write(HubDb::accept_setbacks).await
    }

    async fn admit(&self, pushed: ReadPush, now_ms: u64) -> Result<Admitted, HubError> {
        let write_len = pushed.len();
        let write = move |db: &mut HubDb| db.admit_read(pushed, now_ms);
        self.writer.run(write_len, write).await
    }

    async fn offer(
        &self,
        account: AccountId,
        states: Vec<RawState>,
        now_ms: u64,
    ) -> Result<Vec<RefusedOffer>, HubError> {
        let len = states.iter().map(|state| state.as_str().len()).sum();
        let write = move |db: &mut HubDb| db.offer(account, &states, now_ms);
        self.writer.run(len, write).await
    }

    async fn feed(
        &self,
        account: AccountId,
        replica: ReplicaId,
        after: u64,
        max_entries: usize,
        max_bytes: usize,
    ) -> Result<Batch, HubError> {
        let reader = feed::Reader { account, replica };
        self.read(move |connection| feed::read(connection, reader, after, max_entries, max_bytes))
            .await
    }

    async fn states(
        &self,
        account: AccountId,
        after: Option<AtomeId>,
        max_bytes: usize,
    ) -> Result<StatePage, HubError> {
        self.read(move |connection| states::page(connection, account, after, max_bytes))
            .await
    }

    async fn changed_states(
        &self,
        account: AccountId,
        replica: ReplicaId,
        since: u64,
        max_bytes: usize,
    ) -> Result<ChangedPage, HubError> {
        self.read(move |connection| states::changed(connection, account, replica, since, max_bytes))
            .await
    }

    async fn settle(&self, now_ms: u64) -> Result<(), HubError> {
        if now_ms < self.next_due.load(Ordering::Acquire) {
            return Ok(());
        }
        self.write(move |db| db.settle(now_ms)).await
    }

    async fn grants(
        &self,
        account: AccountId,
        after: Option<GrantId>,
        max_bytes: usize,
    ) -> Result<GrantPage, HubError> {
        self.read(move |connection| grants::page(connection, account, after, max_bytes))
            .await
    }

    async fn grant(&self, account: AccountId, grant: GrantId) -> Result<Option<Grant>, HubError> {
        self.read(move |connection| grants::one(connection, account, grant))
            .await
    }

    async fn policies(&self, account: AccountId) -> Result<Vec<Policy>, HubError> {
        self.read(move |connection| policies::all(connection, account))
            .await
    }

    async fn act(&self, account: AccountId, act: Act, now_ms: u64) -> Result<(), HubError> {
        self.write(move |db| db.act(account, &act, now_ms)).await
    }

    async fn why(&self, asker: AccountId, question: Question) -> Result<Why, HubError> {
        self.read(move |connection| why::answer(connection, asker, &question))
            .await
    }

    async fn seen(
        &self,
        account: AccountId,
        replica: ReplicaId,
        now_ms: u64,
    ) -> Result<(), HubError> {
        let is_unseen =
            move |connection: &Connection| time::is_unseen(connection, account, replica, now_ms);
        if !self.read(is_unseen).await? {
            return Ok(());
        }
        self.write(move |db| db.seen(account, replica, now_ms))
            .await
    }

    async fn evicted(
        &self,
        account: AccountId,
        replica: ReplicaId,
        feed: u64,
        now_ms: u64,
    ) -> Result<(), HubError> {
        self.write(move |db| db.evicted(account, replica, feed, now_ms))
            .await
    }

    async fn digest(&self, account: AccountId) -> Result<(u64, Buckets), HubError> {
        self.read(move |connection| states::digest(connection, account))
            .await
    }

    async fn receipt(&self, account: AccountId, ask: AskReceipt) -> Result<Receipt, HubError> {
        self.read(move |connection| receipt::read(connection, account, &ask))
            .await
    }

    async fn buckets(
        &self,
        account: AccountId,
        ask: AskStates,
        max_bytes: usize,
    ) -> Result<States, HubError> {
        self.read(move |connection| states::in_buckets(connection, account, &ask, max_bytes))
            .await
    }

    fn subscribe(&self, account: AccountId) -> watch::Receiver<Signals> {
        self.fanout.subscribe(account)
    }

    fn subscribe_directory(&self) -> watch::Receiver<u64> {
        self.fanout.subscribe_directory()
    }

    async fn look_outside(&self) -> Result<(), HubError> {
        self.write(HubDb::look_outside).await
    }

    async fn census(&self, now_ms: u64) -> Result<Census, HubError> {
        self.read(move |connection| census::take(connection, now_ms))
            .await
    }
}
