//! Disks, as those who make and break them see them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::state::State;
use crate::vfs;

/// Every disk that is there, by name: SQLite knows files by their paths alone.
static DISKS: Mutex<BTreeMap<String, Arc<Mutex<State>>>> = Mutex::new(BTreeMap::new());
/// The number of the last disk that was made.
static LAST: Mutex<u64> = Mutex::new(0);

/// Waits for a lock; a test that panicked while it held one leaves nothing half done here.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The disk that a path is on, and the name of the file there.
pub(crate) fn find(path: &str) -> Option<(Arc<Mutex<State>>, &str)> {
    let (disk, file) = path.strip_prefix('/')?.split_once('/')?;
    Some((Arc::clone(lock(&DISKS).get(disk)?), file))
}

/// A simulated disk. What is on it is gone with it.
#[derive(Debug)]
pub struct Disk {
    name: String,
    state: Arc<Mutex<State>>,
}

impl Disk {
    /// The name under which SQLite finds the files of all disks: the virtual file system's.
    pub const VFS: &'static str = "atome-sim-disk";

    /// An empty disk, its chance from a seed.
    ///
    /// # Panics
    ///
    /// Where SQLite does not take the virtual file system.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with(State::new(seed))
    }

    fn with(state: State) -> Self {
        vfs::register();
        let name = {
            let mut last = lock(&LAST);
            *last += 1;
            format!("disk-{last}")
        };
        let state = Arc::new(Mutex::new(state));
        lock(&DISKS).insert(name.clone(), Arc::clone(&state));
        Self { name, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The path of a file on it, for SQLite.
    #[must_use]
    pub fn path(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("/{}/{file}", self.name))
    }

    /// Another disk with all that is to be seen on this one now, as from an image: durable there.
    #[must_use]
    pub fn image(&self, seed: u64) -> Self {
        let image = self.state().image(seed);
        Self::with(image)
    }

    /// The power goes and comes back. What was synced is there; of the rest any part, torn by sectors.
    /// Whoever has files open can only close them.
    pub fn crash(&self) {
        self.state().crash();
    }

    /// The power goes in the midst of a call that alters something, after so many more of them. The disk
    /// refuses everything from then on, until [`Disk::crash`].
    pub fn die_after(&self, calls: u64) {
        self.state().die_after(calls);
    }

    /// Takes [`Disk::die_after`] back, where it has not come to it.
    pub fn stay_alive(&self) {
        self.state().stay_alive();
    }

    /// Whether the power has gone.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.state().is_dead()
    }

    /// How many calls have altered something, or synced.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.state().calls()
    }

    /// How many bytes its files have.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.state().len()
    }

    /// How many bytes a file has; 0 where there is none.
    #[must_use]
    pub fn len_of(&self, file: &str) -> u64 {
        self.state().len_of(file)
    }

    /// Lets its files grow by so many bytes, all together, and no more; `None` for as much as they like.
    pub fn set_free(&self, bytes: Option<u64>) {
        self.state().set_free(bytes);
    }

    /// The next syncs fail. What they were for became durable in part; the rest is not tried again by the
    /// syncs after them, as on Linux, and is seen for as long as it stays in memory.
    pub fn fail_syncs(&self, count: u32) {
        self.state().fail_syncs(count);
    }

    /// Lets syncs say yes and do nothing, as of a disk that lies.
    pub fn set_lying(&self, lies: bool) {
        self.state().lies = lies;
    }

    /// Refuses whatever would alter something.
    pub fn set_read_only(&self, is_read_only: bool) {
        self.state().is_read_only = is_read_only;
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        lock(&DISKS).remove(&self.name);
    }
}
