//! Pushes: taken in order, answered once what they say is decided and durable.

use std::sync::Arc;

use atome_proto::code::{Code, Problem};
use atome_proto::limit::WINDOW_FRAMES;
use atome_proto::sync::v1::{Ack, Push};

use crate::session::{Admitted, Phase, Session};

impl Session {
    /// Takes a push that follows the one before. One that does not would be taken for the work of this
    /// very client, though what comes before it may not be.
    pub(super) fn on_push(&mut self, push: Push) {
        if self.forked {
            return;
        }
        if push.first > self.pushed.saturating_add(1) {
            let message = format!("commit {} of this replica is missing", self.pushed + 1);
            return self.refuse(Code::BadRequest, message, Some(self.pushed + 1));
        }
        let count = u64::try_from(push.commits.len()).unwrap_or(u64::MAX);
        self.pushed = self
            .pushed
            .max(push.first.saturating_add(count).saturating_sub(1));
        let waiting = self.pushes.len() + usize::from(self.admitting.is_some());
        if waiting >= usize::try_from(WINDOW_FRAMES).unwrap_or(usize::MAX) {
            return self.fail(&Problem::new(
                Code::Busy,
                "more pushes than the window allows",
            ));
        }
        self.pushes.push_back(Arc::new(push));
    }

    pub(super) fn on_admitted(&mut self, admitted: Admitted) {
        let Phase::Open(replica) = self.phase else {
            return;
        };
        let (first, last) = self.admitting.take().unwrap_or_default();
        self.number = self.number.max(admitted.number);
        self.head = self.head.max(admitted.head);
        // Only what was pushed is acknowledged: beyond it a number may mean something else here.
        let same = admitted
            .fork
            .map_or(u64::MAX, |fork| fork.saturating_sub(1));
        let number = admitted.number.min(last).min(same);
        self.send(Ack {
            replica,
            first,
            number,
            verdicts: admitted.verdicts,
        });
        if let Some(number) = admitted.fork {
            self.forked = true;
            self.pushes.clear();
            let message = format!("commit {number} of this replica means something else here");
            return self.refuse(Code::Fork, message, Some(number));
        }
        if let Some(number) = admitted.gap {
            self.pushes.clear();
            let message = format!("commit {number} of this replica is missing");
            return self.refuse(Code::BadRequest, message, Some(number));
        }
        self.stream_goes_on();
    }
}
