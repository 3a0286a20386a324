//! The registrar: brings accounts that were made here to the hub, for as long as it takes.
//!
//! What is sent is the hash, never the password; what was sent before an answer was lost is sent again
//! and answered the same.

use atome_proto::account::{Register, Session};
use atome_proto::local::v1::Mode;
use atome_proto::{Code, Problem};
use atome_store::machine::{MachineAccount, SessionTerm};

use super::{Account, Accounts};
use crate::hub_client::HubClient;

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
    /// Tries each account that waits; an error where one has to wait on.
    pub(super) async fn register_all(&self, hub: &HubClient) -> Result<(), Problem> {
        let rows = self.read(|view| view.pending_registrations()).await?;
        let mut waits = Ok(());
        for row in rows {
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
            password_hash: row.password_hash,
            password: None,
            retry_secret,
            invite: row.invite,
            cookie: false,
            device: self.config().device.clone(),
        };
        let id = account.id;
        match hub.register(&register).await {
            Ok(session) => self.registered(account, session).await,
            Err(why) if why.code == Code::Conflict => {
                self.write(move |db| db.set_conflict(id)).await?;
                tracing::warn!(account = %id, "the hub has given the name or number to another");
                account.registration.send_replace(Registration::Conflict);
                Ok(())
            }
            // It was registered before an answer was lost, and deleted since.
            Err(why) if why.code == Code::AccountDeleted => self.remove_now(id).await,
            Err(why) => {
                tracing::debug!(account = %id, code = %why.code, why = %why, "not registered yet");
                Err(why)
            }
        }
    }

    /// The hub has the account, and opened a session; one that nobody here may use is closed again.
    async fn registered(&self, account: &Account, session: Session) -> Result<(), Problem> {
        let id = account.id;
        let term = SessionTerm::used(session.expires_at_ms, Self::wall_ms());
        self.keep_token(id, session.token).await?;
        self.write(move |db| db.set_registered(id, term)).await?;
        self.keep_copy().await;
        tracing::info!(account = %id, "registered at the hub");
        if self.is_locked(id).await? {
            self.revoke_later(id).await?;
        }
        if let Some(sync) = &account.sync {
            sync.token_changed().await?;
        }
        account.registration.send_replace(Registration::Registered);
        Ok(())
    }
}

/// Whether the account's schedule lets it dial by itself. One that syncs by hand registers when asked
/// to sync, as nothing of it is at the hub before.
pub(super) fn may_dial(account: &Account) -> bool {
    let Some(sync) = &account.sync else {
        return false;
    };
    let view = sync.view();
    !view.paused && view.schedule.mode != Mode::Off
}
