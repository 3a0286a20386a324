//! Keeping the copy current: by what the hub tells on its connections, and after an absence by asking for the
//! changes since the cursor.

use atome_proto::directory::{DirectoryChange, DirectoryEvent};
use atome_proto::{AccountId, Epoch, HubId, Problem};
use atome_store::machine::DirectoryCursor;

use super::PAGE_MAX;
use crate::accounts::Accounts;
use crate::config::DirectoryMode;
use crate::hub_client::HubClient;
use crate::sync::news::Heard;

impl Accounts {
    /// Brings the copy up to date: by what was told, where nothing is missing, else by asking.
    pub(in crate::accounts) async fn follow_directory(
        &self,
        hub: &HubClient,
        heard: Heard,
    ) -> Result<(), Problem> {
        if self.config().directory != DirectoryMode::All {
            return self.forget_deleted(&heard.changes).await;
        }
        if let Some(left_ms) = heard.left_ms {
            self.true_until(left_ms).await?;
        }
        let cursor = self.read(|view| view.directory_cursor()).await?;
        let Some(cursor) = cursor else {
            return self.catch_up(hub, None).await;
        };
        let other = |(id, epoch, _): (HubId, Epoch, u64)| (id, epoch) != (cursor.hub, cursor.epoch);
        if heard.directory.is_some_and(other) {
            return self.catch_up(hub, None).await;
        }
        let number = self.apply_told(cursor, &heard.changes).await?;
        let head = heard.directory.map_or(0, |(_, _, head)| head);
        let told = heard.changes.last().map_or(0, |change| change.number);
        if number < head.max(told) {
            return self.catch_up(hub, Some(number)).await;
        }
        if heard.directory.is_some() {
            return self.true_until(Self::wall_ms()).await;
        }
        Ok(())
    }

    /// Applies changes that follow the cursor one by one; where the cursor stands then.
    async fn apply_told(
        &self,
        cursor: DirectoryCursor,
        told: &[DirectoryChange],
    ) -> Result<u64, Problem> {
        let mut changes = told.to_vec();
        changes.sort_unstable_by_key(|change| change.number);
        changes.retain(|change| change.number > cursor.number);
        let following = changes
            .iter()
            .zip(cursor.number + 1..)
            .take_while(|(change, expected)| change.number == *expected)
            .count();
        changes.truncate(following);
        let Some(last) = changes.last() else {
            return Ok(cursor.number);
        };
        let number = last.number;
        self.apply(changes, DirectoryCursor { number, ..cursor })
            .await?;
        Ok(number)
    }

    /// Asks for everything after a number, a page at a time.
    async fn catch_up(&self, hub: &HubClient, after: Option<u64>) -> Result<(), Problem> {
        let Some(token) = self.some_token().await? else {
            return Ok(());
        };
        let mut after = after.unwrap_or(0);
        loop {
            let page = hub.directory_changes(&token, after, PAGE_MAX).await?;
            let last = page.changes.last().map_or(after, |change| change.number);
            let is_last = page.changes.is_empty() || last >= page.head;
            let number = if is_last { last.max(page.head) } else { last };
            let cursor = DirectoryCursor {
                hub: page.hub,
                epoch: page.epoch,
                number,
                true_ms: if is_last { Self::wall_ms() } else { 0 },
            };
            self.apply(page.changes, cursor).await?;
            if is_last {
                return Ok(());
            }
            after = last;
        }
    }

    async fn apply(
        &self,
        changes: Vec<DirectoryChange>,
        cursor: DirectoryCursor,
    ) -> Result<(), Problem> {
        let deleted = deleted(&changes);
        let now = Self::wall_ms();
        self.write(move |db| db.apply_directory(&changes, cursor, now))
            .await?;
        self.remove_deleted(deleted).await
    }

    /// Where no copy is kept: accounts that are deleted are deleted here too.
    async fn forget_deleted(&self, changes: &[DirectoryChange]) -> Result<(), Problem> {
        let deleted = deleted(changes);
        for id in deleted.clone() {
            self.write(move |db| db.forget_entry(id)).await?;
        }
        self.remove_deleted(deleted).await
    }

    async fn remove_deleted(&self, deleted: Vec<AccountId>) -> Result<(), Problem> {
        for id in deleted {
            self.deleted_at_hub(id).await?;
        }
        Ok(())
    }

    async fn true_until(&self, now_ms: u64) -> Result<(), Problem> {
        self.write(move |db| match db.view().directory_cursor()? {
            Some(mut cursor) => {
                cursor.true_ms = now_ms;
                db.apply_directory(&[], cursor, now_ms)
            }
            None => Ok(()),
        })
        .await
    }
}

fn deleted(changes: &[DirectoryChange]) -> Vec<AccountId> {
    let id = |change: &DirectoryChange| match change.change {
        DirectoryEvent::Deleted(id) => Some(id),
        DirectoryEvent::Created(_) => None,
    };
    changes.iter().filter_map(id).collect()
}
