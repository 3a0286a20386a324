//! `POST /api/v1/auth/login`: by name and password.

use atome_proto::account::Login;
use atome_store::HubError;

use crate::auth::{credentials, internal, session_reply, store_problem, token};
use crate::http::ask::Ask;
use crate::http::origin;
use crate::http::reply::Answer;

/// Opens a session where name and password are right.
///
/// An unknown name, a name that is none and a wrong password get the same answer after the same work.
pub(super) async fn login(mut ask: Ask) -> Answer {
    let login: Login = ask.json().await?;
    let hub = &ask.hub;
    if login.cookie {
        // Else another site could log its visitor in as somebody else.
        origin::check(ask.request.headers(), hub.config().tls.is_some())?;
    }
    let who = (login.username.as_str(), None);
    let account = credentials::check(hub, ask.place.source(), who, login.password).await?;
    let id = account.entry.user_id;
    let minted = token::mint(id, &login.device, hub.session_life_ms())
        .map_err(|error| internal("the system gives no randomness", &error))?;
    match hub.store.open_session(minted.session.clone()).await {
        Ok(()) => {}
        // It was deleted while the password was compared.
        Err(HubError::NoSuchAccount) => return Err(credentials::wrong()),
        Err(error) => return Err(store_problem(error)),
    }
    // The password may have been changed, and all other sessions closed, while it was compared.
    let kept = hub.store.account(id).await.map_err(store_problem)?;
    if kept.is_none_or(|kept| kept.password_hash != account.password_hash) {
        hub.store
            .close_session(id, minted.session.session)
            .await
            .map_err(store_problem)?;
        return Err(credentials::wrong());
    }
    ask.place.become_known();
    tracing::info!(account = %id, "a session was opened");
    session_reply(hub, minted, account.entry, login.cookie)
}
