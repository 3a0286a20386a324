//! Waiting until a store is as the hub is, or has what came of one commit: never a yes before it is true.

use atome_proto::receipt::Receipt;
use atome_proto::sync::v1::{self, AskReceipt, ClientFrame, Ping, Standing};

use crate::clock::Now;
use crate::replica::{Effect, Replica};

/// Most that may wait at once on one account; more are turned away by the shell.
pub const WAITS_MAX: usize = 256;
/// After how long a hub that does not know of a commit yet is asked again: nothing tells when one comes of
/// which nothing may be seen here.
const ASK_AGAIN_MS: u64 = 1_000;

#[derive(Debug)]
struct Wait {
    token: u64,
    /// The last commit that was pending when the wait began.
    number: u64,
    /// The commit that it is about; about all, where there is none.
    receipt: Option<Receipt>,
    /// Whether the hub was asked on this connection, and has not said that it does not know.
    asked: bool,
    /// When the hub is to be asked again, by the forward-only clock.
    again_ms: Option<u64>,
    /// What the hub says of the commit, where that is final.
    standing: Option<Standing>,
    /// The head of the hub's feed, as it was at some time after the wait began.
    head: Option<u64>,
}

impl Wait {
    fn question(&self) -> ClientFrame {
        match self.receipt {
            None => ClientFrame::Ping(Ping {
                timestamp: self.token,
            }),
            Some(receipt) => ClientFrame::AskReceipt(AskReceipt {
                ask: self.token,
                author: receipt.author,
                stamp: receipt.stamp,
                number: receipt.number,
            }),
        }
    }

    /// What was said is forgotten, and asked again.
    fn start_over(&mut self) {
        self.asked = false;
        self.again_ms = None;
        self.standing = None;
        self.head = None;
    }
}

#[derive(Debug, Default)]
pub(super) struct Waits(Vec<Wait>);

impl Waits {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn forget(&mut self, token: u64) {
        self.0.retain(|wait| wait.token != token);
    }

    /// Takes an answer to a ping; `false` where it was not for a wait.
    pub(super) fn answered(&mut self, token: u64, head: u64) -> bool {
        let mut wait = self
            .0
            .iter_mut()
            .filter(|wait| wait.token == token && token != 0);
        wait.next()
            .map(|wait| wait.head = Some(wait.head.unwrap_or(head)))
            .is_some()
    }

    /// Takes what the hub says of a commit.
    fn told(&mut self, told: &v1::Receipt, now: Now) {
        let waits = self.0.iter_mut().filter(|wait| wait.token == told.ask);
        for wait in waits.filter(|wait| wait.standing.is_none()) {
            match told.standing {
                Standing::Unknown | Standing::Deferred => {
                    wait.again_ms = Some(now.mono_ms.saturating_add(ASK_AGAIN_MS));
                }
                Standing::Accepted | Standing::Refused | Standing::Renumbered => {
                    wait.standing = Some(told.standing);
                    wait.head = Some(told.head);
                }
            }
        }
    }

    /// Questions that were not answered are asked again.
    pub(super) fn ask_again(&mut self) {
        for wait in &mut self.0 {
            wait.asked = false;
            wait.again_ms = None;
        }
    }

    /// The hub, or its life, is another: what was said of the one before says nothing of this one.
    pub(super) fn start_over(&mut self) {
        self.0.iter_mut().for_each(Wait::start_over);
    }

    /// The commits that were pending have other numbers now.
    pub(super) fn renumber(&mut self, number: u64) {
        for wait in &mut self.0 {
            wait.number = wait.receipt.map_or(number, |_| 0);
            wait.start_over();
        }
    }

    /// When a hub is to be asked again, by the forward-only clock, if it is.
    pub(super) fn due_ms(&self) -> Option<u64> {
        self.0.iter().filter_map(|wait| wait.again_ms).min()
    }
}

impl Replica {
    pub(super) fn on_wait(&mut self, token: u64, number: u64, receipt: Option<Receipt>, now: Now) {
        if self.waits.0.len() >= WAITS_MAX || token == 0 {
            return;
        }
        let number = match receipt {
            None => number,
            Some(receipt) if receipt.stamp.replica == self.position.replica => receipt.number,
            Some(_) => 0,
        };
        self.waits.0.push(Wait {
            token,
            number,
            receipt,
            asked: false,
            again_ms: None,
            standing: None,
            head: None,
        });
        // Someone waits now: that is a wish for an attempt now, and for soon ones after it.
        self.on_sync_now(now);
    }

    pub(super) fn on_receipt(&mut self, told: &v1::Receipt, now: Now) {
        self.waits.told(told, now);
    }

    /// Asks the hub on behalf of new waits, and answers those whose time has come.
    pub(super) fn plan_waits(&mut self, now: Now) {
        if !self.link.is_welcome() || self.position.hub.is_none() {
            return;
        }
        let (position, owes) = (self.position, self.owes());
        let mut done = vec![];
        for wait in &mut self.waits.0 {
            let decided = position.acked >= wait.number && !owes;
            if wait.again_ms.is_some_and(|due| due <= now.mono_ms) {
                wait.again_ms = None;
                wait.asked = false;
            }
            match wait.head {
                // A hub that cannot tell is not waited for.
                None if wait.receipt.is_some() && !self.link.tells_receipts => {
                    done.push((wait.token, Some(Standing::Unknown)));
                }
                // Asked once its own commits are decided, so that the head includes them.
                None if !wait.asked && decided => {
                    wait.asked = true;
                    self.effects.push_back(Effect::Send(wait.question()));
                }
                Some(head) if decided && position.feed() >= head => {
                    done.push((wait.token, wait.standing));
                }
                None | Some(_) => {}
            }
        }
        for (token, standing) in done {
            self.waits.forget(token);
            self.effects.push_back(Effect::Waited {
                token,
                position,
                standing,
            });
        }
    }
}
