//! Error codes: stable words that programs depend on, in one place.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $status:literal;)*) => {
        /// What went wrong, as a stable word. `docs/errors.md` holds the table for people.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub enum Code {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
            /// A code of a newer program.
            #[serde(other, rename = "unknown")]
            #[cfg_attr(feature = "schema", schemars(skip))]
            Unknown,
        }

        impl Code {
            /// Every code that this program may send.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The word.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                    Self::Unknown => "unknown",
                }
            }

            /// The HTTP status that goes with it.
            #[must_use]
            pub fn status(self) -> u16 {
                match self {
                    $(Self::$name => $status,)*
                    Self::Unknown => 500,
                }
            }
        }
    };
}

codes! {
    /// The request, or an argument in it, is not well formed.
    BadRequest = "bad_request", 400;
    /// A value, key, commit or seed line is not well formed or beyond a limit.
    BadData = "bad_data", 422;
    /// What was named is not there.
    NotFound = "not_found", 404;
    /// An id prefix or a selection fits more than one.
    Ambiguous = "ambiguous", 409;
    /// The asker may not do this.
    NotAllowed = "not_allowed", 403;
    /// Nobody is logged in, or the session is over.
    AuthRequired = "auth_required", 401;
    /// The name or the password is wrong.
    WrongCredentials = "wrong_credentials", 401;
    /// The account was deleted, everywhere and for good.
    AccountDeleted = "account_deleted", 410;
    /// It is already there, or work that would be lost stands in the way.
    Conflict = "conflict", 409;
    /// The same commit number with another content: a copy of the replica is at work.
    Fork = "fork", 409;
    /// No daemon answers on the socket.
    NoDaemon = "no_daemon", 503;
    /// The hub is needed and cannot be reached.
    HubUnreachable = "hub_unreachable", 503;
    /// There is no hub in the configuration.
    NoHub = "no_hub", 503;
    /// It took longer than asked for.
    TimedOut = "timed_out", 504;
    /// The hub refused.
    Refused = "refused", 409;
    /// Too much is going on; try again later.
    Busy = "busy", 429;
    /// Larger than the limit.
    TooLarge = "too_large", 413;
    /// The disk is full or nearly full.
    LowSpace = "low_space", 507;
    /// A version, or a message, that this program does not know.
    Unsupported = "unsupported", 426;
    /// The daemon or the hub is stopping.
    Stopping = "stopping", 503;
    /// A defect of ours, or a failing disk.
    Internal = "internal", 500;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An error as it crosses a wire: RFC 9457 problem details with a code of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{detail}")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Problem {
    /// The stable word.
    pub code: Code,
    /// The HTTP status.
    pub status: u16,
    /// What happened, for a person.
    pub detail: String,
    /// What to do next, for a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// When to try again, in milliseconds, where that helps.
    #[serde(
        default,
        rename = "retryAfterMs",
        skip_serializing_if = "Option::is_none"
    )]
    pub retry_after_ms: Option<u64>,
}

impl Problem {
    /// A problem with its code's status.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            status: code.status(),
            detail: detail.into(),
            hint: None,
            retry_after_ms: None,
        }
    }

    /// The same with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with a time to try again.
    #[must_use]
    pub fn retry_after_ms(mut self, ms: u64) -> Self {
        self.retry_after_ms = Some(ms);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_of_a_newer_program_is_read() {
        assert_eq!(
            serde_json::from_str::<Code>("\"no_such\"").unwrap(),
            Code::Unknown
        );
        for code in Code::ALL {
            let text = serde_json::to_string(code).unwrap();
            assert_eq!(text, format!("\"{code}\""));
            assert_eq!(serde_json::from_str::<Code>(&text).unwrap(), *code);
        }
    }
}
