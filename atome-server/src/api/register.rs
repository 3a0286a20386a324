//! `POST /api/v1/auth/register`: an account that was made on a machine becomes one of the hub.

use atome_engine::name::{self, is_e164};
use atome_proto::account::{DirectoryEntry, Register, Secret};
use atome_proto::{Code, Problem};
use atome_store::hub::{Admission, NewAccount, Registered};

use crate::auth::{credentials, internal, session_reply, store_problem, token};
use crate::config::Registration;
use crate::hashing::{self, PASSWORD_LEN_MAX};
use crate::http::ask::Ask;
use crate::http::origin;
use crate::http::reply::Answer;
use crate::http::route::bad_request;
use crate::hub::{Hub, wall_ms};

/// What is wrong with a text that is no phone number.
pub(super) const BAD_PHONE: &str =
    "a phone number is written as + and 7 to 15 digits, country code first";

/// Registers an account by its password or the hash of it, and opens a session.
///
/// The same registration again, known by its retry secret, is granted again.
pub(super) async fn register(mut ask: Ask) -> Answer {
    let register: Register = ask.json().await?;
    let (hub, entry) = (&ask.hub, register.entry);
    if register.cookie {
        origin::check(ask.request.headers(), hub.config().tls.is_some())?;
    }
    check_entry(&entry)?;
    let password = NewPassword::one_of(register.password_hash, register.password)?;
    let retry_hash = token::hash(&register.retry_secret.0)
        .ok_or_else(|| bad_data("the retry secret is not 64 lower-case hexadecimal digits"))?;
    hub.guard.try_registration(ask.place.source())?;
    let minted = token::mint(entry.user_id, &register.device, hub.session_life_ms())
        .map_err(|error| internal("the system gives no randomness", &error))?;
    let account = NewAccount {
        entry: entry.clone(),
        password_hash: password.hash(hub).await?,
        retry_hash,
        admission: match hub.config().accounts.registration {
            Registration::Open => Admission::Open,
            Registration::Invite => {
                Admission::Invited(register.invite.and_then(|code| token::hash(&code.0)))
            }
            Registration::Closed => Admission::Closed,
        },
        created_at_ms: wall_ms(),
    };
    let registered = hub
        .store
        .register(account, minted.session.clone())
        .await
        .map_err(store_problem)?;
    ask.place.become_known();
    let id = entry.user_id;
    let entry = match registered {
        Registered::New => {
            tracing::info!(account = %id, "an account was registered");
            entry
        }
        Registered::Again => {
            tracing::info!(account = %id, "a registration came again");
            let kept = hub.store.account(id).await.map_err(store_problem)?;
            kept.map_or(entry, |kept| kept.entry)
        }
    };
    session_reply(hub, minted, entry, register.cookie)
}

/// A new password as it comes, checked.
pub(super) enum NewPassword {
    /// Its hash, in PHC form.
    Hash(String),
    /// Itself, to be hashed here.
    Plain(Secret),
}

impl NewPassword {
    /// The one of the two that is given.
    ///
    /// # Errors
    ///
    /// `bad_request` where none or both are; `bad_data` where it is not one that the hub takes.
    pub(super) fn one_of(hash: Option<Secret>, plain: Option<Secret>) -> Result<Self, Problem> {
        match (hash, plain) {
            (Some(hash), None) => {
                hashing::check_phc(&hash.0).map_err(bad_data)?;
                Ok(Self::Hash(hash.0))
            }
            (None, Some(plain)) if plain.0.is_empty() || plain.0.len() > PASSWORD_LEN_MAX => Err(
                bad_data(format!("a password has 1 to {PASSWORD_LEN_MAX} bytes")),
            ),
            (None, Some(plain)) => Ok(Self::Plain(plain)),
            (None, None) | (Some(_), Some(_)) => Err(bad_request(
                "either the password or its hash is given, and not both",
            )),
        }
    }

    /// The hash that is kept.
    ///
    /// # Errors
    ///
    /// `busy` where too many hashes wait.
    pub(super) async fn hash(self, hub: &Hub) -> Result<String, Problem> {
        match self {
            Self::Hash(hash) => Ok(hash),
            Self::Plain(plain) => {
                let hash = hub.hashing.hash(plain).await;
                hash.map_err(|error| credentials::hashing_problem(hub, &error))
            }
        }
    }
}

/// Checks what the directory will hold.
fn check_entry(entry: &DirectoryEntry) -> Result<(), Problem> {
    if entry.user_id.0.get_version_num() != 7 {
        return Err(bad_data("the id of an account is a UUID of version 7"));
    }
    if let Some(phone) = &entry.phone
        && !is_e164(phone)
    {
        return Err(bad_data(BAD_PHONE));
    }
    name::fold(&entry.username).map(drop).map_err(bad_data)
}

fn bad_data(error: impl std::fmt::Display) -> Problem {
    Problem::new(Code::BadData, error.to_string())
}
