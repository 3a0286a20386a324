//! Accounts whose store did not open are tried again: a disk that was full at the start has room later.

use std::time::Duration;

use atome_store::machine::MachineAccount;

use super::{Accounts, Slot};

/// How often it is tried: soon enough for whoever has just made room, and seldom enough to cost nothing.
const TRY_EVERY: Duration = Duration::from_secs(5);

impl Accounts {
    /// Tries until every account is open or gone; ends at once where they all are.
    pub(super) fn start_reopening(&self) {
        if !self.is_any_broken() {
            return;
        }
        let accounts = self.clone();
        self.tasks()
            .spawn(async move { accounts.reopen_until_done().await });
    }

    async fn reopen_until_done(self) {
        let stop = self.0.stop.clone();
        while self.is_any_broken() {
            tokio::select! {
                () = tokio::time::sleep(TRY_EVERY) => {}
                () = stop.ordered() => return,
            }
            // What it cannot be told now it is told the next time.
            for row in self.rows().await.unwrap_or_default() {
                self.reopen(&row).await;
            }
        }
    }

    async fn reopen(&self, row: &MachineAccount) {
        let id = row.entry.user_id;
        // Meanwhile it may have been removed, or come another way.
        let _making = self.0.making.lock().await;
        if !matches!(self.slots().get(&id), Some(Slot::Broken(_))) {
            return;
        }
        match self.start(row).await {
            Ok(_) => tracing::info!(account = %id, "opened after all"),
            Err(problem) => {
                tracing::debug!(account = %id, why = %problem, "still not opened");
                self.slots().insert(id, Slot::Broken(problem));
            }
        }
    }

    fn is_any_broken(&self) -> bool {
        let slots = self.slots();
        slots.values().any(|slot| matches!(slot, Slot::Broken(_)))
    }
}
