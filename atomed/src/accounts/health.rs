//! What a person should know of an account, each finding with a stable word and a remedy.

use atome_proto::limit::CLOCK_AHEAD_MAX_MS;
use atome_proto::local::v1::{AccountState, Finding, Severity};
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
        let told = view.findings.iter().map(|(code, since)| {
            let (message, remedy) = words_of(code);
            self.finding(code, Severity::Warning, *since, message, remedy)
        });
        told.chain(self.state_finding(row, &view))
            .chain(self.session_finding(row, &view))
            .chain(self.clock_finding(&view))
            .collect()
    }

    fn finding(
        &self,
        code: &str,
        severity: Severity,
        since_ms: u64,
        message: &str,
        remedy: &str,
    ) -> Finding {
        Finding {
            code: code.to_owned(),
            severity,
            account: Some(self.id),
            since: to_rfc3339(since_ms),
            message: message.to_owned(),
            remedy: remedy.to_owned(),
        }
    }

    fn state_finding(&self, row: &MachineAccount, view: &View) -> Option<Finding> {
        match self.state() {
            AccountState::AuthRequired => Some(self.finding(
                "auth-required",
                Severity::Error,
                view.away_since_ms.unwrap_or(row.created_at_ms),
                "the hub asks for a login; local work goes on, nothing is lost",
                "log in again with 'atomectl login NAME'",
            )),
            AccountState::Conflict => Some(self.finding(
                "name-conflict",
                Severity::Error,
                row.created_at_ms,
                "the hub has given this name or phone number to another account; local work goes on",
                "take another name with 'atomectl account resolve NAME --name NEW'; or, where the hub's \
                 account is yours too, make them one with 'atomectl account resolve NAME --join'",
            )),
            AccountState::Local
            | AccountState::Registering
            | AccountState::Synced
            | AccountState::Syncing
            | AccountState::Offline
            | AccountState::Paused => None,
        }
    }

    fn session_finding(&self, row: &MachineAccount, view: &View) -> Option<Finding> {
        let term = row.session?;
        let due_ms = term.due_ms()?;
        if view.progress.connected || clock::wall_ms() <= due_ms {
            return None;
        }
        Some(self.finding(
            "session-expiring",
            Severity::Warning,
            due_ms,
            &format!(
                "the session at the hub ends {} unless this machine reaches the hub before",
                to_rfc3339(term.expires_at_ms)
            ),
            "connect the machine, or log in again afterwards with 'atomectl login NAME'; local work goes \
             on, nothing is lost",
        ))
    }

    fn clock_finding(&self, view: &View) -> Option<Finding> {
        let limit = i64::try_from(CLOCK_AHEAD_MAX_MS).unwrap_or(i64::MAX);
        view.clock_ahead_ms.filter(|ahead| *ahead > limit)?;
        Some(self.finding(
            "clock-ahead",
            Severity::Warning,
            clock::wall_ms(),
            "this machine's clock is ahead of the hub's; the hub's time is used instead",
            "set the clock, by NTP for instance",
        ))
    }
}

fn words_of(code: &str) -> (&'static str, &'static str) {
    match code {
        "replica-forked" => (
            "a copy of this store was at work; this one goes on under a new replica id",
            "stop the other copy, if it still runs; nothing was lost",
        ),
        "no-progress" => (
            "the hub answers the same again and again, and nothing moves",
            "look at 'atomectl sync verify', and at the hub's log",
        ),
        "version-skew" => (
            "the hub speaks another version of the sync protocol; local work goes on",
            "update whichever of the two is older",
        ),
        _ => ("the sync driver reports this", "look at the daemon's log"),
    }
}
