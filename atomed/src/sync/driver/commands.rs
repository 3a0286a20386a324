//! What the daemon asks of an account's driver, and who waits for an answer.

use std::collections::BTreeMap;

use atome_engine::replica::Input;
use atome_proto::sync::v1::{AskStates, Digest, States};
use tokio::sync::oneshot;

use super::{Driver, token};
use crate::sync::handle::{Command, Waited};

/// Waiters and askers at once, of each kind; more are turned away.
const ASKERS_MAX: usize = 200;

/// Who waits for an answer, by token.
#[derive(Default)]
pub(super) struct Askers {
    last: u64,
    pub(super) waits: BTreeMap<u64, oneshot::Sender<Waited>>,
    pub(super) digests: BTreeMap<u64, oneshot::Sender<Digest>>,
    pub(super) states: BTreeMap<u64, oneshot::Sender<Option<States>>>,
}

impl Askers {
    fn next(&mut self) -> u64 {
        self.last = self.last.wrapping_add(1).max(1);
        self.last
    }
}

impl Driver {
    /// Does what a handle asks for, or has it wait for what comes.
    pub(super) async fn on_command(&mut self, command: Command) {
        self.forget_the_gone();
        match command {
            Command::Schedule(seen) => {
                match self.parts.store.schedule().await {
                    Ok((schedule, paused)) => {
                        (self.schedule, self.paused) = (schedule.clone(), paused);
                        self.take(Input::Schedule { schedule, paused });
                    }
                    Err(error) => {
                        tracing::error!(account = %self.parts.account, %error, "no schedule");
                    }
                }
                // Whoever told may have gone.
                let _ = seen.send(());
            }
            Command::Token(seen) => {
                self.token = token(&self.parts).await;
                self.take(Input::Credentials(self.token.is_some()));
                // Whoever told may have gone.
                let _ = seen.send(());
            }
            // The loop ends by it before it comes here.
            Command::End(_) => {}
            Command::SyncNow => self.take(Input::SyncNow),
            Command::Wait(receipt, answer) => {
                if self.askers.waits.len() < ASKERS_MAX {
                    let token = self.askers.next();
                    self.askers.waits.insert(token, answer);
                    // The store may have moved on since the machine last heard of it.
                    let position = *self.positions.borrow_and_update();
                    self.take(Input::Stored(position));
                    let number = position.number;
                    self.take(Input::Wait {
                        token,
                        number,
                        receipt,
                    });
                }
            }
            Command::States(buckets, after, answer) => {
                if self.askers.states.len() < ASKERS_MAX {
                    let ask = self.askers.next();
                    self.askers.states.insert(ask, answer);
                    self.take(Input::AskStates(AskStates {
                        ask,
                        buckets,
                        after,
                    }));
                }
            }
            Command::Digest(answer) => {
                if self.askers.digests.len() < ASKERS_MAX {
                    let token = self.askers.next();
                    self.askers.digests.insert(token, answer);
                    self.take(Input::AskDigest(token));
                }
            }
        }
    }

    /// Whoever gave up waiting no longer keeps a connection open.
    fn forget_the_gone(&mut self) {
        self.askers.digests.retain(|_, answer| !answer.is_closed());
        self.askers.states.retain(|_, answer| !answer.is_closed());
        let gone: Vec<u64> = self
            .askers
            .waits
            .iter()
            .filter(|(_, answer)| answer.is_closed())
            .map(|(token, _)| *token)
            .collect();
        for token in gone {
            self.askers.waits.remove(&token);
            self.take(Input::Unwait(token));
        }
    }
}
