//! The hub store itself, synchronous, on one connection.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use atome_proto::commit::RawCommit;
use atome_proto::digest::Buckets;
use atome_proto::sync::v1::{AskReceipt, AskStates, Batch, Receipt, States};
use atome_proto::{AccountId, AtomeId, Epoch, HubId, ReplicaId};
use rusqlite::params;

use super::admit::{self, ReadPush};
use super::fanout::{Fanout, News};
use super::{
    Admitted, ChangedPage, Claim, FeedPosition, Identity, Setback, StatePage, directory, feed,
    horizon, receipt, setback, states,
};

mod accounts;
mod sharing;
use crate::error::{Fault, HubError, OpenError};
use crate::sqlite::migrate::HUB;
use crate::sqlite::transact::{Base, Stored, atomically};
use crate::sqlite::value::Db;
use crate::sqlite::{self, Durability};

/// The hub store, synchronous. Each method that writes is one transaction.
///
/// The methods are those of [`super::HubStore`], and documented there.
pub struct HubDb {
    pub(super) base: Base,
    /// What the transaction that stands open will have to tell.
    news: Vec<News>,
    fanout: Arc<Fanout>,
    /// When time next has an effect on a grant, as the transaction that stands open leaves it, and as it is
    /// durable; in milliseconds since 1970.
    due_ms: u64,
    next_due: Arc<AtomicU64>,
    /// `PRAGMA data_version`, which grows when another process has written.
    data_version: i64,
}

impl HubDb {
    /// Opens the file; makes it, a new hub, where there is none.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open(path: &Path, durability: Durability) -> Result<Self, OpenError> {
        let base = Base::new(sqlite::open(path, &HUB, durability)?);
        Self::with(base).map_err(|fault| OpenError::of(path, fault))
    }

    /// The same on the virtual file system that is registered with SQLite under the name `vfs`: for
    /// simulations of a disk. Folders, modes and copies before a migration are left out.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open_on(vfs: &str, path: &Path, durability: Durability) -> Result<Self, OpenError> {
        let base = Base::new(sqlite::open_on(vfs, path, &HUB, durability)?);
        Self::with(base).map_err(|fault| OpenError::of(path, fault))
    }

    /// A store that lives in memory, for tests and simulations.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open_in_memory() -> Result<Self, OpenError> {
        let base = Base::new(sqlite::open_in_memory(&HUB)?);
        Self::with(base).map_err(|fault| OpenError::of(Path::new(":memory:"), fault))
    }

    fn with(base: Base) -> Result<Self, Fault> {
        let mut random = [0; 24];
        getrandom::fill(&mut random)
            .map_err(|error| Fault::Defect(format!("no randomness: {error}")))?;
        let [hub @ .., a, b, c, d, e, f, g, h] = random;
        let hub = HubId(uuid::Builder::from_random_bytes(hub).into_uuid());
        let epoch = Epoch(u64::from_be_bytes([a, b, c, d, e, f, g, h]));
        base.connection.execute(
            "INSERT INTO hub (one, hub, epoch) VALUES (1, ?, ?) ON CONFLICT DO NOTHING",
            params![Db(hub), Db(epoch)],
        )?;
        let data_version = data_version(&base)?;
        let due_ms = sharing::next_due(&base.connection)?;
        Ok(Self {
            base,
            news: vec![],
            due_ms,
            next_due: Arc::new(AtomicU64::new(due_ms)),
            fanout: Arc::default(),
            data_version,
        })
    }

    /// A copy, as from a backup.
    #[cfg(test)]
    pub(crate) fn copy(&self) -> Self {
        let mut to = rusqlite::Connection::open_in_memory().unwrap();
        let backup = rusqlite::backup::Backup::new(&self.base.connection, &mut to).unwrap();
        backup
            .run_to_completion(1_000, std::time::Duration::ZERO, None)
            .unwrap();
        drop(backup);
        Self::with(Base::new(to)).unwrap()
    }

    /// Where the heads of feeds are told.
    pub(super) fn fanout(&self) -> Arc<Fanout> {
        Arc::clone(&self.fanout)
    }

    /// Sees whether another process has written, and has everyone look again.
    ///
    /// # Errors
    ///
    /// [`HubError::Fault`].
    pub fn look_outside(&mut self) -> Result<(), HubError> {
        let seen = data_version(&self.base)?;
        if std::mem::replace(&mut self.data_version, seen) != seen {
            self.due_ms = sharing::next_due(&self.base.connection)?;
            self.next_due.store(self.due_ms, Ordering::Release);
            self.fanout
                .tell_all(directory::head(&self.base.connection)?);
        }
        Ok(())
    }

    /// Which hub it is, and which life of its database.
    ///
    /// # Errors
    ///
    /// [`HubError::Fault`].
    pub fn identity(&self) -> Result<Identity, HubError> {
        super::sqlite::identity(&self.base.connection)
    }

    /// Begins another life of the database, for every account: after it was restored from a backup.
    ///
    /// # Errors
    ///
    /// [`HubError::Fault`].
    pub fn set_epoch(&mut self, epoch: Epoch) -> Result<(), HubError> {
        atomically(self, |db| setback::begin(&db.base.connection, epoch))
    }

    /// Heeds what a client claims to have, and begins the life `fresh` for its account where it is more than
    /// there is.
    ///
    /// # Errors
    ///
    /// [`HubError::Fault`].
    pub fn heed(
        &mut self,
        account: AccountId,
        replica: ReplicaId,
        claim: Claim,
        fresh: Epoch,
        now_ms: u64,
    ) -> Result<(FeedPosition, Option<Setback>), HubError> {
        atomically(self, |db| {
            setback::heed(&db.base.connection, account, replica, claim, fresh, now_ms)
        })
    }

    /// What clients have shown of a database that went back, until it is accepted.
    ///
    /// # Errors
    ///
    /// [`HubError::Fault`].
    pub fn setbacks(&self) -> Result<Vec<Setback>, HubError> {
        setback::all(&self.base.connection)
    }

    /// Accepts all that was shown; of how many accounts it was.
    ///
    /// # Errors
    ///
    /// [`HubError::Fault`].
    pub fn accept_setbacks(&mut self) -> Result<u64, HubError> {
        atomically(self, |db| setback::accept(&db.base.connection))
    }

    /// Where an account's feed stands, and what is decided of a replica.
    ///
    /// # Errors
    ///
    /// [`HubError::Fault`].
    pub fn position(
        &self,
        account: AccountId,
        replica: ReplicaId,
    ) -> Result<FeedPosition, HubError> {
        feed::position(&self.base.connection, account, replica)
    }

    /// Decides on commits of a replica, numbered from `first` on.
    ///
    /// # Errors
    ///
    /// [`HubError::Fault`].
    pub fn admit(
        &mut self,
        account: AccountId,
        replica: ReplicaId,
        first: u64,
        commits: &[RawCommit],
        now_ms: u64,
    ) -> Result<Admitted, HubError> {
        self.admit_read(ReadPush::of(account, replica, first, commits), now_ms)
    }

    /// The same of commits that are read already.
    pub(super) fn admit_read(
        &mut self,
        pushed: ReadPush,
        now_ms: u64,
    ) -> Result<Admitted, HubError> {
        atomically(self, |db| {
            let connection = &db.base.connection;
            let (admitted, news) = admit::admit(connection, pushed, now_ms)?;
            db.tell(news)?;
            Ok(admitted)
        })
    }

    /// The verdicts on a replica's commits after `after` up to `through`.
    #[cfg(test)]
    pub(crate) fn verdicts(
        &self,
        account: AccountId,
        replica: ReplicaId,
        after: u64,
        through: u64,
    ) -> Result<Vec<atome_proto::sync::v1::Verdict>, HubError> {
        feed::verdicts(&self.base.connection, account, replica, after, through)
    }

    /// Feed entries after `after`, as `replica` reads them.
    ///
    /// # Errors
    ///
    /// [`HubError::Fault`].
    pub fn feed(
        &self,
        account: AccountId,
        replica: ReplicaId,
        after: u64,
        max_entries: usize,
        max_bytes: usize,
    ) -> Result<Batch, HubError> {
        let reader = feed::Reader { account, replica };
        feed::read(&self.base.connection, reader, after, max_entries, max_bytes)
    }

    /// States of the atomes after `after`.
    ///
    /// # Errors
    ///
    /// [`HubError::Fault`].
    pub fn states(
        &self,
        account: AccountId,
        after: Option<AtomeId>,
        max_bytes: usize,
    ) -> Result<StatePage, HubError> {
        states::page(&self.base.connection, account, after, max_bytes)
    }

    /// States of the atomes that changed after feed number `since`.
    ///
    /// # Errors
    ///
    /// [`HubError::Fault`].
    pub fn changed_states(
        &self,
        account: AccountId,
        replica: ReplicaId,
        since: u64,
        max_bytes: usize,
    ) -> Result<ChangedPage, HubError> {
        states::changed(&self.base.connection, account, replica, since, max_bytes)
    }

    /// Takes up to `limit` old entries from one feed; whether to ask again for more.
    ///
    /// # Errors
    ///
    /// [`HubError::Fault`].
    pub fn compact(&mut self, before_ms: u64, limit: u32) -> Result<bool, HubError> {
        atomically(self, |db| {
            horizon::compact(&db.base.connection, before_ms, limit)
        })
    }

    /// What became of a commit, and the head of an account's feed after that.
    ///
    /// # Errors
    ///
    /// Where the store fails.
    pub fn receipt(&self, account: AccountId, ask: &AskReceipt) -> Result<Receipt, HubError> {
        receipt::read(&self.base.connection, account, ask)
    }

    /// A page of the states of some buckets of an account's digest, and the feed number that they are of.
    ///
    /// # Errors
    ///
    /// Where the store fails.
    pub fn buckets(
        &self,
        account: AccountId,
        ask: &AskStates,
        max_bytes: usize,
    ) -> Result<States, HubError> {
        states::in_buckets(&self.base.connection, account, ask, max_bytes)
    }

    /// The feed number, and the digest of the state at it.
    ///
    /// # Errors
    ///
    /// [`HubError::Fault`].
    pub fn digest(&self, account: AccountId) -> Result<(u64, Buckets), HubError> {
        states::digest(&self.base.connection, account)
    }
}

fn data_version(base: &Base) -> Result<i64, Fault> {
    let mut statement = base.connection.prepare_cached("PRAGMA data_version")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

impl Stored for HubDb {
    /// How much there was to tell, and when the next grant was due.
    type Memory = (usize, u64);

    fn base(&mut self) -> &mut Base {
        &mut self.base
    }
    fn memory(&self) -> (usize, u64) {
        (self.news.len(), self.due_ms)
    }
    fn restore(&mut self, (told, due_ms): (usize, u64)) {
        self.news.truncate(told);
        self.due_ms = due_ms;
    }
    fn publish(&mut self) {
        self.next_due.store(self.due_ms, Ordering::Release);
        self.fanout.tell(self.news.drain(..));
    }
}
