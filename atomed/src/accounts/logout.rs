//! Logging out: the account is locked for the asker; its store stays, sealed to others.

use atome_proto::local::v1::{Access, Logout, PendingWork};
use atome_proto::{AccountId, Code, Problem};

use super::Accounts;
use crate::api::Peer;
use crate::store_problem::problem;

impl Accounts {
    /// Unties the asker from an account. With the last one, the session at the hub is over: that is noted
    /// durably here, and the hub is told when it is in reach.
    ///
    /// # Errors
    ///
    /// [`Code::Conflict`] where commits are pending and nothing is said about them, or where they are to be
    /// thrown away and others use the account; [`Code::NotAllowed`] where the configuration ties the asker.
    pub async fn logout(
        &self,
        peer: Peer,
        named: Option<&str>,
        logout: Logout,
    ) -> Result<(), Problem> {
        let account = self.select(peer, named).await?;
        let id = account.id;
        if self.ties(peer).await?.get(&id) == Some(&Access::Configuration) {
            let message = "the daemon's configuration ties this Unix user to the account";
            return Err(Problem::new(Code::NotAllowed, message)
                .hint("remove the [[access]] entry from the daemon's configuration"));
        }
        let shared = self.is_used_by_others(id, peer).await?;
        let position = account.store.position().await.map_err(|e| problem(&e))?;
        let pending = position.pending();
        match logout.pending {
            PendingWork::Discard if pending > 0 && shared => return Err(theirs_too(pending)),
            PendingWork::Refuse if pending > 0 && !shared => return Err(would_lose(pending)),
            PendingWork::Discard if pending > 0 => {
                let discarded = account.store.discard_pending().await;
                discarded.map_err(|e| problem(&e))?;
            }
            PendingWork::Refuse | PendingWork::Keep | PendingWork::Discard => {}
        }
        if !shared {
            self.revoke_later(id).await?;
            if let Some(sync) = &account.sync {
                sync.token_changed().await?;
            }
        }
        self.write(move |db| db.untie(peer.uid, id)).await?;
        self.keep_copy().await;
        tracing::info!(account = %id, uid = peer.uid, "logged out");
        Ok(())
    }

    /// Whether other Unix users than the asker may use an account.
    async fn is_used_by_others(&self, id: AccountId, peer: Peer) -> Result<bool, Problem> {
        let ties = self.read(move |view| view.ties_to(id)).await?;
        let others = ties.iter().any(|tie| tie.uid != peer.uid);
        Ok(others || self.is_configured(id).await?)
    }

    /// Whether nobody on this machine may use an account.
    pub(super) async fn is_locked(&self, id: AccountId) -> Result<bool, Problem> {
        let ties = self.read(move |view| view.ties_to(id)).await?;
        Ok(ties.is_empty() && !self.is_configured(id).await?)
    }
}

pub(super) fn would_lose(pending: u64) -> Problem {
    let (commits, them) = commits(pending);
    Problem::new(Code::Conflict, format!("{commits} not at the hub yet")).hint(format!(
        "wait for {them} with --wait, leave {them} for the next login with --keep, or throw {them} away \
         with --discard"
    ))
}

fn theirs_too(pending: u64) -> Problem {
    let (commits, them) = commits(pending);
    let message = format!("{commits} not at the hub yet, and others use the account too");
    Problem::new(Code::Conflict, message).hint(format!(
        "leave out --discard: {them} will reach the hub by the others' login"
    ))
}

/// So many commits, as the beginning of a sentence, and the word for them.
pub(super) fn commits(pending: u64) -> (String, &'static str) {
    match pending {
        1 => ("1 commit is".to_owned(), "it"),
        _ => (format!("{pending} commits are"), "them"),
    }
}
