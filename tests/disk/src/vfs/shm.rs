//! The memory in which the connections to one database share the index of its WAL.
//!
//! On a real disk it is a mapped file that whoever comes first empties; here it is memory that is gone with
//! the last connection.

use std::ffi::{c_int, c_void};
use std::ops::Range;
use std::ptr;
use std::sync::atomic::{Ordering, fence};

use rusqlite::ffi;

use super::io::handle;
use crate::disk::lock;
use crate::lock::ShmLocks;

/// What is shared about one database.
#[derive(Debug, Default)]
pub(crate) struct Shm {
    regions: Vec<Region>,
    pub(crate) locks: ShmLocks,
}

/// A piece of memory that stays where it is. What is in it is SQLite's, and so is who may touch it when.
#[derive(Debug)]
struct Region(*mut [u64]);

// SAFETY: it is only freed here, by whoever drops it; SQLite orders what it does in it by its locks.
unsafe impl Send for Region {}

impl Region {
    fn new(len: usize) -> Self {
        Self(Box::into_raw(vec![0; len.div_ceil(8)].into_boxed_slice()))
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: it came out of a box, and no connection is left that could use it.
        drop(unsafe { Box::from_raw(self.0) });
    }
}

pub(super) unsafe extern "C" fn map(
    file: *mut ffi::sqlite3_file,
    region: c_int,
    len: c_int,
    extends: c_int,
    out: *mut *mut c_void,
) -> c_int {
    // SAFETY: as for `handle`.
    let shm = match unsafe { handle(file) }.shm() {
        Ok(shm) => shm,
        Err(refusal) => return refusal,
    };
    let (region, len) = (usize::try_from(region), usize::try_from(len));
    let (Ok(region), Ok(len)) = (region, len) else {
        return ffi::SQLITE_IOERR_SHMMAP;
    };
    let mut shm = lock(&shm);
    while extends != 0 && shm.regions.len() <= region {
        shm.regions.push(Region::new(len));
    }
    let at = shm
        .regions
        .get(region)
        .map_or(ptr::null_mut(), |r| r.0.cast());
    // SAFETY: `out` is SQLite's own.
    unsafe { *out = at };
    ffi::SQLITE_OK
}

fn slots(first: c_int, count: c_int) -> Range<usize> {
    let first = usize::try_from(first).unwrap_or(0);
    first..first + usize::try_from(count).unwrap_or(0)
}

pub(super) unsafe extern "C" fn lock_slots(
    file: *mut ffi::sqlite3_file,
    first: c_int,
    count: c_int,
    flags: c_int,
) -> c_int {
    // SAFETY: as for `handle`.
    let handle = unsafe { handle(file) };
    if flags & ffi::SQLITE_SHM_UNLOCK != 0 {
        handle.let_go(slots(first, count));
        return ffi::SQLITE_OK;
    }
    match handle.take(slots(first, count), flags & ffi::SQLITE_SHM_EXCLUSIVE != 0) {
        Ok(true) => ffi::SQLITE_OK,
        Ok(false) => ffi::SQLITE_BUSY,
        Err(refusal) => refusal,
    }
}

pub(super) unsafe extern "C" fn barrier(_: *mut ffi::sqlite3_file) {
    fence(Ordering::SeqCst);
}

pub(super) unsafe extern "C" fn unmap(file: *mut ffi::sqlite3_file, _deletes: c_int) -> c_int {
    // SAFETY: as for `handle`.
    unsafe { handle(file) }.unmap();
    ffi::SQLITE_OK
}
