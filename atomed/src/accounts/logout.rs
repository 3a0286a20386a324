//! Logging out: the account is locked for the asker; its store stays, sealed to others.

use atome_proto::local::v1::{Access, Logout, PendingWork};
use atome_proto::{Code, Problem};

use super::Accounts;
use super::select::Selected;
use crate::api::Peer;
use crate::secrets::SecretError;
use crate::store_problem::problem;
use crate::sync::stopping;

impl Accounts {
    /// Unties the asker from an account and drops the hub's token.
    ///
    /// The hub is told as well as it can be at the moment.
    ///
    /// # Errors
    ///
    /// [`Code::Conflict`] where commits are pending and nothing is said about them; [`Code::NotAllowed`]
    /// where the configuration ties the asker.
    pub async fn logout(
        &self,
        peer: Peer,
        named: Option<&str>,
        logout: Logout,
    ) -> Result<(), Problem> {
        let Selected { account, .. } = self.select(peer, named).await?;
        if self.ties(peer).await?.get(&account.id) == Some(&Access::Configuration) {
            let message = "the daemon's configuration ties this Unix user to the account";
            return Err(Problem::new(Code::NotAllowed, message)
                .hint("remove the [[access]] entry from the daemon's configuration"));
        }
        let position = account.store.position().await.map_err(|e| problem(&e))?;
        let pending = position.pending();
        match logout.pending {
            PendingWork::Refuse if pending > 0 => return Err(would_lose(pending)),
            PendingWork::Discard if pending > 0 => {
                account
                    .store
                    .discard_pending()
                    .await
                    .map_err(|e| problem(&e))?;
            }
            PendingWork::Refuse | PendingWork::Keep | PendingWork::Discard => {}
        }
        let untied = self.0.machine.untie(peer.uid, account.id).await;
        untied.map_err(|e| problem(&e))?;
        tracing::info!(account = %account.id, uid = peer.uid, "logged out");
        let kept = self.is_configured(account.id).await?;
        if !kept {
            self.drop_token(&account).await?;
        }
        Ok(())
    }

    async fn drop_token(&self, account: &super::Account) -> Result<(), Problem> {
        let secrets = self.0.secrets.clone();
        let id = account.id;
        let token = tokio::task::spawn_blocking(move || {
            let name = id.to_string();
            let token = secrets.token(&name)?;
            secrets.remove(&name)?;
            Ok::<_, SecretError>(token)
        })
        .await
        .map_err(|_| stopping())??;
        let expiry = self.0.machine.set_session_expiry(id, None).await;
        expiry.map_err(|e| problem(&e))?;
        if let Some(sync) = &account.sync {
            sync.token_changed().await?;
        }
        if let (Some(hub), Some(token)) = (self.0.hub.clone(), token)
            && let Err(why) = hub.logout(&token).await
        {
            tracing::warn!(account = %id, code = %why.code, "the hub was not told of the logout");
        }
        Ok(())
    }
}

fn would_lose(pending: u64) -> Problem {
    let (commits, them) = match pending {
        1 => ("1 commit is", "it"),
        _ => (&*format!("{pending} commits are"), "them"),
    };
    Problem::new(Code::Conflict, format!("{commits} not at the hub yet")).hint(format!(
        "wait for {them} with --wait, leave {them} for the next login with --keep, or throw {them} away \
         with --discard"
    ))
}
