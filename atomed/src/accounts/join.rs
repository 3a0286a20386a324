//! Becoming one with the hub's account of the same name: its password is the proof, and the local data goes
//! over to its id.
//!
//! First it is noted what is to become of the account, then the store is moved in one transaction, then its
//! folder is renamed, then the account is the other one. Each step can be done again: after a crash it goes
//! on at the next start.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use atome_proto::account::{Secret, Session};
use atome_proto::{AccountId, Code, Problem};
use atome_store::machine::{MachineAccount, SessionTerm};
use atome_store::{Durability, ReplicaDb};

use super::login::refused;
use super::select::Selected;
use super::sessions::no_hub;
use super::{Accounts, AccountsError};
use crate::random;
use crate::store_problem::{open_problem, problem};
use crate::sync::stopping;

impl Accounts {
    /// Becomes one with the hub's account of the same name, where the password is that one's.
    pub(super) async fn join_by_password(
        &self,
        row: &MachineAccount,
        password: Secret,
        limit: Duration,
    ) -> Result<Selected, Problem> {
        let hub = self.0.hub.as_ref().ok_or_else(no_hub)?;
        let name = row.entry.username.clone();
        let session = self.session(hub, name, password.clone(), limit).await;
        let session = session.map_err(refused)?;
        let hash = self.0.hashing.hash(password).await?;
        self.join(row, session, hash).await
    }

    async fn join(
        &self,
        row: &MachineAccount,
        session: Session,
        hash: Secret,
    ) -> Result<Selected, Problem> {
        let making = self.0.making.lock().await;
        let (from, to) = (row.entry.user_id, session.entry.user_id);
        if self.read(move |view| view.account(to)).await?.is_some() {
            let message = "the hub's account is on this machine already, apart from this one";
            return Err(Problem::new(Code::Conflict, message).hint(
                "export the data with 'atomectl export', and seed it into the other account",
            ));
        }
        let term = SessionTerm::used(session.expires_at_ms, Self::wall_ms());
        self.keep_token(to, session.token).await?;
        let entry = session.entry;
        self.write(move |db| db.begin_join(from, &entry, &hash, term))
            .await?;
        self.stop(from).await;
        let joined = self.finish_join(from, to).await?;
        let account = self.start(&joined).await?;
        drop(making);
        tracing::info!(account = %to, before = %from, "the account became one with the hub's");
        Ok(Selected {
            account,
            row: joined,
        })
    }

    /// Moves the store, which nobody uses now, and makes the account the other one.
    async fn finish_join(&self, from: AccountId, to: AccountId) -> Result<MachineAccount, Problem> {
        let (old, new) = (self.folder(from), self.folder(to));
        let (durability, fresh) = (self.0.durability, random::replica_id()?);
        let moved = tokio::task::spawn_blocking(move || {
            move_store(&old, &new, from, to, fresh, durability)
        });
        moved.await.map_err(|_| stopping())??;
        let joined = self.write(move |db| db.finish_join(from)).await?;
        self.keep_copy().await;
        Ok(joined)
    }

    /// Finishes, at the start, what an end in the midst of it left: accounts that are being removed, and
    /// accounts that become others.
    pub(super) async fn finish_what_was_begun(&self) -> Result<(), AccountsError> {
        for id in self.read(|view| view.removals()).await? {
            self.remove_files(id).await?;
        }
        for row in self.rows().await? {
            if let Some(to) = row.joins {
                self.finish_join(row.entry.user_id, to).await?;
            }
        }
        Ok(())
    }
}

fn move_store(
    old: &Path,
    new: &Path,
    from: AccountId,
    to: AccountId,
    fresh: atome_proto::ReplicaId,
    durability: Durability,
) -> Result<(), Problem> {
    if !old.exists() {
        return Ok(());
    }
    let path = old.join("replica.db");
    let owner = ReplicaDb::account_of(&path).map_err(|e| open_problem(&e))?;
    let owner = owner.unwrap_or(from);
    let mut db = ReplicaDb::open(&path, owner, fresh, durability).map_err(|e| open_problem(&e))?;
    db.move_to(to).map_err(|e| problem(&e))?;
    drop(db);
    let renamed = fs::rename(old, new).and_then(|()| {
        let above = new.parent().ok_or(io::ErrorKind::InvalidInput)?;
        fs::File::open(above)?.sync_all()
    });
    renamed.map_err(|error| {
        let message = format!("{} cannot be renamed: {error}", old.display());
        Problem::new(Code::Internal, message)
    })
}
