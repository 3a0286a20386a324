//! The public directory: the hub's, and this machine's copy of it.
//!
//! The hub is authoritative. The copy is kept current by what the hub tells on its connections, and after an
//! absence by asking for the changes since the cursor.

use atome_engine::name::fold;
use atome_proto::account::DirectoryEntry;
use atome_proto::directory::{DirectoryChange, DirectoryEvent};
use atome_proto::local::v1::{DirectoryReply, DirectorySource};
use atome_proto::time::to_rfc3339;
use atome_proto::{Code, Epoch, HubId, Problem};
use atome_store::machine::DirectoryCursor;

use super::Accounts;
use super::sessions::no_hub;
use crate::api::Peer;
use crate::config::DirectoryMode;
use crate::hub_client::{BRIEF, HubClient};
use crate::sync::news::Heard;

/// Changes asked for at a time.
const CHANGES_AT_ONCE: u32 = 1_000;
/// Entries in a page.
const PAGE_MAX: u32 = 1_000;

/// What one entry is looked for by.
pub enum Wanted {
    /// A whole name, in whatever spelling.
    Name(String),
    /// A phone number.
    Phone(String),
}

impl Accounts {
    /// Entries of listed accounts by folded name, after `after`: those whose name holds `find` in the copy,
    /// those whose name begins with it at the hub.
    ///
    /// # Errors
    ///
    /// [`Code::AuthRequired`] where the asker has no account; [`Code::NoHub`] or [`Code::HubUnreachable`]
    /// where there is no copy and the hub would have to be asked.
    pub async fn directory(
        &self,
        peer: Peer,
        named: Option<&str>,
        find: &str,
        after: &str,
        limit: Option<u32>,
    ) -> Result<DirectoryReply, Problem> {
        let limit = limit.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
        let find = fold_part(find);
        let cursor = self.read(|view| view.directory_cursor()).await?;
        // One that was never whole is no answer.
        let whole = cursor.is_some_and(|cursor| cursor.true_ms > 0);
        if self.0.directory == DirectoryMode::All && whole {
            self.select_any(peer, named).await?;
            return self.cached_page(find, after, limit).await;
        }
        let asked = async {
            let (hub, token) = self.directory_of_hub(peer, named).await?;
            hub.directory(&token, &find, after, limit).await
        };
        match asked.await {
            Ok(page) => Ok(self.now(page.entries, page.next)),
            Err(why)
                if why.code == Code::HubUnreachable
                    && self.0.directory == DirectoryMode::Contacts =>
            {
                self.cached_page(find, after, limit).await
            }
            Err(why) => Err(why),
        }
    }

    /// One entry by whole name or phone number. A private account is found by its phone number only, and by
    /// the hub only.
    ///
    /// # Errors
    ///
    /// [`Code::NotFound`], and those of [`Self::directory`].
    pub async fn directory_lookup(
        &self,
        peer: Peer,
        named: Option<&str>,
        wanted: Wanted,
    ) -> Result<DirectoryReply, Problem> {
        self.select_any(peer, named).await?;
        let found = self.cached_entry(&wanted).await?;
        if self.0.directory == DirectoryMode::All && found.is_some() {
            return self.cached(found.into_iter().collect(), None).await;
        }
        let asked = async {
            let (hub, token) = self.directory_of_hub(peer, named).await?;
            let by = match &wanted {
                Wanted::Name(name) => ("name", name.as_str()),
                Wanted::Phone(phone) => ("phone", phone.as_str()),
            };
            hub.directory_lookup(&token, by, BRIEF).await
        };
        match asked.await {
            Ok(entry) => {
                self.keep_contact(&entry).await?;
                Ok(self.now(vec![entry], None))
            }
            Err(why) if why.code == Code::HubUnreachable || why.code == Code::NoHub => {
                match found {
                    Some(entry) => self.cached(vec![entry], None).await,
                    None => Err(unknown_here(&why)),
                }
            }
            Err(why) => Err(why),
        }
    }

    async fn keep_contact(&self, entry: &DirectoryEntry) -> Result<(), Problem> {
        let listed = entry.visibility == atome_proto::account::Visibility::Public;
        if self.0.directory != DirectoryMode::Contacts || !listed {
            return Ok(());
        }
        let entry = entry.clone();
        let now = Self::wall_ms();
        self.write(move |db| db.keep_entry(&entry, now)).await
    }

    async fn cached_entry(&self, wanted: &Wanted) -> Result<Option<DirectoryEntry>, Problem> {
        match wanted {
            _ if self.0.directory == DirectoryMode::None => Ok(None),
            Wanted::Name(name) => match fold(name) {
                Ok(folded) => self.read(move |view| view.directory_by_name(&folded)).await,
                Err(_) => Ok(None),
            },
            Wanted::Phone(phone) => {
                let phone = phone.clone();
                self.read(move |view| view.directory_by_phone(&phone)).await
            }
        }
    }

    async fn cached_page(
        &self,
        find: String,
        after: &str,
        limit: u32,
    ) -> Result<DirectoryReply, Problem> {
        let after = after.to_owned();
        let entries = self
            .read(move |view| view.directory_page(&find, &after, limit))
            .await?;
        let whole = entries.len() < usize::try_from(limit).unwrap_or(usize::MAX);
        let last = entries.last().filter(|_| !whole);
        let next = last.and_then(|entry| fold(&entry.username).ok());
        self.cached(entries, next).await
    }

    fn now(&self, entries: Vec<DirectoryEntry>, next: Option<String>) -> DirectoryReply {
        DirectoryReply {
            source: DirectorySource::Hub,
            as_of: to_rfc3339(Self::wall_ms()),
            age_ms: 0,
            entries,
            next,
        }
    }

    async fn cached(
        &self,
        entries: Vec<DirectoryEntry>,
        next: Option<String>,
    ) -> Result<DirectoryReply, Problem> {
        let now = Self::wall_ms();
        let all = self.0.directory == DirectoryMode::All;
        let true_ms = if all && self.is_connected() {
            // While a connection stands, whatever changes is told on it.
            Some(now)
        } else if all {
            let cursor = self.read(|view| view.directory_cursor()).await?;
            cursor.map(|cursor| cursor.true_ms)
        } else {
            self.read(|view| view.directory_kept_ms()).await?
        };
        let true_ms = true_ms.unwrap_or(now);
        Ok(DirectoryReply {
            source: DirectorySource::Cache,
            as_of: to_rfc3339(true_ms),
            age_ms: now.saturating_sub(true_ms),
            entries,
            next,
        })
    }

    fn is_connected(&self) -> bool {
        let slots = self.slots();
        let mut open = slots.values().filter_map(|slot| match slot {
            super::Slot::Open(account) => account.sync.as_ref(),
            super::Slot::Broken(_) => None,
        });
        open.any(|sync| sync.view().progress.connected)
    }

    /// The way to the hub in the session of one of the asker's accounts.
    async fn directory_of_hub(
        &self,
        peer: Peer,
        named: Option<&str>,
    ) -> Result<(&HubClient, atome_proto::account::Secret), Problem> {
        let accounts = self.select_any(peer, named).await?;
        self.0.hub.as_ref().ok_or_else(no_hub)?;
        let mut last = None;
        for account in accounts {
            match self.at_hub(&account).await {
                Ok(way) => return Ok(way),
                Err(why) => last = Some(why),
            }
        }
        Err(last.unwrap_or_else(no_hub))
    }

    /// Brings the copy up to date: by what was told, where nothing is missing, else by asking.
    pub(super) async fn follow_directory(
        &self,
        hub: &HubClient,
        heard: Heard,
    ) -> Result<(), Problem> {
        if self.0.directory != DirectoryMode::All {
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
            let page = hub
                .directory_changes(&token, after, CHANGES_AT_ONCE)
                .await?;
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

    async fn remove_deleted(&self, deleted: Vec<atome_proto::AccountId>) -> Result<(), Problem> {
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

fn deleted(changes: &[DirectoryChange]) -> Vec<atome_proto::AccountId> {
    let id = |change: &DirectoryChange| match change.change {
        DirectoryEvent::Deleted(id) => Some(id),
        DirectoryEvent::Created(_) => None,
    };
    changes.iter().filter_map(id).collect()
}

/// Folds what is looked for; what is no whole name is compared as it is.
fn fold_part(find: &str) -> String {
    fold(find).unwrap_or_else(|_| find.to_lowercase())
}

fn unknown_here(why: &Problem) -> Problem {
    let detail = format!("this machine's copy of the directory has no such entry, and {why}");
    Problem::new(why.code, detail).hint("try again when the hub is in reach")
}
