//! The virtual file system that SQLite calls: from C's pointers to handles and back, and nothing else.
//!
//! What stands here decides nothing. Whatever is not about files (time, randomness, sleep) is the
//! system's own.
//!
//! Source: sqlite3.h, `sqlite3_vfs`; what the unix file system of SQLite 3.50 does (`unixOpen`, `unixSync`,
//! `unixDelete`, `unixAccess`).

mod io;
pub(crate) mod shm;

use std::ffi::{CStr, CString, c_char, c_int};
use std::ptr;
use std::sync::Once;

use rusqlite::ffi;

use crate::disk::{Disk, find, lock};
use crate::handle::{Handle, Wanted};
use crate::state::Refusal;

/// What SQLite sets aside for a file: its own part first.
#[repr(C)]
struct OpenFile {
    base: ffi::sqlite3_file,
    handle: *mut Handle,
}

/// Registers the file system with SQLite, once.
pub(crate) fn register() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // SAFETY: with a null name SQLite returns its default file system, which is never freed. It is
        // copied; what remains of it (time, randomness, sleep) does not look at the pointer it is given.
        let system = unsafe {
            assert_eq!(ffi::sqlite3_initialize(), ffi::SQLITE_OK, "SQLite starts");
            ffi::sqlite3_vfs_find(ptr::null()).as_ref()
        };
        let system = system.copied();
        assert!(system.is_some(), "SQLite has a file system of its own");
        let Some(system) = system else { return };
        let name = CString::new(Disk::VFS).unwrap_or_default();
        let vfs = ffi::sqlite3_vfs {
            // The functions of version 3 are for replacing system calls.
            iVersion: 2,
            szOsFile: c_int::try_from(size_of::<OpenFile>()).unwrap_or(c_int::MAX),
            pNext: ptr::null_mut(),
            zName: name.into_raw(),
            pAppData: ptr::null_mut(),
            xOpen: Some(open),
            xDelete: Some(delete),
            xAccess: Some(access),
            xFullPathname: Some(full_pathname),
            ..system
        };
        // SAFETY: the structure and its name live as long as the process.
        let taken = unsafe { ffi::sqlite3_vfs_register(Box::into_raw(Box::new(vfs)), 0) };
        assert_eq!(taken, ffi::SQLITE_OK, "SQLite takes the file system");
    });
}

fn code(done: Result<(), Refusal>) -> c_int {
    done.err().unwrap_or(ffi::SQLITE_OK)
}

/// The text of a path; `None` where there is none, or it is not text.
///
/// # Safety
///
/// `path` is null, or a string that ends in a zero and lives as long as the answer.
unsafe fn text<'a>(path: *const c_char) -> Option<&'a str> {
    if path.is_null() {
        return None;
    }
    // SAFETY: the caller's.
    unsafe { CStr::from_ptr(path) }.to_str().ok()
}

unsafe extern "C" fn open(
    _: *mut ffi::sqlite3_vfs,
    path: ffi::sqlite3_filename,
    file: *mut ffi::sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let has = |flag: c_int| flags & flag != 0;
    let journals = ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_SUPER_JOURNAL;
    let wanted = Wanted {
        creates: has(ffi::SQLITE_OPEN_CREATE),
        writes: has(ffi::SQLITE_OPEN_READWRITE),
        deletes_on_close: has(ffi::SQLITE_OPEN_DELETEONCLOSE),
        is_journal: has(journals | ffi::SQLITE_OPEN_WAL),
    };
    let file = file.cast::<OpenFile>();
    // SAFETY: SQLite hands over `szOsFile` bytes of its own, and a path that lives during the call. A
    // file without methods is one that SQLite does not close.
    let path = unsafe {
        (*file).base.pMethods = ptr::null();
        text(path)
    };
    let Some((state, name)) = path.and_then(find) else {
        return ffi::SQLITE_CANTOPEN;
    };
    match Handle::open(state, name, wanted) {
        Ok(handle) => {
            let is_read_only = handle.is_read_only;
            // SAFETY: as above; `out_flags` is null or SQLite's own.
            unsafe {
                (*file).handle = Box::into_raw(Box::new(handle));
                (*file).base.pMethods = &raw const io::METHODS;
                if let Some(out) = out_flags.as_mut() {
                    let writes = ffi::SQLITE_OPEN_READWRITE | ffi::SQLITE_OPEN_CREATE;
                    *out = if is_read_only {
                        flags & !writes | ffi::SQLITE_OPEN_READONLY
                    } else {
                        flags
                    };
                }
            }
            ffi::SQLITE_OK
        }
        Err(refusal) => refusal,
    }
}

unsafe extern "C" fn delete(
    _: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    sync_directory: c_int,
) -> c_int {
    // SAFETY: SQLite's path lives during the call.
    let Some((state, name)) = unsafe { text(path) }.and_then(find) else {
        return ffi::SQLITE_IOERR_DELETE;
    };
    code(lock(&state).delete(name, sync_directory & 1 != 0))
}

unsafe extern "C" fn access(
    _: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    flags: c_int,
    out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite's path lives during the call.
    let Some((state, name)) = unsafe { text(path) }.and_then(find) else {
        return ffi::SQLITE_IOERR_ACCESS;
    };
    let mut state = lock(&state);
    if state.is_dead() {
        return ffi::SQLITE_IOERR_ACCESS;
    }
    let len = state
        .find(name)
        .map(|id| state.node(id).map(|node| node.file.len()));
    let is_so = match len {
        None | Some(Err(_)) => false,
        // A file of no length counts as none, as on Unix.
        Some(Ok(len)) if flags == ffi::SQLITE_ACCESS_EXISTS => len > 0,
        Some(Ok(_)) => flags != ffi::SQLITE_ACCESS_READWRITE || !state.is_read_only,
    };
    // SAFETY: `out` is SQLite's own.
    unsafe { *out = c_int::from(is_so) };
    ffi::SQLITE_OK
}

unsafe extern "C" fn full_pathname(
    _: *mut ffi::sqlite3_vfs,
    path: *const c_char,
    len_max: c_int,
    out: *mut c_char,
) -> c_int {
    // SAFETY: SQLite's path lives during the call, and `out` has room for `len_max` bytes.
    unsafe {
        let path = CStr::from_ptr(path).to_bytes_with_nul();
        if usize::try_from(len_max).is_ok_and(|max| path.len() > max) {
            return ffi::SQLITE_CANTOPEN;
        }
        ptr::copy_nonoverlapping(path.as_ptr().cast(), out, path.len());
    }
    ffi::SQLITE_OK
}
