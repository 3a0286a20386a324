//! The account's sessions at the hub: which machines are logged in, and ending that.

use atome_proto::account::Secret;
use atome_proto::local::v1::SessionView;
use atome_proto::time::to_rfc3339;
use atome_proto::{Code, Problem};
use uuid::Uuid;

use super::{Account, Accounts};
use crate::api::Peer;
use crate::hub_client::HubClient;

impl Accounts {
    /// The sessions of an account, as the hub lists them.
    ///
    /// # Errors
    ///
    /// [`Code::NoHub`], [`Code::HubUnreachable`], [`Code::AuthRequired`].
    pub async fn sessions(
        &self,
        peer: Peer,
        named: Option<&str>,
    ) -> Result<Vec<SessionView>, Problem> {
        let account = self.select(peer, named).await?;
        let (hub, token) = self.at_hub(&account).await?;
        let sessions = hub.sessions(&token).await?.sessions;
        let view = |info: atome_proto::account::SessionInfo| SessionView {
            id: info.id,
            device: info.device,
            created_at: to_rfc3339(info.created_at_ms),
            seen_at: to_rfc3339(info.seen_at_ms),
            expires_at: to_rfc3339(info.expires_at_ms),
            current: info.current,
        };
        Ok(sessions.into_iter().map(view).collect())
    }

    /// Ends one session, by its id or the beginning of it.
    ///
    /// # Errors
    ///
    /// [`Code::NotFound`], [`Code::Ambiguous`], and those of [`Self::sessions`].
    pub async fn revoke_session(
        &self,
        peer: Peer,
        named: Option<&str>,
        id: &str,
    ) -> Result<(), Problem> {
        let account = self.select(peer, named).await?;
        let (hub, token) = self.at_hub(&account).await?;
        let session = match Uuid::try_parse(id) {
            Ok(session) => session,
            Err(_) => {
                let all = hub.sessions(&token).await?.sessions;
                only(id, all.into_iter().map(|info| info.id))?
            }
        };
        hub.close_session(&token, session).await?;
        tracing::info!(account = %account.id, %session, uid = peer.uid, "a session was revoked");
        Ok(())
    }

    /// Ends every session of an account but this machine's; how many there were.
    ///
    /// # Errors
    ///
    /// Those of [`Self::sessions`].
    pub async fn revoke_other_sessions(
        &self,
        peer: Peer,
        named: Option<&str>,
    ) -> Result<u64, Problem> {
        let account = self.select(peer, named).await?;
        let (hub, token) = self.at_hub(&account).await?;
        hub.close_other_sessions(&token).await
    }

    /// The way to the hub in an account's session.
    pub(super) async fn at_hub(&self, account: &Account) -> Result<(&HubClient, Secret), Problem> {
        let hub = self.0.hub.as_ref().ok_or_else(no_hub)?;
        let token = self.secret(account.id.to_string()).await?.ok_or_else(|| {
            Problem::new(
                Code::AuthRequired,
                "this machine has no session of the account at the hub",
            )
            .hint("log in with 'atomectl login NAME' while the hub is in reach")
        })?;
        Ok((hub, token))
    }
}

fn only(prefix: &str, ids: impl Iterator<Item = Uuid>) -> Result<Uuid, Problem> {
    let prefix = prefix.to_ascii_lowercase();
    let mut found = ids.filter(|id| !prefix.is_empty() && id.to_string().starts_with(&prefix));
    match (found.next(), found.next()) {
        (Some(id), None) => Ok(id),
        (None, _) => Err(Problem::new(
            Code::NotFound,
            format!("the account has no session '{prefix}'"),
        )
        .hint("'atomectl sessions' lists them")),
        (Some(_), Some(_)) => Err(Problem::new(
            Code::Ambiguous,
            format!("several sessions begin with '{prefix}'"),
        )
        .hint("give more of the id")),
    }
}

/// There is no hub.
pub(super) fn no_hub() -> Problem {
    Problem::new(Code::NoHub, "there is no hub in the daemon's configuration")
        .hint("name one below [remote] in the daemon's configuration")
}
