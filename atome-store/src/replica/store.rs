//! The handle of a replica store: its writer thread and its readers.

mod ask;

use std::path::Path;
use std::sync::Arc;

use atome_engine::clock::Now;
use atome_engine::replica::Position;
use atome_proto::limit::FRAME_LEN_TARGET;
use atome_proto::local::v1::{SeedReply, SetMode};
use atome_proto::seed::Record;
use atome_proto::sharing::Act;
use atome_proto::state::AtomeState;
use atome_proto::sync::v1::{Cursor, SnapshotEnd, Verdict};
use atome_proto::{AccountId, AtomeId, Epoch, HubId, ReplicaId};
use tokio::sync::watch;

use super::search::Search;
use super::{Draft, Export, ReadBatch, ReadPage, ReplicaDb, Written};
use crate::error::{OpenError, StoreError};
use crate::pool::Pool;
use crate::sqlite::Durability;
use crate::writer::Writer;

/// About how many bytes a seed request brings into a transaction.
const SEED_LEN: usize = 1 << 20;

/// A move rewrites the whole store: nothing more joins its transaction.
const MOVE_LEN: usize = usize::MAX;

/// A replica store. Clones are handles of the same one.
#[derive(Clone)]
pub struct ReplicaStore {
    writer: Writer<ReplicaDb>,
    readers: Pool,
    positions: watch::Receiver<Position>,
    search: Arc<Search>,
    folder: Arc<Path>,
}

impl ReplicaStore {
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
        let mut db = ReplicaDb::open(path, account, fresh, durability)?;
        let (positions, search) = (db.tell(), Arc::clone(&db.search));
        let failed = |source| OpenError::Fault {
            path: path.to_owned(),
            source,
        };
        Ok(Self {
            writer: Writer::start("replica-writer", db).map_err(failed)?,
            readers: Pool::start("replica-reader", path).map_err(failed)?,
            positions,
            search,
            folder: path.parent().unwrap_or(path).into(),
        })
    }

    /// Closes the store; later writes are answered [`crate::Fault::Stopped`].
    pub async fn close(&self) {
        self.writer.close().await;
        self.search.close();
    }

    /// As [`ReplicaDb::mend`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn mend(
        &self,
        states: Vec<AtomeState>,
        feed: u64,
    ) -> Result<Option<Position>, StoreError> {
        self.writer
            .run(0, move |db: &mut ReplicaDb| db.mend(&states, feed))
            .await
    }

    /// As [`ReplicaDb::write`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn write(
        &self,
        author: AccountId,
        drafts: Vec<Draft>,
        now: Now,
    ) -> Result<Written, StoreError> {
        self.writer
            .run(0, move |db: &mut ReplicaDb| db.write(author, drafts, now))
            .await
    }

    /// As [`ReplicaDb::act`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn act(
        &self,
        author: AccountId,
        acts: Vec<Act>,
        now: Now,
    ) -> Result<Written, StoreError> {
        self.writer
            .run(0, move |db: &mut ReplicaDb| db.act(author, acts, now))
            .await
    }

    /// As [`ReplicaDb::seed`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn seed(
        &self,
        owner: AccountId,
        records: Vec<(AtomeId, Record)>,
        dry_run: bool,
        now: Now,
    ) -> Result<SeedReply, StoreError> {
        self.writer
            .run(SEED_LEN, move |db: &mut ReplicaDb| {
                db.seed(owner, &records, dry_run, now)
            })
            .await
    }

    /// As [`ReplicaDb::acknowledge`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn acknowledge(
        &self,
        number: u64,
        verdicts: Vec<Verdict>,
    ) -> Result<Position, StoreError> {
        self.writer
            .run(0, move |db: &mut ReplicaDb| {
                db.acknowledge(number, &verdicts)
            })
            .await
    }

    /// As [`ReplicaDb::apply`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn apply(&self, batch: ReadBatch, at: Cursor) -> Result<Position, StoreError> {
        self.writer
            .run(FRAME_LEN_TARGET, move |db: &mut ReplicaDb| {
                db.apply_read(batch, at)
            })
            .await
    }

    /// As [`ReplicaDb::stage`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn stage(&self, page: ReadPage) -> Result<Position, StoreError> {
        self.writer
            .run(FRAME_LEN_TARGET, move |db: &mut ReplicaDb| {
                db.stage_read(page)
            })
            .await
    }

    /// As [`ReplicaDb::install`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn install(&self, end: SnapshotEnd) -> Result<Position, StoreError> {
        self.writer
            .run(0, move |db: &mut ReplicaDb| db.install(end))
            .await
    }

    /// As [`ReplicaDb::adopt_hub`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn adopt_hub(
        &self,
        hub: HubId,
        epoch: Epoch,
        number: u64,
    ) -> Result<Position, StoreError> {
        self.writer
            .run(0, move |db: &mut ReplicaDb| {
                db.adopt_hub(hub, epoch, number)
            })
            .await
    }

    /// As [`ReplicaDb::offered`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn offered(&self, atomes: Vec<AtomeId>) -> Result<Position, StoreError> {
        self.writer
            .run(0, move |db: &mut ReplicaDb| db.offered(&atomes))
            .await
    }

    /// As [`ReplicaDb::fork`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn fork(&self, from: u64, fresh: ReplicaId) -> Result<Position, StoreError> {
        self.writer
            .run(0, move |db: &mut ReplicaDb| db.fork(from, fresh))
            .await
    }

    /// As [`ReplicaDb::observe_hub_time`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn observe_hub_time(&self, hub_ms: u64, now: Now) -> Result<(), StoreError> {
        self.writer
            .run(0, move |db: &mut ReplicaDb| {
                db.observe_hub_time(hub_ms, now)
            })
            .await
    }

    /// As [`ReplicaDb::set_schedule`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn set_schedule(&self, schedule: SetMode) -> Result<(), StoreError> {
        self.writer
            .run(0, move |db: &mut ReplicaDb| db.set_schedule(&schedule))
            .await
    }

    /// As [`ReplicaDb::set_paused`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn set_paused(&self, paused: bool) -> Result<(), StoreError> {
        self.writer
            .run(0, move |db: &mut ReplicaDb| db.set_paused(paused))
            .await
    }

    /// As [`ReplicaDb::retry_refused`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn retry_refused(&self, number: u64, now: Now) -> Result<Written, StoreError> {
        self.writer
            .run(0, move |db: &mut ReplicaDb| db.retry_refused(number, now))
            .await
    }

    /// As [`ReplicaDb::discard_refused`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn discard_refused(&self, number: u64) -> Result<Position, StoreError> {
        self.writer
            .run(0, move |db: &mut ReplicaDb| db.discard_refused(number))
            .await
    }

    /// As [`ReplicaDb::discard_pending`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn discard_pending(&self) -> Result<Position, StoreError> {
        self.writer
            .run(0, move |db: &mut ReplicaDb| db.discard_pending())
            .await
    }

    /// As [`ReplicaDb::move_to`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn move_to(&self, account: AccountId) -> Result<(), StoreError> {
        self.writer
            .run(MOVE_LEN, move |db: &mut ReplicaDb| db.move_to(account))
            .await
    }

    /// How far the machine's clock is ahead of the hub's, in milliseconds.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub async fn clock_ahead_ms(&self, now: Now) -> Result<Option<i64>, StoreError> {
        self.writer
            .run(0, move |db: &mut ReplicaDb| Ok(db.clock_ahead_ms(now)))
            .await
    }

    /// Where the replica stands, durably.
    ///
    /// # Errors
    ///
    /// None in practice.
    #[expect(clippy::unused_async, reason = "one way of asking for everything")]
    pub async fn position(&self) -> Result<Position, StoreError> {
        Ok(*self.positions.borrow())
    }

    /// Every position that becomes durable, the latest always.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Position> {
        self.positions.clone()
    }

    /// All states as they are at one moment.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub async fn export(&self) -> Result<Export, StoreError> {
        Export::begin(self.readers.clone(), Arc::clone(&self.folder)).await
    }
}
