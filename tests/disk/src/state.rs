//! What a disk is made of: names, files, faults. No file system call is made but these.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, Weak};

use rusqlite::ffi;

use crate::chance::Chance;
use crate::file::File;
use crate::lock::FileLocks;
use crate::vfs::shm::Shm;

/// An error code of SQLite.
pub(crate) type Refusal = i32;

/// A file, whatever names it has.
pub(crate) type FileId = u64;

/// A file, and what its handles share.
#[derive(Debug, Default)]
pub(crate) struct Node {
    pub(crate) file: File,
    pub(crate) locks: FileLocks,
    pub(crate) shm: Weak<Mutex<Shm>>,
    /// How many handles are open on it.
    pub(crate) handles: u32,
}

#[derive(Debug)]
pub(crate) struct State {
    /// Names, as they are seen; and as they are after a crash, whatever happens.
    names: BTreeMap<String, FileId>,
    durable_names: BTreeMap<String, FileId>,
    /// Names that were given and taken since the directory was synced: to which file, or none.
    unsynced_names: Vec<(String, Option<FileId>)>,
    nodes: BTreeMap<FileId, Node>,
    last_id: FileId,
    chance: Chance,
    /// How often the power went: handles from before are good for nothing.
    pub(crate) life: u64,
    is_dead: bool,
    calls: u64,
    dies_at: Option<u64>,
    syncs_to_fail: u32,
    pub(crate) lies: bool,
    pub(crate) is_read_only: bool,
    len_max: Option<u64>,
}

impl State {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            unsynced_names: vec![],
            nodes: BTreeMap::new(),
            last_id: 0,
            chance: Chance::new(seed),
            life: 0,
            is_dead: false,
            calls: 0,
            dies_at: None,
            syncs_to_fail: 0,
            lies: false,
            is_read_only: false,
            len_max: None,
        }
    }

    pub(crate) fn node(&mut self, id: FileId) -> Result<&mut Node, Refusal> {
        self.nodes.get_mut(&id).ok_or(ffi::SQLITE_IOERR)
    }

    pub(crate) fn is_dead(&self) -> bool {
        self.is_dead
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls
    }

    pub(crate) fn die_after(&mut self, calls: u64) {
        self.dies_at = Some(self.calls + calls);
    }

    pub(crate) fn stay_alive(&mut self) {
        self.dies_at = None;
    }

    pub(crate) fn fail_syncs(&mut self, count: u32) {
        self.syncs_to_fail = count;
    }

    /// Bytes that its files have.
    pub(crate) fn len(&self) -> u64 {
        self.nodes.values().map(|node| node.file.len() as u64).sum()
    }

    /// Bytes that the file of a name has; 0 where there is none.
    pub(crate) fn len_of(&mut self, name: &str) -> u64 {
        let found = self.find(name).and_then(|id| self.nodes.get(&id));
        found.map_or(0, |node| node.file.len() as u64)
    }

    pub(crate) fn set_free(&mut self, bytes: Option<u64>) {
        self.len_max = bytes.map(|bytes| self.len() + bytes);
    }

    /// Counts a call that alters something; whether the power goes in the midst of it.
    fn call(&mut self) -> bool {
        self.calls += 1;
        self.is_dead |= self.dies_at.is_some_and(|at| self.calls > at);
        self.is_dead
    }

    /// Refuses with the code where the power has gone.
    fn alive(&self, refusal: Refusal) -> Result<(), Refusal> {
        if self.is_dead { Err(refusal) } else { Ok(()) }
    }

    pub(crate) fn find(&self, name: &str) -> Option<FileId> {
        self.names.get(name).copied()
    }

    /// A file of this name, which is made where there is none.
    pub(crate) fn make(&mut self, name: &str) -> Result<FileId, Refusal> {
        self.alive(ffi::SQLITE_CANTOPEN)?;
        if self.is_read_only {
            return Err(ffi::SQLITE_CANTOPEN);
        }
        let dies = self.call();
        self.last_id += 1;
        self.nodes.insert(self.last_id, Node::default());
        self.give_name(name, Some(self.last_id));
        if dies {
            return Err(ffi::SQLITE_CANTOPEN);
        }
        Ok(self.last_id)
    }

    pub(crate) fn delete(&mut self, name: &str, is_synced: bool) -> Result<(), Refusal> {
        self.alive(ffi::SQLITE_IOERR_DELETE)?;
        if !self.names.contains_key(name) {
            return Err(ffi::SQLITE_IOERR_DELETE_NOENT);
        }
        if self.is_read_only {
            return Err(ffi::SQLITE_IOERR_DELETE);
        }
        let dies = self.call();
        self.give_name(name, None);
        if dies {
            return Err(ffi::SQLITE_IOERR_DELETE);
        }
        if is_synced {
            self.sync_names();
        }
        Ok(())
    }

    fn give_name(&mut self, name: &str, to: Option<FileId>) {
        set_name(&mut self.names, name, to);
        self.unsynced_names.push((name.to_owned(), to));
    }

    fn sync_names(&mut self) {
        if self.lies {
            return;
        }
        for (name, to) in self.unsynced_names.drain(..) {
            set_name(&mut self.durable_names, &name, to);
        }
        self.forget();
    }

    /// Drops the files that nothing leads to any more, not even after a crash.
    fn forget(&mut self) {
        let known = self.names.values().chain(self.durable_names.values());
        let perhaps = self.unsynced_names.iter().filter_map(|(_, to)| to.as_ref());
        let led_to: BTreeSet<FileId> = known.chain(perhaps).copied().collect();
        self.nodes
            .retain(|id, node| node.handles > 0 || led_to.contains(id));
    }

    pub(crate) fn read(&mut self, id: FileId, at: usize, into: &mut [u8]) -> Result<bool, Refusal> {
        self.alive(ffi::SQLITE_IOERR_READ)?;
        Ok(self.node(id)?.file.read(at, into))
    }

    /// Writes at a place; on a disk that is full, the part that fits.
    pub(crate) fn write(&mut self, id: FileId, at: usize, bytes: &[u8]) -> Result<(), Refusal> {
        let fits = self.room(id)?.saturating_sub(at).min(bytes.len());
        let (written, rest) = bytes.split_at(fits);
        if !written.is_empty() {
            self.alter(id, ffi::SQLITE_IOERR_WRITE, |file| file.write(at, written))?;
        }
        if rest.is_empty() {
            Ok(())
        } else {
            Err(ffi::SQLITE_FULL)
        }
    }

    pub(crate) fn truncate(&mut self, id: FileId, len: usize) -> Result<(), Refusal> {
        if len > self.room(id)? {
            return Err(ffi::SQLITE_FULL);
        }
        self.alter(id, ffi::SQLITE_IOERR_TRUNCATE, |file| file.resize(len))
    }

    /// How long a file may become.
    fn room(&mut self, id: FileId) -> Result<usize, Refusal> {
        let free = self.len_max.map(|max| max.saturating_sub(self.len()));
        let len = self.node(id)?.file.len();
        let free = free.and_then(|free| usize::try_from(free).ok());
        Ok(free.map_or(usize::MAX, |free| len.saturating_add(free)))
    }

    fn alter(
        &mut self,
        id: FileId,
        refusal: Refusal,
        change: impl FnOnce(&mut File),
    ) -> Result<(), Refusal> {
        self.alive(refusal)?;
        if self.is_read_only {
            return Err(refusal);
        }
        let dies = self.call();
        change(&mut self.node(id)?.file);
        if dies { Err(refusal) } else { Ok(()) }
    }

    /// Syncs a file, and the directory with it.
    pub(crate) fn sync(&mut self, id: FileId, with_names: bool) -> Result<(), Refusal> {
        self.alive(ffi::SQLITE_IOERR_FSYNC)?;
        if self.call() {
            return Err(ffi::SQLITE_IOERR_FSYNC);
        }
        if self.lies {
            return Ok(());
        }
        let node = self.nodes.get_mut(&id).ok_or(ffi::SQLITE_IOERR_FSYNC)?;
        if self.syncs_to_fail > 0 {
            self.syncs_to_fail -= 1;
            node.file.fail_sync(&mut self.chance);
            return Err(ffi::SQLITE_IOERR_FSYNC);
        }
        node.file.sync();
        if with_names {
            self.sync_names();
        }
        Ok(())
    }

    /// The power goes, and comes back: what was not synced is there, or not, or torn.
    pub(crate) fn crash(&mut self) {
        let percent = self.chance.part();
        for (name, to) in std::mem::take(&mut self.unsynced_names) {
            if self.chance.percent(percent) {
                set_name(&mut self.durable_names, &name, to);
            }
        }
        self.names.clone_from(&self.durable_names);
        for node in self.nodes.values_mut() {
            node.file.crash(&mut self.chance);
            // Handles from before see nothing of it any more.
            (node.locks, node.shm, node.handles) = (FileLocks::default(), Weak::new(), 0);
        }
        self.forget();
        self.life += 1;
        (self.is_dead, self.dies_at, self.syncs_to_fail) = (false, None, 0);
    }

    /// Another disk with what is to be seen on this one.
    pub(crate) fn image(&self, seed: u64) -> Self {
        let mut image = Self::new(seed);
        image.last_id = self.last_id;
        image.names.clone_from(&self.names);
        image.durable_names.clone_from(&self.names);
        for id in self.names.values() {
            if let Some(node) = self.nodes.get(id) {
                let file = node.file.image();
                let node = Node {
                    file,
                    ..Node::default()
                };
                image.nodes.insert(*id, node);
            }
        }
        image
    }

    /// A handle is gone.
    pub(crate) fn close(&mut self, id: FileId) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.handles = node.handles.saturating_sub(1);
        }
        self.forget();
    }
}

fn set_name(names: &mut BTreeMap<String, FileId>, name: &str, to: Option<FileId>) {
    match to {
        Some(id) => names.insert(name.to_owned(), id),
        None => names.remove(name),
    };
}
