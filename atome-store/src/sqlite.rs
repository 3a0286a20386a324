//! Opening a store's file: who may read it, whether it is ours, how it is kept durable.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};

use crate::error::{Fault, OpenError};

pub(crate) mod gap;
pub(crate) mod migrate;
pub(crate) mod transact;
pub(crate) mod value;

use migrate::Kind;

/// Bytes of a page: a write of one small commit touches a handful of them, and each goes to the WAL whole.
const PAGE_LEN: u32 = 4096;
/// Pages in the WAL from which on a commit also checkpoints: 16 MiB, so that a page that is written again
/// and again goes to the file once.
const CHECKPOINT_PAGES: u32 = 4096;
/// To how many bytes the WAL's file is cut back after a checkpoint.
const WAL_LEN_KEPT: u32 = 32 << 20;
/// Memory for pages, in KiB: of the one connection that writes, and of each that reads.
const WRITER_CACHE_KIB: i32 = 8192;
const READER_CACHE_KIB: i32 = 1024;
/// How long to wait for a lock of another process, which is no other than a backup or a check.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Prepared statements kept for each connection: more than any store has.
const STATEMENTS: usize = 128;

/// What "durable" means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// On the disk when acknowledged, whatever fails.
    #[default]
    Full,
    /// In the hands of the system when acknowledged: a power cut may lose the last moments, and never
    /// damages the store.
    Normal,
}

/// Opens the file for writing; makes or migrates it where that is due.
pub(crate) fn open(
    path: &Path,
    kind: &Kind,
    durability: Durability,
) -> Result<Connection, OpenError> {
    let failed = |source: Fault| OpenError::Fault {
        path: path.to_owned(),
        source,
    };
    check_folder(path)?;
    make_or_check_file(path)?;
    let found = migrate::look(path, kind)?;
    if found > 0 && found < kind.known() {
        copy(path, found)?;
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags)
        .map_err(Fault::from)
        .and_then(|connection| prepare(connection, kind, durability))
        .map_err(failed)
}

/// Opens, or makes, a file of the virtual file system that is registered with SQLite under the name `vfs`:
/// for simulations. It is kept durable just as any other; what concerns folders, modes and copies before
/// a migration is not done.
pub(crate) fn open_on(
    vfs: &str,
    path: &Path,
    kind: &Kind,
    durability: Durability,
) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags_and_vfs(path, flags, vfs)
        .map_err(Fault::from)
        .and_then(|connection| prepare(connection, kind, durability))
        .map_err(|fault| OpenError::of(path, fault))
}

/// How a connection that writes keeps its file durable; its schema is brought to the newest.
fn prepare(
    mut connection: Connection,
    kind: &Kind,
    durability: Durability,
) -> Result<Connection, Fault> {
    configure(&connection, WRITER_CACHE_KIB)?;
    connection.pragma_update(None, "page_size", PAGE_LEN)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", WAL_LEN_KEPT)?;
    let synchronous = match durability {
        Durability::Full => "FULL",
        Durability::Normal => "NORMAL",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    migrate::migrate(&mut connection, kind)?;
    Ok(connection)
}

/// Opens a file that is open for writing elsewhere in this process, for reading only.
pub(crate) fn open_reader(path: &Path) -> Result<Connection, Fault> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    configure(&connection, READER_CACHE_KIB)?;
    Ok(connection)
}

/// Opens a store that lives in memory, for tests and simulations.
pub(crate) fn open_in_memory(kind: &Kind) -> Result<Connection, OpenError> {
    let open = || -> Result<Connection, Fault> {
        let mut connection = Connection::open_in_memory()?;
        configure(&connection, READER_CACHE_KIB)?;
        migrate::migrate(&mut connection, kind)?;
        Ok(connection)
    };
    open().map_err(|source| OpenError::Fault {
        path: PathBuf::from(":memory:"),
        source,
    })
}

fn configure(connection: &Connection, cache_kib: i32) -> Result<(), Fault> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "cache_size", -cache_kib)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

/// The folder that the file is in; the current one where the path names none.
fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

pub(crate) fn check_folder(path: &Path) -> Result<(), OpenError> {
    let folder = folder_of(path);
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|source| OpenError::Io {
        path: folder.to_owned(),
        source,
    })?;
    check_mode(folder, 0o700)
}

fn make_or_check_file(path: &Path) -> Result<(), OpenError> {
    match OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
    {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => check_mode(path, 0o600),
        Err(source) => Err(OpenError::Io {
            path: path.to_owned(),
            source,
        }),
    }
}

fn check_mode(path: &Path, wanted: u32) -> Result<(), OpenError> {
    let metadata = path.metadata().map_err(|source| OpenError::Io {
        path: path.to_owned(),
        source,
    })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(OpenError::Exposed {
            path: path.to_owned(),
            mode,
            wanted,
        });
    }
    Ok(())
}

/// Writes what a file holds at one moment into another, which is made or written over, for its user only.
/// Durable when this returns; others may write the first one meanwhile.
pub(crate) fn write_copy(from: &Path, to: &Path) -> io::Result<()> {
    let made = File::create(to)?;
    made.set_permissions(Permissions::from_mode(0o600))?;
    let copy = || -> Result<(), Fault> {
        let from = open_reader(from)?;
        let mut to = Connection::open(to)?;
        // All of it in one step: with pauses, a writer that never rests would begin it anew for ever.
        let step = Backup::new(&from, &mut to)?.step(-1)?;
        if matches!(step, StepResult::Done) {
            return Ok(());
        }
        Err(Fault::Defect("another process has locked it".to_owned()))
    };
    copy().map_err(io::Error::other)?;
    made.sync_all()
}

/// Gives a file that is durable its name, durably.
pub(crate) fn put_in_place(new: &Path, name: &Path) -> io::Result<()> {
    std::fs::rename(new, name)?;
    sync_folder_of(name)
}

/// Makes durable which files the folder of this one has.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

/// Removes a file; whether there was one.
pub(crate) fn remove_file(path: &Path) -> io::Result<bool> {
    match std::fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes a consistent copy beside the file before it is migrated: `name.v1` of a file of schema 1.
fn copy(path: &Path, version: u32) -> Result<(), OpenError> {
    let mut to = path.as_os_str().to_owned();
    to.push(format!(".v{version}"));
    let mut new = to.clone();
    new.push(".new");
    let new = Path::new(&new);
    let write = || -> io::Result<()> {
        write_copy(path, new)?;
        put_in_place(new, Path::new(&to))
    };
    write().map_err(|source| OpenError::Io {
        path: PathBuf::from(&to),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: Kind = Kind {
        name: "a test's store",
        application_id: 0x4174_0001,
        migrations: &["CREATE TABLE a (x)"],
    };
    const LATER: Kind = Kind {
        migrations: &["CREATE TABLE a (x)", "CREATE TABLE b (x)"],
        ..KIND
    };

    #[test]
    fn only_its_user_may_read_a_store() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("below/store.db");
        drop(open(&path, &KIND, Durability::Full).unwrap());
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let folder = path.parent().unwrap();
        assert_eq!(
            folder.metadata().unwrap().permissions().mode() & 0o777,
            0o700
        );
        for (exposed, mode) in [(path.as_path(), 0o640), (folder, 0o750)] {
            let before = exposed.metadata().unwrap().permissions();
            std::fs::set_permissions(exposed, Permissions::from_mode(mode)).unwrap();
            let error = open(&path, &KIND, Durability::Full).unwrap_err();
            assert!(matches!(error, OpenError::Exposed { .. }), "{error}");
            std::fs::set_permissions(exposed, before).unwrap();
        }
    }

    #[test]
    fn a_copy_is_made_before_a_migration() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("below");
        let path = dir.join("store.db");
        let first = open(&path, &KIND, Durability::Full).unwrap();
        first.execute("INSERT INTO a VALUES (7)", []).unwrap();
        drop(first);
        let second = open(&path, &LATER, Durability::Full).unwrap();
        second.execute("INSERT INTO b VALUES (1)", []).unwrap();
        let copy = dir.join("store.db.v1");
        assert_eq!(copy.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let copied = Connection::open(&copy).unwrap();
        let x: i64 = copied
            .query_row("SELECT x FROM a", [], |row| row.get(0))
            .unwrap();
        assert_eq!(x, 7);
        assert!(copied.prepare("SELECT x FROM b").is_err());
    }

    #[test]
    fn a_migration_that_fails_leaves_a_hub_that_the_program_before_can_open() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("below/hub.db");
        let before = Kind {
            migrations: &migrate::HUB.migrations[..3],
            ..migrate::HUB
        };
        let broken = Kind {
            // Only the fourth is still to be done.
            migrations: &[
                "",
                "",
                "",
                "DROP TABLE feed; INSERT INTO no_such_table VALUES (1)",
            ],
            ..migrate::HUB
        };
        let first = open(&path, &before, Durability::Full).unwrap();
        let entry = "INSERT INTO feed (account, number, item) VALUES (x'01', 1, 7)";
        first.execute(entry, []).unwrap();
        drop(first);
        open(&path, &broken, Durability::Full).unwrap_err();
        let copy = path.with_file_name("hub.db.v3");
        for file in [&path, &copy] {
            let again = open(file, &before, Durability::Full).unwrap();
            let count: i64 = again
                .query_row("SELECT count(*) FROM feed", [], |row| row.get(0))
                .unwrap();
            assert_eq!(count, 1, "{}", file.display());
        }
        // Mended, the next program goes on from there.
        open(&path, &migrate::HUB, Durability::Full).unwrap();
    }

    #[test]
    fn a_newer_or_foreign_file_is_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("below");
        let newer = dir.join("newer.db");
        drop(open(&newer, &LATER, Durability::Full).unwrap());
        let foreign = dir.join("foreign.db");
        let other = Connection::open(&foreign).unwrap();
        other.execute_batch("CREATE TABLE t (x)").unwrap();
        drop(other);
        let junk = dir.join("junk.db");
        std::fs::write(
            &junk,
            "this is no database, and much longer than a header is, surely",
        )
        .unwrap();
        for path in [&newer, &foreign, &junk] {
            std::fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
            let before = std::fs::read(path).unwrap();
            let error = open(path, &KIND, Durability::Full).unwrap_err();
            assert_eq!(before, std::fs::read(path).unwrap(), "{error}");
            if path == &newer {
                assert!(
                    matches!(
                        error,
                        OpenError::Newer {
                            found: 2,
                            known: 1,
                            ..
                        }
                    ),
                    "{error}"
                );
            } else {
                assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
            }
        }
        assert!(matches!(
            open(
                &newer,
                &Kind {
                    application_id: 1,
                    ..KIND
                },
                Durability::Full
            ),
            Err(OpenError::Foreign { .. })
        ));
    }
}
