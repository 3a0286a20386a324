//! Logging in with a password: known here, verified here; what cannot be known here, asked of the hub.
//!
//! Whoever asks learns no more than that name and password are right, are wrong, or cannot be judged while
//! the hub is out of reach: never which accounts there are.

use atome_engine::name::fold;
use atome_proto::account::{self, Secret, Session};
use atome_proto::local::v1::Login;
use atome_proto::{Code, Problem};
use atome_store::machine::{MachineAccount, SessionTerm};

use super::create::{bad, check_password};
use super::select::Selected;
use super::{Account, Accounts};
use crate::api::Peer;
use crate::hub_client::{BRIEF, HubClient, PATIENT};

impl Accounts {
    /// Ties the asker to an account whose password or token it has.
    ///
    /// An account that is known here is verified here, whether or not the hub is in reach; what is not
    /// right here is asked of the hub, credentials first.
    ///
    /// # Errors
    ///
    /// [`Code::WrongCredentials`] for a wrong password and for an unknown name alike;
    /// [`Code::HubUnreachable`] where the hub would have to be asked; [`Code::Busy`].
    pub async fn login(&self, peer: Peer, login: Login) -> Result<Selected, Problem> {
        let Login {
            name,
            password,
            token,
        } = login;
        match (password, token) {
            (Some(password), None) => self.login_by_password(peer, name, password).await,
            (None, Some(token)) => self.login_by_token(peer, &name, token).await,
            (Some(_), Some(_)) | (None, None) => {
                Err(bad("a login has either a password or a token"))
            }
        }
    }

    async fn login_by_password(
        &self,
        peer: Peer,
        name: String,
        password: Secret,
    ) -> Result<Selected, Problem> {
        if check_password(&password).is_err() {
            return Err(wrong());
        }
        let row = self.row_of(&name).await?;
        let hash = row.as_ref().and_then(|row| row.password_hash.clone());
        let folded = fold(&name).unwrap_or_else(|_| name.clone());
        let (tried, right) = self.compare(peer, &folded, password.clone(), hash).await?;
        let selected = match row.filter(|_| right) {
            Some(row) => self.login_here(peer, row, password).await?,
            None => self.login_there(peer, name, password).await?,
        };
        tried.right();
        Ok(selected)
    }

    /// The password is the one that is known here.
    async fn login_here(
        &self,
        peer: Peer,
        row: MachineAccount,
        password: Secret,
    ) -> Result<Selected, Problem> {
        let account = self.opened(row.entry.user_id)?;
        self.tie(peer, account.id).await?;
        tracing::info!(account = %account.id, uid = peer.uid, "logged in");
        if row.registered {
            self.renew(&account, &row, password).await;
        } else if row.conflict {
            // The name is another's at the hub, unless that one has this very password.
            match self.join_by_password(&row, password, BRIEF).await {
                Ok(joined) => return Ok(joined),
                Err(why) => {
                    tracing::info!(account = %account.id, code = %why.code, "still in conflict");
                }
            }
        } else {
            self.keep_now();
        }
        Ok(Selected { account, row })
    }

    /// Fetches a new session where there is none, or the hub no longer takes it; the login stands even
    /// where that fails, and `status` says what the hub said.
    async fn renew(&self, account: &Account, row: &MachineAccount, password: Secret) {
        let (Some(hub), Some(sync)) = (&self.0.hub, &account.sync) else {
            return;
        };
        let over = row
            .session
            .is_some_and(|term| term.expires_at_ms <= Self::wall_ms());
        let view = sync.view();
        if view.credentials && !view.is_auth_required() && !over {
            return;
        }
        let name = row.entry.username.clone();
        let fetched = match self.session(hub, name, password, BRIEF).await {
            Ok(session) if session.entry.user_id == account.id => {
                self.take_session(account, session).await
            }
            Ok(_) => Err(Problem::new(
                Code::Conflict,
                "the hub has another account of that name",
            )),
            // The session that was to be closed lives on: nobody was told yet.
            Err(_) if !view.credentials => self.take_back(account).await,
            Err(problem) => Err(problem),
        };
        if let Err(why) = fetched {
            tracing::warn!(account = %account.id, code = %why.code, "no new session at the hub");
        }
    }

    pub(super) async fn session(
        &self,
        hub: &HubClient,
        username: String,
        password: Secret,
        limit: std::time::Duration,
    ) -> Result<Session, Problem> {
        let login = account::Login {
            username,
            password,
            device: self.config().device.clone(),
            cookie: false,
        };
        hub.login(&login, limit).await
    }

    /// The password is not the one that is known here, or nothing is known here: the hub knows.
    async fn login_there(
        &self,
        peer: Peer,
        name: String,
        password: Secret,
    ) -> Result<Selected, Problem> {
        let Some(hub) = &self.0.hub else {
            return Err(wrong());
        };
        let known = self.row_of(&name).await?;
        let username = known.map_or(name, |row| row.entry.username);
        let session = self
            .session(hub, username, password.clone(), PATIENT)
            .await
            .map_err(refused)?;
        let password_hash = self.0.hashing.hash(password).await?;
        self.bring(peer, session, Some(password_hash)).await
    }

    /// Takes over the account of a session that the hub opened: one that is here already, or a new one.
    pub(super) async fn bring(
        &self,
        peer: Peer,
        session: Session,
        password_hash: Option<Secret>,
    ) -> Result<Selected, Problem> {
        let id = session.entry.user_id;
        let account = match self.read(move |view| view.account(id)).await? {
            Some(_) => {
                if let Some(hash) = password_hash {
                    self.write(move |db| db.set_password_hash(id, &hash))
                        .await?;
                }
                self.opened(id)?
            }
            None => self.add_of_hub(&session, password_hash).await?,
        };
        self.take_session(&account, session).await?;
        self.tie(peer, id).await?;
        let row = self.read(move |view| view.account(id)).await?;
        let row = row.ok_or_else(wrong)?;
        tracing::info!(account = %id, uid = peer.uid, "logged in by the hub's word");
        Ok(Selected { account, row })
    }

    /// Adds an account that the hub knows.
    pub(super) async fn add_of_hub(
        &self,
        session: &Session,
        password_hash: Option<Secret>,
    ) -> Result<Account, Problem> {
        let now = Self::wall_ms();
        let row = MachineAccount {
            entry: session.entry.clone(),
            password_hash,
            registered: true,
            conflict: false,
            retry_secret: None,
            invite: None,
            session: Some(SessionTerm::used(session.expires_at_ms, now)),
            joins: None,
            created_at_ms: now,
        };
        let name = session.entry.username.as_str();
        self.add(&row).await.map_err(|why| {
            if why.code != Code::Conflict {
                return why;
            }
            let detail = format!(
                "this machine has another account '{name}', made here, that the hub does not know"
            );
            Problem::new(Code::Conflict, detail).hint(format!(
                "whoever made it can end that with 'atomectl account resolve {name}'"
            ))
        })
    }
}

/// One text for a wrong password and an unknown name.
pub(super) fn wrong() -> Problem {
    Problem::new(Code::WrongCredentials, "the name or the password is wrong")
}

/// What a hub that did not open a session means to whoever logs in.
pub(super) fn refused(why: Problem) -> Problem {
    let unknown = [
        Code::WrongCredentials,
        Code::AuthRequired,
        Code::NotFound,
        Code::AccountDeleted,
    ];
    if unknown.contains(&why.code) {
        return wrong();
    }
    if why.code == Code::HubUnreachable {
        let detail = format!(
            "the name and password are not known on this machine, and {}",
            why.detail
        );
        return Problem::new(Code::HubUnreachable, detail).hint(
            "whether they are right cannot be told before the hub is in reach; nothing was changed here",
        );
    }
    why
}
