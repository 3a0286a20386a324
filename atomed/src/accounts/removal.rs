//! Removing an account: everywhere, or only this machine's copy; and whenever the hub says that it is no more.

use std::fs;
use std::io;

use atome_engine::name::fold;
use atome_proto::account::{DeleteAccount, Secret};
use atome_proto::local::v1::RemoveAccount;
use atome_proto::{AccountId, Code, Problem};
use atome_store::StoreError;
use atome_store::machine::MachineAccount;

use super::Accounts;
use super::login::wrong;
use super::logout::commits;
use super::sessions::no_hub;
use crate::api::Peer;
use crate::store_problem::problem;
use crate::sync::stopping;

impl Accounts {
    /// Removes an account that the asker is tied to.
    ///
    /// # Errors
    ///
    /// [`Code::WrongCredentials`]; [`Code::HubUnreachable`] or [`Code::NoHub`] where it cannot be removed
    /// everywhere now; [`Code::Conflict`] where commits that only this copy has would be lost.
    pub async fn remove(
        &self,
        peer: Peer,
        named: &str,
        remove: RemoveAccount,
    ) -> Result<(), Problem> {
        let row = self.select_row(peer, Some(named)).await?.row;
        let id = row.entry.user_id;
        if remove.local_only {
            self.may_remove_copy(peer, &row, remove).await?;
            self.revoke_later(id).await?;
        } else {
            self.delete_everywhere(peer, &row, remove.password).await?;
        }
        self.remove_now(id).await?;
        tracing::info!(account = %id, uid = peer.uid, "the account was removed");
        Ok(())
    }

    async fn may_remove_copy(
        &self,
        peer: Peer,
        row: &MachineAccount,
        remove: RemoveAccount,
    ) -> Result<(), Problem> {
        // One that came by a token has no password here: that the asker is tied to it must do.
        if row.password_hash.is_some() {
            self.check(peer, row, remove.password).await?;
        }
        let account = self.opened(row.entry.user_id)?;
        let position = account.store.position().await.map_err(|e| problem(&e))?;
        if position.pending() > 0 && !remove.discard {
            let (commits, them) = commits(position.pending());
            let message = format!("{commits} nowhere but in this copy");
            return Err(Problem::new(Code::Conflict, message).hint(format!(
                "wait for the hub with 'atomectl sync wait', or throw {them} away with --discard"
            )));
        }
        Ok(())
    }

    async fn delete_everywhere(
        &self,
        peer: Peer,
        row: &MachineAccount,
        password: Option<Secret>,
    ) -> Result<(), Problem> {
        let Some(hub) = &self.0.hub else {
            if row.registered {
                return Err(no_hub().hint(
                    "the account is at a hub too: name that below [remote] in the daemon's \
                     configuration, or remove only this copy with --local-only",
                ));
            }
            return self.check(peer, row, password).await;
        };
        if !row.registered {
            self.check(peer, row, password.clone()).await?;
        }
        let ask = DeleteAccount {
            user_id: row.entry.user_id,
            username: row.entry.username.clone(),
            password: password.ok_or_else(wrong)?,
        };
        match hub.delete_account(&ask).await {
            Ok(()) => Ok(()),
            Err(why) if why.code == Code::AccountDeleted => Ok(()),
            // A registration that was never taken leaves nothing there.
            Err(why) if why.code == Code::WrongCredentials && !row.registered => Ok(()),
            Err(why) if why.code == Code::HubUnreachable => Err(Problem::new(
                Code::HubUnreachable,
                format!("an account is deleted at the hub first, and {}", why.detail),
            )
            .hint(
                "nothing was deleted; try again when the hub is in reach, or remove only this copy with \
                 --local-only",
            )),
            Err(why) => Err(why),
        }
    }

    /// Checks a password against the hash that is kept here.
    pub(super) async fn check(
        &self,
        peer: Peer,
        row: &MachineAccount,
        password: Option<Secret>,
    ) -> Result<(), Problem> {
        let password = password.ok_or_else(wrong)?;
        let hash = row.password_hash.clone();
        let name = fold(&row.entry.username).unwrap_or_else(|_| row.entry.username.clone());
        let (tried, right) = self.compare(peer, &name, password, hash).await?;
        if !right {
            return Err(wrong());
        }
        tried.right();
        Ok(())
    }

    /// Removes an account that the hub has deleted; nothing where it is not here.
    pub(super) async fn deleted_at_hub(&self, id: AccountId) -> Result<(), Problem> {
        let row = self.read(move |view| view.account(id)).await?;
        if !row.is_some_and(|row| row.registered) {
            return Ok(());
        }
        tracing::warn!(account = %id, "the account was deleted at the hub, and is removed here");
        self.remove_now(id).await
    }

    /// Removes an account: what is begun here is finished at the next start at the latest. The hub's word and
    /// a person's may come together: whoever is second finds it done.
    pub(super) async fn remove_now(&self, id: AccountId) -> Result<(), Problem> {
        let _making = self.0.making.lock().await;
        self.remove_held(id).await
    }

    /// The same for whoever holds the lock already.
    pub(super) async fn remove_held(&self, id: AccountId) -> Result<(), Problem> {
        match self.0.machine.write(move |db| db.remove_account(id)).await {
            Ok(()) => {}
            Err(StoreError::NoSuchAccount) => return Ok(()),
            Err(error) => return Err(problem(&error)),
        }
        // What is about to go shall not come back from there.
        self.keep_copy().await;
        self.stop(id).await;
        self.remove_files(id).await
    }

    /// Removes the files and the token of an account that is not among the accounts any more.
    pub(super) async fn remove_files(&self, id: AccountId) -> Result<(), Problem> {
        let folder = self.folder(id);
        let removed = tokio::task::spawn_blocking(move || match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Problem::new(
                Code::Internal,
                format!("{} cannot be removed: {error}", folder.display()),
            )),
            Ok(()) | Err(_) => Ok(()),
        });
        removed.await.map_err(|_| stopping())??;
        self.with_secrets(move |secrets| secrets.remove(&id.to_string()))
            .await?;
        self.write(move |db| db.files_removed(id)).await?;
        self.keep_copy().await;
        Ok(())
    }
}
