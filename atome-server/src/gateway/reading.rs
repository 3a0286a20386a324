//! Reading what a client sends beside the task of its connection, where that takes long: meanwhile the store writes
//! what came before, and its answers are heard.

use std::sync::Arc;

use atome_proto::limit::READ_BESIDE_LEN;
use atome_proto::sync::frame::{BadFrame, FrameBytes};
use atome_proto::sync::v1::{ClientFrame, Push};
use atome_proto::{AccountId, ReplicaId};
use atome_store::hub::ReadPush;
use atome_store::{Fault, HubError};
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

/// What a frame says, if it is anything to heed.
pub(super) type Decoded = Result<Option<ClientFrame>, BadFrame>;

/// A long frame that is being decoded, if there is one.
#[derive(Default)]
pub(super) struct Decoding(Option<JoinHandle<Decoded>>);

impl Decoding {
    /// Decodes a frame: a short one at once, a long one as a task.
    pub(super) fn begin(&mut self, frame: FrameBytes) -> Option<Decoded> {
        if frame.wire_len() < READ_BESIDE_LEN {
            return Some(ClientFrame::decode(frame));
        }
        self.0 = Some(spawn_blocking(|| ClientFrame::decode(frame)));
        None
    }

    pub(super) fn is_idle(&self) -> bool {
        self.0.is_none()
    }

    /// Waits for the frame that is being decoded; for ever where there is none.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe.
    pub(super) async fn decoded(&mut self) -> Result<Decoded, JoinError> {
        let Some(task) = &mut self.0 else {
            return std::future::pending().await;
        };
        let decoded = task.await;
        self.0 = None;
        decoded
    }
}

/// A push that is to be read, or is being read.
pub(super) struct Reading {
    account: AccountId,
    replica: ReplicaId,
    push: Arc<Push>,
    task: Option<JoinHandle<ReadPush>>,
}

impl Reading {
    /// A push to be read when it is its turn.
    pub(super) fn in_turn(account: AccountId, replica: ReplicaId, push: Arc<Push>) -> Self {
        Self {
            account,
            replica,
            push,
            task: None,
        }
    }

    /// A push whose turn is to come: where it is long, reading begins.
    pub(super) fn ahead(account: AccountId, replica: ReplicaId, push: Arc<Push>) -> Self {
        let len: usize = push.commits.iter().map(|raw| raw.as_str().len()).sum();
        let task = (len >= READ_BESIDE_LEN).then(|| {
            let push = Arc::clone(&push);
            spawn_blocking(move || ReadPush::of(account, replica, push.first, &push.commits))
        });
        Self {
            task,
            ..Self::in_turn(account, replica, push)
        }
    }

    /// Whether it is about this very push.
    pub(super) fn is_of(&self, push: &Arc<Push>) -> bool {
        Arc::ptr_eq(&self.push, push)
    }

    /// The number of the first commit.
    pub(super) fn first(&self) -> u64 {
        self.push.first
    }

    /// How many commits it has.
    pub(super) fn count(&self) -> u64 {
        u64::try_from(self.push.commits.len()).unwrap_or(u64::MAX)
    }

    /// The push, read.
    pub(super) async fn read(self) -> Result<ReadPush, HubError> {
        let Some(task) = self.task else {
            let (first, commits) = (self.push.first, &self.push.commits);
            return Ok(ReadPush::of(self.account, self.replica, first, commits));
        };
        let failed = |error| Fault::Defect(format!("a push is not read: {error}"));
        Ok(task.await.map_err(failed)?)
    }
}
