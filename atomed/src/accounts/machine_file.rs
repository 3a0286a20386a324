//! Opening the machine store; one whose file is damaged, empty or gone is moved aside, and what can be read of it, or
//! else of its copy, goes into a new one.
//!
//! The copy, `machine.copy.db`, is made anew at each start and whenever an account came, went or was altered. The
//! damaged file goes to `quarantine/machine-MILLISECONDS/`, and is never removed from there. The new one is whole
//! before that; an end in the midst is gone on from at the next start.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use atome_store::examine::{self, Soundness};
use atome_store::machine::{Carried, carry};
use atome_store::salvage::is_damage;
use atome_store::{Durability, MachineStore, OpenError};

use super::Accounts;
use super::quarantine::{ACCOUNT_OF_IT, move_durably, write_durably};
use crate::clock;
use crate::secrets::private_folder;

/// What the folders of its damaged files begin with, in the place of an account's id.
pub(crate) const MACHINE: &str = "machine";

/// How long the check at a start may take. The store is small, and a start without it is none.
const CHECK_LIMIT: Duration = Duration::from_secs(5);

/// The endings of the files that are one store.
const PARTS: [&str; 3] = ["db", "db-wal", "db-shm"];

/// Where the machine store is, and what stands beside it.
pub(super) struct MachineFile {
    state_dir: PathBuf,
}

impl MachineFile {
    pub(super) fn of(state_dir: &Path) -> Self {
        Self {
            state_dir: state_dir.to_owned(),
        }
    }

    fn path(&self) -> PathBuf {
        self.state_dir.join("machine.db")
    }

    fn copy(&self) -> PathBuf {
        self.state_dir.join("machine.copy.db")
    }

    fn aside(&self) -> PathBuf {
        self.state_dir.join("quarantine")
    }

    /// The new store, whole, while the damaged one stands in its place.
    fn salvaged(&self) -> PathBuf {
        self.aside().join("machine.salvaged.db")
    }

    fn failed(&self, source: io::Error) -> OpenError {
        OpenError::Io {
            path: self.path(),
            source,
        }
    }

    /// Opens the store; blocks.
    ///
    /// # Errors
    ///
    /// [`OpenError`].
    pub(super) fn open(&self) -> Result<MachineStore, OpenError> {
        self.go_on().map_err(|error| self.failed(error))?;
        if let Some(why) = self.damage() {
            self.replace(&why)?;
        }
        // Written seldom, and an account that is lost takes all of its writes with it.
        let open = || MachineStore::open(&self.path(), Durability::Full);
        match open() {
            Err(error) if is_damage(&error) => {
                self.replace(&error.to_string())?;
                open()
            }
            opened => opened,
        }
    }

    /// What is wrong with the file; `None` where it is sound, and where there never was one.
    fn damage(&self) -> Option<String> {
        let path = self.path();
        if path.metadata().map_or(0, |file| file.len()) == 0 {
            let was_there = self.copy().exists();
            return was_there.then(|| "it is empty, or gone".to_owned());
        }
        match examine::check(&path, CHECK_LIMIT) {
            Ok(Soundness::Damaged(why)) => Some(why.join("; ")),
            // What cannot be checked is for the opening to say.
            Ok(Soundness::Sound | Soundness::Unfinished) | Err(_) => None,
        }
    }

    /// Makes a new store of what can be read, and puts it in the place of the damaged one.
    fn replace(&self, why: &str) -> Result<(), OpenError> {
        let failed = |error| self.failed(error);
        private_folder(&self.aside()).map_err(failed)?;
        let (path, copy) = (self.path(), self.copy());
        let sources: Vec<&Path> = [path.as_path(), copy.as_path()]
            .into_iter()
            .filter(|source| source.exists())
            .collect();
        let carried = make(&sources, &self.salvaged())?;
        let told = tell(why, &carried);
        tracing::error!("{told}");
        write_durably(&self.account_of_it(), &told).map_err(failed)?;
        self.go_on().map_err(failed)
    }

    /// What is to be told, until it stands beside the damaged file.
    fn account_of_it(&self) -> PathBuf {
        self.aside().join("machine.salvaged.txt")
    }

    /// Puts a new store that is whole in its place, where one waits: first all that stands there goes aside.
    fn go_on(&self) -> io::Result<()> {
        let salvaged = self.salvaged();
        if !salvaged.try_exists()? {
            return Ok(());
        }
        let to = self.aside().join(format!("{MACHINE}-{}", clock::wall_ms()));
        private_folder(&to)?;
        for part in PARTS {
            let path = self.path().with_extension(part);
            if path.try_exists()? {
                move_durably(&path, &to.join(path.file_name().unwrap_or_default()))?;
            }
        }
        let told = self.account_of_it();
        if told.try_exists()? {
            move_durably(&told, &to.join(ACCOUNT_OF_IT))?;
        }
        move_durably(&salvaged, &self.path())
    }

    /// Makes the copy anew; blocks.
    fn keep_copy(&self) -> Result<(), OpenError> {
        make(&[&self.path()], &self.copy()).map(drop)
    }
}

/// Makes a store of what can be read of others; it has its name once it is whole.
fn make(sources: &[&Path], to: &Path) -> Result<Carried, OpenError> {
    let failed = |source| OpenError::Io {
        path: to.to_owned(),
        source,
    };
    let new = to.with_extension("new.db");
    for part in PARTS {
        match fs::remove_file(new.with_extension(part)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            Ok(()) | Err(_) => {}
        }
    }
    let carried = carry(sources, &new)?;
    let put = File::open(&new).and_then(|file| file.sync_all());
    put.and_then(|()| move_durably(&new, to)).map_err(failed)?;
    Ok(carried)
}

fn tell(why: &str, carried: &Carried) -> String {
    let mut told = format!(
        "the machine store was damaged ({why}), and this is it; {} accounts were saved.",
        carried.accounts
    );
    if !carried.lost.is_empty() {
        told.push_str(&format!(
            " Not to be read, here or in its copy: {}. What accounts hold is below 'accounts', untouched: \
             'atomectl login NAME' opens one of the hub again, with all that it has not sent yet.",
            carried.lost.join(", ")
        ));
    }
    told
}

impl Accounts {
    /// Makes the copy of the machine store anew, after a change that nothing else knows of. What was changed is
    /// durable without it.
    pub(super) async fn keep_copy(&self) {
        let file = MachineFile::of(&self.0.state_dir);
        // One after the other: they are made under one name.
        let _copying = self.0.copying.lock().await;
        match tokio::task::spawn_blocking(move || file.keep_copy()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the machine store has no new copy"),
            // The daemon is stopping.
            Err(_) => {}
        }
    }
}
