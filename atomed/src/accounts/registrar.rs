//! The registrar: brings accounts that were made here to the hub, for as long as it takes.
//!
//! What is sent is the hash, never the password; what was sent before an answer was lost is sent again
//! and answered the same.

use std::time::Duration;

use atome_engine::backoff::Backoff;
use atome_proto::account::Register;
use atome_proto::local::v1::Mode;
use atome_proto::{Code, Problem};
use atome_store::machine::MachineAccount;

use super::{Account, Accounts};
use crate::hub_client::HubClient;
use crate::random;
use crate::store_problem::problem;

/// Where an account's registration at the hub stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Registration {
    /// The hub knows it.
    Registered,
    /// It waits for the hub, which said this the last time.
    Waiting(Option<Problem>),
    /// The hub gave the name or the phone number to another.
    Conflict,
}

impl Registration {
    pub(super) fn of(row: &MachineAccount) -> Self {
        match (row.registered, row.conflict) {
            (true, _) => Self::Registered,
            (false, true) => Self::Conflict,
            (false, false) => Self::Waiting(None),
        }
    }
}

impl Accounts {
    /// Asks the registrar to try now.
    pub fn register_now(&self) {
        self.0.register_now.notify_one();
    }

    pub(super) fn start_registrar(&self) {
        if let Some(hub) = self.0.hub.clone() {
            let accounts = self.clone();
            self.tasks()
                .spawn(async move { accounts.registrar(hub).await });
        }
    }

    async fn registrar(self, hub: HubClient) {
        let seed = random::bytes().map_or_else(|_| Self::wall_ms(), u64::from_be_bytes);
        let mut backoff = Backoff::new(seed);
        let stop = self.0.stop.clone();
        loop {
            let round = tokio::select! {
                round = self.register_all(&hub) => round,
                () = stop.ordered() => return,
            };
            let wait = match round {
                Ok(()) => {
                    backoff.reset();
                    None
                }
                Err(why) => Some(Duration::from_millis(backoff.fail(why.retry_after_ms))),
            };
            let timer = async {
                match wait {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = timer => {}
                () = self.0.register_now.notified() => backoff.reset(),
                () = stop.ordered() => return,
            }
        }
    }

    /// Tries each account that waits; an error where one has to wait on.
    async fn register_all(&self, hub: &HubClient) -> Result<(), Problem> {
        let rows = self.0.machine.pending_registrations().await;
        let mut waits = Ok(());
        for row in rows.map_err(|e| problem(&e))? {
            let Ok(account) = self.opened(row.entry.user_id) else {
                continue;
            };
            if !may_dial(&account) {
                continue;
            }
            if let Err(why) = self.register(hub, &account, row).await {
                let unreachable = why.code == Code::HubUnreachable;
                account
                    .registration
                    .send_replace(Registration::Waiting(Some(why.clone())));
                waits = Err(why);
                if unreachable {
                    break;
                }
            }
        }
        waits
    }

    async fn register(
        &self,
        hub: &HubClient,
        account: &Account,
        row: MachineAccount,
    ) -> Result<(), Problem> {
        let Some(retry_secret) = row.retry_secret else {
            return Ok(());
        };
        let register = Register {
            entry: row.entry,
            password_hash: Some(row.password_hash),
            password: None,
            retry_secret,
            invite: None,
            cookie: false,
            device: self.0.device.clone(),
        };
        let id = account.id;
        match hub.register(&register).await {
            Ok(session) => {
                self.keep_token(id, session).await?;
                let noted = self.0.machine.set_registered(id, true).await;
                noted.map_err(|e| problem(&e))?;
                tracing::info!(account = %id, "registered at the hub");
                if let Some(sync) = &account.sync {
                    sync.token_changed().await?;
                }
                account.registration.send_replace(Registration::Registered);
                Ok(())
            }
            Err(why) if why.code == Code::Conflict => {
                let noted = self.0.machine.set_conflict(id, true).await;
                noted.map_err(|e| problem(&e))?;
                tracing::warn!(account = %id, "the hub has given the name to another");
                account.registration.send_replace(Registration::Conflict);
                Ok(())
            }
            Err(why) => {
                tracing::debug!(account = %id, code = %why.code, why = %why, "not registered yet");
                Err(why)
            }
        }
    }
}

/// Whether the account's schedule lets it dial by itself. One that syncs by hand registers when asked
/// to sync, as nothing of it is at the hub before.
fn may_dial(account: &Account) -> bool {
    let Some(sync) = &account.sync else {
        return false;
    };
    let view = sync.view();
    !view.paused && view.schedule.mode != Mode::Off
}
