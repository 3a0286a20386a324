//! The tokens of sessions at the hub, where the configuration keeps them.

use atome_proto::account::{Secret, Session};
use atome_proto::{AccountId, Problem};
use atome_store::machine::SessionTerm;

use super::{Account, Accounts};
use crate::secrets::{SecretError, Secrets};
use crate::sync::stopping;

impl Accounts {
    /// A secret that is kept under a name.
    pub(super) async fn secret(&self, name: String) -> Result<Option<Secret>, Problem> {
        self.with_secrets(move |secrets| secrets.token(&name)).await
    }

    /// Carries something out on the secrets, which may block.
    pub(super) async fn with_secrets<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Secrets) -> Result<T, SecretError> + Send + 'static,
    ) -> Result<T, Problem> {
        let secrets = self.0.secrets.clone();
        tokio::task::spawn_blocking(move || work(&secrets))
            .await
            .map_err(|_| stopping())?
            .map_err(Problem::from)
    }

    /// Keeps the token of a session that the hub opened, durable before anything is told of it.
    pub(super) async fn keep_token(&self, id: AccountId, token: Secret) -> Result<(), Problem> {
        self.with_secrets(move |secrets| secrets.keep(&id.to_string(), &token))
            .await
    }

    /// Takes over a session that the hub opened: its token, its end, and its driver goes on with it.
    pub(super) async fn take_session(
        &self,
        account: &Account,
        session: Session,
    ) -> Result<(), Problem> {
        let id = account.id;
        let term = SessionTerm::used(session.expires_at_ms, Self::wall_ms());
        self.keep_token(id, session.token).await?;
        self.write(move |db| db.set_session(id, Some(term))).await?;
        if let Some(sync) = &account.sync {
            sync.token_changed().await?;
        }
        Ok(())
    }
}
