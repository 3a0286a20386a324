//! Sharing: who may do what with an atome, what of it a reader sees, what becomes of a grant.
//!
//! Pure: the hub asks in the transaction that takes a commit, and before it shows anything; a daemon asks
//! the same to answer early. The owner of an atome may everything. Whoever else may do something may do it
//! by a grant on the atome or on one above it that was accepted and is within its time: the rights of
//! all of them together. Where a grant names particles it speaks for those alone, and beats every grant that
//! does not name them.
//!
//! Source: design 8; decision 18.

mod acts;
mod sight;
#[cfg(test)]
mod tests;
mod why;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use atome_proto::commit::{Change, Key};
use atome_proto::sharing::{Grant, GrantState, Mode, Right, Terms};
use atome_proto::state::AtomeState;
use atome_proto::{AccountId, AtomeId};

pub use acts::{
    Offer, Refused, after_block, answered, ended, expires, may_publish, offered, told_to,
};
pub use sight::{Cut, Sight};
pub use why::why;

/// Something that an account wants to do with an atome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action<'a> {
    /// See that it is there; with a key, see that particle.
    Read(Option<&'a Key>),
    /// Write a register of its envelope; with a key, that particle.
    Alter(Option<&'a Key>),
    /// Make an atome below it, or move one there.
    Create,
    /// Delete or undelete it.
    Delete,
    /// Share it.
    Share,
}

impl<'a> Action<'a> {
    /// What a right means for an atome, or for one particle of it.
    #[must_use]
    pub fn of(right: Right, key: Option<&'a Key>) -> Self {
        match right {
            Right::Read => Self::Read(key),
            Right::Alter => Self::Alter(key),
            Right::Create => Self::Create,
            Right::Delete => Self::Delete,
            Right::Share => Self::Share,
        }
    }
}

/// What is done, for a person; the atome comes behind it.
impl fmt::Display for Action<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(None) => f.write_str("read"),
            Self::Read(Some(key)) => write!(f, "read '{key}' of"),
            Self::Alter(None) => f.write_str("move or alter the envelope of"),
            Self::Alter(Some(key)) => write!(f, "alter '{key}' of"),
            Self::Create => f.write_str("put anything below"),
            Self::Delete => f.write_str("delete or undelete"),
            Self::Share => f.write_str("share"),
        }
    }
}

/// What an account may do with one atome of another account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rights {
    /// By grants that name no particles.
    whole: BTreeSet<Right>,
    /// By grants that name particles, of what is not about particles.
    beside: BTreeSet<Right>,
    /// By grants that name particles, of each of these.
    named: BTreeMap<Key, BTreeSet<Right>>,
}

impl Rights {
    /// The rights that some grants give together. They must cover the atome, and count: see [`counts`].
    pub fn of<'a>(terms: impl IntoIterator<Item = &'a Terms>) -> Self {
        let mut rights = Self::default();
        for terms in terms {
            if terms.only.is_empty() {
                rights.whole.extend(&terms.can);
                continue;
            }
            rights.beside.extend(&terms.can);
            for key in &terms.only {
                rights
                    .named
                    .entry(key.clone())
                    .or_default()
                    .extend(&terms.can);
            }
        }
        rights
    }

    /// Whether there is none at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.whole.is_empty() && self.beside.is_empty()
    }

    /// Whether they allow an action.
    #[must_use]
    pub fn allow(&self, action: Action<'_>) -> bool {
        let either = |right| self.whole.contains(&right) || self.beside.contains(&right);
        let of_key = |key, right| {
            let named = self.named.get(key).unwrap_or(&self.whole);
            named.contains(&right)
        };
        match action {
            Action::Read(None) => either(Right::Read),
            Action::Read(Some(key)) if key.is_reserved() => either(Right::Read),
            Action::Read(Some(key)) => of_key(key, Right::Read),
            Action::Alter(None) => self.whole.contains(&Right::Alter),
            Action::Alter(Some(key)) if key.is_reserved() => self.whole.contains(&Right::Alter),
            Action::Alter(Some(key)) => of_key(key, Right::Alter),
            Action::Create => either(Right::Create),
            Action::Delete => either(Right::Delete),
            Action::Share => either(Right::Share),
        }
    }

    /// Whether whoever has these may pass on what the terms offer: at most what one has.
    #[must_use]
    pub fn cover(&self, terms: &Terms) -> bool {
        let on_key = |right| match right {
            Right::Read | Right::Alter => Some(right),
            Right::Create | Right::Delete | Right::Share => None,
        };
        terms
            .can
            .iter()
            .all(|right| match (on_key(*right), terms.only.is_empty()) {
                // Of all particles: no named one may have less.
                (Some(right), true) => {
                    self.whole.contains(&right)
                        && self.named.values().all(|can| can.contains(&right))
                }
                (Some(Right::Read), false) => terms
                    .only
                    .iter()
                    .all(|key| self.allow(Action::Read(Some(key)))),
                (Some(_), false) => terms
                    .only
                    .iter()
                    .all(|key| self.allow(Action::Alter(Some(key)))),
                (None, _) => self.whole.contains(right) || self.beside.contains(right),
            })
    }
}

/// Whether a grant counts at a time, in milliseconds since 1970: it was accepted, its time has begun, and
/// neither that nor anybody has ended it.
#[must_use]
pub fn counts(grant: &Grant, at_ms: u64) -> bool {
    grant.state_at(at_ms) == Some(GrantState::Accepted) && is_within(&grant.terms, at_ms)
}

/// Whether a grant as it stands begins to count now, in milliseconds since 1970, unless it did before: what has
/// begun goes on until it is ended, also where the clock that it began by goes back.
#[must_use]
pub fn begins(grant: &Grant, now_ms: u64) -> bool {
    grant.state() == GrantState::Accepted && is_within(&grant.terms, now_ms)
}

/// Whether a time, in milliseconds since 1970, is within that of the terms.
#[must_use]
pub fn is_within(terms: &Terms, at_ms: u64) -> bool {
    terms.from_ms.is_none_or(|from| from <= at_ms)
        && terms.until_ms.is_none_or(|until| at_ms < until)
}

/// Whether a grant gives its holder a part in the tree itself: a copy does not.
#[must_use]
pub fn is_live(terms: &Terms) -> bool {
    terms.mode != Mode::Copy
}

/// Whether an account may do something with an atome of `owner`, by the grants on the atome and those above
/// it, at a time in milliseconds since 1970.
pub fn allowed<'a>(
    actor: AccountId,
    action: Action<'_>,
    owner: AccountId,
    grants: impl IntoIterator<Item = &'a Grant>,
    at_ms: u64,
) -> bool {
    actor == owner || rights(actor, grants, at_ms).allow(action)
}

/// The rights that an account has by the grants on an atome and those above it, at a time in milliseconds
/// since 1970.
pub fn rights<'a>(
    actor: AccountId,
    grants: impl IntoIterator<Item = &'a Grant>,
    at_ms: u64,
) -> Rights {
    let counting = grants
        .into_iter()
        .filter(|grant| grant.grantee.id == actor && is_live(&grant.terms) && counts(grant, at_ms));
    Rights::of(counting.map(|grant| &grant.terms))
}

/// When the last of the rights to share ends that some grants give, in milliseconds since 1970; `None` where
/// one of them does not end, or there is none. They must cover the atome, and count.
#[must_use]
pub fn share_ends<'a>(terms: impl IntoIterator<Item = &'a Terms>) -> Option<u64> {
    let sharing = terms
        .into_iter()
        .filter(|terms| terms.can.contains(&Right::Share));
    let ends: Option<Vec<u64>> = sharing.map(|terms| terms.until_ms).collect();
    ends?.into_iter().max()
}

/// One thing that a change asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask<'a> {
    /// To do something with the atome itself.
    Do(Action<'a>),
    /// To put it below an atome; `None` for the top, where only its owner may put something.
    PutBelow(Option<AtomeId>),
}

/// All that a change asks for. `before` is the atome as it is; `None` where it is made.
///
/// Whoever makes an atome says what is in it at first, as far as they may see it.
#[must_use]
pub fn asks<'a>(change: &'a Change, before: Option<&AtomeState>) -> Vec<Ask<'a>> {
    let parent = change
        .set
        .get(Key::PARENT)
        .and_then(|value| value.to_text())
        .and_then(|text| text.parse::<AtomeId>().ok());
    let moves = change.set.contains_key(Key::PARENT) || change.unset.contains(Key::PARENT);
    let keys = || {
        let written = change
            .set
            .keys()
            .chain(&change.unset)
            .chain(change.add.keys());
        written.filter(|key| !key.is_reserved())
    };
    let Some(before) = before else {
        let mut asks = vec![Ask::PutBelow(parent)];
        asks.extend(keys().map(|key| Ask::Do(Action::Read(Some(key)))));
        return asks;
    };
    let mut asks = vec![Ask::Do(Action::Read(None))];
    asks.extend(keys().map(|key| Ask::Do(Action::Alter(Some(key)))));
    if moves && parent != before.parent() {
        asks.extend([Ask::Do(Action::Alter(None)), Ask::PutBelow(parent)]);
    }
    let registers = change.set.keys().chain(&change.unset);
    for key in registers.filter(|key| key.is_reserved()) {
        match key.as_str() {
            Key::PARENT => {}
            Key::DELETED => asks.push(Ask::Do(Action::Delete)),
            _ => asks.push(Ask::Do(Action::Alter(None))),
        }
    }
    asks
}
