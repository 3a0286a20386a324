//! The keeper: one task that carries out whatever of the accounts waits for the hub, for as long as it takes.
//!
//! Registrations, sessions to be closed, tokens that were handed in, sessions to be kept alive, the copy of
//! the directory. Each step looks at what is stored, so that nothing is lost with the process, and what
//! fails is tried again.

use std::time::Duration;

use atome_engine::backoff::Backoff;
use atome_proto::local::v1::Mode;
use atome_proto::{AccountId, Code, Problem};
use atome_store::machine::{MachineAccount, SessionTerm};

use super::registrar::may_dial;
use super::{Account, Accounts};
use crate::hub_client::{HubClient, PATIENT};
use crate::random;
use crate::sync::news::Heard;

/// The longest that the keeper sleeps: timers of months are looked at again each day.
const SLEEP_MAX: Duration = Duration::from_secs(86_400);

impl Accounts {
    /// Asks the keeper to try now.
    pub fn keep_now(&self) {
        self.0.keep_now.notify_one();
    }

    pub(super) fn start_keeper(&self) {
        if let Some(hub) = self.0.hub.clone() {
            let accounts = self.clone();
            self.tasks().spawn(async move { accounts.keep(hub).await });
        }
    }

    async fn keep(self, hub: HubClient) {
        let seed = random::bytes().map_or_else(|_| Self::wall_ms(), u64::from_be_bytes);
        let mut backoff = Backoff::new(seed);
        let stop = self.0.stop.clone();
        loop {
            let round = tokio::select! {
                round = self.round(&hub) => round,
                () = stop.ordered() => return,
            };
            let sleep = match round {
                Ok(sleep) => {
                    backoff.reset();
                    sleep
                }
                Err(why) => {
                    tracing::debug!(code = %why.code, %why, "something waits for the hub");
                    Duration::from_millis(backoff.fail(why.retry_after_ms))
                }
            };
            tokio::select! {
                () = tokio::time::sleep(sleep.min(SLEEP_MAX)) => {}
                () = self.0.news.wait() => {}
                () = self.0.keep_now.notified() => backoff.reset(),
                () = stop.ordered() => return,
            }
        }
    }

    /// Does all that can be done now; how long until something is due by itself. One thing that cannot be
    /// done does not hold up the others, but for the hub being out of reach.
    async fn round(&self, hub: &HubClient) -> Result<Duration, Problem> {
        let mut first = None;
        let mut note = |done: Result<(), Problem>| match done {
            Err(why) if why.code == Code::HubUnreachable => Err(why),
            Err(why) => {
                first.get_or_insert(why);
                Ok(())
            }
            Ok(()) => Ok(()),
        };
        let heard = self.0.news.take();
        note(self.heed(&heard).await)?;
        note(self.adopt_credentials().await)?;
        note(self.register_all(hub).await)?;
        note(self.revoke_all(hub).await)?;
        note(self.follow_directory(hub, heard).await)?;
        let mut due_ms = u64::MAX;
        for row in self.rows().await? {
            match self.keep_session(hub, &row).await {
                Ok(due) => due_ms = due_ms.min(due),
                Err(why) => note(Err(why))?,
            }
        }
        match first {
            Some(why) => Err(why),
            None => Ok(Duration::from_millis(
                due_ms.saturating_sub(Self::wall_ms()),
            )),
        }
    }

    /// Takes note of what the drivers heard.
    async fn heed(&self, heard: &Heard) -> Result<(), Problem> {
        for (id, ends_ms) in &heard.sessions {
            self.note_session(*id, *ends_ms).await?;
        }
        for id in &heard.deleted {
            self.deleted_at_hub(*id).await?;
        }
        Ok(())
    }

    async fn note_session(&self, id: AccountId, ends_ms: u64) -> Result<(), Problem> {
        let term = SessionTerm::used(ends_ms, Self::wall_ms());
        self.write(move |db| match db.view().account(id)? {
            // It was removed, or logged out, meanwhile; or nothing is new.
            Some(row)
                if row.registered && row.session.is_none_or(|had| had.expires_at_ms != ends_ms) =>
            {
                db.set_session(id, Some(term))
            }
            Some(_) | None => Ok(()),
        })
        .await
    }

    /// Uses a session whose time has come, so that it lives on; when that will be the next time.
    async fn keep_session(&self, hub: &HubClient, row: &MachineAccount) -> Result<u64, Problem> {
        let (Some(term), Ok(account)) = (row.session, self.opened(row.entry.user_id)) else {
            return Ok(u64::MAX);
        };
        let due_ms = term.due_ms().unwrap_or(u64::MAX);
        if Self::wall_ms() < due_ms {
            return Ok(due_ms);
        }
        if !may_dial_unasked(&account) {
            return Ok(u64::MAX);
        }
        let Some(token) = self.secret(account.id.to_string()).await? else {
            return Ok(u64::MAX);
        };
        let id = account.id;
        match hub.me(&token, PATIENT).await {
            Ok(me) => {
                let term = SessionTerm::used(me.expires_at_ms, Self::wall_ms());
                self.write(move |db| db.set_session(id, Some(term))).await?;
                Ok(term.due_ms().unwrap_or(u64::MAX))
            }
            Err(why) if why.code == Code::AccountDeleted => {
                self.deleted_at_hub(id).await?;
                Ok(u64::MAX)
            }
            Err(why) if why.code == Code::AuthRequired => {
                tracing::warn!(account = %id, "the session at the hub is over");
                self.write(move |db| db.set_session(id, None)).await?;
                Ok(u64::MAX)
            }
            Err(why) => Err(why),
        }
    }

    /// A token by which the hub may be asked about the directory.
    pub(super) async fn some_token(&self) -> Result<Option<atome_proto::account::Secret>, Problem> {
        for row in self.rows().await? {
            let Ok(account) = self.opened(row.entry.user_id) else {
                continue;
            };
            let refused = account
                .sync
                .as_ref()
                .is_none_or(|sync| sync.view().is_auth_required());
            if refused || !may_dial_unasked(&account) {
                continue;
            }
            if let Some(token) = self.secret(account.id.to_string()).await? {
                return Ok(Some(token));
            }
        }
        Ok(None)
    }
}

/// Whether the account's schedule lets the hub be dialled without being asked to.
fn may_dial_unasked(account: &Account) -> bool {
    let by_hand = |sync: &crate::sync::Handle| sync.view().schedule.mode == Mode::Manual;
    may_dial(account) && !account.sync.as_ref().is_some_and(by_hand)
}
