//! Copies: a tree of the recipient's own, made once, without a link.

use std::collections::BTreeSet;

use atome_engine::digest::of_state;
use atome_proto::AtomeId;
use atome_proto::commit::Key;
use atome_proto::sharing::Grant;
use atome_proto::state::{AtomeState, Particle};
use atome_proto::value::Value;

use crate::error::HubError;
use crate::hub::ledger::Ledger;
use crate::hub::states;
use crate::parts::parts;

/// Makes the copy that a grant promised, of all that stands in the tree and is not deleted.
pub(super) fn make(ledger: &mut Ledger<'_>, grant: &Grant) -> Result<(), HubError> {
    ledger.flush()?;
    let connection = ledger.connection;
    let owner = grant.owner.id;
    let mut seen = BTreeSet::from([grant.atome]);
    let mut stack = vec![grant.atome];
    while let Some(atome) = stack.pop() {
        let Some(body) = states::body(connection, owner, atome)? else {
            continue;
        };
        let state: AtomeState = serde_json::from_str(&body)?;
        if state.is_deleted() {
            continue;
        }
        put(ledger, grant, state)?;
        for child in states::children(connection, owner, atome)? {
            if seen.insert(child) {
                stack.push(child);
            }
        }
    }
    Ok(())
}

/// Adds the copy of one atome. Its maker stays; it has another owner, another id, and no external key.
fn put(ledger: &mut Ledger<'_>, grant: &Grant, state: AtomeState) -> Result<(), HubError> {
    let owner = grant.grantee.id;
    let source = state.atome;
    let mut copy = AtomeState {
        atome: AtomeId::of_copy(grant.id, source),
        owner,
        key: None,
        ..state
    };
    let register = |id: AtomeId, stamp| Particle {
        stamp,
        base: Some(Value::from_text(&id.to_string())),
        tallies: vec![],
    };
    let parent = copy.parent();
    if let Some(particle) = copy.particles.remove(Key::PARENT)
        && let Some(parent) = parent.filter(|_| source != grant.atome)
    {
        let parent = AtomeId::of_copy(grant.id, parent);
        copy.particles.insert(
            Key::of_envelope(Key::PARENT),
            register(parent, particle.stamp),
        );
    }
    copy.particles.insert(
        Key::of_envelope(Key::COPIED_FROM),
        register(source, copy.created),
    );
    let body = serde_json::to_string(&copy)?;
    for part in parts(body.clone())? {
        ledger.feeds.tell_state(owner, owner, copy.atome, &part)?;
    }
    states::insert(
        ledger.connection,
        owner,
        copy.atome,
        0,
        &body,
        copy.parent(),
    )?;
    ledger.appeared(owner, copy.atome, of_state(&copy));
    Ok(())
}
