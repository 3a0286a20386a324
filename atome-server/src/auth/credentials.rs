//! Name and password: are they those of an account?
//!
//! Whatever is wrong, an account that is not there or a password that is not its own, the work and the
//! answer are the same; and so they are for whoever tries too often.

use atome_engine::name;
use atome_proto::account::Secret;
use atome_proto::{AccountId, Code, Problem};
use atome_store::hub::AccountRecord;

use super::{internal, store_problem};
use crate::hashing::HashingError;
use crate::hub::Hub;
use crate::source::Source;

/// When a client that found the queue full comes back, in milliseconds: a few logins later.
const BUSY_RETRY_MS: u64 = 2_000;

/// The account of that name, and of that id where one is given, whose password it is.
///
/// # Errors
///
/// `wrong_credentials`, `not_allowed` for an account that is disabled, `busy`.
pub async fn check(
    hub: &Hub,
    source: Source,
    (username, id): (&str, Option<AccountId>),
    password: Secret,
) -> Result<AccountRecord, Problem> {
    let folded = name::fold(username).ok();
    // Before a hash is computed, which is the dear part.
    let attempt = hub
        .guard
        .try_password(folded.as_deref().unwrap_or(username), source)?;
    let found = match &folded {
        Some(folded) => hub.store.account_by_name(folded).await,
        None => Ok(None),
    };
    let found = match found {
        Ok(found) => found.filter(|found| id.is_none_or(|id| id == found.entry.user_id)),
        Err(error) => {
            attempt.not_made();
            return Err(store_problem(error));
        }
    };
    let hash = found.as_ref().map(|found| found.password_hash.clone());
    let is_right = match hub.hashing.verify(password, hash).await {
        Ok(is_right) => is_right,
        Err(error) => {
            attempt.not_made();
            return Err(hashing_problem(hub, &error));
        }
    };
    let Some(account) = found.filter(|_| is_right) else {
        return Err(wrong());
    };
    attempt.right();
    if account.disabled {
        return Err(
            Problem::new(Code::NotAllowed, "the account is disabled on this hub")
                .hint("ask the operator of the hub"),
        );
    }
    Ok(account)
}

/// That they are not.
#[must_use]
pub fn wrong() -> Problem {
    Problem::new(Code::WrongCredentials, "the name or the password is wrong")
}

/// Why no hash was computed, as a client may see it.
pub fn hashing_problem(hub: &Hub, error: &HashingError) -> Problem {
    match error {
        HashingError::Busy => {
            hub.metrics.throttled.hashes.one();
            Problem::new(Code::Busy, "many people are logging in just now")
                .hint("try again in a moment")
                .retry_after_ms(BUSY_RETRY_MS)
        }
        HashingError::Failed(_) => internal("a password hash could not be computed", error),
    }
}
