//! Pushing: pending commits go to the hub in order, a window of frames at a time.

use std::collections::VecDeque;

use atome_proto::commit::RawCommit;
use atome_proto::limit::{FRAME_ENTRIES_MAX, FRAME_LEN_TARGET, WINDOW_FRAMES};
use atome_proto::sync::v1::{Ack, Push as PushFrame};

use crate::replica::{Effect, Replica, StoreJob};

#[derive(Debug, Default)]
pub(super) struct Push {
    /// The last number sent on this connection, or acknowledged before it.
    sent: u64,
    /// The last number whose acknowledgement has come, each after the one before.
    acked: u64,
    /// The last number of each frame that waits for its acknowledgement.
    waiting: VecDeque<u64>,
    /// Frames that may wait.
    window: usize,
    /// Whether commits are being read.
    reading: bool,
}

impl Push {
    pub(super) fn welcomed(&mut self, acked: u64, window: u32) {
        self.window = usize::try_from(window.clamp(1, WINDOW_FRAMES)).unwrap_or(1);
        self.restart(acked);
    }

    /// Begins again after the last number that is acknowledged.
    pub(super) fn restart(&mut self, acked: u64) {
        self.sent = acked;
        self.acked = acked;
        self.waiting.clear();
        self.reading = false;
    }

    pub(super) fn disconnected(&mut self) {
        self.waiting.clear();
        self.reading = false;
        self.window = 0;
    }

    pub(super) fn acknowledged(&mut self, number: u64) {
        while self.waiting.front().is_some_and(|last| *last <= number) {
            self.waiting.pop_front();
        }
        self.sent = self.sent.max(number);
    }

    /// Whether every acknowledgement up to a number has come.
    pub(super) fn has_heard(&self, number: u64) -> bool {
        self.acked >= number
    }

    pub(super) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}

impl Replica {
    /// Reads the next commits, where there are some and the window is open; takes a new replica id,
    /// where the hub has seen numbers that this replica never made, and everything of its own is decided.
    pub(super) fn plan_push(&mut self) {
        if !self.link.is_welcome() || !self.is_of_hub() {
            return;
        }
        if self.link.is_forked() && self.position.pending() == 0 && self.jobs.is_empty() {
            self.jobs.push_back(StoreJob::Fork {
                from: self.position.number + 1,
            });
            return self.plan_jobs();
        }
        if self.owes() {
            return;
        }
        let open = self.push.waiting.len() < self.push.window;
        if open && !self.push.reading && self.push.sent < self.position.number {
            self.push.reading = true;
            self.effects.push_back(Effect::ReadPending {
                after: self.push.sent,
                commits_max: FRAME_ENTRIES_MAX,
                bytes_max: FRAME_LEN_TARGET,
            });
        }
    }

    /// Whether what the store says of the hub is about this one, and no other job will make it so.
    pub(super) fn is_of_hub(&self) -> bool {
        let is_about =
            |job: &StoreJob| matches!(job, StoreJob::AdoptHub { .. } | StoreJob::Fork { .. });
        self.position.hub.is_some() && !self.jobs.iter().any(is_about)
    }

    pub(super) fn on_pending(&mut self, after: u64, commits: Vec<RawCommit>) {
        if !self.push.reading || after != self.push.sent {
            return;
        }
        self.push.reading = false;
        let count = u64::try_from(commits.len()).unwrap_or(u64::MAX);
        if count == 0 || !self.link.is_welcome() {
            // Nothing there: what was pending has been discarded meanwhile.
            self.push.sent = self.push.sent.max(self.position.number);
            return;
        }
        self.push.sent = after.saturating_add(count);
        self.push.waiting.push_back(self.push.sent);
        self.send(PushFrame {
            first: after + 1,
            commits,
        });
    }

    /// The highest number that this replica has made, as far as is known here: the store may have more
    /// than it last said.
    pub(super) fn number_max(&self) -> u64 {
        self.position.number.max(self.push.sent)
    }

    pub(super) fn on_ack(&mut self, ack: Ack) {
        if ack.replica != self.position.replica {
            return;
        }
        if ack.first > self.push.acked + 1 {
            // One before it is lost, and its verdicts with it: the heartbeat sees to it.
            return;
        }
        self.push.acked = self.push.acked.max(ack.number);
        let news = ack.number > self.position.acked || !ack.verdicts.is_empty();
        if news && ack.number <= self.number_max() {
            self.jobs.push_back(StoreJob::Acknowledge {
                number: ack.number,
                verdicts: ack.verdicts,
            });
        } else {
            self.push.acknowledged(ack.number.min(self.position.acked));
        }
    }
}
