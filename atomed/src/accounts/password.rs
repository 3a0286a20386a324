//! Changing a password: at the hub first, where the account is registered there.

use atome_proto::account::ChangePassword;
use atome_proto::local::v1::NewPassword;
use atome_proto::{Code, Problem};

use super::Accounts;
use super::create::check_password;
use super::select::Selected;
use crate::api::Peer;

impl Accounts {
    /// Changes the password of an account that the asker is tied to.
    ///
    /// # Errors
    ///
    /// [`Code::WrongCredentials`]; [`Code::BadRequest`] for a password that cannot be;
    /// [`Code::HubUnreachable`] where the account is registered and the hub is away; [`Code::Busy`].
    pub async fn change_password(
        &self,
        peer: Peer,
        named: &str,
        change: NewPassword,
    ) -> Result<(), Problem> {
        let Selected { account, row } = self.select_row(peer, Some(named)).await?;
        check_password(&change.new_password)?;
        let new_hash = self.0.hashing.hash(change.new_password).await?;
        if row.registered {
            let (hub, token) = self.at_hub(&account).await?;
            let ask = ChangePassword {
                password: change.password,
                new_password_hash: Some(new_hash.clone()),
                new_password: None,
                revoke_others: change.revoke_others,
            };
            hub.change_password(&token, &ask).await.map_err(not_here)?;
        } else {
            // A registration that is under way brings the new one with its next try.
            self.check(peer, &row, Some(change.password)).await?;
        }
        let id = account.id;
        self.write(move |db| db.set_password_hash(id, &new_hash))
            .await?;
        self.keep_copy().await;
        tracing::info!(account = %id, uid = peer.uid, "the password was changed");
        Ok(())
    }
}

/// Says that a change needs the hub, where it is away.
fn not_here(why: Problem) -> Problem {
    if why.code != Code::HubUnreachable {
        return why;
    }
    let detail = format!("a password is changed at the hub, and {}", why.detail);
    Problem::new(Code::HubUnreachable, detail)
        .hint("nothing was changed; try again when the hub is in reach")
}
