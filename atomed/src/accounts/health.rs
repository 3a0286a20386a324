//! What a person should know of an account, each finding with a stable word and a remedy.

use atome_proto::limit::CLOCK_AHEAD_MAX_MS;
use atome_proto::local::v1::{AccountState, Finding, FindingCode};
use atome_proto::time::to_rfc3339;
use atome_store::machine::MachineAccount;

use super::Account;
use crate::clock;
use crate::sync::View;

impl Account {
    /// What a person should know of it.
    #[must_use]
    pub fn findings(&self, row: &MachineAccount) -> Vec<Finding> {
        let Some(sync) = &self.sync else {
            return vec![];
        };
        let view = sync.view();
        let told = view.findings.iter();
        told.map(|(code, since_ms)| Finding::new(*code).since(to_rfc3339(*since_ms)))
            .chain(self.state_finding(row, &view))
            .chain(session_finding(row, &view))
            .chain(clock_finding(&view))
            .map(|finding| finding.of(self.id))
            .collect()
    }

    fn state_finding(&self, row: &MachineAccount, view: &View) -> Option<Finding> {
        let (code, since_ms) = match self.state() {
            AccountState::AuthRequired => (
                FindingCode::AuthRequired,
                view.away_since_ms.unwrap_or(row.created_at_ms),
            ),
            AccountState::Conflict => (FindingCode::NameConflict, row.created_at_ms),
            AccountState::Local
            | AccountState::Registering
            | AccountState::Synced
            | AccountState::Syncing
            | AccountState::Offline
            | AccountState::Paused => return None,
        };
        Some(Finding::new(code).since(to_rfc3339(since_ms)))
    }
}

fn session_finding(row: &MachineAccount, view: &View) -> Option<Finding> {
    let term = row.session?;
    let due_ms = term.due_ms()?;
    if view.progress.connected || clock::wall_ms() <= due_ms {
        return None;
    }
    let message = format!(
        "The session at the hub ends {} unless this machine reaches the hub before.",
        to_rfc3339(term.expires_at_ms)
    );
    let finding = Finding::new(FindingCode::SessionExpiring).message(message);
    Some(finding.since(to_rfc3339(due_ms)))
}

fn clock_finding(view: &View) -> Option<Finding> {
    let limit = i64::try_from(CLOCK_AHEAD_MAX_MS).unwrap_or(i64::MAX);
    view.clock_ahead_ms.filter(|ahead| *ahead > limit)?;
    Some(Finding::new(FindingCode::ClockAhead))
}
