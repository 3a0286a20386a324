//! `POST /api/v1/auth/password` and `delete`: what needs the password once more.

use atome_proto::account::{ChangePassword, DeleteAccount};
use atome_store::HubError;
use atome_store::hub::PasswordChange;

use super::register::NewPassword;
use crate::auth::{self, Known, credentials, store_problem};
use crate::http::ask::Ask;
use crate::http::reply::{self, Answer};
use crate::hub::wall_ms;

pub(super) async fn change_password(mut ask: Ask, known: Known) -> Answer {
    let change: ChangePassword = ask.json().await?;
    let (hub, session) = (&ask.hub, known.session);
    let new = NewPassword::one_of(change.new_password_hash, change.new_password)?;
    let id = session.account;
    let account = hub.store.account(id).await.map_err(store_problem)?;
    let name = account.ok_or_else(auth::no_session)?.entry.username;
    credentials::check(hub, ask.place.source(), (&name, Some(id)), change.password).await?;
    let change = PasswordChange {
        account: id,
        password_hash: new.hash(hub).await?,
        only_session: change.revoke_others.then_some(session.session),
        now_ms: wall_ms(),
    };
    hub.store
        .set_password(change)
        .await
        .map_err(store_problem)?;
    tracing::info!(account = %id, "a password was changed");
    Ok(reply::empty())
}

pub(super) async fn delete(mut ask: Ask) -> Answer {
    let delete: DeleteAccount = ask.json().await?;
    let (hub, id) = (&ask.hub, delete.user_id);
    let who = (delete.username.as_str(), Some(id));
    credentials::check(hub, ask.place.source(), who, delete.password).await?;
    match hub.store.delete_account(id, wall_ms()).await {
        Ok(()) => {}
        // Another request was faster.
        Err(HubError::NoSuchAccount) => return Err(credentials::wrong()),
        Err(error) => return Err(store_problem(error)),
    }
    hub.to_purge.notify_one();
    tracing::info!(account = %id, "an account was deleted");
    Ok(reply::empty())
}
