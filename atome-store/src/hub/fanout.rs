//! Who waits for news: of an account's feed and sessions, or of the directory.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use atome_proto::AccountId;
use tokio::sync::watch;

use super::Signals;

/// Something that became durable, and that others wait for.
#[derive(Clone, Copy)]
pub(super) enum News {
    /// The head of an account's feed.
    Head(AccountId, u64),
    /// Sessions of an account may be over.
    Sessions(AccountId),
    /// The number of the directory's last change.
    Directory(u64),
}

/// Those who wait.
pub(super) struct Fanout {
    accounts: Mutex<BTreeMap<AccountId, watch::Sender<Signals>>>,
    directory: watch::Sender<u64>,
}

impl Default for Fanout {
    fn default() -> Self {
        Self {
            accounts: Mutex::default(),
            directory: watch::Sender::new(0),
        }
    }
}

impl Fanout {
    /// What becomes of an account's feed and sessions from now on.
    pub(super) fn subscribe(&self, account: AccountId) -> watch::Receiver<Signals> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts
            .entry(account)
            .or_insert_with(|| watch::Sender::new(Signals::default()))
            .subscribe()
    }

    /// The number of the directory's last change, as it grows from now on.
    pub(super) fn subscribe_directory(&self) -> watch::Receiver<u64> {
        self.directory.subscribe()
    }

    /// Tells those who wait, and forgets whom nobody waits for.
    pub(super) fn tell(&self, news: impl Iterator<Item = News>) {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        for one in news {
            let (account, alter): (_, &dyn Fn(&mut Signals)) = match &one {
                News::Head(account, head) => (account, &|known| known.head = known.head.max(*head)),
                News::Sessions(account) => (account, &|known| known.sessions += 1),
                News::Directory(number) => {
                    self.tell_directory(*number);
                    continue;
                }
            };
            let Some(waiting) = accounts.get(account) else {
                continue;
            };
            if waiting.receiver_count() == 0 {
                accounts.remove(account);
                continue;
            }
            waiting.send_if_modified(|known| {
                let before = *known;
                alter(known);
                *known != before
            });
        }
    }

    /// Has everyone look again: another process wrote, and nobody knows what.
    pub(super) fn tell_all(&self, directory: u64) {
        self.tell_directory(directory);
        let accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        for waiting in accounts.values() {
            waiting.send_modify(|known| known.sessions += 1);
        }
    }

    fn tell_directory(&self, number: u64) {
        self.directory.send_if_modified(|known| {
            let more = number > *known;
            *known = number.max(*known);
            more
        });
    }
}
