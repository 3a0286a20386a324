//! What becomes of a grant when someone acts on it.

use std::collections::BTreeSet;

use atome_proto::sharing::{Answer, Grant, GrantState, Mode, Moment, Policy, Right, Rule, Terms};
use atome_proto::{AccountId, Code, GrantId};

use super::Rights;

/// Why an act is refused.
pub type Refused = (Code, String);

/// An offer of a grant, and what is known of those whom it concerns.
#[derive(Clone, Copy, Debug)]
pub struct Offer<'a> {
    /// Who offers.
    pub actor: AccountId,
    /// Whose the atome is.
    pub owner: AccountId,
    /// Who it is for.
    pub grantee: AccountId,
    /// What is offered.
    pub terms: &'a Terms,
    /// What the actor may do with the atome, where it is not the owner.
    pub rights: &'a Rights,
    /// When the actor's right to share ends, in milliseconds since 1970, where it does.
    pub rights_until_ms: Option<u64>,
    /// What the grantee does with the actor's requests.
    pub policy: Option<&'a Policy>,
    /// In milliseconds since 1970.
    pub now_ms: u64,
}

/// Decides on an offer: the states that the grant comes to, in order.
///
/// # Errors
///
/// [`Refused`], the first thing found wrong.
pub fn offered(offer: Offer<'_>) -> Result<Vec<Moment>, Refused> {
    let Offer {
        actor,
        owner,
        grantee,
        terms,
        rights,
        rights_until_ms,
        policy,
        now_ms,
    } = offer;
    terms
        .check()
        .map_err(|error| (Code::BadData, error.to_string()))?;
    if grantee == owner {
        return refuse(Code::BadRequest, "the atome is that account's own");
    }
    if grantee == actor {
        return refuse(Code::BadRequest, "an account cannot share with itself");
    }
    if terms.until_ms.is_some_and(|until| until <= now_ms) {
        return refuse(Code::BadRequest, "its time would be over already");
    }
    if actor != owner {
        if !rights.allow(super::Action::Share) {
            return refuse(Code::NotAllowed, "this account may not share the atome");
        }
        if !rights.cover(terms) {
            let message = "this account cannot pass on more than it may do itself";
            return refuse(Code::NotAllowed, message);
        }
        let outlives = rights_until_ms.is_some_and(|end| terms.until_ms.is_none_or(|it| it > end));
        if outlives {
            let message = "this account's own right ends before that; share until then at most";
            return refuse(Code::NotAllowed, message);
        }
    }
    let at = |state, by| Moment {
        state,
        by: Some(by),
        at_ms: now_ms,
    };
    let requested = at(GrantState::Requested, actor);
    let rule = policy.map_or(Rule::Ask, |policy| policy.rule);
    let is_within = |most: &BTreeSet<Right>| most.is_empty() || terms.can.is_subset(most);
    Ok(match rule {
        Rule::Always if policy.is_some_and(|policy| is_within(&policy.can)) => {
            vec![requested, at(GrantState::Accepted, grantee)]
        }
        Rule::Ask | Rule::Always => vec![requested],
        Rule::Never => vec![requested, at(GrantState::Refused, grantee)],
        Rule::Block => vec![at(GrantState::Blocked, actor)],
    })
}

fn refuse<T>(code: Code, message: &str) -> Result<T, Refused> {
    Err((code, message.to_owned()))
}

fn no_such<T>(grant: GrantId) -> Result<T, Refused> {
    let message = format!("there is no grant {grant} that this account has to do with");
    Err((Code::NotFound, message))
}

/// Decides on the answer to a request: the state that the grant comes to; `None` where it is there already.
///
/// # Errors
///
/// [`Refused`]: only the recipient answers, once, and in time.
pub fn answered(
    grant: &Grant,
    actor: AccountId,
    answer: Answer,
    now_ms: u64,
) -> Result<Option<GrantState>, Refused> {
    if told_to(grant, actor).is_none() {
        return no_such(grant.id);
    }
    if actor != grant.grantee.id {
        return refuse(Code::NotAllowed, "only its recipient answers a request");
    }
    let asked = match answer {
        Answer::Accept => GrantState::Accepted,
        Answer::Refuse => GrantState::Refused,
        Answer::Block => GrantState::Blocked,
    };
    let stands = grant.state();
    if stands == asked {
        return Ok(None);
    }
    if stands != GrantState::Requested {
        let message = format!("the request is {stands} already; ask its sender to share anew");
        return Err((Code::Conflict, message));
    }
    if expires(grant, now_ms) {
        return refuse(Code::Conflict, "the time of the request is over");
    }
    Ok(Some(asked))
}

/// Decides on the end of a grant: the state that it comes to; `None` where it has ended already.
///
/// # Errors
///
/// [`Refused`]: the owner, who shared it and its recipient may end it; a copy cannot be taken back.
pub fn ended(grant: &Grant, actor: AccountId) -> Result<Option<GrantState>, Refused> {
    if told_to(grant, actor).is_none() {
        return no_such(grant.id);
    }
    let gives_back = actor == grant.grantee.id;
    match grant.state() {
        GrantState::Requested if gives_back => Ok(Some(GrantState::Refused)),
        GrantState::Requested => Ok(Some(GrantState::Withdrawn)),
        GrantState::Blocked if gives_back => Ok(None),
        GrantState::Blocked => Ok(Some(GrantState::Withdrawn)),
        GrantState::Accepted if grant.terms.mode == Mode::Copy => refuse(
            Code::Conflict,
            "a copy belongs to its recipient and cannot be taken back",
        ),
        GrantState::Accepted => Ok(Some(GrantState::Revoked)),
        GrantState::Refused | GrantState::Withdrawn | GrantState::Expired | GrantState::Revoked => {
            Ok(None)
        }
    }
}

/// Whether a grant has not ended, and its time, in milliseconds since 1970, is over.
#[must_use]
pub fn expires(grant: &Grant, now_ms: u64) -> bool {
    let stands = matches!(
        grant.state(),
        GrantState::Requested | GrantState::Accepted | GrantState::Blocked
    );
    let is_kept = grant.state() == GrantState::Accepted && grant.terms.mode == Mode::Copy;
    stands && !is_kept && grant.terms.until_ms.is_some_and(|until| until <= now_ms)
}

/// Whether an account may publish what a grant that counts waits for: the owner, who shared it, and the reader
/// that may alter.
#[must_use]
pub fn may_publish(grant: &Grant, actor: AccountId) -> bool {
    let reader = actor == grant.grantee.id && grant.terms.can.contains(&Right::Alter);
    grant.terms.mode == Mode::Manual && (reader || actor == grant.owner.id || actor == grant.by.id)
}

/// Whether a request goes when its recipient blocks an account.
#[must_use]
pub fn after_block(grant: &Grant, recipient: AccountId, sender: AccountId) -> bool {
    grant.grantee.id == recipient && grant.by.id == sender && grant.state() == GrantState::Requested
}

/// A grant as an account is told of it; `None` where it has nothing to do with it.
///
/// That a recipient has blocked its sender is told to the recipient alone, and of what was blocked as it
/// came the recipient is told nothing.
#[must_use]
pub fn told_to(grant: &Grant, reader: AccountId) -> Option<Grant> {
    let mut told = grant.clone();
    let came_blocked = grant
        .moments
        .first()
        .is_some_and(|moment| moment.state == GrantState::Blocked);
    if reader == grant.grantee.id {
        told.evictions.clear();
        return (!came_blocked).then_some(told);
    }
    if reader != grant.owner.id && reader != grant.by.id {
        return None;
    }
    for first in told.moments.iter_mut().take(1) {
        if first.state == GrantState::Blocked {
            first.state = GrantState::Requested;
        }
    }
    told.moments
        .retain(|moment| moment.state != GrantState::Blocked);
    Some(told)
}
