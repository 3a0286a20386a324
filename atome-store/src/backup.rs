//! Backups of a replica store: made while it is at work, and put back into one that holds nothing.
//!
//! A backup is one SQLite file: the store as it was at one moment, and what the machine kept of its account,
//! so that a machine that lost everything can have the account again. Everything here blocks.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use atome_proto::ReplicaId;
use atome_proto::account::Secret;
use rusqlite::backup::Backup as Copying;
use rusqlite::{Connection, params};

use crate::error::{Fault, OpenError, StoreError};
use crate::examine::{self, Soundness};
use crate::machine::MachineAccount;
use crate::replica::ReplicaDb;
use crate::sqlite::migrate::{self, REPLICA};
use crate::sqlite::value::Db;
use crate::sqlite::{self, Durability};

/// Pages that are copied at once: a stop is seen, and memory bounded, about so often.
const PAGES_AT_ONCE: i32 = 1024;
/// How long the check of a backup may take: it is read whole once, and nobody waits for another answer.
const CHECK_LIMIT: Duration = Duration::from_secs(3600);
/// What this process has begun; a name is used once.
static BEGUN: AtomicU64 = AtomicU64::new(0);

/// What a backup holds beside the store.
const LABEL: &str = "CREATE TABLE backup (entry TEXT NOT NULL, registered INTEGER NOT NULL, \
                     password_hash TEXT, retry_secret TEXT, invite TEXT, created_at_ms INTEGER NOT NULL)";

/// Why a backup was not put back. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The file is no backup of an account.
    #[error("the file is no backup of an account: {0}")]
    NotABackup(String),
    /// A newer program made it.
    #[error("the backup was made by a newer version of Atome; update this program")]
    Newer,
    /// It is damaged.
    #[error("the backup is damaged: {0}")]
    Damaged(String),
    /// The account's store here holds something.
    #[error("the account has data on this machine already")]
    HasData,
    /// The disk or database failed.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<rusqlite::Error> for RestoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Fault(error.into())
    }
}

impl RestoreError {
    fn of_backup(error: OpenError) -> Self {
        match error {
            OpenError::Newer { .. } => Self::Newer,
            OpenError::Fault { source, .. } => Self::of_fault(source),
            other @ (OpenError::Foreign { .. }
            | OpenError::Exposed { .. }
            | OpenError::OtherAccount { .. }
            | OpenError::Io { .. }) => Self::NotABackup(other.to_string()),
        }
    }

    fn of_fault(fault: Fault) -> Self {
        match fault {
            Fault::Corrupt(why) => Self::Damaged(why),
            Fault::LowSpace(_) | Fault::Io(_) | Fault::Stopped | Fault::Defect(_) => {
                Self::Fault(fault)
            }
        }
    }
}

/// A name in `folder` that nobody else uses, for a file that does not stay.
#[must_use]
pub fn passing_file(folder: &Path) -> PathBuf {
    let number = BEGUN.fetch_add(1, Ordering::Relaxed);
    folder.join(format!("passing-{}-{number}.db", std::process::id()))
}

/// Removes what an end in the midst of a backup, or of putting one back, left in `folder`.
///
/// # Errors
///
/// Where the folder cannot be read, or a file in it not removed.
pub fn remove_passing_files(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("passing-") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Copies the store at `path` as it is at one moment, while it is at work elsewhere in this process. Writers go
/// on; only the WAL cannot be cut back for so long. The file has no name any more: it is gone once closed.
///
/// Of an account that the hub does not know, the password's hash and what its registration needs go along;
/// nothing else would have them.
///
/// # Errors
///
/// [`Fault`].
pub fn make(path: &Path, account: &MachineAccount) -> Result<File, Fault> {
    let failed = |error: io::Error| Fault::from_io(&error);
    let to = passing_file(path.parent().unwrap_or(Path::new(".")));
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&to);
    drop(made.map_err(failed)?);
    let copied = copy(path, &to, account).and_then(|()| File::open(&to).map_err(failed));
    let removed = fs::remove_file(&to).map_err(failed);
    copied.and_then(|file| removed.map(|()| file))
}

fn copy(path: &Path, to: &Path, account: &MachineAccount) -> Result<(), Fault> {
    let source = sqlite::open_reader(path)?;
    // One moment: the copy is not begun anew by whoever writes meanwhile.
    let moment = source.unchecked_transaction()?;
    moment.query_row("SELECT one FROM replica", [], |_| Ok(()))?;
    let mut copy = Connection::open(to)?;
    // It passes through memory to whoever asked; that one makes it durable.
    copy.pragma_update(None, "synchronous", "OFF")?;
    copy_pages(&moment, &mut copy)?;
    // One file, without a WAL beside it.
    copy.pragma_update(None, "journal_mode", "DELETE")?;
    let alone = |secret: &Option<Secret>| {
        let secret = secret.as_ref().filter(|_| !account.registered);
        secret.map(|secret| secret.0.clone())
    };
    let entry =
        serde_json::to_string(&account.entry).map_err(|error| Fault::Defect(error.to_string()))?;
    copy.execute_batch(LABEL)?;
    copy.execute(
        "INSERT INTO backup VALUES (?, ?, ?, ?, ?, ?)",
        params![
            entry,
            account.registered,
            alone(&account.password_hash),
            alone(&account.retry_secret),
            alone(&account.invite),
            Db(account.created_at_ms),
        ],
    )?;
    Ok(())
}

fn copy_pages(from: &Connection, to: &mut Connection) -> Result<(), Fault> {
    let copying = Copying::new(from, to)?;
    copying.run_to_completion(PAGES_AT_ONCE, Duration::ZERO, None)?;
    Ok(())
}

/// Makes ready what a backup holds, in its own file: checks it, brings it to this program's schema, and has it
/// take a replica id of its own. The account that it is of.
///
/// # Errors
///
/// [`RestoreError`]; the file is of no use then.
pub fn prepare(file: &Path, fresh: ReplicaId) -> Result<MachineAccount, RestoreError> {
    if migrate::look(file, &REPLICA).map_err(RestoreError::of_backup)? == 0 {
        return Err(RestoreError::NotABackup("it is empty".to_owned()));
    }
    match examine::check(file, CHECK_LIMIT)? {
        Soundness::Sound => {}
        Soundness::Damaged(why) => return Err(RestoreError::Damaged(why.join("; "))),
        Soundness::Unfinished => {
            return Err(RestoreError::Damaged("its check does not end".to_owned()));
        }
    }
    let account = take_label(file)?;
    let id = account.entry.user_id;
    let opened = ReplicaDb::open_uncopied(file, id, fresh);
    let mut db = opened.map_err(RestoreError::of_backup)?;
    let restored = db.restored(fresh).map_err(StoreError::into_fault);
    restored.map_err(RestoreError::of_fault)?;
    Ok(account)
}

/// Takes what a backup holds beside the store out of it.
fn take_label(file: &Path) -> Result<MachineAccount, RestoreError> {
    let connection = Connection::open(file)?;
    let not_one = |error: String| RestoreError::NotABackup(error);
    let found = connection.query_row(
        "SELECT entry, registered, password_hash, retry_secret, invite, created_at_ms FROM backup",
        [],
        |row| {
            let secret =
                |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<_>>(column)?.map(Secret));
            let entry: String = row.get(0)?;
            let created_at_ms = row.get::<_, Db<u64>>(5)?.0;
            Ok((
                entry,
                row.get(1)?,
                secret(2)?,
                secret(3)?,
                secret(4)?,
                created_at_ms,
            ))
        },
    );
    let (entry, registered, password_hash, retry_secret, invite, created_at_ms) =
        found.map_err(|error| not_one(error.to_string()))?;
    let entry = serde_json::from_str(&entry).map_err(|error| not_one(error.to_string()))?;
    connection.execute_batch("DROP TABLE backup")?;
    Ok(MachineAccount {
        entry,
        password_hash,
        registered,
        conflict: false,
        retry_secret,
        invite,
        session: None,
        joins: None,
        created_at_ms,
    })
}

/// Puts what [`prepare`] made ready into the store at `path`, which nobody has open, in one transaction.
///
/// # Errors
///
/// [`RestoreError::HasData`] where the store holds anything; it stays as it was.
pub fn put(prepared: &Path, path: &Path, durability: Durability) -> Result<(), RestoreError> {
    let opened = sqlite::open(path, &REPLICA, durability);
    let mut store = opened.map_err(OpenError::into_fault)?;
    if !is_empty(&store)? {
        return Err(RestoreError::HasData);
    }
    let from = sqlite::open_reader(prepared)?;
    copy_pages(&from, &mut store)?;
    store.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    Ok(())
}

/// Whether nothing was ever written to a store, and nothing has come to it.
///
/// # Errors
///
/// [`Fault`].
fn is_empty(store: &Connection) -> Result<bool, Fault> {
    let held = "SELECT EXISTS (SELECT 1 FROM commits) OR EXISTS (SELECT 1 FROM atomes) \
                OR EXISTS (SELECT 1 FROM grants)";
    Ok(!store.query_row(held, [], |row| row.get::<_, bool>(0))?)
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use atome_engine::clock::Now;
    use atome_proto::account::DirectoryEntry;
    use atome_proto::{AccountId, ReplicaId};

    use super::*;
    use crate::replica::Draft;

    const NOW: Now = Now {
        wall_ms: 1_800_000_000_000,
        mono_ms: 0,
    };

    fn label(account: AccountId, registered: bool) -> MachineAccount {
        MachineAccount {
            entry: DirectoryEntry {
                user_id: account,
                username: "ada".to_owned(),
                phone: None,
                visibility: atome_proto::account::Visibility::default(),
            },
            password_hash: Some(Secret("hash".to_owned())),
            registered,
            conflict: false,
            retry_secret: None,
            invite: None,
            session: None,
            joins: None,
            created_at_ms: 7,
        }
    }

    #[test]
    fn a_backup_is_whole_and_takes_a_replica_id_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/replica.db");
        let account = AccountId::from_bytes([1; 16]);
        let mut db = ReplicaDb::open(&path, account, ReplicaId(1), Durability::Full).unwrap();
        let mut draft = Draft::new(atome_proto::AtomeId::from_bytes([1; 16]));
        draft.create = Some(atome_proto::commit::Create::default());
        draft.set.insert(
            atome_proto::commit::Key::of_envelope(atome_proto::commit::Key::TYPE),
            atome_proto::Value::from_text("note"),
        );
        db.write(account, vec![draft], NOW).unwrap();
        for (acked, pending) in [(0, true), (1, false)] {
            db.acknowledge(acked, &[]).unwrap();
            let registered = !pending;
            let mut made = make(&path, &label(account, registered)).unwrap();
            let mut bytes = Vec::new();
            made.read_to_end(&mut bytes).unwrap();
            let file = dir.path().join(format!("backup-{acked}"));
            fs::write(&file, bytes).unwrap();
            let told = prepare(&file, ReplicaId(2)).unwrap();
            // The hub has it of whoever is registered there.
            assert_eq!(told.password_hash.is_some(), !registered);
            let to = dir.path().join(format!("to-{acked}/replica.db"));
            put(&file, &to, Durability::Full).unwrap();
            let again = put(&file, &to, Durability::Full);
            assert!(matches!(again, Err(RestoreError::HasData)));
            let back = ReplicaDb::open(&to, account, ReplicaId(3), Durability::Full).unwrap();
            let position = back.position().unwrap();
            assert_eq!(position.restored, pending);
            let id = if pending { ReplicaId(1) } else { ReplicaId(2) };
            assert_eq!(position.replica, id);
            assert_eq!(back.digest().unwrap().1, db.digest().unwrap().1);
        }
    }
}
