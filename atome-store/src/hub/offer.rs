//! Offers: what an account's machine has of another hub, or of a life of this database that is lost, and that is
//! not here. A machine may write to its own account's atomes as it likes; what it offers is joined, so that nothing
//! that is here goes.

use atome_engine::clock::BUILD_TIME_MS;
use atome_proto::AccountId;
use atome_proto::code::Code;
use atome_proto::stamp::HybridTime;
use atome_proto::state::{AtomeState, RawState};
use atome_proto::sync::v1::RefusedOffer;

use super::ledger::Ledger;
use crate::error::HubError;

/// How far a state may be ahead of what the hub knows of time: its own clock may be behind by now, or that of the
/// hub which gave the state have been ahead. Clocks follow what they are told, those of readers too.
const AHEAD_MAX_MS: u64 = 31 * 86_400_000;

/// The greatest time that a state names.
fn newest(state: &AtomeState) -> HybridTime {
    let particles = state.particles.values().flat_map(|particle| {
        let tallies = particle.tallies.iter().map(|tally| tally.to);
        tallies.chain([particle.stamp])
    });
    let stamps = particles.chain([state.created, state.updated]);
    stamps.map(|stamp| stamp.time).max().unwrap_or_default()
}

/// Joins states to what the account has; what could not be taken.
pub(super) fn take(
    ledger: &mut Ledger<'_>,
    account: AccountId,
    states: &[RawState],
) -> Result<Vec<RefusedOffer>, HubError> {
    let mut refused = vec![];
    for raw in states {
        let state = raw.decode().map_err(|error| HubError::Refused {
            code: Code::BadData,
            message: format!("a state that is offered cannot be read: {error}"),
        })?;
        match check(ledger, account, &state)? {
            None => ledger.join(account, &state)?,
            Some(why) => refused.push(why),
        }
    }
    Ok(refused)
}

/// Why a state cannot be taken, if it cannot: only what is the account's own is.
fn check(
    ledger: &mut Ledger<'_>,
    account: AccountId,
    state: &AtomeState,
) -> Result<Option<RefusedOffer>, HubError> {
    let atome = state.atome;
    let because = |code, message| RefusedOffer {
        atome,
        code,
        message,
    };
    if state.owner != account {
        let message =
            format!("the atome {atome} belongs to another account; its owner may offer it");
        return Ok(Some(because(Code::NotAllowed, message)));
    }
    let latest_ms = ledger.now_ms.max(BUILD_TIME_MS);
    if newest(state).ms() > latest_ms.saturating_add(AHEAD_MAX_MS) {
        let message = format!("the atome {atome} has a time that is far ahead of the hub's");
        return Ok(Some(because(Code::BadData, message)));
    }
    let seen = ledger.owner_seen_by(account, atome)?;
    let is_taken = seen.is_some_and(|owner| owner != account);
    let message = format!("the id {atome} is taken");
    Ok(is_taken.then(|| because(Code::Conflict, message)))
}
