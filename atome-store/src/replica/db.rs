//! The replica store itself, synchronous, on one connection.

use std::path::Path;
use std::sync::Arc;

use atome_engine::clock::{Clock, Now};
use atome_engine::replica::Position;
use atome_proto::local::v1::SetMode;
use atome_proto::stamp::HybridTime;
use atome_proto::{AccountId, Epoch, HubId, ReplicaId};
use rusqlite::{Connection, OptionalExtension};
use tokio::sync::watch;

use super::head::Head;
use super::search::Search;
use crate::error::{Fault, OpenError, StoreError};
use crate::sqlite::migrate::{self, REPLICA};
use crate::sqlite::transact::{Base, Stored, atomically};
use crate::sqlite::value::Db;
use crate::sqlite::{self, Durability};

/// A hub's time is kept for the next start only when it is so much later than the one kept: a heartbeat
/// shall not be a write.
const HUB_TIME_EVERY_MS: u64 = 3_600_000;

/// The replica store, synchronous. Each method that writes is one transaction.
pub struct ReplicaDb {
    pub(super) base: Base,
    pub(super) head: Head,
    pub(super) clock: Clock,
    pub(super) search: Arc<Search>,
    told: Option<watch::Sender<Position>>,
}

impl ReplicaDb {
    /// Opens the file; makes it, as replica `fresh` of `account`, where there is none.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open(
        path: &Path,
        account: AccountId,
        fresh: ReplicaId,
        durability: Durability,
    ) -> Result<Self, OpenError> {
        let connection = sqlite::open(path, &REPLICA, durability)?;
        Self::overwrite_deleted(&connection).map_err(|fault| OpenError::of(path, fault))?;
        let search = Search::beside(path);
        Self::with(Base::new(connection), path, search, account, fresh)
    }

    /// The same on the virtual file system that is registered with SQLite under the name `vfs`: for
    /// simulations of a disk. Folders, modes and copies before a migration are left out.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open_on(
        vfs: &str,
        path: &Path,
        account: AccountId,
        fresh: ReplicaId,
        durability: Durability,
    ) -> Result<Self, OpenError> {
        let connection = sqlite::open_on(vfs, path, &REPLICA, durability)?;
        Self::overwrite_deleted(&connection).map_err(|fault| OpenError::of(path, fault))?;
        let search = Search::in_memory();
        Self::with(Base::new(connection), path, search, account, fresh)
    }

    /// Opens a store that is a copy itself: where it is migrated, none is made of it.
    pub(crate) fn open_uncopied(
        path: &Path,
        account: AccountId,
        fresh: ReplicaId,
    ) -> Result<Self, OpenError> {
        let mut connection = Connection::open(path).map_err(|error| OpenError::of(path, error))?;
        migrate::migrate(&mut connection, &REPLICA).map_err(|fault| OpenError::of(path, fault))?;
        Self::overwrite_deleted(&connection).map_err(|fault| OpenError::of(path, fault))?;
        let search = Search::in_memory();
        Self::with(Base::new(connection), path, search, account, fresh)
    }

    /// Whose store a file is; `None` where there is none yet. Nothing is written, and what a crash left
    /// in the WAL counts.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn account_of(path: &Path) -> Result<Option<AccountId>, OpenError> {
        let exists = path.try_exists().map_err(|source| OpenError::Io {
            path: path.to_owned(),
            source,
        })?;
        if !exists || migrate::look(path, &REPLICA)? == 0 {
            return Ok(None);
        }
        let read = || -> Result<Option<AccountId>, Fault> {
            let connection = sqlite::open_reader(path)?;
            let found = connection.query_row("SELECT account FROM replica", [], |row| {
                row.get::<_, Db<AccountId>>(0)
            });
            Ok(found.optional()?.map(|Db(account)| account))
        };
        read().map_err(|fault| OpenError::of(path, fault))
    }

    /// A store that lives in memory, for tests and simulations.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open_in_memory(account: AccountId, fresh: ReplicaId) -> Result<Self, OpenError> {
        let base = Base::new(sqlite::open_in_memory(&REPLICA)?);
        let (path, search) = (Path::new(":memory:"), Search::in_memory());
        Self::with(base, path, search, account, fresh)
    }

    fn with(
        base: Base,
        path: &Path,
        search: Arc<Search>,
        account: AccountId,
        fresh: ReplicaId,
    ) -> Result<Self, OpenError> {
        let begin = || -> Result<(Head, Clock), StoreError> {
            let connection = &base.connection;
            Head::create(connection, account, fresh)?;
            let head = Head::read(connection)?;
            Ok((head, head.clock(connection)?))
        };
        let (head, clock) = begin().map_err(|error| OpenError::of(path, error.into_fault()))?;
        if head.account != account {
            return Err(OpenError::OtherAccount {
                path: path.to_owned(),
            });
        }
        let mut db = Self {
            base,
            head,
            clock,
            search,
            told: None,
        };
        // What a crash left undone.
        let scrubbed = db.scrub();
        scrubbed.map_err(|error| OpenError::of(path, error.into_fault()))?;
        Ok(db)
    }

    /// Tells of every position that has become durable.
    pub(super) fn tell(&mut self) -> watch::Receiver<Position> {
        let told = self
            .told
            .get_or_insert_with(|| watch::channel(self.head.position()).0);
        told.subscribe()
    }

    /// Runs an operation that moves the position: all of it is done, or nothing.
    pub(super) fn step<T>(
        &mut self,
        operation: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        atomically(self, |db| {
            db.head.revision += 1;
            operation(db)
        })
    }

    /// Where the replica stands.
    ///
    /// # Errors
    ///
    /// None in practice.
    pub fn position(&self) -> Result<Position, StoreError> {
        Ok(self.head.position())
    }

    /// The account that the store belongs to.
    #[must_use]
    pub fn account(&self) -> AccountId {
        self.head.account
    }

    /// How far the machine's clock is ahead of the hub's, in milliseconds; `None` before a hub's time is
    /// known.
    #[must_use]
    pub fn clock_ahead_ms(&self, now: Now) -> Option<i64> {
        self.clock.ahead_ms(now)
    }

    /// Takes note of the hub's time: stamps go by it from now on.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn observe_hub_time(&mut self, hub_ms: u64, now: Now) -> Result<(), StoreError> {
        self.clock.observe_hub(hub_ms, now);
        let kept_ms = self.head.seen.ms();
        if hub_ms <= kept_ms.saturating_add(HUB_TIME_EVERY_MS) {
            return Ok(());
        }
        let clock = self.clock.clone();
        self.step(|db| {
            db.clock = clock;
            db.head.seen = HybridTime::from_ms(hub_ms);
            db.head.save(&db.base.connection)
        })
    }

    /// Belongs to a hub, and to a life of its database, from now on. Where that is another than before,
    /// what the old one decided and gave counts no more: what is beyond `number` is pending again, and the
    /// cursor is gone, with the evictions that were carried out up to it.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn adopt_hub(
        &mut self,
        hub: HubId,
        epoch: Epoch,
        number: u64,
    ) -> Result<Position, StoreError> {
        if self.head.hub == Some((hub, epoch)) {
            return self.position();
        }
        self.step(|db| {
            db.head.owes |= db.head.hub.is_some();
            db.head.joins = true;
            db.head.hub = Some((hub, epoch));
            db.head.feed = None;
            (db.head.evicting, db.head.evicted, db.head.mine) = (0, 0, 0);
            if number < db.head.acked {
                db.head.acked = number;
                db.forget_verdicts()?;
            }
            db.head.save(&db.base.connection)?;
            db.position()
        })
    }

    /// Sets when the account syncs.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn set_schedule(&mut self, schedule: &SetMode) -> Result<(), StoreError> {
        let schedule = serde_json::to_string(schedule)?;
        self.set("UPDATE replica SET schedule = ?", schedule)
    }

    /// Pauses sync, or lets it go on.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn set_paused(&mut self, paused: bool) -> Result<(), StoreError> {
        self.set("UPDATE replica SET paused = ?", paused)
    }

    fn set(&mut self, sql: &str, value: impl rusqlite::ToSql) -> Result<(), StoreError> {
        self.step(|db| {
            db.base.connection.prepare_cached(sql)?.execute([value])?;
            Ok(())
        })
    }
}

impl Stored for ReplicaDb {
    type Memory = (Head, Clock);

    fn base(&mut self) -> &mut Base {
        &mut self.base
    }
    fn memory(&self) -> (Head, Clock) {
        (self.head, self.clock.clone())
    }
    fn restore(&mut self, (head, clock): (Head, Clock)) {
        self.head = head;
        self.clock = clock;
    }
    fn publish(&mut self) {
        if let Some(told) = &self.told {
            told.send_replace(self.head.position());
        }
    }
    fn tend(&mut self) {
        let before = self.head.revision;
        match self.scrub() {
            Ok(_) if self.head.revision != before => self.publish(),
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "what was evicted is not removed from the files yet")
            }
        }
    }
}
