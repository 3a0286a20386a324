//! Waiting until a store is as the hub is: never a yes before it is true.

use atome_proto::sync::v1::Ping;

use crate::clock::Now;
use crate::replica::{Effect, Replica};

/// Most that may wait at once on one account; more are turned away by the shell.
pub const WAITS_MAX: usize = 256;

#[derive(Debug)]
struct Wait {
    token: u64,
    /// The last commit that was pending when the wait began.
    number: u64,
    /// Whether the hub was asked on this connection.
    asked: bool,
    /// The head of the hub's feed, as it was at some time after the wait began.
    head: Option<u64>,
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

    /// Questions that were not answered are asked again.
    pub(super) fn ask_again(&mut self) {
        for wait in &mut self.0 {
            wait.asked = false;
        }
    }

    /// The commits that were pending have other numbers now.
    pub(super) fn renumber(&mut self, number: u64) {
        for wait in &mut self.0 {
            wait.number = number;
            wait.head = None;
        }
    }
}

impl Replica {
    pub(super) fn on_wait(&mut self, token: u64, number: u64, now: Now) {
        if self.waits.0.len() >= WAITS_MAX || token == 0 {
            return;
        }
        self.waits.0.push(Wait {
            token,
            number,
            asked: false,
            head: None,
        });
        // Someone waits now: that is a wish for an attempt now, and for soon ones after it.
        self.on_sync_now(now);
    }

    /// Asks the hub for its head on behalf of new waits, and answers those whose time has come.
    pub(super) fn plan_waits(&mut self) {
        if !self.link.is_welcome() || self.position.hub.is_none() {
            return;
        }
        let position = self.position;
        let mut done = vec![];
        for wait in &mut self.waits.0 {
            let decided = position.acked >= wait.number;
            match wait.head {
                // Asked once its own commits are decided, so that the head includes them.
                None if !wait.asked && decided => {
                    wait.asked = true;
                    self.effects.push_back(Effect::Send(
                        Ping {
                            timestamp: wait.token,
                        }
                        .into(),
                    ));
                }
                Some(head) if decided && position.feed() >= head => done.push(wait.token),
                None | Some(_) => {}
            }
        }
        for token in done {
            self.waits.forget(token);
            self.effects.push_back(Effect::Waited { token, position });
        }
    }
}
