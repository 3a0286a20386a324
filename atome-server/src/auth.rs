//! Who is it, and may they come in? Sessions by token or cookie, accounts by name and password.
//!
//! Passwords, hashes and tokens pass through here and stay out of logs and answers.

pub mod cookie;
pub mod credentials;
pub mod token;

use atome_proto::account::{DirectoryEntry, Me};
use atome_proto::{Code, Problem};
use atome_store::hub::SessionRecord;
use atome_store::{Fault, HubError, HubStore};
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderValue, SET_COOKIE};

use self::token::Minted;
use crate::http::reply::{self, Answer, Reply};
use crate::http::route::bad_request;
use crate::hub::{Hub, wall_ms};
use crate::listen::Place;

/// When to try again where the hub's disk is full, in milliseconds: somebody has to free space.
const LOW_SPACE_RETRY_MS: u64 = 60_000;

/// A session that stands, and the hash by which the store knows its token. No `Debug`.
pub struct Known {
    /// The session.
    pub session: SessionRecord,
    /// The hash of its token.
    pub token_hash: [u8; 32],
    /// Whether a cookie brought the token, which a browser sends by itself.
    pub by_cookie: bool,
}

/// The session that a request names, which makes its connection one that is known.
///
/// # Errors
///
/// `auth_required` where it names none, or one that does not stand; `account_deleted`; `bad_request`
/// where it names two.
pub async fn session_of(hub: &Hub, place: &Place, headers: &HeaderMap) -> Result<Known, Problem> {
    let name = cookie::name(hub.config().tls.is_some());
    let (token, by_cookie) = shown(headers, name)?.ok_or_else(no_session)?;
    let mut known = session_by_token(hub, place, token).await?;
    known.by_cookie = by_cookie;
    Ok(known)
}

/// The token that a request shows, and whether a cookie of this name brought it, which is as it came.
///
/// # Errors
///
/// `bad_request` where it shows two.
pub fn shown<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<(&'a str, bool)>, Problem> {
    match (bearer(headers)?, cookie::read(headers, name)?) {
        (Some(bearer), Some(cookie)) if bearer != cookie => Err(bad_request(
            "the bearer token and the cookie are different sessions",
        )
        .hint("send one of them")),
        (Some(token), _) => Ok(Some((token, false))),
        (None, cookie) => Ok(cookie.map(|token| (token, true))),
    }
}

/// Whether a request names a session, standing or not.
#[must_use]
pub fn names_session(hub: &Hub, headers: &HeaderMap) -> bool {
    let name = cookie::name(hub.config().tls.is_some());
    headers.contains_key(AUTHORIZATION) || !matches!(cookie::read(headers, name), Ok(None))
}

/// The session of a token; being asked for makes it live on.
///
/// # Errors
///
/// `auth_required` where there is none that stands; `account_deleted`.
pub async fn session_by_token(hub: &Hub, place: &Place, token: &str) -> Result<Known, Problem> {
    let token_hash = token::hash(token).ok_or_else(no_session)?;
    let session = session_by_hash(&*hub.store, token_hash).await?;
    place.become_known();
    Ok(Known {
        session,
        token_hash,
        by_cookie: false,
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

/// The token in `Authorization: Bearer`, if there is that header; of another scheme it is no token.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(bad_request("there are two headers Authorization"));
    }
    let parts = value.to_str().ok().and_then(|text| text.split_once(' '));
    Ok(Some(match parts {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer") => token.trim(),
        _ => "",
    }))
}

/// The answer with a session that was opened: its token, or a cookie with it.
///
/// # Errors
///
/// `internal` where it cannot be written, which is a defect.
pub(crate) fn session_reply(
    hub: &Hub,
    minted: Minted,
    entry: DirectoryEntry,
    as_cookie: bool,
) -> Answer {
    let session = minted.reply(entry);
    if !as_cookie {
        return reply::json(&session);
    }
    let me = Me {
        entry: session.entry,
        expires_at_ms: session.expires_at_ms,
    };
    let name = cookie::name(hub.config().tls.is_some());
    let life_s = hub.session_life_ms() / 1_000;
    let answer = reply::json(&me)?;
    Ok(with_cookie(
        answer,
        cookie::set(name, &session.token.0, life_s),
    ))
}

/// An answer that sets a cookie.
pub(crate) fn with_cookie(mut reply: Reply, cookie: Option<HeaderValue>) -> Reply {
    if let Some(cookie) = cookie {
        reply.headers_mut().insert(SET_COOKIE, cookie);
    }
    reply
}

pub(crate) fn no_session() -> Problem {
    Problem::new(
        Code::AuthRequired,
        "there is no session, or it is over; your data stays where it is",
    )
    .hint("log in again")
}

/// A problem of the store as a client may see it; what it does not say is in the log.
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
        HubError::Refused { code, message } => Problem::new(code, message),
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
