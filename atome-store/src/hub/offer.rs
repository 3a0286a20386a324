//! Offers: what an account's machine has of another hub, or of a life of this database that is lost, and that is
//! not here. A machine may write to its own account's atomes as it likes; what it offers is joined, so that nothing
//! that is here goes.

use atome_proto::AccountId;
use atome_proto::code::Code;
use atome_proto::state::{AtomeState, RawState};
use atome_proto::sync::v1::RefusedOffer;

use super::ledger::Ledger;
use crate::error::HubError;

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
    let seen = ledger.owner_seen_by(account, atome)?;
    let is_taken = seen.is_some_and(|owner| owner != account);
    let message = format!("the id {atome} is taken");
    Ok(is_taken.then(|| because(Code::Conflict, message)))
}
