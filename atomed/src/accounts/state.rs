//! Where an account stands, in the words of `status`.

use atome_engine::replica::{Phase, Position};
use atome_proto::local::v1::{
    AccountState, AccountStatus, AccountView, Finding, FindingCode, Mode, SetMode,
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
            session_expires_at: row.session.map(|term| to_rfc3339(term.expires_at_ms)),
            last_synced_at: progress
                .as_ref()
                .and_then(|p| p.last_synced_ms)
                .map(to_rfc3339),
            last_error: registering.or_else(|| progress.and_then(|p| p.last_error)),
            snapshot_done: snapshot.map(|(done, _)| done),
            snapshot_total: snapshot.map(|(_, total)| total),
        }
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

    /// An account's status and findings, its store open or not, sound or not: that one fails hides no other.
    pub async fn status_of(&self, row: &MachineAccount) -> (AccountStatus, Vec<Finding>) {
        let id = row.entry.user_id;
        let slot = self.slots().get(&id).cloned();
        match slot {
            Some(Slot::Open(account)) => match account.status(row).await {
                Ok(status) => (status, account.findings(row)),
                Err(why) => broken(row, id, why),
            },
            Some(Slot::Broken(why)) => broken(row, id, why),
            None => broken(row, id, crate::sync::stopping()),
        }
    }
}

fn broken(row: &MachineAccount, id: AccountId, why: Problem) -> (AccountStatus, Vec<Finding>) {
    let finding = Finding::new(FindingCode::StoreUnusable)
        .message(why.detail.clone())
        .of(id);
    let status = AccountStatus {
        name: row.entry.username.clone(),
        id,
        state: AccountState::Local,
        mode: Mode::Live,
        pending: 0,
        refused: 0,
        cursor: None,
        hub_head: None,
        session_expires_at: row.session.map(|term| to_rfc3339(term.expires_at_ms)),
        last_synced_at: None,
        last_error: Some(why),
        snapshot_done: None,
        snapshot_total: None,
    };
    (status, vec![finding])
}
