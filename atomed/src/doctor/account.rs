//! One account: whether its store is sound, and what waits for the hub.

use std::path::Path;
use std::time::Duration;

use atome_engine::replica::Position;
use atome_proto::Problem;
use atome_proto::local::v1::{AccountStatus, Finding, FindingCode};
use atome_proto::time::to_rfc3339;
use atome_store::examine::{Soundness, check};
use atome_store::machine::MachineAccount;

use crate::accounts::quarantine::{kept_aside, suspect};
use crate::accounts::{Account, Accounts};
use crate::clock::wall_ms;
use crate::store_problem::problem;

/// Commits that have waited longer than this are told as a warning: 7 days.
const PENDING_OLD_MS: u64 = 7 * 86_400_000;

/// Looks at one account.
pub(super) async fn examine(
    accounts: &Accounts,
    row: &MachineAccount,
    limit: Duration,
) -> Vec<Finding> {
    let id = row.entry.user_id;
    let (status, mut found) = accounts.status_of(row).await;
    // The clock is the machine's, and is looked at as such.
    found.retain(|finding| finding.code != FindingCode::ClockAhead);
    found.extend(quarantined(&accounts.config().state_dir, &id.to_string()));
    if let Some(account) = accounts.open_account(id) {
        let file = accounts.store_file(id);
        let sound = store(&file, limit).await;
        if sound.code == FindingCode::StoreDamaged
            && let Err(error) = suspect(&file)
        {
            tracing::warn!(account = %id, %error, "the next start does not know of the damage");
        }
        found.push(sound);
        let is_silent = |one: &Finding| one.code == FindingCode::StoreUnusable;
        if !found.iter().any(is_silent) {
            let told = waiting(&account, &status).await;
            found.extend(told.unwrap_or_else(|why| {
                vec![Finding::new(FindingCode::StoreUnusable).message(why.detail)]
            }));
        }
    }
    found.into_iter().map(|finding| finding.of(id)).collect()
}

/// The stores of an account, or of the machine, that were moved aside.
pub(super) fn quarantined(state_dir: &Path, whose: &str) -> impl Iterator<Item = Finding> + use<> {
    let aside = kept_aside(state_dir, whose).into_iter();
    aside.map(|told| Finding::new(FindingCode::StoreQuarantined).message(told))
}

/// Whether the file of a store is sound.
pub(super) async fn store(path: &Path, limit: Duration) -> Finding {
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let path = path.to_owned();
    let checked = tokio::task::spawn_blocking(move || check(&path, limit)).await;
    let (code, message) = match checked {
        Ok(Ok(Soundness::Sound)) => (FindingCode::StoreOk, format!("The store {name} is sound.")),
        Ok(Ok(Soundness::Damaged(why))) => (
            FindingCode::StoreDamaged,
            format!("The store {name} is damaged: {}.", why.join("; ")),
        ),
        Ok(Ok(Soundness::Unfinished)) => (
            FindingCode::StoreUnchecked,
            format!(
                "The check of {name} was not finished in {} s.",
                limit.as_secs()
            ),
        ),
        Ok(Err(fault)) => (
            FindingCode::StoreDamaged,
            format!("The store {name} cannot be read: {fault}."),
        ),
        Err(error) => (
            FindingCode::StoreUnchecked,
            format!("The check of {name} was not finished: {error}."),
        ),
    };
    Finding::new(code).message(message)
}

/// What waits for the hub, and what the hub refused.
async fn waiting(account: &Account, status: &AccountStatus) -> Result<Vec<Finding>, Problem> {
    if account.sync.is_none() {
        let message = "There is no hub: nothing waits for it.";
        return Ok(vec![Finding::new(FindingCode::SyncOk).message(message)]);
    }
    let store = &account.store;
    let position = store.position().await.map_err(|e| problem(&e))?;
    let oldest = store
        .pending(position.acked, 1, 1)
        .await
        .map_err(|e| problem(&e))?;
    let oldest_ms = oldest.first().and_then(|commit| commit.decode().ok());
    let oldest_ms = oldest_ms.map(|commit| commit.stamp.time.ms());
    let mut found = vec![pending(
        &position,
        oldest_ms,
        status.last_synced_at.as_deref(),
        wall_ms(),
    )];
    if position.refused > 0 {
        let message = format!("The hub refused {}.", commits(position.refused));
        found.push(Finding::new(FindingCode::CommitsRefused).message(message));
    }
    Ok(found)
}

fn pending(
    position: &Position,
    oldest_ms: Option<u64>,
    synced_at: Option<&str>,
    wall_ms: u64,
) -> Finding {
    let synced = synced_at.map_or_else(
        || "not yet in sync since the daemon started".to_owned(),
        |at| format!("last in sync {at}"),
    );
    let count = position.pending();
    if count == 0 {
        let message = format!("Nothing waits for the hub; {synced}.");
        return Finding::new(FindingCode::SyncOk).message(message);
    }
    let is_old = oldest_ms.is_some_and(|oldest| wall_ms.saturating_sub(oldest) > PENDING_OLD_MS);
    let code = if is_old {
        FindingCode::PendingOld
    } else {
        FindingCode::WorkPending
    };
    let since = oldest_ms.map(to_rfc3339);
    let oldest = since
        .as_ref()
        .map_or_else(String::new, |at| format!(", the oldest since {at}"));
    let verb = if count == 1 { "waits" } else { "wait" };
    let message = format!("{} {verb} for the hub{oldest}; {synced}.", commits(count));
    Finding {
        since,
        ..Finding::new(code).message(message)
    }
}

fn commits(count: u64) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} commit{plural}")
}

#[cfg(test)]
mod tests {
    use atome_proto::ReplicaId;

    use super::*;

    fn position(number: u64) -> Position {
        Position {
            revision: 0,
            replica: ReplicaId(1),
            number,
            acked: 0,
            refused: 0,
            evicted: 0,
            owes: false,
            offers: 0,
            restored: false,
            hub: None,
            cursor: None,
            change: 0,
        }
    }

    #[test]
    fn work_that_has_waited_for_long_is_a_warning() {
        let at = |number, oldest_ms, wall_ms| pending(&position(number), oldest_ms, None, wall_ms);
        assert_eq!(at(0, None, 0).code, FindingCode::SyncOk);
        let fresh = at(1, Some(0), PENDING_OLD_MS);
        assert_eq!(fresh.code, FindingCode::WorkPending);
        assert_eq!(
            fresh.message,
            "1 commit waits for the hub, the oldest since 1970-01-01T00:00:00Z; not yet in sync since \
             the daemon started."
        );
        assert_eq!(
            at(2, Some(0), PENDING_OLD_MS + 1).code,
            FindingCode::PendingOld
        );
        assert_eq!(
            at(2, Some(9), 0).code,
            FindingCode::WorkPending,
            "a clock that went back"
        );
    }
}
