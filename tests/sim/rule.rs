//! The rule of sharing, asked anew from what owners have and what was granted: what the hub shows each account
//! must be that, no more (`no-leak`) and no less (`no-starve`).

use std::collections::{BTreeMap, BTreeSet};

use atome_engine::digest::of_state;
use atome_engine::sharing::{Sight, begins, is_live};
use atome_engine::tree::ancestors;
use atome_proto::commit::Key;
use atome_proto::sharing::{Grant, GrantState};
use atome_proto::state::AtomeState;
use atome_proto::{AccountId, AtomeId, GrantId};

use crate::world::World;

type States = BTreeMap<AtomeId, AtomeState>;

fn seen(world: &World, account: AccountId) -> States {
    let page = world.hub.db.states(account, None, usize::MAX);
    let states = page.expect("a page").states;
    let states = states.iter().map(|raw| raw.decode().expect("a state"));
    states.map(|state| (state.atome, state)).collect()
}

/// The grants that have come to count by the hub's clock so far. That it goes back ends none of them.
pub(crate) fn begun(world: &World) -> BTreeSet<GrantId> {
    let now_ms = world.hub.now(world.now).wall_ms;
    let grants = world.accounts.iter().flat_map(|account| {
        let page = world.hub.db.grants(*account, None, usize::MAX);
        page.expect("a page").grants
    });
    grants
        .filter(|grant| begins(grant, now_ms))
        .map(|grant| grant.id)
        .collect()
}

/// Checks what the hub shows every account.
pub(crate) fn holds(world: &World) {
    let mut owned = States::new();
    for account in &world.accounts {
        let own = seen(world, *account).into_iter();
        owned.extend(own.filter(|(_, state)| state.owner == *account));
    }
    for account in &world.accounts {
        let page = world.hub.db.grants(*account, None, usize::MAX);
        let mut grants = page.expect("a page").grants;
        grants.retain(|grant| {
            grant.grantee.id == *account
                && is_live(&grant.terms)
                && grant.state() == GrantState::Accepted
                && world.begun.contains(&grant.id)
        });
        let mut shown = seen(world, *account);
        shown.retain(|_, state| state.owner != *account);
        for (atome, state) in owned.iter().filter(|(_, state)| state.owner != *account) {
            let found = shown.remove(atome);
            let sight = sight(&owned, &grants, state);
            match (&sight.live, &sight.held) {
                (Some(cut), None) => {
                    let found = found.expect("no-starve: what is allowed is there");
                    let allowed = cut.state(state);
                    assert_eq!(
                        of_state(&found),
                        of_state(&allowed),
                        "no-leak, no-starve: {atome}"
                    );
                }
                _ => {
                    let keys = found.iter().flat_map(|state| state.particles.keys());
                    for key in keys {
                        assert!(sight.whole().shows(key), "no-leak: {key} of {atome}");
                    }
                    assert!(
                        found.is_none() || !sight.is_empty(),
                        "no-leak: {atome} to {account}"
                    );
                }
            }
        }
        assert!(shown.is_empty(), "no-leak: {shown:?}");
    }
}

fn sight(owned: &States, grants: &[Grant], state: &AtomeState) -> Sight {
    let mut line = ancestors::<()>(state.atome, |at| {
        let at = owned.get(&at).filter(|at| at.owner == state.owner);
        let parent = at.and_then(|at| {
            let stamp = at.particles.get(Key::PARENT)?.stamp;
            Some((at.parent()?, stamp))
        });
        Ok(parent)
    })
    .expect("no error");
    line.push(state.atome);
    let covering = grants
        .iter()
        .filter(|grant| grant.owner.id == state.owner && line.contains(&grant.atome));
    Sight::of(covering.map(|grant| &grant.terms))
}
