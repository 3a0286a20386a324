//! Status, accounts and logins.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::account::{DirectoryEntry, Secret, Visibility};
use crate::code::Problem;
use crate::id::AccountId;
use crate::local::v1::{Finding, Mode};
use crate::runtime::RuntimeDeclaration;

/// `GET /v1/version`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The daemon's version.
    pub version: String,
    /// The versions of the local API that it speaks.
    pub local: Vec<u32>,
    /// The versions of the sync protocol that it speaks.
    pub sync: Vec<u32>,
}

/// `GET /v1/status`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The version of this shape: 1.
    pub schema: u32,
    /// The daemon's version.
    pub version: String,
    /// What the daemon declares itself to be.
    pub runtime: RuntimeDeclaration,
    /// The accounts that the asker may see, sorted by name.
    pub accounts: Vec<AccountStatus>,
    /// What a person should know, the most severe first.
    #[serde(default)]
    pub health: Vec<Finding>,
}

/// Where an account stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountState {
    /// There is no hub in the configuration.
    Local,
    /// Its registration waits for the hub.
    Registering,
    /// Connected, nothing pending, nothing behind.
    Synced,
    /// Connected, on its way.
    Syncing,
    /// The hub is out of reach, or the mode keeps the connection closed.
    Offline,
    /// Paused by hand.
    Paused,
    /// The hub asks for a login.
    AuthRequired,
    /// The name is taken at the hub.
    Conflict,
}

/// One account in [`Status`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountStatus {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: AccountId,
    /// Where it stands.
    pub state: AccountState,
    /// When it syncs.
    pub mode: Mode,
    /// Commits that the hub has not decided yet.
    pub pending: u64,
    /// Commits that the hub refused and nobody retried or discarded.
    pub refused: u64,
    /// The feed number up to which everything is applied here.
    pub cursor: Option<u64>,
    /// The last number of the hub's feed that is known here.
    pub hub_head: Option<u64>,
    /// When the session at the hub ends unless it is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_expires_at: Option<String>,
    /// When nothing was pending and nothing behind, the last time.
    pub last_synced_at: Option<String>,
    /// What went wrong last, until it goes right.
    pub last_error: Option<Problem>,
    /// Atomes that a first sync has brought so far, while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_done: Option<u64>,
    /// Atomes that it will bring in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_total: Option<u64>,
}

/// `POST /v1/accounts`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateAccount {
    /// 1 to 64 characters.
    pub name: String,
    /// E.164, such as `+41791234567`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Whether it is listed in the directory.
    #[serde(default)]
    pub visibility: Visibility,
    /// The password.
    pub password: Secret,
    /// The invitation, where the hub asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite: Option<Secret>,
}

/// An account as its daemon shows it: in `GET /v1/accounts`, and in what creating and login answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountView {
    /// Its id.
    pub id: AccountId,
    /// Its name.
    pub name: String,
    /// Its phone number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Whether it is listed.
    pub visibility: Visibility,
    /// Where it stands.
    pub state: AccountState,
    /// When it was made, or first came, here.
    pub created_at: String,
}

/// `POST /v1/login`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The account's name.
    pub name: String,
    /// Its password; either this or a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// A token that the hub's operator made for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Secret>,
}

/// `POST /v1/accounts/{account}/password`: needs the hub, where the account is registered there.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// The present password.
    pub password: Secret,
    /// The new one.
    pub new_password: Secret,
    /// Whether every other machine is logged out.
    #[serde(default)]
    pub revoke_others: bool,
}

/// `POST /v1/accounts/{account}/delete`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoveAccount {
    /// The account's password; needed where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
    /// Only this machine's copy; the hub and other machines keep theirs.
    #[serde(default)]
    pub local_only: bool,
    /// Commits that the hub does not have may be thrown away with that copy.
    #[serde(default)]
    pub discard: bool,
}

/// `POST /v1/accounts/{account}/resolve`: a way out of a registration that the hub did not take.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Resolve {
    /// The account of that name at the hub is the same person's: its password there. The two become one.
    Join(Secret),
    /// Registers again, with these changes.
    Alter(Alteration),
}

/// What is changed of an account that is not registered yet.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alteration {
    /// Another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Another phone number; an empty text for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// The invitation, where the hub asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite: Option<Secret>,
}

/// One line of `GET /v1/sessions`: a session of the account at the hub.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionView {
    /// Its id.
    pub id: Uuid,
    /// The name of the machine.
    pub device: String,
    /// When it was opened.
    pub created_at: String,
    /// When it was last used, to the hour.
    pub seen_at: String,
    /// When it ends unless it is used.
    pub expires_at: String,
    /// Whether it is this machine's.
    pub current: bool,
}

/// `DELETE /v1/sessions?others=true`: every session of the account has ended but this machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoked {
    /// How many have ended.
    pub revoked: u64,
}

/// Where a directory's answer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DirectorySource {
    /// The hub, just now.
    Hub,
    /// This machine's copy.
    Cache,
}

/// `GET /v1/directory`, a page by folded name, and `GET /v1/directory/lookup`, one entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectoryReply {
    /// Where it comes from.
    pub source: DirectorySource,
    /// The moment of which it is known to be true.
    pub as_of: String,
    /// How long ago that is, in milliseconds.
    pub age_ms: u64,
    /// The entries.
    pub entries: Vec<DirectoryEntry>,
    /// What to give as `after` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// What logging out does with commits that the hub does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PendingWork {
    /// Nothing: with pending commits the logout is refused as a conflict.
    #[default]
    Refuse,
    /// They stay in the store, for the next login.
    Keep,
    /// They are thrown away.
    Discard,
}

/// `POST /v1/logout`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logout {
    /// What to do with commits that the hub does not have.
    #[serde(default)]
    pub pending: PendingWork,
}

/// How a Unix user comes to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Access {
    /// By login.
    Login,
    /// By `[[access]]` in the daemon's configuration.
    Configuration,
}

/// One line of `GET /v1/whoami`: an account that the asking Unix user is tied to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WhoAmI {
    /// The asking Unix user's number.
    pub uid: u32,
    /// The account's name.
    pub account: String,
    /// The account's id.
    pub id: AccountId,
    /// How the tie came about.
    pub access: Access,
}
