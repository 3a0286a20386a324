//! The handle of the machine store: its writer thread and its readers.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{MachineDb, MachineView};
use crate::error::{OpenError, StoreError};
use crate::pool::Pool;
use crate::sqlite::Durability;
use crate::writer::Writer;

/// The machine store. Clones are handles of the same one.
#[derive(Clone)]
pub struct MachineStore {
    writer: Writer<MachineDb>,
    readers: Pool,
    revision: Arc<AtomicU64>,
}

impl MachineStore {
    /// Opens the file, and makes it where there is none.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub fn open(path: &Path, durability: Durability) -> Result<Self, OpenError> {
        let db = MachineDb::open(path, durability)?;
        let revision = Arc::clone(&db.revision);
        let failed = |source| OpenError::Fault {
            path: path.to_owned(),
            source,
        };
        let writer = Writer::start("machine-writer", db).map_err(failed)?;
        let readers = Pool::start("machine-reader", path).map_err(failed)?;
        Ok(Self {
            writer,
            readers,
            revision,
        })
    }

    /// Counts the writes: what was read after it was asked for counts for as long as it stays the same. It grows
    /// before a write is answered.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision.load(Ordering::Acquire)
    }

    /// Closes the store; later calls are answered [`crate::Fault::Stopped`].
    pub async fn close(&self) {
        self.writer.close().await;
    }

    /// Writes: one of the methods of [`MachineDb`]. What it answers is durable.
    ///
    /// # Errors
    ///
    /// Those of the method, and [`StoreError::Fault`].
    pub async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&mut MachineDb) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.run(0, write).await
    }

    /// Reads: one or more of the methods of [`MachineView`], all of the same moment.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(MachineView<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.readers
            .run(move |connection| question(MachineView(connection)))
            .await
    }
}
