//! Where an account stands, in the words of `status`.

use atome_engine::replica::{Phase, Position};
use atome_proto::limit::CLOCK_AHEAD_MAX_MS;
use atome_proto::local::v1::{
    AccountState, AccountStatus, AccountView, Finding, Mode, SetMode, Severity,
};
use atome_proto::time::to_rfc3339;
use atome_proto::{AccountId, Problem};
use atome_store::machine::MachineAccount;

use super::{Account, Accounts, Registration, Slot};
use crate::store_problem::problem;
use crate::sync::View;

impl Account {
    /// Where it stands.
    #[must_use]
    pub fn state(&self) -> AccountState {
        let Some(sync) = &self.sync else {
            return AccountState::Local;
        };
        let view = sync.view();
        match &*self.registration.borrow() {
            Registration::Conflict => AccountState::Conflict,
            Registration::Waiting(_) if view.paused => AccountState::Paused,
            Registration::Waiting(_) => AccountState::Registering,
            Registration::Registered => state_of(&view),
        }
    }

    /// When it syncs, and whether it is paused.
    ///
    /// # Errors
    ///
    /// Where the store fails.
    pub async fn schedule(&self) -> Result<(SetMode, bool), Problem> {
        self.store.schedule().await.map_err(|e| problem(&e))
    }

    /// All that `status` says of it.
    ///
    /// # Errors
    ///
    /// Where the store fails.
    pub async fn status(&self, row: &MachineAccount) -> Result<AccountStatus, Problem> {
        let position = self.store.position().await.map_err(|e| problem(&e))?;
        let (schedule, _) = self.schedule().await?;
        Ok(self.status_at(row, &position, schedule.mode))
    }

    fn status_at(&self, row: &MachineAccount, position: &Position, mode: Mode) -> AccountStatus {
        let progress = self.sync.as_ref().map(|sync| sync.view().progress);
        let registering = match &*self.registration.borrow() {
            Registration::Waiting(why) => why.clone(),
            Registration::Registered | Registration::Conflict => None,
        };
        let snapshot = progress.as_ref().and_then(|p| p.snapshot);
        AccountStatus {
            name: row.entry.username.clone(),
            id: self.id,
            state: self.state(),
            mode,
            pending: position.pending(),
            refused: position.refused,
            cursor: position.cursor.map(|cursor| cursor.feed),
            hub_head: progress.as_ref().and_then(|p| p.head),
            session_expires_at: row.session_expires_at_ms.map(to_rfc3339),
            last_synced_at: progress
                .as_ref()
                .and_then(|p| p.last_synced_ms)
                .map(to_rfc3339),
            last_error: registering.or_else(|| progress.and_then(|p| p.last_error)),
            snapshot_done: snapshot.map(|(done, _)| done),
            snapshot_total: snapshot.map(|(_, total)| total),
        }
    }

    /// What a person should know of it.
    #[must_use]
    pub fn findings(&self, row: &MachineAccount) -> Vec<Finding> {
        let Some(sync) = &self.sync else {
            return vec![];
        };
        let view = sync.view();
        let finding = |code: &str, severity, since_ms: u64, message: &str, remedy: &str| Finding {
            code: code.to_owned(),
            severity,
            account: Some(self.id),
            since: to_rfc3339(since_ms),
            message: message.to_owned(),
            remedy: remedy.to_owned(),
        };
        let mut found: Vec<Finding> = view
            .findings
            .iter()
            .map(|(code, since)| {
                let (message, remedy) = words_of(code);
                finding(code, Severity::Warning, *since, message, remedy)
            })
            .collect();
        let since_made = row.created_at_ms;
        match self.state() {
            AccountState::AuthRequired => found.push(finding(
                "auth-required",
                Severity::Error,
                view.away_since_ms.unwrap_or(since_made),
                "the hub asks for a login; local work goes on, nothing is lost",
                "log in again with 'atomectl login NAME'",
            )),
            AccountState::Conflict => found.push(finding(
                "name-conflict",
                Severity::Error,
                since_made,
                "the hub has given this name or phone number to another account; local work goes on",
                "keep working here; export the data with 'atomectl export' and seed it into an account \
                 of another name to bring it to the hub",
            )),
            AccountState::Local
            | AccountState::Registering
            | AccountState::Synced
            | AccountState::Syncing
            | AccountState::Offline
            | AccountState::Paused => {}
        }
        let limit = i64::try_from(CLOCK_AHEAD_MAX_MS).unwrap_or(i64::MAX);
        if view.clock_ahead_ms.is_some_and(|ahead| ahead > limit) {
            found.push(finding(
                "clock-ahead",
                Severity::Warning,
                crate::clock::wall_ms(),
                "this machine's clock is ahead of the hub's; the hub's time is used instead",
                "set the clock, by NTP for instance",
            ));
        }
        found
    }
}

fn state_of(view: &View) -> AccountState {
    if view.paused {
        return AccountState::Paused;
    }
    match view.progress.phase {
        Phase::AuthRequired => AccountState::AuthRequired,
        Phase::Synced => AccountState::Synced,
        Phase::Syncing => AccountState::Syncing,
        Phase::Offline | Phase::Resting if !view.credentials => AccountState::AuthRequired,
        Phase::Offline | Phase::Resting => AccountState::Offline,
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

impl Accounts {
    /// An account as commands show it.
    #[must_use]
    pub fn view(&self, row: &MachineAccount) -> AccountView {
        let state = match self.opened(row.entry.user_id) {
            Ok(account) => account.state(),
            Err(_) => AccountState::Local,
        };
        AccountView {
            id: row.entry.user_id,
            name: row.entry.username.clone(),
            phone: row.entry.phone.clone(),
            visibility: row.entry.visibility,
            state,
            created_at: to_rfc3339(row.created_at_ms),
        }
    }

    /// An account's status and findings, its store open or not.
    ///
    /// # Errors
    ///
    /// Where its store fails.
    pub async fn status_of(
        &self,
        row: &MachineAccount,
    ) -> Result<(AccountStatus, Vec<Finding>), Problem> {
        let id = row.entry.user_id;
        let slot = self.slots().get(&id).cloned();
        match slot {
            Some(Slot::Open(account)) => Ok((account.status(row).await?, account.findings(row))),
            Some(Slot::Broken(why)) => Ok(broken(row, id, why)),
            None => Ok(broken(row, id, crate::sync::stopping())),
        }
    }
}

fn broken(row: &MachineAccount, id: AccountId, why: Problem) -> (AccountStatus, Vec<Finding>) {
    let finding = Finding {
        code: "store-unusable".to_owned(),
        severity: Severity::Error,
        account: Some(id),
        since: to_rfc3339(crate::clock::wall_ms()),
        message: why.detail.clone(),
        remedy: "do what it says, then restart the daemon; the store was left untouched".to_owned(),
    };
    let status = AccountStatus {
        name: row.entry.username.clone(),
        id,
        state: AccountState::Local,
        mode: Mode::Live,
        pending: 0,
        refused: 0,
        cursor: None,
        hub_head: None,
        session_expires_at: row.session_expires_at_ms.map(to_rfc3339),
        last_synced_at: None,
        last_error: Some(why),
        snapshot_done: None,
        snapshot_total: None,
    };
    (status, vec![finding])
}
