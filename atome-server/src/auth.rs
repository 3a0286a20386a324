//! Accounts and sessions over HTTP: who is it, and may they come in?
//!
//! Passwords, hashes and tokens pass through here and stay out of logs and answers.

mod login;
mod register;
mod token;

use atome_proto::account::Me;
use atome_proto::{Code, Problem};
use atome_store::hub::SessionRecord;
use atome_store::{Fault, HubError, HubStore};
use hyper::header::{AUTHORIZATION, HeaderMap};
use hyper::{Request, StatusCode};

use crate::http::{Answer, empty_reply, json_reply};
use crate::hub::{Hub, wall_ms};

pub use self::login::login;
pub use self::register::register;

/// Longest name of a machine, in bytes: it is shown in a list.
const DEVICE_LEN_MAX: usize = 128;
/// When to try again where the hub's disk is full, in milliseconds: somebody has to free space.
const LOW_SPACE_RETRY_MS: u64 = 60_000;

/// A session that stands, and the hash by which the store knows its token. No `Debug`.
pub struct Known {
    /// The session.
    pub session: SessionRecord,
    /// The hash of its token.
    pub token_hash: [u8; 32],
}

/// `GET /api/v1/auth/me`: whose session is it?
///
/// # Errors
///
/// `auth_required` without a session that stands.
pub async fn me<B>(hub: &Hub, request: &Request<B>) -> Answer {
    let session = session_of(hub, request.headers()).await?.session;
    let account = hub
        .store
        .account(session.account)
        .await
        .map_err(store_problem)?
        .ok_or_else(no_session)?;
    let me = Me {
        entry: account.entry,
        expires_at_ms: session.expires_at_ms,
    };
    json_reply(StatusCode::OK, &me)
}

/// `POST /api/v1/auth/logout`: ends the session that asks.
///
/// # Errors
///
/// `auth_required` without a session that stands.
pub async fn logout<B>(hub: &Hub, request: &Request<B>) -> Answer {
    let session = session_of(hub, request.headers()).await?.session;
    hub.store
        .close_session(session.account, session.session)
        .await
        .map_err(store_problem)?;
    tracing::info!(account = %session.account, "a session was closed");
    Ok(empty_reply())
}

/// The session that a request names by `Authorization: Bearer`.
///
/// # Errors
///
/// `auth_required` where it names none, or one that does not stand.
pub async fn session_of(hub: &Hub, headers: &HeaderMap) -> Result<Known, Problem> {
    let token = bearer(headers).ok_or_else(no_session)?;
    session_by_token(hub, token).await
}

/// The session of a token; being asked for makes it live on.
///
/// # Errors
///
/// `auth_required` where there is none that stands.
pub async fn session_by_token(hub: &Hub, token: &str) -> Result<Known, Problem> {
    let token_hash = token::hash(token).ok_or_else(no_session)?;
    let session = session_by_hash(&*hub.store, token_hash).await?;
    Ok(Known {
        session,
        token_hash,
    })
}

/// The session whose token has this hash; being asked for makes it live on.
///
/// # Errors
///
/// `auth_required` where there is none that stands.
pub async fn session_by_hash(
    store: &dyn HubStore,
    token_hash: [u8; 32],
) -> Result<SessionRecord, Problem> {
    store
        .session(token_hash, wall_ms())
        .await
        .map_err(store_problem)?
        .ok_or_else(no_session)
}

/// The token in `Authorization: Bearer`, if there is that header.
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim())
}

fn no_session() -> Problem {
    Problem::new(
        Code::AuthRequired,
        "there is no session, or it is over; your data stays where it is",
    )
    .hint("log in again")
}

/// A problem of the store as a client may see it; what it does not say is in the log.
#[expect(
    clippy::needless_pass_by_value,
    reason = "it is the shape that map_err takes"
)]
pub fn store_problem(error: HubError) -> Problem {
    match error {
        HubError::NameTaken => Problem::new(Code::Conflict, "the name is taken on this hub")
            .hint("choose another name, or log in if the account is yours"),
        HubError::PhoneTaken => {
            Problem::new(Code::Conflict, "the phone number is taken on this hub")
                .hint("leave the number out, or log in if the account is yours")
        }
        HubError::BadName(bad) => Problem::new(Code::BadData, bad.to_string()),
        HubError::NoSuchAccount => no_session(),
        HubError::AccountDeleted => Problem::new(
            Code::AccountDeleted,
            "the account was deleted, everywhere and for good",
        ),
        HubError::Closed => {
            Problem::new(Code::NotAllowed, "this hub takes no registrations")
                .hint("ask the operator of the hub for an account")
        }
        HubError::NotInvited => Problem::new(
            Code::NotAllowed,
            "this hub takes registrations by invitation, and the code is none, was used, or is over",
        )
        .hint("ask the operator of the hub for an invitation"),
        HubError::Fault(Fault::LowSpace(_)) => {
            internal("the disk is full", &error);
            Problem::new(Code::LowSpace, "the hub has no room just now")
                .hint("what was accepted is safe; the operator of the hub has to free some space")
                .retry_after_ms(LOW_SPACE_RETRY_MS)
        }
        HubError::Fault(Fault::Stopped) => Problem::new(Code::Stopping, "the hub is stopping"),
        HubError::Fault(_) => internal("the store failed", &error),
    }
}

/// Logs a failure with its causes, and says to the client that there was one.
pub(crate) fn internal(what: &str, error: &dyn std::error::Error) -> Problem {
    let mut causes = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        causes.push_str(": ");
        causes.push_str(&cause.to_string());
        source = cause.source();
    }
    tracing::error!(error = %causes, "{what}");
    Problem::new(Code::Internal, "the hub failed; its log says why").retry_after_ms(5_000)
}

/// The name of a machine as it is kept: shortened where it is too long, without controls.
fn device(name: &str) -> String {
    let mut kept: String = name.chars().filter(|c| !c.is_control()).collect();
    while kept.len() > DEVICE_LEN_MAX {
        kept.pop();
    }
    kept
}
