//! Why an account may do something, or may not: the rule, told to a person.

use atome_proto::sharing::{Grant, GrantState, Mode, Party, Reason, Why};
use atome_proto::{AtomeId, GrantId};

use super::{Action, Rights, counts, is_live, rights};

/// Answers for `actor`, an atome of `owner` and the grants to the actor on it and on those above it, the
/// nearest first, at a time in milliseconds since 1970.
#[must_use]
pub fn why(
    actor: Party,
    action: Action<'_>,
    atome: AtomeId,
    owner: Party,
    grants: Vec<Grant>,
    at_ms: u64,
) -> Why {
    let is_owner = actor.id == owner.id;
    let allowed = is_owner || rights(actor.id, &grants, at_ms).allow(action);
    // Of several grants that name the particle each speaks; those that do not are beaten.
    let named_by = grants
        .iter()
        .find(|grant| counts(grant, at_ms) && names(grant, action))
        .map(|grant| grant.id);
    let reasons = grants.into_iter().map(|grant| {
        let (gives, note) = weigh(&grant, action, named_by, at_ms);
        Reason { grant, gives, note }
    });
    Why {
        allowed,
        atome,
        owner,
        actor,
        at_ms,
        reasons: reasons.collect(),
    }
}

/// Whether a grant speaks for the very particle of an action.
fn names(grant: &Grant, action: Action<'_>) -> bool {
    match action {
        Action::Read(Some(key)) | Action::Alter(Some(key)) => grant.terms.only.contains(key),
        Action::Read(None)
        | Action::Alter(None)
        | Action::Create
        | Action::Delete
        | Action::Share => false,
    }
}

fn weigh(
    grant: &Grant,
    action: Action<'_>,
    named_by: Option<GrantId>,
    at_ms: u64,
) -> (bool, String) {
    let no = |note: &str| (false, note.to_owned());
    if !is_live(&grant.terms) {
        return no("it made a copy, and gives no part in this tree");
    }
    match grant.state_at(at_ms) {
        None => return no("it was not offered yet"),
        Some(GrantState::Accepted) => {}
        Some(state) => return (false, format!("it was {state} then")),
    }
    if !counts(grant, at_ms) {
        let begins = grant.terms.from_ms.is_some_and(|from| at_ms < from);
        return no(if begins {
            "its time had not begun"
        } else {
            "its time was over"
        });
    }
    if let Some(named_by) = named_by.filter(|_| !names(grant, action)) {
        return (
            false,
            format!("grant {named_by} names the particle, and decides on it alone"),
        );
    }
    if !Rights::of([&grant.terms]).allow(action) {
        let elsewhere = !grant.terms.only.is_empty()
            && matches!(action, Action::Read(Some(_)) | Action::Alter(_))
            && !names(grant, action);
        return no(if elsewhere {
            "it is for other particles"
        } else {
            "it does not give that right"
        });
    }
    let how = match grant.terms.mode {
        Mode::Linked | Mode::Copy => "it gives that right",
        Mode::Manual => "it gives that right; what is read is what was published",
    };
    (true, how.to_owned())
}
