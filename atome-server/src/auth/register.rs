//! `POST /api/v1/auth/register`: an account that was made on a machine becomes one of the hub.

use atome_engine::name;
use atome_proto::account::{DirectoryEntry, Register};
use atome_proto::{Code, Problem};
use atome_store::hub::{Admission, NewAccount, Registered};
use hyper::body::Incoming;
use hyper::{Request, StatusCode};

use super::{store_problem, token};
use crate::config::Registration;
use crate::hashing;
use crate::http::{Answer, json_reply, read_json};
use crate::hub::{Hub, wall_ms};

/// Registers an account by the hash of its password, and opens a session.
///
/// The same registration again, known by its retry secret, is granted again.
///
/// # Errors
///
/// `bad_data` for a name, number, hash or secret that is not well formed, `conflict` where the name
/// or the number is taken, `not_allowed` where registration is closed.
pub async fn register(hub: &Hub, request: Request<Incoming>) -> Answer {
    let register: Register = read_json(hub.config.limits.request_timeout, request).await?;
    let entry = register.entry;
    check_entry(&entry)?;
    let password_hash = register
        .password_hash
        .ok_or_else(|| bad_data("a registration brings the hash of its password"))?;
    hashing::check_phc(&password_hash.0).map_err(bad_data)?;
    let retry_hash = token::hash(&register.retry_secret.0).ok_or_else(|| {
        Problem::new(
            Code::BadData,
            "the retry secret is not 64 lower-case hexadecimal digits",
        )
    })?;
    let minted = token::mint(hub, entry.user_id, &register.device)?;
    let account = NewAccount {
        entry: entry.clone(),
        password_hash: password_hash.0,
        retry_hash,
        admission: match hub.config.accounts.registration {
            Registration::Open => Admission::Open,
            Registration::Closed => Admission::Closed,
        },
        created_at_ms: wall_ms(),
    };
    let registered = hub
        .store
        .register(account, minted.session.clone())
        .await
        .map_err(store_problem)?;
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
    json_reply(StatusCode::OK, &minted.reply(entry))
}

/// Checks what the directory will hold.
fn check_entry(entry: &DirectoryEntry) -> Result<(), Problem> {
    if entry.user_id.0.get_version_num() != 7 {
        return Err(Problem::new(
            Code::BadData,
            "the id of an account is a UUID of version 7",
        ));
    }
    if let Some(phone) = &entry.phone
        && !is_e164(phone)
    {
        return Err(Problem::new(
            Code::BadData,
            "a phone number is written as + and 7 to 15 digits, country code first",
        ));
    }
    name::fold(&entry.username).map(drop).map_err(bad_data)
}

fn bad_data(error: impl std::fmt::Display) -> Problem {
    Problem::new(Code::BadData, error.to_string())
}

/// Source: ITU-T E.164, at most 15 digits, no country code begins with 0.
fn is_e164(phone: &str) -> bool {
    phone.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len())
            && !digits.starts_with('0')
            && digits.bytes().all(|digit| digit.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phone_numbers_are_e164() {
        for (phone, right) in [
            ("+33123456789", true),
            ("+1234567", true),
            ("33123456789", false),
            ("+0123456789", false),
            ("+123456", false),
            ("+1234567890123456", false),
            ("+33 123456", false),
        ] {
            assert_eq!(is_e164(phone), right, "{phone}");
        }
    }
}
