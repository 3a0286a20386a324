//! Sessions that this machine has done with: the hub is told when it is in reach, for as long as it takes.

use atome_proto::{AccountId, Code, Problem};

use super::{Account, Accounts};
use crate::hub_client::HubClient;
use crate::random;

impl Accounts {
    /// Takes an account's session out of use, durably, and has the hub told; nothing where there is none.
    pub(super) async fn revoke_later(&self, id: AccountId) -> Result<(), Problem> {
        let Some(token) = self.secret(id.to_string()).await? else {
            return Ok(());
        };
        let name = format!("revoke-{}", random::account_id(Self::wall_ms())?);
        // First what must not be lost: a token that is kept twice is revoked all the same.
        let kept = name.clone();
        self.with_secrets(move |secrets| secrets.keep(&kept, &token))
            .await?;
        let now = Self::wall_ms();
        self.write(move |db| db.add_revocation(id, &name, now))
            .await?;
        self.with_secrets(move |secrets| secrets.remove(&id.to_string()))
            .await?;
        self.keep_now();
        Ok(())
    }

    /// Takes the last session of an account back into use, where the hub was not told yet.
    pub(super) async fn take_back(&self, account: &Account) -> Result<(), Problem> {
        let id = account.id;
        let taken = self.write(move |db| db.take_back_revocation(id)).await?;
        let Some(name) = taken else {
            return Ok(());
        };
        self.with_secrets(move |secrets| {
            if let Some(token) = secrets.token(&name)? {
                secrets.keep(&id.to_string(), &token)?;
            }
            secrets.remove(&name)
        })
        .await?;
        if let Some(sync) = &account.sync {
            sync.token_changed().await?;
        }
        Ok(())
    }

    /// Tells the hub of the sessions that wait for it, in their order.
    pub(super) async fn revoke_all(&self, hub: &HubClient) -> Result<(), Problem> {
        for revocation in self.read(|view| view.revocations()).await? {
            let name = revocation.secret.clone();
            if let Some(token) = self.secret(name.clone()).await? {
                match hub.logout(&token).await {
                    Ok(()) => {}
                    // It is over already.
                    Err(why) if matches!(why.code, Code::AuthRequired | Code::AccountDeleted) => {}
                    Err(why) => return Err(why),
                }
            }
            // Where it was taken back meanwhile, it is closed none the less, and the hub will say so.
            self.write(move |db| db.drop_revocation(revocation.id))
                .await?;
            self.with_secrets(move |secrets| secrets.remove(&name))
                .await?;
            tracing::info!(account = %revocation.account, "the hub has closed the session");
        }
        Ok(())
    }
}
