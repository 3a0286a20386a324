//! Opening an account's store; one whose file is damaged is moved aside whole, and what can be read of it goes
//! into a new one.
//!
//! A store lies at `accounts/ID/replica.db`. A damaged one goes to `quarantine/ID-MILLISECONDS/` with all that is
//! beside it, by one rename, and is never removed from there. The new one is made before that, beside it; an end
//! in the midst is gone on from at the next start.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use atome_proto::{AccountId, ReplicaId};
use atome_store::examine::{self, Soundness};
use atome_store::salvage::{Salvaged, is_damage, salvage};
use atome_store::{Durability, OpenError, ReplicaStore};

use crate::clock;
use crate::secrets::private_folder;

/// How long the check of a store may take that was not closed: a start is not held up for longer.
const CHECK_LIMIT: Duration = Duration::from_secs(10);
/// What is told of a store that was moved aside, beside it, for whoever looks.
pub(super) const ACCOUNT_OF_IT: &str = "what-happened.txt";

/// A file beside a store that is to be checked at the next start, whether it was closed or not.
const SUSPECT: &str = "check-at-start";

/// Has the store of an account be checked at the next start of the daemon.
///
/// # Errors
///
/// Where that cannot be written down.
pub(crate) fn suspect(store: &Path) -> io::Result<()> {
    File::create(store.with_file_name(SUSPECT)).map(drop)
}

/// Where a store is, and how it is opened.
pub(super) struct Place {
    pub(super) state_dir: PathBuf,
    pub(super) account: AccountId,
    pub(super) durability: Durability,
    /// The id of a replica that is new.
    pub(super) fresh: ReplicaId,
}

impl Place {
    fn folder(&self) -> PathBuf {
        self.state_dir
            .join("accounts")
            .join(self.account.to_string())
    }

    fn aside(&self) -> PathBuf {
        self.state_dir.join("quarantine")
    }

    /// Where the new store is made before it takes the place of the damaged one.
    fn salvaged(&self) -> PathBuf {
        self.aside().join(format!("{}.salvaged", self.account))
    }

    fn failed(&self, source: io::Error) -> OpenError {
        OpenError::Io {
            path: self.folder(),
            source,
        }
    }

    /// Opens the store; blocks.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub(super) fn open(&self) -> Result<ReplicaStore, OpenError> {
        self.go_on().map_err(|error| self.failed(error))?;
        let path = self.folder().join("replica.db");
        if let Some(why) = self.damage(&path) {
            self.replace(&path, &why)?;
        }
        match self.open_at(&path) {
            Err(error) if is_damage(&error) => {
                self.replace(&path, &error.to_string())?;
                self.open_at(&path)
            }
            opened => opened,
        }
    }

    fn open_at(&self, path: &Path) -> Result<ReplicaStore, OpenError> {
        private_folder(&self.folder()).map_err(|error| self.failed(error))?;
        ReplicaStore::open(path, self.account, self.fresh, self.durability)
    }

    /// What is wrong with a store that was not closed, or of which the doctor said that it is damaged.
    fn damage(&self, path: &Path) -> Option<String> {
        let wal = path.with_extension("db-wal");
        let was_open = wal.metadata().is_ok_and(|wal| wal.len() > 0);
        if !was_open && !self.folder().join(SUSPECT).exists() {
            return None;
        }
        match examine::check(path, CHECK_LIMIT) {
            Ok(Soundness::Damaged(why)) => Some(why.join("; ")),
            // What cannot be checked is for the opening to say.
            Ok(Soundness::Sound | Soundness::Unfinished) | Err(_) => None,
        }
    }

    /// Ends what an end in the midst has left: a new store that is whole waits for its place only once the
    /// damaged one has left it.
    fn go_on(&self) -> io::Result<()> {
        let (salvaged, folder) = (self.salvaged(), self.folder());
        if !salvaged.try_exists()? {
            return Ok(());
        }
        if folder.try_exists()? {
            return fs::remove_dir_all(&salvaged);
        }
        move_durably(&salvaged, &folder)
    }

    /// Moves the damaged store aside, and puts one in its place that has what could be read of it.
    fn replace(&self, path: &Path, why: &str) -> Result<(), OpenError> {
        let failed = |error| self.failed(error);
        let to = self
            .aside()
            .join(format!("{}-{}", self.account, clock::wall_ms()));
        private_folder(&self.aside()).map_err(failed)?;
        let new = self.salvaged();
        private_folder(&new).map_err(failed)?;
        let store = new.join("replica.db");
        let salvaged = salvage(path, &store, self.account, self.fresh, self.durability)?;
        let told = tell(&to, why, salvaged);
        tracing::error!(account = %self.account, "{told}");
        write_durably(&self.folder().join(ACCOUNT_OF_IT), &told).map_err(failed)?;
        move_durably(&self.folder(), &to).map_err(failed)?;
        move_durably(&new, &self.folder()).map_err(failed)
    }
}

fn tell(to: &Path, why: &str, salvaged: Salvaged) -> String {
    let Salvaged {
        pending,
        unreadable,
    } = salvaged;
    format!(
        "the store was damaged ({why}); it is kept in {}. {pending} commits that the hub may not have were saved \
         from it, {unreadable} rows of its timeline could not be read.",
        to.display()
    )
}

pub(super) fn write_durably(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create(path)?;
    writeln!(file, "{text}")?;
    file.sync_all()
}

pub(super) fn move_durably(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    for path in [from, to] {
        if let Some(folder) = path.parent() {
            File::open(folder)?.sync_all()?;
        }
    }
    Ok(())
}

/// What is told of stores that were moved aside and are still kept: those of an account, by its id, or of the
/// machine, by [`MACHINE`](super::machine_file::MACHINE).
pub(crate) fn kept_aside(state_dir: &Path, whose: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(state_dir.join("quarantine")) else {
        return vec![];
    };
    let prefix = format!("{whose}-");
    let mut told: Vec<String> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
        .map(|entry| {
            let told = fs::read_to_string(entry.path().join(ACCOUNT_OF_IT));
            told.map_or_else(
                |_| format!("a damaged store is kept in {}", entry.path().display()),
                |told| told.trim().to_owned(),
            )
        })
        .collect();
    told.sort();
    told
}
