//! What a commit must be, beside well made, to be taken: every atome that it alters is there, and its author
//! may do all that it does.

use std::collections::BTreeMap;
use std::rc::Rc;

use atome_engine::sharing::{Action, Ask, Rights, asks, is_live};
use atome_proto::code::Code;
use atome_proto::commit::{Change, Commit, Create};
use atome_proto::sharing::{Grant, GrantState};
use atome_proto::stamp::Stamp;
use atome_proto::{AccountId, AtomeId};

use super::Ledger;
use crate::error::HubError;
use crate::hub::sharing::grants;
use crate::hub::views;

/// Why a commit is refused.
pub(in crate::hub) type Why = (Code, String);

/// What becomes of a commit.
pub(in crate::hub) enum Judged {
    /// It may be made.
    Allowed,
    /// It may not, now or ever.
    Refused(Why),
    /// It may, once what it waits for has come.
    Deferred(String),
}

impl Judged {
    fn refused(code: Code, message: String) -> Self {
        Self::Refused((code, message))
    }
}

/// The rights of a commit's author by atome of others, as far as they were asked for.
type Known = BTreeMap<AtomeId, Rc<Rights>>;

/// Checks that the author may make the commit.
pub(in crate::hub) fn check(ledger: &mut Ledger<'_>, commit: &Commit) -> Result<Judged, HubError> {
    let mut known = Known::new();
    let mut deferred = None;
    for change in &commit.changes {
        match check_change(ledger, commit.author, commit.stamp, change, &mut known)? {
            Judged::Allowed => {}
            Judged::Deferred(on) => deferred = Some(on),
            refused @ Judged::Refused(_) => return Ok(refused),
        }
    }
    Ok(deferred.map_or(Judged::Allowed, Judged::Deferred))
}

fn check_change(
    ledger: &mut Ledger<'_>,
    author: AccountId,
    stamp: Stamp,
    change: &Change,
    known: &mut Known,
) -> Result<Judged, HubError> {
    let atome = change.atome;
    let named = |create: &Create| create.owner.unwrap_or(author);
    let seen = ledger.owner_seen_by(author, atome)?;
    let owner = match (seen, &change.create) {
        (Some(owner), Some(create)) if named(create) != owner => {
            let message = format!("the atome {atome} belongs to another account");
            return Ok(Judged::refused(Code::NotAllowed, message));
        }
        (Some(owner), _) => owner,
        (None, Some(create)) => named(create),
        (None, None) => {
            if waits(ledger, author, change)? {
                return Ok(Judged::Deferred("a grant on its atome".to_owned()));
            }
            let message = format!("there is no atome {atome} to alter");
            return Ok(Judged::refused(Code::NotFound, message));
        }
    };
    if owner == author {
        return check_own(ledger, author, change);
    }
    let before = ledger.state(owner, atome)?.cloned();
    // Its owner may have it, or see another's of that id; and what stands below it already would move with it.
    let is_taken = before.is_some()
        || views::of_reader(ledger.connection, owner, atome)?.is_some()
        || ledger.has_children(owner, atome)?;
    if seen.is_none() && is_taken {
        let message = format!("the id {atome} is taken");
        return Ok(Judged::refused(Code::Conflict, message));
    }
    if before.as_ref().is_some_and(|state| stamp <= state.created) {
        let message = format!("the commit is older than the atome {atome}, which it alters");
        return Ok(Judged::refused(Code::BadData, message));
    }
    for ask in asks(change, before.as_ref()) {
        let (place, action) = match ask {
            Ask::PutBelow(Some(parent)) => (parent, Action::Create),
            Ask::Do(action) if before.is_some() => (atome, action),
            // What is in a new atome is seen by whoever sees the one above it.
            Ask::Do(action) => (above(change).unwrap_or(atome), action),
            Ask::PutBelow(None) => {
                let message = format!("only its owner may put the atome {atome} at the top");
                return Ok(Judged::refused(Code::NotAllowed, message));
            }
        };
        let rights = rights_on(ledger, author, owner, place, known)?;
        if !rights.allow(action) {
            if waits(ledger, author, change)? {
                return Ok(Judged::Deferred("a grant on its atome".to_owned()));
            }
            let message = format!("this account may not {action} {place}");
            return Ok(Judged::refused(Code::NotAllowed, message));
        }
        if action == Action::Create && ledger.owner_seen_by(author, place)? != Some(owner) {
            return Ok(Judged::Deferred("its tree to be published".to_owned()));
        }
    }
    Ok(Judged::Allowed)
}

/// The atome that a change puts its atome below.
fn above(change: &Change) -> Option<AtomeId> {
    let parent = change.set.get(atome_proto::commit::Key::PARENT)?;
    parent.to_text()?.parse().ok()
}

/// One's own may be altered as one likes, and stays out of the trees of others.
fn check_own(
    ledger: &mut Ledger<'_>,
    author: AccountId,
    change: &Change,
) -> Result<Judged, HubError> {
    let Some(parent) = above(change) else {
        return Ok(Judged::Allowed);
    };
    if ledger.shared(author)?.is_reader
        && ledger.owner_seen_by(author, parent)? != Some(author)
        && views::of_reader(ledger.connection, author, parent)?.is_some()
    {
        let message = format!(
            "the atome {} cannot be put below {parent}, which belongs to another account; make a \
             new one there",
            change.atome
        );
        return Ok(Judged::refused(Code::NotAllowed, message));
    }
    Ok(Judged::Allowed)
}

fn rights_on(
    ledger: &mut Ledger<'_>,
    author: AccountId,
    owner: AccountId,
    place: AtomeId,
    known: &mut Known,
) -> Result<Rc<Rights>, HubError> {
    if let Some(rights) = known.get(&place) {
        return Ok(Rc::clone(rights));
    }
    let counting = ledger.counting(author, owner, place)?;
    let rights = Rc::new(Rights::of(counting.iter().map(|grant| &grant.terms)));
    known.insert(place, Rc::clone(&rights));
    Ok(rights)
}

impl Ledger<'_> {
    /// The grants to an account on an atome of another and on those above it, the nearest first.
    pub(in crate::hub) fn covering(
        &mut self,
        grantee: AccountId,
        owner: AccountId,
        atome: AtomeId,
    ) -> Result<Vec<Grant>, HubError> {
        let line = self.line(owner, atome)?;
        grants::covering(self.connection, grantee, owner, &line)
    }

    /// Those of them that count.
    pub(in crate::hub) fn counting(
        &mut self,
        grantee: AccountId,
        owner: AccountId,
        atome: AtomeId,
    ) -> Result<Vec<Grant>, HubError> {
        let line = self.line(owner, atome)?;
        grants::counting(self.connection, grantee, owner, &line)
    }

    fn line(&mut self, owner: AccountId, atome: AtomeId) -> Result<Vec<AtomeId>, HubError> {
        let mut line = vec![atome];
        line.extend(self.above(owner, atome)?);
        Ok(line)
    }
}

/// Whether the author would be allowed the change by a grant that has not been accepted, or not begun.
fn waits(ledger: &mut Ledger<'_>, author: AccountId, change: &Change) -> Result<bool, HubError> {
    for pending in grants::to_come(ledger.connection, author)? {
        let owner = pending.owner.id;
        let place = match above(change) {
            Some(parent) if change.create.is_some() => parent,
            Some(_) | None => change.atome,
        };
        if ledger.state(owner, place)?.is_none() {
            continue;
        }
        let covering = ledger.covering(author, owner, place)?;
        let stands = |grant: &&Grant| {
            let state = grant.state();
            matches!(state, GrantState::Requested | GrantState::Accepted) && is_live(&grant.terms)
        };
        let rights = Rights::of(covering.iter().filter(stands).map(|grant| &grant.terms));
        let before = ledger.state(owner, change.atome)?.cloned();
        let allowed = asks(change, before.as_ref())
            .into_iter()
            .all(|ask| match ask {
                Ask::Do(action) => rights.allow(action),
                Ask::PutBelow(Some(_)) => rights.allow(Action::Create),
                Ask::PutBelow(None) => false,
            });
        if allowed {
            return Ok(true);
        }
    }
    Ok(false)
}
