//! The stream to a reader: feed batches as the feed grows, or a snapshot first, a window at a time.

use atome_proto::code::{Code, Problem};
use atome_proto::id::{AtomeId, GrantId, ReplicaId};
use atome_proto::limit::{FRAME_LEN_MAX, WINDOW_FRAMES};
use atome_proto::state::RawState;
use atome_proto::sync::v1::{Batch, Cursor, Pull, Snapshot, SnapshotEnd};

use crate::session::{ChangedPage, Effect, GrantPage, Phase, Session, StatePage};

/// What comes next in the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Next {
    /// Nothing was asked for.
    #[default]
    Nothing,
    /// Feed entries after this number.
    Feed(u64),
    /// States after this id, for a snapshot that began at feed number `since`.
    States {
        since: u64,
        page: u64,
        after: Option<AtomeId>,
        total: u64,
    },
    /// Grants after this id, for the same snapshot.
    Grants {
        since: u64,
        page: u64,
        after: Option<GrantId>,
        total: u64,
    },
    /// States that changed after feed number `from`, for the same snapshot.
    Changed {
        since: u64,
        page: u64,
        from: u64,
        total: u64,
    },
}

impl Next {
    /// A snapshot from its beginning, at feed number `since`.
    fn snapshot(since: u64) -> Self {
        Self::States {
            since,
            page: 0,
            after: None,
            total: 0,
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Stream {
    next: Next,
    /// Frames that may be sent, and that is at most.
    credits: u32,
    window: u32,
    /// Whether a read is on its way, and whether its answer is of no use any more.
    reading: bool,
    stale: bool,
    /// A batch that waits until the push on its way is acknowledged.
    held: Option<Batch>,
    /// The oldest feed number kept, at hello.
    oldest: u64,
}

impl Stream {
    /// The reader has taken a frame.
    pub(super) fn opens(&mut self) {
        self.credits = (self.credits + 1).min(self.window);
    }

    pub(super) fn oldest(&mut self, oldest: u64) {
        self.oldest = oldest;
    }

    /// Whether the answer that has come is still of use.
    fn answered(&mut self) -> bool {
        self.reading = false;
        !std::mem::take(&mut self.stale)
    }
}

impl Session {
    pub(super) fn on_pull(&mut self, pull: &Pull) {
        let cursor = pull.cursor;
        let is_ours = |at: &Cursor| (at.hub, at.epoch) == (self.identity.hub, self.identity.epoch);
        if cursor.is_some_and(|at| !is_ours(&at) || at.feed > self.head) {
            let detail =
                "the cursor does not belong to this hub and the present life of its database";
            return self.fail(&Problem::new(Code::BadRequest, detail));
        }
        let feed = cursor.map_or(0, |at| at.feed);
        let is_fresh = cursor.is_none();
        let is_too_old = feed.saturating_add(1) < self.stream.oldest;
        self.stream.next = if is_fresh || is_too_old {
            Next::snapshot(self.head)
        } else {
            Next::Feed(feed)
        };
        self.stream.window = pull.window.clamp(1, WINDOW_FRAMES);
        self.stream.credits = self.stream.window;
        self.stream.stale = self.stream.reading;
        self.stream.held = None;
    }

    /// Reads what is due, where the reader's window is open.
    pub(super) fn plan_stream(&mut self, replica: ReplicaId) {
        if self.stream.reading || self.stream.credits == 0 || self.stream.held.is_some() {
            return;
        }
        let effect = match self.stream.next {
            Next::Nothing => return,
            Next::Feed(after) if after >= self.head => return,
            Next::Feed(after) => Effect::ReadFeed { replica, after },
            Next::States { after, .. } => Effect::ReadStates { after },
            Next::Grants { after, .. } => Effect::ReadGrants { after },
            Next::Changed { from, .. } => Effect::ReadChanged {
                replica,
                since: from,
            },
        };
        self.stream.reading = true;
        self.effects.push_back(effect);
    }

    pub(super) fn on_feed(&mut self, batch: Batch) {
        if !self.stream.answered() {
            return;
        }
        if let Next::Feed(after) = self.stream.next
            && batch.from > after.saturating_add(1)
        {
            // What comes next is kept no more: the present state stands for it.
            self.head = self.head.max(batch.head);
            self.stream.next = Next::snapshot(self.head);
            return;
        }
        if batch.entries.is_empty() {
            return;
        }
        // The acknowledgement of a commit always goes out before the feed entry that mentions it.
        if self.admitting.is_some() && batch.last_mine() > self.number {
            self.stream.held = Some(batch);
        } else {
            self.send_batch(batch);
        }
    }

    pub(super) fn stream_goes_on(&mut self) {
        if let Some(batch) = self.stream.held.take() {
            self.send_batch(batch);
        }
    }

    fn send_batch(&mut self, batch: Batch) {
        self.stream.next = Next::Feed(batch.to());
        self.stream.credits = self.stream.credits.saturating_sub(1);
        self.head = self.head.max(batch.head);
        self.send(batch);
    }

    pub(super) fn on_states(&mut self, answer: StatePage) {
        let Next::States { since, page, .. } = self.stream.next else {
            self.stream.answered();
            return;
        };
        if !self.stream.answered() {
            return;
        }
        let StatePage {
            states,
            last,
            total,
        } = answer;
        let pages = if states.is_empty() {
            vec![]
        } else {
            into_pages(states)
        };
        let page_next = page + count(&pages);
        self.stream.next = match last {
            Some(_) => Next::States {
                since,
                page: page_next,
                after: last,
                total,
            },
            None => Next::Grants {
                since,
                page: page_next,
                after: None,
                total,
            },
        };
        self.send_states(since, page, pages, total);
    }

    pub(super) fn on_grants(&mut self, answer: GrantPage) {
        let Next::Grants {
            since, page, total, ..
        } = self.stream.next
        else {
            self.stream.answered();
            return;
        };
        if !self.stream.answered() {
            return;
        }
        let GrantPage {
            grants,
            policies,
            last,
        } = answer;
        let is_empty = grants.is_empty() && policies.is_empty();
        let page_next = page + u64::from(!is_empty);
        self.stream.next = match last {
            Some(_) => Next::Grants {
                since,
                page: page_next,
                after: last,
                total,
            },
            None => Next::Changed {
                since,
                page: page_next,
                from: since,
                total,
            },
        };
        if !is_empty {
            self.send_page(Snapshot {
                grants,
                policies,
                ..empty(since, page, total)
            });
        }
    }

    fn send_states(&mut self, since: u64, page: u64, pages: Vec<Vec<RawState>>, total: u64) {
        for (page, states) in (page..).zip(pages) {
            self.send_page(Snapshot {
                states,
                ..empty(since, page, total)
            });
        }
    }

    pub(super) fn on_changed(&mut self, answer: ChangedPage) {
        let (
            Next::Changed {
                since, page, total, ..
            },
            Phase::Open(_),
        ) = (self.stream.next, &self.phase)
        else {
            self.stream.answered();
            return;
        };
        if !self.stream.answered() {
            return;
        }
        let ChangedPage {
            states,
            gone,
            grants,
            policies,
            through,
            complete,
            number,
            overtaken,
        } = answer;
        if overtaken {
            self.head = self.head.max(through);
            self.stream.next = Next::snapshot(self.head);
            return;
        }
        let end = complete.then_some(SnapshotEnd {
            cursor: Cursor {
                hub: self.identity.hub,
                epoch: self.identity.epoch,
                feed: through,
            },
            number,
        });
        let pages = into_pages(states);
        let page_last = page + count(&pages) - 1;
        self.stream.next = if complete {
            Next::Feed(through)
        } else {
            Next::Changed {
                since,
                page: page_last + 1,
                from: through,
                total,
            }
        };
        // What goes, goes before what is seen of it still.
        let (mut gone, mut shares) = (gone, Some((grants, policies)));
        for (place, states) in (page..).zip(pages) {
            let is_last = place == page_last;
            let (grants, policies) = shares.take_if(|_| is_last).unwrap_or_default();
            self.send_page(Snapshot {
                states,
                gone: std::mem::take(&mut gone),
                grants,
                policies,
                end: end.filter(|_| is_last),
                ..empty(since, place, total)
            });
        }
    }

    fn send_page(&mut self, page: Snapshot) {
        self.stream.credits = self.stream.credits.saturating_sub(1);
        self.send(page);
    }
}

fn empty(since: u64, page: u64, total: u64) -> Snapshot {
    Snapshot {
        since,
        page,
        states: vec![],
        gone: vec![],
        grants: vec![],
        policies: vec![],
        total,
        end: None,
    }
}

/// Divides states so that each part fits a frame; at least one part.
///
/// A page is about as long as asked for, but a single state, or what a single commit touched, may be
/// much longer. Every state in it (or part of one) is at most half a frame long.
pub(crate) fn into_pages(states: Vec<RawState>) -> Vec<Vec<RawState>> {
    let mut pages = vec![vec![]];
    let mut len = 0;
    for state in states {
        let state_len = state.as_str().len();
        if len > 0 && len + state_len > FRAME_LEN_MAX / 2 {
            pages.push(vec![]);
            len = 0;
        }
        len += state_len;
        if let Some(page) = pages.last_mut() {
            page.push(state);
        }
    }
    pages
}

fn count(pages: &[Vec<RawState>]) -> u64 {
    u64::try_from(pages.len()).unwrap_or(u64::MAX)
}
