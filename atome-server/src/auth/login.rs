//! `POST /api/v1/auth/login`: by name and password.

use atome_engine::name;
use atome_proto::account::Login;
use atome_proto::{Code, Problem};
use hyper::body::Incoming;
use hyper::{Request, StatusCode};

use super::{internal, store_problem, token};
use crate::hashing::VerifyError;
use crate::http::{Answer, json_reply, read_json};
use crate::hub::Hub;

/// When a client that found the queue full comes back, in milliseconds: a few logins later.
const BUSY_RETRY_MS: u64 = 2_000;

/// Opens a session where name and password are right.
///
/// An unknown name, a name that is none and a wrong password get the same answer after the same work.
///
/// # Errors
///
/// `wrong_credentials`, `not_allowed` for an account that is disabled, `busy`.
pub async fn login(hub: &Hub, request: Request<Incoming>) -> Answer {
    let login: Login = read_json(hub.config.limits.request_timeout, request).await?;
    let account = match name::fold(&login.username) {
        Ok(folded) => hub
            .store
            .account_by_name(&folded)
            .await
            .map_err(store_problem)?,
        Err(_) => None,
    };
    let hash = account
        .as_ref()
        .map(|account| account.password_hash.clone());
    let right = hub
        .hashing
        .verify(login.password, hash)
        .await
        .map_err(|error| match error {
            VerifyError::Busy => Problem::new(Code::Busy, "many people are logging in just now")
                .hint("try again in a moment")
                .retry_after_ms(BUSY_RETRY_MS),
            VerifyError::Failed(_) => internal("a password could not be compared", &error),
        })?;
    let Some(account) = account.filter(|_| right) else {
        return Err(Problem::new(
            Code::WrongCredentials,
            "the name or the password is wrong",
        ));
    };
    let id = account.entry.user_id;
    if account.disabled {
        return Err(
            Problem::new(Code::NotAllowed, "the account is disabled on this hub")
                .hint("ask the operator of the hub"),
        );
    }
    let minted = token::mint(hub, id, &login.device)?;
    hub.store
        .open_session(minted.session.clone())
        .await
        .map_err(store_problem)?;
    tracing::info!(account = %id, "a session was opened");
    json_reply(StatusCode::OK, &minted.reply(account.entry))
}
