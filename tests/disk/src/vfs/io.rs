//! What SQLite does with a file that is open.

use std::ffi::{c_int, c_void};
use std::ptr;
use std::slice;

use rusqlite::ffi;

use super::{OpenFile, code, shm};
use crate::handle::Handle;

/// What SQLite calls for every file here.
pub(super) static METHODS: ffi::sqlite3_io_methods = ffi::sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(raise),
    xUnlock: Some(lower),
    xCheckReservedLock: Some(check_reserved),
    xFileControl: Some(control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(characteristics),
    xShmMap: Some(shm::map),
    xShmLock: Some(shm::lock_slots),
    xShmBarrier: Some(shm::barrier),
    xShmUnmap: Some(shm::unmap),
    // Of version 3: files that are mapped into memory.
    xFetch: None,
    xUnfetch: None,
};

/// The handle of a file that SQLite has open.
///
/// # Safety
///
/// `file` was opened here and is not closed, and SQLite calls for it from one thread at a time.
pub(super) unsafe fn handle<'a>(file: *mut ffi::sqlite3_file) -> &'a mut Handle {
    // SAFETY: the caller's; `open` put a handle there, and only `close` takes it away.
    unsafe { &mut *(*file.cast::<OpenFile>()).handle }
}

fn size(number: impl TryInto<usize>) -> usize {
    number.try_into().unwrap_or(0)
}

unsafe extern "C" fn close(file: *mut ffi::sqlite3_file) -> c_int {
    // SAFETY: as for `handle`; nobody uses it after this.
    unsafe {
        let file = file.cast::<OpenFile>();
        drop(Box::from_raw((*file).handle));
        (*file).handle = ptr::null_mut();
        (*file).base.pMethods = ptr::null();
    }
    ffi::SQLITE_OK
}

unsafe extern "C" fn read(
    file: *mut ffi::sqlite3_file,
    into: *mut c_void,
    len: c_int,
    at: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: as for `handle`; the memory is SQLite's, of that length.
    let read = unsafe {
        let into = slice::from_raw_parts_mut(into.cast::<u8>(), size(len));
        handle(file).read(size(at), into)
    };
    match read {
        Ok(true) => ffi::SQLITE_OK,
        Ok(false) => ffi::SQLITE_IOERR_SHORT_READ,
        Err(refusal) => refusal,
    }
}

unsafe extern "C" fn write(
    file: *mut ffi::sqlite3_file,
    from: *const c_void,
    len: c_int,
    at: ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: as for `handle`; the memory is SQLite's, of that length.
    code(unsafe {
        let from = slice::from_raw_parts(from.cast::<u8>(), size(len));
        handle(file).write(size(at), from)
    })
}

unsafe extern "C" fn truncate(file: *mut ffi::sqlite3_file, len: ffi::sqlite3_int64) -> c_int {
    // SAFETY: as for `handle`.
    code(unsafe { handle(file) }.truncate(size(len)))
}

unsafe extern "C" fn sync(file: *mut ffi::sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: as for `handle`.
    code(unsafe { handle(file) }.sync())
}

unsafe extern "C" fn file_size(
    file: *mut ffi::sqlite3_file,
    out: *mut ffi::sqlite3_int64,
) -> c_int {
    // SAFETY: as for `handle`; `out` is SQLite's own.
    code(unsafe {
        let len = handle(file).len();
        len.map(|len| *out = len.try_into().unwrap_or(ffi::sqlite3_int64::MAX))
    })
}

unsafe extern "C" fn raise(file: *mut ffi::sqlite3_file, to: c_int) -> c_int {
    // SAFETY: as for `handle`.
    match unsafe { handle(file) }.raise(to) {
        Ok(true) => ffi::SQLITE_OK,
        Ok(false) => ffi::SQLITE_BUSY,
        Err(refusal) => refusal,
    }
}

unsafe extern "C" fn lower(file: *mut ffi::sqlite3_file, to: c_int) -> c_int {
    // SAFETY: as for `handle`.
    unsafe { handle(file) }.lower(to);
    ffi::SQLITE_OK
}

unsafe extern "C" fn check_reserved(file: *mut ffi::sqlite3_file, out: *mut c_int) -> c_int {
    // SAFETY: as for `handle`; `out` is SQLite's own.
    code(unsafe {
        let is_reserved = handle(file).is_reserved();
        is_reserved.map(|is_reserved| *out = c_int::from(is_reserved))
    })
}

unsafe extern "C" fn control(_: *mut ffi::sqlite3_file, _: c_int, _: *mut c_void) -> c_int {
    ffi::SQLITE_NOTFOUND
}

unsafe extern "C" fn sector_size(_: *mut ffi::sqlite3_file) -> c_int {
    // What SQLite takes for granted on Unix; that a sector is torn smaller is the disk's business.
    4096
}

unsafe extern "C" fn characteristics(_: *mut ffi::sqlite3_file) -> c_int {
    // As on Unix.
    ffi::SQLITE_IOCAP_POWERSAFE_OVERWRITE
}
