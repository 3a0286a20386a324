//! A file that SQLite has open.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use rusqlite::ffi;

use crate::disk::lock;
use crate::lock::{ShmHeld, ShmLocks};
use crate::state::{FileId, Node, Refusal, State};
use crate::vfs::shm::Shm;

/// How SQLite wants a file opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub(crate) creates: bool,
    pub(crate) writes: bool,
    pub(crate) deletes_on_close: bool,
    /// A journal or a WAL: the directory is synced with its first sync.
    pub(crate) is_journal: bool,
}

/// A file that is open, the locks it has included.
pub(crate) struct Handle {
    state: Arc<Mutex<State>>,
    id: FileId,
    life: u64,
    syncs_names: bool,
    deleted_on_close: Option<String>,
    level: i32,
    shm: Option<Arc<Mutex<Shm>>>,
    held: ShmHeld,
    /// Whether it may only be read.
    pub(crate) is_read_only: bool,
}

impl Handle {
    /// Opens a file.
    pub(crate) fn open(
        state: Arc<Mutex<State>>,
        name: &str,
        wanted: Wanted,
    ) -> Result<Self, Refusal> {
        let mut disk = lock(&state);
        if disk.is_dead() {
            return Err(ffi::SQLITE_CANTOPEN);
        }
        let id = match disk.find(name) {
            Some(id) => id,
            None if wanted.creates => disk.make(name)?,
            None => return Err(ffi::SQLITE_CANTOPEN),
        };
        disk.node(id)?.handles += 1;
        let is_read_only = !wanted.writes || disk.is_read_only;
        let life = disk.life;
        drop(disk);
        Ok(Self {
            state,
            id,
            life,
            syncs_names: wanted.is_journal && wanted.creates,
            deleted_on_close: wanted.deletes_on_close.then(|| name.to_owned()),
            level: ffi::SQLITE_LOCK_NONE,
            shm: None,
            held: ShmHeld::default(),
            is_read_only,
        })
    }

    /// Asks the disk, unless the power went since this was opened.
    fn ask<T>(
        &mut self,
        refusal: Refusal,
        ask: impl FnOnce(&mut State, FileId) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let mut state = lock(&self.state);
        if state.life != self.life {
            return Err(refusal);
        }
        ask(&mut state, self.id)
    }

    pub(crate) fn read(&mut self, at: usize, into: &mut [u8]) -> Result<bool, Refusal> {
        self.ask(ffi::SQLITE_IOERR_READ, |disk, id| disk.read(id, at, into))
    }

    pub(crate) fn write(&mut self, at: usize, bytes: &[u8]) -> Result<(), Refusal> {
        self.ask(ffi::SQLITE_IOERR_WRITE, |disk, id| {
            disk.write(id, at, bytes)
        })
    }

    pub(crate) fn truncate(&mut self, len: usize) -> Result<(), Refusal> {
        self.ask(ffi::SQLITE_IOERR_TRUNCATE, |disk, id| {
            disk.truncate(id, len)
        })
    }

    pub(crate) fn sync(&mut self) -> Result<(), Refusal> {
        let with_names = self.syncs_names;
        self.ask(ffi::SQLITE_IOERR_FSYNC, |disk, id| {
            disk.sync(id, with_names)
        })?;
        self.syncs_names = false;
        Ok(())
    }

    pub(crate) fn len(&mut self) -> Result<usize, Refusal> {
        self.ask(ffi::SQLITE_IOERR_FSTAT, |disk, id| {
            Ok(disk.node(id)?.file.len())
        })
    }

    /// Asks for a lock of this level; whether it was to be had.
    pub(crate) fn raise(&mut self, to: i32) -> Result<bool, Refusal> {
        let mut level = self.level;
        let raised = self.ask(ffi::SQLITE_IOERR_LOCK, |disk, id| {
            Ok(disk.node(id)?.locks.raise(&mut level, to))
        });
        self.level = level;
        raised
    }

    /// Lowers its lock to this level; a disk that is dead has no locks.
    pub(crate) fn lower(&mut self, to: i32) {
        let mut level = self.level;
        let lower = |node: &mut Node| node.locks.lower(&mut level, to);
        if self
            .ask(ffi::SQLITE_IOERR_UNLOCK, |disk, id| {
                disk.node(id).map(lower)
            })
            .is_err()
        {
            level = to.min(level);
        }
        self.level = level;
    }

    pub(crate) fn is_reserved(&mut self) -> Result<bool, Refusal> {
        self.ask(ffi::SQLITE_IOERR_CHECKRESERVEDLOCK, |disk, id| {
            Ok(disk.node(id)?.locks.is_reserved())
        })
    }

    /// The memory that the connections to a database share.
    pub(crate) fn shm(&mut self) -> Result<Arc<Mutex<Shm>>, Refusal> {
        if let Some(shm) = &self.shm {
            return Ok(Arc::clone(shm));
        }
        let shm = self.ask(ffi::SQLITE_IOERR_SHMOPEN, |disk, id| {
            let node = disk.node(id)?;
            Ok(node.shm.upgrade().unwrap_or_else(|| {
                let shm = Arc::default();
                node.shm = Arc::downgrade(&shm);
                shm
            }))
        })?;
        self.shm = Some(Arc::clone(&shm));
        Ok(shm)
    }

    /// Takes slots of the shared memory; whether they were to be had.
    pub(crate) fn take(&mut self, slots: Range<usize>, alone: bool) -> Result<bool, Refusal> {
        let shm = self.shm()?;
        Ok(lock(&shm).locks.take(&mut self.held, slots, alone))
    }

    /// Lets slots go.
    pub(crate) fn let_go(&mut self, slots: Range<usize>) {
        if let Some(shm) = &self.shm {
            lock(shm).locks.let_go(&mut self.held, slots);
        }
    }

    /// Is done with the shared memory.
    pub(crate) fn unmap(&mut self) {
        self.let_go(ShmLocks::ALL);
        self.shm = None;
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.unmap();
        self.lower(ffi::SQLITE_LOCK_NONE);
        let deleted = self.deleted_on_close.take();
        // After a crash there is nothing to close.
        let _ = self.ask(ffi::SQLITE_IOERR_CLOSE, |disk, id| {
            disk.close(id);
            deleted.map_or(Ok(()), |name| disk.delete(&name, false))
        });
    }
}
