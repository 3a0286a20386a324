//! Logging in: known here, verified here; unknown here, brought from the hub.

use atome_proto::account::{self, Secret, Session};
use atome_proto::local::v1::Login;
use atome_proto::{Code, Problem};
use atome_store::machine::MachineAccount;

use super::create::check_password;
use super::select::Selected;
use super::{Account, Accounts};
use crate::api::Peer;
use crate::hub_client::{BRIEF, HubClient, PATIENT};
use crate::store_problem::problem;

impl Accounts {
    /// Ties the asker to an account whose password it knows.
    ///
    /// An account that is known here is verified here, whether or not the hub is in reach; one that is
    /// not is brought from the hub, credentials first.
    ///
    /// # Errors
    ///
    /// [`Code::WrongCredentials`] for a wrong password and for an unknown name alike;
    /// [`Code::HubUnreachable`] where the hub would have to be asked; [`Code::Busy`].
    pub async fn login(&self, peer: Peer, login: Login) -> Result<Selected, Problem> {
        let (name, password) = match (login.password, login.token) {
            (Some(password), None) => (login.name, password),
            (_, _) => {
                let message = "a login has a password, and nothing else";
                return Err(Problem::new(Code::BadRequest, message));
            }
        };
        if check_password(&password).is_err() {
            return Err(wrong());
        }
        match self.row_of(&name).await? {
            Some(row) => self.login_here(peer, row, password).await,
            None => self.bootstrap(peer, name, password).await,
        }
    }

    async fn login_here(
        &self,
        peer: Peer,
        row: MachineAccount,
        password: Secret,
    ) -> Result<Selected, Problem> {
        let hash = Some(row.password_hash.clone());
        if !self.0.hashing.verify(password.clone(), hash).await? {
            return Err(wrong());
        }
        let account = self.opened(row.entry.user_id)?;
        self.tie(peer, account.id).await?;
        tracing::info!(account = %account.id, uid = peer.uid, "logged in");
        if row.registered {
            self.renew(&account, &row, password).await;
        } else {
            self.register_now();
        }
        Ok(Selected { account, row })
    }

    /// Fetches a new token where there is none, or the hub no longer takes it; the login stands even
    /// where that fails, and `status` says what the hub said.
    async fn renew(&self, account: &Account, row: &MachineAccount, password: Secret) {
        let (Some(hub), Some(sync)) = (&self.0.hub, &account.sync) else {
            return;
        };
        let over = row
            .session_expires_at_ms
            .is_some_and(|expires| expires <= Self::wall_ms());
        let view = sync.view();
        if view.credentials && !view.is_auth_required() && !over {
            return;
        }
        let fetched = match self
            .session(hub, row.entry.username.clone(), password, true)
            .await
        {
            Ok(session) if session.entry.user_id == account.id => {
                self.keep_token(account.id, session).await
            }
            Ok(_) => Err(Problem::new(
                Code::Conflict,
                "the hub has another account of that name",
            )),
            Err(problem) => Err(problem),
        };
        match fetched {
            Ok(()) => {
                // A driver that is gone needs no token.
                let _ = sync.token_changed().await;
            }
            Err(why) => {
                tracing::warn!(account = %account.id, code = %why.code, "no new session at the hub");
            }
        }
    }

    async fn session(
        &self,
        hub: &HubClient,
        username: String,
        password: Secret,
        brief: bool,
    ) -> Result<Session, Problem> {
        let login = account::Login {
            username,
            password,
            device: self.0.device.clone(),
            cookie: false,
        };
        hub.login(&login, if brief { BRIEF } else { PATIENT }).await
    }

    /// Makes the account of a hub's account: credentials first, then the data by itself.
    async fn bootstrap(
        &self,
        peer: Peer,
        name: String,
        password: Secret,
    ) -> Result<Selected, Problem> {
        let Some(hub) = &self.0.hub else {
            // As long as a comparison takes, so that a name cannot be told from a password.
            self.0.hashing.verify(password, None).await?;
            return Err(wrong());
        };
        let session = self
            .session(hub, name, password.clone(), false)
            .await
            .map_err(refused)?;
        let password_hash = self.0.hashing.hash(password).await?;
        let row = MachineAccount {
            entry: session.entry.clone(),
            password_hash,
            registered: true,
            conflict: false,
            retry_secret: None,
            session_expires_at_ms: Some(session.expires_at_ms),
            created_at_ms: Self::wall_ms(),
        };
        let id = row.entry.user_id;
        // The same id under another spelling or name: it is the account that is here already.
        let known = self.0.machine.account(id).await.map_err(|e| problem(&e))?;
        let account = match known {
            Some(_) => self.opened(id)?,
            None => self.add(&row).await?,
        };
        self.keep_token(id, session).await?;
        self.tie(peer, id).await?;
        if let Some(sync) = &account.sync {
            sync.token_changed().await?;
        }
        tracing::info!(account = %id, uid = peer.uid, "brought from the hub");
        Ok(Selected { account, row })
    }
}

/// One text for a wrong password and an unknown name.
fn wrong() -> Problem {
    Problem::new(Code::WrongCredentials, "the name or the password is wrong")
}

/// What a hub that did not open a session means to whoever logs in.
fn refused(why: Problem) -> Problem {
    let unknown = [Code::WrongCredentials, Code::AuthRequired, Code::NotFound];
    if unknown.contains(&why.code) {
        return wrong();
    }
    if why.code == Code::HubUnreachable {
        let detail = format!("the account is not on this machine yet, and {}", why.detail);
        return Problem::new(Code::HubUnreachable, detail)
            .hint("the first login on a machine needs the hub; nothing was made here");
    }
    why
}
