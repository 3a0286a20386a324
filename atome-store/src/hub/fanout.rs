//! Who waits for an account's feed to grow.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use atome_proto::AccountId;
use tokio::sync::watch;

/// The heads that someone waits for.
#[derive(Default)]
pub(super) struct Fanout(Mutex<BTreeMap<AccountId, watch::Sender<u64>>>);

impl Fanout {
    /// The head of an account's feed as it grows from now on.
    pub(super) fn subscribe(&self, account: AccountId) -> watch::Receiver<u64> {
        let mut heads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heads
            .entry(account)
            .or_insert_with(|| watch::channel(0).0)
            .subscribe()
    }

    /// Tells those who wait, and forgets whom nobody waits for.
    pub(super) fn grown(&self, grown: impl Iterator<Item = (AccountId, u64)>) {
        let mut heads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (account, head) in grown {
            let Some(waiting) = heads.get(&account) else {
                continue;
            };
            if waiting.receiver_count() == 0 {
                heads.remove(&account);
                continue;
            }
            waiting.send_if_modified(|known| {
                let more = head > *known;
                *known = head.max(*known);
                more
            });
        }
    }
}
