//! Looking at the file of a store from beside: whether it is sound, how much it holds.
//!
//! Each look has a connection of its own that only reads. Writers go on meanwhile; only the WAL cannot be
//! cut back for so long, which is why a check has a limit. Everything here blocks.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

use crate::error::Fault;
use crate::sqlite;

/// Faults that are told; one is enough to act on.
const FAULTS_MAX: u32 = 5;

/// What a check of a store came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Soundness {
    /// Nothing is wrong.
    Sound,
    /// So much is wrong, in SQLite's words.
    Damaged(Vec<String>),
    /// The time was over first.
    Unfinished,
}

/// Checks the file of a store: every page of it, in its own words `PRAGMA quick_check`.
///
/// # Errors
///
/// [`Fault`], where the file cannot be read.
pub fn check(path: &Path, limit: Duration) -> Result<Soundness, Fault> {
    let connection = sqlite::open_reader(path)?;
    let found = within(&connection, limit, |connection| {
        let mut statement = connection.prepare(&format!("PRAGMA quick_check({FAULTS_MAX})"))?;
        let lines = statement.query_map([], |row| row.get(0))?;
        lines.collect::<Result<Vec<String>, _>>()
    });
    match found {
        Ok(lines) if lines == ["ok"] => Ok(Soundness::Sound),
        Ok(lines) => Ok(Soundness::Damaged(lines)),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
            Ok(Soundness::Unfinished)
        }
        Err(error) => {
            let fault = Fault::from(error);
            if let Fault::Corrupt(why) = fault {
                return Ok(Soundness::Damaged(vec![why]));
            }
            Err(fault)
        }
    }
}

/// Counts the rows of every table of a store.
///
/// # Errors
///
/// [`Fault`], where the file cannot be read in this time.
pub fn rows(path: &Path, limit: Duration) -> Result<BTreeMap<String, u64>, Fault> {
    let connection = sqlite::open_reader(path)?;
    let counted = within(&connection, limit, |connection| {
        let tables =
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'";
        let mut statement = connection.prepare(tables)?;
        let names = statement.query_map([], |row| row.get::<_, String>(0))?;
        let count = |name: Result<String, rusqlite::Error>| {
            let name = name?;
            let sql = format!("SELECT count(*) FROM \"{name}\"");
            let count: i64 = connection.query_row(&sql, [], |row| row.get(0))?;
            Ok((name, u64::try_from(count).unwrap_or_default()))
        };
        names.map(count).collect::<Result<_, rusqlite::Error>>()
    });
    Ok(counted?)
}

/// Interrupts what is asked of a connection once the time is over.
fn within<T>(connection: &Connection, limit: Duration, ask: impl FnOnce(&Connection) -> T) -> T {
    let handle = connection.get_interrupt_handle();
    let (done, is_done) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            if is_done.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout) {
                handle.interrupt();
            }
        });
        let answer = ask(connection);
        drop(done);
        answer
    })
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, SeekFrom, Write};

    use super::*;
    use crate::{Durability, MachineDb};

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_sound_store_a_damaged_one_and_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/machine.db");
        drop(MachineDb::open(&path, Durability::Full).unwrap());
        assert_eq!(check(&path, LONG).unwrap(), Soundness::Sound);
        let rows = rows(&path, LONG).unwrap();
        assert_eq!(rows.get("accounts"), Some(&0), "{rows:?}");

        let len = std::fs::metadata(&path).unwrap().len();
        let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.seek(SeekFrom::Start(4096)).unwrap();
        let rest = usize::try_from(len).unwrap() - 4096;
        file.write_all(&vec![0x5a; rest]).unwrap();
        drop(file);
        let found = check(&path, LONG).unwrap();
        assert!(
            matches!(&found, Soundness::Damaged(lines) if !lines.is_empty()),
            "{found:?}"
        );
        std::fs::remove_file(&path).unwrap();
        assert!(check(&path, LONG).is_err());
    }

    #[test]
    fn what_takes_too_long_is_interrupted() {
        let connection = Connection::open_in_memory().unwrap();
        let endless =
            "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
        let asked = within(&connection, Duration::from_millis(20), |connection| {
            connection.query_row(endless, [], |row| row.get::<_, i64>(0))
        });
        let code = asked.unwrap_err().sqlite_error_code();
        assert_eq!(code, Some(ErrorCode::OperationInterrupted));
    }
}
