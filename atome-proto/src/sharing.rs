//! Sharing as it crosses a wire: grants, what an account does about them, policies.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::commit::Key;
use crate::id::{AccountId, AtomeId, GrantId, ReplicaId};
use crate::limit::{GRANT_KEYS_MAX, MESSAGE_LEN_MAX};

/// One thing that a grant lets its holder do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Right {
    /// See the atome, what is below it, and their particles. Every grant has it.
    Read,
    /// Give particles other values.
    Alter,
    /// Make atomes below it; they belong to its owner.
    Create,
    /// Delete and undelete.
    Delete,
    /// Share with others, at most as much as one has.
    Share,
}

impl Right {
    /// Every right.
    pub const ALL: [Self; 5] = [
        Self::Read,
        Self::Alter,
        Self::Create,
        Self::Delete,
        Self::Share,
    ];

    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Alter => "alter",
            Self::Create => "create",
            Self::Delete => "delete",
            Self::Share => "share",
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no right; rights are read, alter, create, delete, share")]
pub struct BadRight(pub String);

impl FromStr for Right {
    type Err = BadRight;

    fn from_str(word: &str) -> Result<Self, BadRight> {
        let found = Self::ALL.into_iter().find(|right| right.as_str() == word);
        found.ok_or_else(|| BadRight(word.chars().take(64).collect()))
    }
}

/// How what happens to a shared tree comes to its reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Mode {
    /// Every commit at once.
    #[default]
    Linked,
    /// The state as it was when it was last published.
    Manual,
    /// A tree of the reader's own, made once, without a link.
    Copy,
}

/// What is offered, how, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Terms {
    /// The rights; `read` is always among them.
    pub can: BTreeSet<Right>,
    /// The only particles that reading and altering are for; empty for all.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    #[cfg_attr(
        feature = "schema",
        schemars(with = "BTreeSet<String>", length(max = 100))
    )]
    pub only: BTreeSet<Key>,
    /// How changes come.
    #[serde(default)]
    pub mode: Mode,
    /// When it begins to count, in milliseconds since 1970; absent for at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_ms: Option<u64>,
    /// When it ends by itself, in milliseconds since 1970; absent for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_ms: Option<u64>,
    /// What the sender says to the recipient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(length(max = 1000)))]
    pub message: Option<String>,
}

/// Terms that make no grant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTerms {
    /// `read` is missing.
    #[error("a grant always lets its holder read; add 'read' to the rights")]
    NoRead,
    /// It would end before it begins.
    #[error("it would end before it begins")]
    EndsFirst,
    /// The message is too long.
    #[error("the message has {0} bytes; at most {MESSAGE_LEN_MAX} are allowed")]
    Message(usize),
    /// Too many particles are named, or one of the envelope's.
    #[error(
        "at most {GRANT_KEYS_MAX} particles can be named, and none that begins with '$': those are \
         always seen"
    )]
    Keys,
    /// A copy has its recipient's rights.
    #[error("a copy belongs to its recipient: it takes the right 'read' only, and all particles")]
    Copy,
}

impl Terms {
    /// Checks all that can be checked without knowing anything else.
    ///
    /// # Errors
    ///
    /// [`BadTerms`], the first thing found wrong.
    pub fn check(&self) -> Result<(), BadTerms> {
        if !self.can.contains(&Right::Read) {
            return Err(BadTerms::NoRead);
        }
        let ends_first =
            matches!((self.from_ms, self.until_ms), (Some(from), Some(until)) if until <= from);
        if ends_first {
            return Err(BadTerms::EndsFirst);
        }
        let message_len = self.message.as_ref().map_or(0, String::len);
        if message_len > MESSAGE_LEN_MAX {
            return Err(BadTerms::Message(message_len));
        }
        if self.only.len() > GRANT_KEYS_MAX || self.only.iter().any(Key::is_reserved) {
            return Err(BadTerms::Keys);
        }
        if self.mode == Mode::Copy && (self.can.len() > 1 || !self.only.is_empty()) {
            return Err(BadTerms::Copy);
        }
        Ok(())
    }
}

/// Where a grant stands. A state never goes back: what is shared anew is a new grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum GrantState {
    /// The recipient has not answered.
    Requested,
    /// It counts, within its time.
    Accepted,
    /// The recipient does not want it.
    Refused,
    /// The sender took it back before it was answered.
    Withdrawn,
    /// Its time is over.
    Expired,
    /// It was taken away, or given back, after it was accepted.
    Revoked,
    /// The recipient wants nothing of this sender. Told to the recipient only: for the sender it is
    /// requested.
    Blocked,
}

impl GrantState {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Blocked => "blocked",
        }
    }
}

impl fmt::Display for GrantState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An account that has to do with a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Party {
    /// The account.
    pub id: AccountId,
    /// Its name, as the hub knows it; empty where it does not.
    #[serde(default)]
    pub name: String,
}

/// A state that a grant came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Moment {
    /// The state.
    pub state: GrantState,
    /// Who brought it there; absent for time itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<AccountId>,
    /// When, by the hub's clock, in milliseconds since 1970.
    pub at_ms: u64,
}

/// What became of one of the reader's replicas after a grant had ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Eviction {
    /// The replica.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub replica: ReplicaId,
    /// Whether it says that it has removed what it may no longer have.
    pub confirmed: bool,
    /// When it was last seen, to the hour, in milliseconds since 1970.
    pub seen_at_ms: u64,
}

/// A grant: who lets whom do what with an atome and all below it. Kept for ever.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Grant {
    /// The grant.
    pub id: GrantId,
    /// The atome.
    pub atome: AtomeId,
    /// The account that owns the atome.
    pub owner: Party,
    /// The account that shared it.
    pub by: Party,
    /// The account that it is for.
    pub grantee: Party,
    /// What is offered.
    pub terms: Terms,
    /// Every state it came to, in order; the last one is where it stands.
    pub moments: Vec<Moment>,
    /// When it was last published, where it waits for that; in milliseconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_at_ms: Option<u64>,
    /// The reader's replicas, once it has ended. Told to the owner and to who shared it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evictions: Vec<Eviction>,
}

impl Grant {
    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> GrantState {
        self.moments
            .last()
            .map_or(GrantState::Requested, |moment| moment.state)
    }

    /// Where it stood at a time, in milliseconds since 1970; `None` before it was made.
    #[must_use]
    pub fn state_at(&self, at_ms: u64) -> Option<GrantState> {
        let before = self
            .moments
            .iter()
            .rev()
            .find(|moment| moment.at_ms <= at_ms);
        before.map(|moment| moment.state)
    }
}

/// What an account does with the requests of another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Rule {
    /// They wait in the inbox.
    #[default]
    Ask,
    /// They are accepted as they come, up to the rights that the policy names.
    Always,
    /// They are refused as they come.
    Never,
    /// They never arrive, and their sender does not learn it.
    Block,
}

impl Rule {
    /// The word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ask => "ask",
            Self::Always => "always",
            Self::Never => "never",
            Self::Block => "block",
        }
    }
}

/// What an account does with the requests of another, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Policy {
    /// The other account.
    pub sender: Party,
    /// What is done.
    pub rule: Rule,
    /// The greatest rights that are accepted without asking; empty for all.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub can: BTreeSet<Right>,
}

/// What a recipient says to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Answer {
    /// Yes.
    Accept,
    /// No.
    Refuse,
    /// No, and nothing of this sender any more.
    Block,
}

/// Something that an account does about sharing. It is carried by a commit, in its order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Act {
    /// Offers a grant.
    Share {
        /// Its id, UUIDv7.
        grant: GrantId,
        /// The atome.
        atome: AtomeId,
        /// Who it is for.
        grantee: AccountId,
        /// What is offered.
        terms: Terms,
    },
    /// Answers a request.
    Answer {
        /// The grant.
        grant: GrantId,
        /// What is said.
        answer: Answer,
        /// Whether the same is to be said to this sender's next requests.
        #[serde(default, skip_serializing_if = "is_false")]
        always: bool,
    },
    /// Takes a grant back, or gives it back.
    End {
        /// The grant.
        grant: GrantId,
    },
    /// Says what is done with another account's requests.
    Policy {
        /// The other account.
        sender: AccountId,
        /// What is done.
        rule: Rule,
        /// The greatest rights that are accepted without asking; empty for all.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        can: BTreeSet<Right>,
    },
    /// Lets the present state of a tree out to those who read it as it was published.
    Publish {
        /// The atome that was shared.
        atome: AtomeId,
    },
}

/// `GET /api/v1/grants`: grants that the account has to do with, by id, a page of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Grants {
    /// The grants.
    pub grants: Vec<Grant>,
    /// What to give as `after` for the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<GrantId>,
}

/// `GET /api/v1/policies`: what the account does with the requests of others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Policies {
    /// The policies, by sender.
    pub policies: Vec<Policy>,
}

/// Why an account may do something with an atome at a time, or may not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Why {
    /// Whether it may.
    pub allowed: bool,
    /// The atome.
    pub atome: AtomeId,
    /// Whose the atome is; the owner may everything.
    pub owner: Party,
    /// Who is asked about.
    pub actor: Party,
    /// The time asked about, in milliseconds since 1970.
    pub at_ms: u64,
    /// Every grant to the actor on the atome or one above it, the nearest first.
    pub reasons: Vec<Reason>,
}

/// What one grant has to do with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reason {
    /// The grant; its atome is the one asked about, or one above it.
    pub grant: Grant,
    /// Whether it is one of those that allow it.
    pub gives: bool,
    /// Why it does, or does not, for a person.
    pub note: String,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms() -> Terms {
        Terms {
            can: [Right::Read].into(),
            only: [].into(),
            mode: Mode::Linked,
            from_ms: None,
            until_ms: None,
            message: None,
        }
    }

    #[test]
    fn terms_that_make_no_grant_are_refused() {
        assert_eq!(terms().check(), Ok(()));
        let refused = |alter: fn(&mut Terms)| {
            let mut terms = terms();
            alter(&mut terms);
            terms.check().unwrap_err()
        };
        assert_eq!(refused(|t| t.can = [Right::Alter].into()), BadTerms::NoRead);
        assert_eq!(
            refused(|t| (t.from_ms, t.until_ms) = (Some(2), Some(2))),
            BadTerms::EndsFirst
        );
        assert_eq!(
            refused(|t| t.message = Some("m".repeat(1001))),
            BadTerms::Message(1001)
        );
        assert_eq!(
            refused(|t| t.only = [Key::of_envelope(Key::TYPE)].into()),
            BadTerms::Keys
        );
        assert_eq!(
            refused(|t| (t.mode, t.can) = (Mode::Copy, [Right::Read, Right::Alter].into())),
            BadTerms::Copy
        );
    }

    #[test]
    fn rights_have_names() {
        for right in Right::ALL {
            assert_eq!(right.as_str().parse(), Ok(right));
            assert_eq!(
                serde_json::to_string(&right).unwrap(),
                format!("\"{right}\"")
            );
        }
        assert!("own".parse::<Right>().is_err());
    }
}
