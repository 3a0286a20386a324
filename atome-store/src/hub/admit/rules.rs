//! What a commit must be, beside well made, to be taken.

use atome_proto::AccountId;
use atome_proto::code::Code;
use atome_proto::commit::Commit;

use super::sheaf::Sheaf;
use crate::error::HubError;

/// Why a commit is refused.
pub(super) type Why = (Code, String);

/// Checks that the author may make the commit: every atome that it alters is there, and everything in it
/// is the author's own.
pub(super) fn check(
    sheaf: &mut Sheaf<'_>,
    account: AccountId,
    commit: &Commit,
) -> Result<Result<(), Why>, HubError> {
    for change in &commit.changes {
        let owner = match (sheaf.state(change.atome)?, &change.create) {
            (Some(state), _) => state.owner,
            (None, Some(create)) => create.owner.unwrap_or(account),
            (None, None) => {
                let message = format!("there is no atome {} to alter", change.atome);
                return Ok(Err((Code::NotFound, message)));
            }
        };
        if owner != account {
            let message = format!("the atome {} belongs to another account", change.atome);
            return Ok(Err((Code::NotAllowed, message)));
        }
    }
    Ok(Ok(()))
}
