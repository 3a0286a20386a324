//! Logging in with a token that the hub's operator made: for machines that nobody watches.

use std::path::Path;

use atome_engine::name::fold;
use atome_proto::account::{Secret, Session};
use atome_proto::{Code, Problem};
use atome_store::machine::MachineAccount;

use super::Accounts;
use super::select::Selected;
use crate::api::Peer;
use crate::hub_client::PATIENT;

impl Accounts {
    /// Ties the asker to the account that a token opens.
    ///
    /// # Errors
    ///
    /// [`Code::WrongCredentials`] for a token that is none, or another account's; [`Code::HubUnreachable`],
    /// [`Code::NoHub`].
    pub(super) async fn login_by_token(
        &self,
        peer: Peer,
        name: &str,
        token: Secret,
    ) -> Result<Selected, Problem> {
        if let Some(row) = self.row_of(name).await?
            && self.is_kept(&row, &token).await?
        {
            let account = self.opened(row.entry.user_id)?;
            self.tie(peer, account.id).await?;
            return Ok(Selected { account, row });
        }
        let session = self.session_of_token(name, token).await?;
        self.bring(peer, session, None).await
    }

    /// Whether a token is the one that is kept for an account. Compared by hash, so that the time it takes
    /// tells nothing of what is kept.
    async fn is_kept(&self, row: &MachineAccount, token: &Secret) -> Result<bool, Problem> {
        let kept = self.secret(row.entry.user_id.to_string()).await?;
        let hash = |secret: &Secret| blake3::hash(secret.0.as_bytes());
        Ok(kept.is_some_and(|kept| hash(&kept) == hash(token)))
    }

    async fn session_of_token(&self, name: &str, token: Secret) -> Result<Session, Problem> {
        let hub = self.0.hub.as_ref().ok_or_else(super::sessions::no_hub)?;
        let me = hub.me(&token, PATIENT).await.map_err(|why| {
            if why.code == Code::AuthRequired || why.code == Code::AccountDeleted {
                return Problem::new(Code::WrongCredentials, "the hub does not take this token").hint(
                    "a token is made by the hub's operator: atome-server token create --account NAME",
                );
            }
            why
        })?;
        if fold(&me.entry.username).ok() != fold(name).ok() {
            let message = format!("the token is not one of an account '{name}'");
            return Err(Problem::new(Code::WrongCredentials, message));
        }
        Ok(Session {
            entry: me.entry,
            token,
            expires_at_ms: me.expires_at_ms,
        })
    }

    /// Takes over the tokens that the service manager hands in for accounts of `[[access]]`, each as a
    /// credential of the account's name: a machine with such a token needs no login at all.
    pub(super) async fn adopt_credentials(&self) -> Result<(), Problem> {
        for rule in &self.config().access {
            let name = rule.account.clone();
            let Some(token) = self.credential(name.clone()).await? else {
                continue;
            };
            let row = self.row_of(&name).await?;
            if let Some(row) = &row
                && self.is_kept(row, &token).await?
            {
                continue;
            }
            let session = match self.session_of_token(&name, token).await {
                Ok(session) => session,
                Err(why) if why.code == Code::WrongCredentials => {
                    tracing::error!(
                        uid = rule.uid,
                        "the hub does not take the token of the credential for this user's account"
                    );
                    continue;
                }
                Err(why) => return Err(why),
            };
            let account = match row {
                Some(row) => self.opened(row.entry.user_id)?,
                None => self.add_of_hub(&session, None).await?,
            };
            let id = account.id;
            self.take_session(&account, session).await?;
            tracing::info!(account = %id, "opened with the credential's token");
        }
        Ok(())
    }

    async fn credential(&self, name: String) -> Result<Option<Secret>, Problem> {
        // What cannot be a file's name is no credential's.
        if Path::new(&name)
            .file_name()
            .is_none_or(|file| file != name.as_str())
        {
            return Ok(None);
        }
        self.with_secrets(move |secrets| secrets.credential(&name))
            .await
    }
}
