//! Accounts as they cross a wire: names, registration, login, sessions.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::id::AccountId;

/// A text that must not be seen: a password, a hash, a token. It can be sent, and not printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(inline, extend("format" = "password")))]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// Whether an account stands in the public directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Visibility {
    /// Listed.
    #[default]
    Public,
    /// Not listed; found by its exact phone number only.
    Private,
}

/// An account's public identity: what a directory may hold, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DirectoryEntry {
    /// The account.
    pub user_id: AccountId,
    /// Its name, as it was first written.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 64)))]
    pub username: String,
    /// Its phone number (E.164), if it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = crate::schema::PHONE)))]
    pub phone: Option<String>,
    /// Whether it is listed.
    pub visibility: Visibility,
}

/// `POST /api/v1/auth/register`: an account made on a machine, by the hash of its password.
///
/// Sent again after a lost answer, with the same id and retry secret, it gets the same answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("oneOf" = crate::schema::one_text("passwordHash", "password"))))]
pub struct Register {
    /// Who.
    pub entry: DirectoryEntry,
    /// The argon2id hash of the password in PHC form: what a daemon sends, which keeps no password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = crate::schema::PHC)))]
    pub password_hash: Option<Secret>,
    /// The password itself, 1 to 1024 bytes, from a client that cannot hash; instead of the hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 1024)))]
    pub password: Option<Secret>,
    /// 256 random bits, hexadecimal, made with the account: shows that a repetition is one.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = crate::schema::SECRET)))]
    pub retry_secret: Secret,
    /// The invitation, where the hub asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite: Option<Secret>,
    /// The name of the machine, for the list of sessions.
    pub device: String,
    /// Whether the token goes into a cookie, and stays out of the answer.
    #[serde(default, skip_serializing_if = "is_false")]
    pub cookie: bool,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// `POST /api/v1/auth/login`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Login {
    /// The account's name.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 64)))]
    pub username: String,
    /// Its password.
    pub password: Secret,
    /// The name of the machine, for the list of sessions.
    pub device: String,
    /// Whether the token goes into a cookie, and stays out of the answer.
    #[serde(default, skip_serializing_if = "is_false")]
    pub cookie: bool,
}

/// What registration and login answer: a session of this machine.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Session {
    /// Whose.
    pub entry: DirectoryEntry,
    /// The token, 256 random bits, hexadecimal; the hub keeps only its hash.
    pub token: Secret,
    /// When it ends unless it is used, in milliseconds since 1970.
    pub expires_at_ms: u64,
}

/// `GET /api/v1/auth/me`, and what registration and login answer with a cookie: whose session it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Me {
    /// Whose.
    pub entry: DirectoryEntry,
    /// When the session ends unless it is used, in milliseconds since 1970.
    pub expires_at_ms: u64,
}

/// One session in `GET /api/v1/auth/sessions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SessionInfo {
    /// Its id; never its token.
    pub id: Uuid,
    /// The name of the machine.
    pub device: String,
    /// When it was opened, in milliseconds since 1970.
    pub created_at_ms: u64,
    /// When it was last used, to the hour, in milliseconds since 1970.
    pub seen_at_ms: u64,
    /// When it ends unless it is used, in milliseconds since 1970.
    pub expires_at_ms: u64,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// `GET /api/v1/auth/sessions`: every session of the account that asks, the newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Sessions {
    /// The sessions.
    pub sessions: Vec<SessionInfo>,
}

/// `DELETE /api/v1/auth/sessions`: what became of every session but the one that asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SessionsClosed {
    /// How many were closed.
    pub closed: u64,
}

/// `POST /api/v1/auth/password`: another password for the account of the session that asks.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("oneOf" = crate::schema::one_text("newPasswordHash", "newPassword"))))]
pub struct ChangePassword {
    /// The present password.
    pub password: Secret,
    /// The argon2id hash of the new one, in PHC form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = crate::schema::PHC)))]
    pub new_password_hash: Option<Secret>,
    /// The new one itself, 1 to 1024 bytes, from a client that cannot hash; instead of the hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 1024)))]
    pub new_password: Option<Secret>,
    /// Whether every other session of the account ends.
    #[serde(default)]
    pub revoke_others: bool,
}

/// `POST /api/v1/auth/delete`: the account is deleted, everywhere and for good.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeleteAccount {
    /// Which account; with the name, so that neither is deleted for the other.
    pub user_id: AccountId,
    /// Its name.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 64)))]
    pub username: String,
    /// Its password.
    pub password: Secret,
}

/// `GET /api/v1/server`: what a hub says of itself to anyone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Server {
    /// The program's name.
    pub name: String,
    /// The program's version.
    pub version: String,
    /// The versions of the sync protocol that it speaks.
    pub protocols: Vec<u32>,
    /// Who may register: `open`, `invite` or `closed`.
    pub registration: String,
    /// The hub's time, in milliseconds since 1970.
    pub timestamp: u64,
}
