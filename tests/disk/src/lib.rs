//! A simulated disk below SQLite: what was not synced is lost, or torn, in a crash.
//!
//! A [`Disk`] holds files in memory, and for each of them what is on it for good and what was written since
//! the last sync. SQLite works on it as on any other, by way of a virtual file system that is registered
//! under the name [`Disk::VFS`]. A disk fails when it is told to: the power goes at any call, it fills, its
//! syncs fail or lie, it turns read-only.
//!
//! It is as hostile as a real disk may be, and no more. Of what was not synced, a crash keeps any
//! part, by sectors of 512 bytes, in any order: a later write without an earlier one, a length without the
//! bytes (they read as zeros), the name of a file without what is in it, and a deletion or not. What
//! was synced stays, sector by sector, whatever is written beside it (SQLite calls that powersafe
//! overwrite, and takes it for granted on Unix too). A directory is synced when SQLite asks for it: with the
//! first sync of a journal or a WAL, and with a deletion that says so.
//!
//! It takes all its chance from its seed, and none of its time from anywhere.

mod chance;
mod disk;
mod file;
mod handle;
mod lock;
mod state;
#[expect(
    unsafe_code,
    reason = "SQLite takes a virtual file system as C functions"
)]
mod vfs;

pub use chance::Chance;
pub use disk::Disk;
