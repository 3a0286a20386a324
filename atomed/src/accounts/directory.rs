//! The public directory: answered from this machine's copy, or by the hub, which is authoritative.

mod copy;

use atome_engine::name::fold;
use atome_proto::account::DirectoryEntry;
use atome_proto::local::v1::{DirectoryReply, DirectorySource};
use atome_proto::time::to_rfc3339;
use atome_proto::{Code, Problem};

use super::Accounts;
use super::sessions::no_hub;
use crate::api::Peer;
use crate::config::DirectoryMode;
use crate::hub_client::{BRIEF, HubClient};

/// Entries or changes in a page: as many as a hub gives.
const PAGE_MAX: u32 = 200;

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
        if self.config().directory == DirectoryMode::All && whole {
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
                    && self.config().directory == DirectoryMode::Contacts =>
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
        if self.config().directory == DirectoryMode::All && found.is_some() {
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
        if self.config().directory != DirectoryMode::Contacts || !listed {
            return Ok(());
        }
        let entry = entry.clone();
        let now = Self::wall_ms();
        self.write(move |db| db.keep_entry(&entry, now)).await
    }

    async fn cached_entry(&self, wanted: &Wanted) -> Result<Option<DirectoryEntry>, Problem> {
        match wanted {
            _ if self.config().directory == DirectoryMode::None => Ok(None),
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
        let all = self.config().directory == DirectoryMode::All;
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
}

/// Folds what is looked for; what is no whole name is compared as it is.
fn fold_part(find: &str) -> String {
    fold(find).unwrap_or_else(|_| find.to_lowercase())
}

fn unknown_here(why: &Problem) -> Problem {
    let detail = format!("this machine's copy of the directory has no such entry, and {why}");
    Problem::new(why.code, detail).hint("try again when the hub is in reach")
}
