//! The store's work for the machine: one write at a time, and what the next one brings is read meanwhile.

use std::sync::Arc;

use atome_engine::replica::{Position, StoreJob};
use atome_proto::limit::READ_BESIDE_LEN;
use atome_proto::sync::v1::{Batch, Entry, Snapshot};
use atome_proto::{Code, Problem};
use atome_store::replica::{ReadBatch, ReadPage};
use atome_store::{ReplicaStore, StoreError};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::random;
use crate::store_problem::problem;

/// What a write brings whose turn is to come, being read.
pub(super) enum Ahead {
    Batch(Reading<Batch, ReadBatch>),
    Page(Reading<Snapshot, ReadPage>),
}

pub(super) struct Reading<T, R> {
    of: Arc<T>,
    task: JoinHandle<Result<R, StoreError>>,
}

impl<T: Send + Sync + 'static, R: Send + 'static> Reading<T, R> {
    fn begin(of: &Arc<T>, read: fn(&T) -> Result<R, StoreError>) -> Self {
        let reads = Arc::clone(of);
        Self {
            of: Arc::clone(of),
            task: spawn_blocking(move || read(&reads)),
        }
    }

    async fn done(self) -> Result<R, Problem> {
        let read = self.task.await.map_err(|error| {
            let message = format!("what the hub sent was not read: {error}");
            Problem::new(Code::Internal, message)
        })?;
        read.map_err(|error| problem(&error))
    }
}

impl Ahead {
    /// Begins to read what a write brings, where it is long.
    pub(super) fn begin(job: &StoreJob) -> Option<Self> {
        match job {
            StoreJob::Apply { batch, .. } if batch_len(batch) >= READ_BESIDE_LEN => {
                Some(Self::Batch(Reading::begin(batch, ReadBatch::of)))
            }
            StoreJob::Stage(page) if page_len(page) >= READ_BESIDE_LEN => {
                Some(Self::Page(Reading::begin(page, ReadPage::of)))
            }
            StoreJob::Apply { .. }
            | StoreJob::Stage(_)
            | StoreJob::Acknowledge { .. }
            | StoreJob::Install(_)
            | StoreJob::AdoptHub { .. }
            | StoreJob::Offered(_)
            | StoreJob::Fork { .. } => None,
        }
    }

    /// Whether it is about this very write.
    pub(super) fn is_of(&self, job: &StoreJob) -> bool {
        match (self, job) {
            (Self::Batch(reading), StoreJob::Apply { batch, .. }) => {
                Arc::ptr_eq(&reading.of, batch)
            }
            (Self::Page(reading), StoreJob::Stage(page)) => Arc::ptr_eq(&reading.of, page),
            (Self::Batch(_) | Self::Page(_), _) => false,
        }
    }
}

fn batch_len(batch: &Batch) -> usize {
    let len = |entry: &Entry| match entry {
        Entry::Commit(raw) => raw.as_str().len(),
        Entry::State(raw) => raw.as_str().len(),
        Entry::Mine(_) | Entry::Evict(_) | Entry::Grant(_) | Entry::Policy(_) | Entry::Nothing => 0,
    };
    batch.entries.iter().map(len).sum()
}

fn page_len(page: &Snapshot) -> usize {
    page.states.iter().map(|raw| raw.as_str().len()).sum()
}

/// Carries out one write to the store; `ahead` is what is read of this very one.
pub(super) async fn carry_out(
    store: &ReplicaStore,
    job: StoreJob,
    ahead: Option<Ahead>,
) -> Result<Position, Problem> {
    let done = match job {
        StoreJob::Apply { batch, at } => {
            let read = match ahead {
                Some(Ahead::Batch(reading)) => reading.done().await?,
                Some(Ahead::Page(_)) | None => {
                    ReadBatch::of(&batch).map_err(|error| problem(&error))?
                }
            };
            store.apply(read, at).await
        }
        StoreJob::Stage(page) => {
            let read = match ahead {
                Some(Ahead::Page(reading)) => reading.done().await?,
                Some(Ahead::Batch(_)) | None => {
                    ReadPage::of(&page).map_err(|error| problem(&error))?
                }
            };
            store.stage(read).await
        }
        StoreJob::Acknowledge { number, verdicts } => store.acknowledge(number, verdicts).await,
        StoreJob::Install(end) => store.install(end).await,
        StoreJob::AdoptHub { hub, epoch, number } => store.adopt_hub(hub, epoch, number).await,
        StoreJob::Offered(atomes) => store.offered(atomes).await,
        StoreJob::Fork { from } => store.fork(from, random::replica_id()?).await,
    };
    done.map_err(|error| problem(&error))
}
