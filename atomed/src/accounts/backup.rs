//! Backups of an account: made while it is at work, put back where there is nothing of it.

use std::fs::File;
use std::path::{Path, PathBuf};

use atome_proto::{Code, Problem};
use atome_store::StoreError;
use atome_store::backup::{self, RestoreError};
use atome_store::machine::MachineAccount;

use super::select::Selected;
use super::{Accounts, AccountsError};
use crate::api::Peer;
use crate::random;
use crate::secrets::private_folder;
use crate::store_problem::problem;
use crate::sync::stopping;

impl Accounts {
    /// A consistent copy of an account that the asker is tied to; it has no name, and is gone once closed.
    ///
    /// # Errors
    ///
    /// [`Code::LowSpace`] where the state directory has no room for it beside the store.
    pub async fn back_up(&self, peer: Peer, named: Option<&str>) -> Result<File, Problem> {
        let Selected { account, row } = self.select_row(peer, named).await?;
        let path = self.store_file(account.id);
        let made = tokio::task::spawn_blocking(move || backup::make(&path, &row));
        let made = made.await.map_err(|_| stopping())?;
        tracing::info!(account = %account.id, uid = peer.uid, "a backup was made");
        made.map_err(|fault| problem(&StoreError::Fault(fault)))
    }

    /// Where a backup that comes in may be written; [`Self::restore_backup`] takes the file from there.
    #[must_use]
    pub fn place_for_backup(&self) -> PathBuf {
        backup::passing_file(&self.0.state_dir)
    }

    /// Puts a backup back. Where this machine does not have its account, it has it from now on, and the asker
    /// is tied to it; a session at the hub it does not have.
    ///
    /// # Errors
    ///
    /// [`Code::Conflict`] where the account has data here, or another account its name;
    /// [`Code::AuthRequired`] where it is here and the asker is not tied to it; [`Code::BadData`] for what is no
    /// sound backup; [`Code::Unsupported`] for one of a newer program. Nothing is changed then.
    pub async fn restore_backup(&self, peer: Peer, file: &Path) -> Result<MachineAccount, Problem> {
        let _making = self.0.making.lock().await;
        let fresh = random::replica_id()?;
        let prepared = file.to_owned();
        let prepared = tokio::task::spawn_blocking(move || backup::prepare(&prepared, fresh));
        let row = prepared.await.map_err(|_| stopping())?;
        let row = row.map_err(|error| refusal(&error, ""))?;
        let id = row.entry.user_id;
        let here = self.read(move |view| view.account(id)).await?;
        let (is_new, had_files) = (here.is_none(), self.folder(id).exists());
        match &here {
            Some(here) => {
                // That the asker may use it; that its store opens does not matter.
                if !self.ties(peer).await?.contains_key(&id) {
                    let message =
                        "the backup is of an account of this machine that you are not logged in to";
                    return Err(Problem::new(Code::AuthRequired, message).hint(format!(
                        "log in with 'atomectl login {}'",
                        here.entry.username
                    )));
                }
            }
            None => self.add_row(&row).await?,
        }
        let row = here.unwrap_or(row);
        self.stop(id).await;
        let restored = self.put_back(&row, file).await;
        if let Err(why) = restored {
            if is_new {
                self.withdraw(id, had_files).await?;
            } else {
                self.start(&row).await?;
            }
            return Err(why);
        }
        self.start(&row).await?;
        self.tie(peer, id).await?;
        self.keep_now();
        tracing::info!(account = %id, uid = peer.uid, "a backup was put back");
        Ok(row)
    }

    /// Fills the store of an account, which nobody has open.
    async fn put_back(&self, row: &MachineAccount, file: &Path) -> Result<(), Problem> {
        let folder = self.folder(row.entry.user_id);
        private_folder(&folder).map_err(|error| {
            let message = format!("{} cannot be made: {error}", folder.display());
            Problem::new(Code::Internal, message)
        })?;
        let (path, file, durability) = (
            folder.join("replica.db"),
            file.to_owned(),
            self.0.durability,
        );
        let put = tokio::task::spawn_blocking(move || backup::put(&file, &path, durability));
        let put = put.await.map_err(|_| stopping())?;
        put.map_err(|error| refusal(&error, &row.entry.username))
    }

    /// Removes what an end in the midst of a backup left.
    pub(super) async fn remove_passing_files(&self) -> Result<(), AccountsError> {
        let mut folders = vec![self.0.state_dir.clone()];
        folders.extend(
            self.rows()
                .await?
                .iter()
                .map(|row| self.folder(row.entry.user_id)),
        );
        for folder in folders.into_iter().filter(|folder| folder.exists()) {
            backup::remove_passing_files(&folder)
                .map_err(|error| AccountsError::StateDir(folder, error))?;
        }
        Ok(())
    }
}

fn refusal(error: &RestoreError, name: &str) -> Problem {
    let (code, hint) = match error {
        RestoreError::NotABackup(_) => (
            Code::BadData,
            "name a file that 'atomectl backup' has written".to_owned(),
        ),
        RestoreError::Newer => (Code::Unsupported, String::new()),
        RestoreError::Damaged(_) => (
            Code::BadData,
            "nothing was changed; take an older backup".to_owned(),
        ),
        RestoreError::HasData => (
            Code::Conflict,
            format!(
                "nothing was changed; to go back to the backup, take the copy that is here away first: \
                 'atomectl account delete {name} --local-only'"
            ),
        ),
        RestoreError::Fault(fault) => return problem(&StoreError::Fault(fault.clone())),
    };
    Problem::new(code, error.to_string()).hint(hint)
}
