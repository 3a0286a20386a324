//! Pulling: the feed, or a snapshot where the feed does not reach back, a window of frames at a time.

use std::sync::Arc;

use atome_proto::code::{Code, Problem};
use atome_proto::limit::WINDOW_FRAMES;
use atome_proto::sync::v1::{Applied, Batch, Cursor, Evicted, Pull as PullFrame, Snapshot};

use crate::clock::Now;
use crate::replica::{Replica, StoreJob};

/// How often the feed may be asked for again at the same cursor before that is a fault (`progress`).
const ASKED_MAX: u32 = 3;
/// Frames that may wait for the store; a hub that sends more than the window allows loses the rest,
/// and is asked again (`bounded`).
const JOBS_MAX: usize = 4 * WINDOW_FRAMES as usize;

/// Whether the feed must be asked for again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Again {
    /// No.
    #[default]
    No,
    /// Yes, as soon as the store is quiet.
    Due,
    /// It was: what does not fit comes from before that, and is passed over, unless it is what did not fit then.
    Asked,
}

/// The snapshot whose pages are coming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pages {
    since: u64,
    next: u64,
}

/// The place of a frame in what was asked for, to know the frame when it comes again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A batch that begins with this feed number.
    Batch(u64),
    /// A page of a snapshot.
    Page(Pages),
}

#[derive(Debug, Default)]
pub(super) struct Pull {
    /// The last feed number received on this connection, in order.
    received: u64,
    snapshot: Option<Pages>,
    /// Whether a snapshot has come whole since the feed was asked for.
    whole: bool,
    /// The head at which the last snapshot began, of those that came since the feed was asked for.
    began: Option<u64>,
    again: Again,
    /// What did not fit, the last time that something did not.
    misfit: Option<Place>,
    /// How often an answer brought nothing, on this connection or before, while the cursor stood at this one.
    fruitless: u32,
    cursor: Option<Cursor>,
    /// The last eviction that the hub was told of on this connection.
    evicted: u64,
}

impl Pull {
    pub(super) fn disconnected(&mut self) {
        self.snapshot = None;
        self.again = Again::No;
        self.misfit = None;
        self.evicted = 0;
    }

    pub(super) fn is_behind(&self, head: u64) -> bool {
        self.snapshot.is_some() || self.received < head
    }

    /// Something is missing: the feed is to be asked for again.
    pub(super) fn ask_again(&mut self) {
        self.again = Again::Due;
    }

    /// A frame does not follow what was received before. Of those that were on their way when the feed was asked
    /// for again each has a later place than the one before; the same place is the answer, and the same one.
    fn misplaced(&mut self, frame: Place) {
        let is_same = self.misfit == Some(frame);
        if self.again == Again::No || (self.again == Again::Asked && is_same) {
            self.again = Again::Due;
            self.misfit = Some(frame);
        }
    }
}

impl Replica {
    /// Asks for everything after the cursor.
    pub(super) fn ask_feed(&mut self) {
        self.pull.received = self.position.feed();
        self.pull.snapshot = None;
        self.pull.whole = false;
        self.pull.began = None;
        self.send(PullFrame {
            cursor: self.position.cursor,
            window: WINDOW_FRAMES,
        });
    }

    /// Asks again, where that is due; after too many times without progress, backs off.
    pub(super) fn plan_pull(&mut self, now: Now) {
        if self.pull.cursor != self.position.cursor {
            self.pull.cursor = self.position.cursor;
            self.pull.fruitless = 0;
            self.status.stuck(false);
        }
        if self.pull.again != Again::Due || self.storing || !self.link.is_welcome() {
            return;
        }
        if self.brought_nothing() {
            let feed = self.position.feed();
            let message = format!("the hub gives no progress after feed number {feed}");
            return self.hang_up(Some(Problem::new(Code::Internal, message)), None, now);
        }
        self.jobs.retain(|job| !job.is_feed());
        self.pull.again = Again::Asked;
        self.ask_feed();
    }

    /// Notes that the hub's answer brought nothing; whether it has done so too often.
    pub(super) fn brought_nothing(&mut self) -> bool {
        self.pull.fruitless += 1;
        let too_often = self.pull.fruitless > ASKED_MAX;
        if too_often {
            self.pull.fruitless = 0;
            self.status.stuck(true);
        }
        too_often
    }

    /// Tells the hub which evictions are carried out: once on each connection, and when there are more.
    pub(super) fn plan_evicted(&mut self) {
        let feed = self.position.evicted;
        if self.link.is_welcome() && self.is_of_hub() && feed > self.pull.evicted {
            self.pull.evicted = feed;
            self.send(Evicted { feed });
        }
    }

    pub(super) fn on_batch(&mut self, batch: Batch) {
        self.status.head(batch.head);
        let Some((hub, epoch)) = self.position.hub.filter(|_| !batch.entries.is_empty()) else {
            return;
        };
        // Without a cursor a hub begins with a snapshot; before it took offers only where it had something to show.
        let is_early = self.position.cursor.is_none() && self.link.takes_offers && !self.pull.whole;
        let follows = batch.from == self.pull.received + 1;
        let fits = follows && self.pull.snapshot.is_none() && !is_early;
        if !fits || self.jobs.len() >= JOBS_MAX {
            return self.pull.misplaced(Place::Batch(batch.from));
        }
        if batch.last_mine() > self.number_max() {
            return self.link.fork_seen();
        }
        self.pull.again = Again::No;
        self.pull.received = batch.to();
        let at = Cursor {
            hub,
            epoch,
            feed: batch.to(),
        };
        let batch = Arc::new(batch);
        self.jobs.push_back(StoreJob::Apply { batch, at });
    }

    pub(super) fn on_applied(&mut self, cursor: Option<Cursor>) {
        if self.link.is_welcome() {
            self.send(Applied { cursor });
        }
    }

    pub(super) fn on_snapshot(&mut self, page: Snapshot) {
        let place = Pages {
            since: page.since,
            next: page.page,
        };
        // One that begins anew is of a later head.
        if page.page == 0 && self.pull.began != Some(page.since) {
            self.pull.began = Some(page.since);
            self.pull.snapshot = Some(place);
            self.pull.again = Again::No;
            self.status.snapshot_begins(page.total);
        }
        if self.pull.snapshot != Some(place) || self.jobs.len() >= JOBS_MAX {
            return self.pull.misplaced(Place::Page(place));
        }
        self.pull.snapshot = Some(Pages {
            next: place.next + 1,
            ..place
        });
        let end = page.end;
        self.jobs.push_back(StoreJob::Stage(Arc::new(page)));
        if let Some(end) = end {
            self.pull.snapshot = None;
            self.pull.whole = true;
            self.pull.received = end.cursor.feed;
            self.jobs.push_back(StoreJob::Install(end));
        }
    }

    pub(super) fn on_staged(&mut self, page: &Snapshot) {
        self.status.snapshot_grows(page.states.len());
        if self.link.is_welcome() {
            self.send(Applied { cursor: None });
        }
    }

    pub(super) fn on_installed(&mut self) {
        self.status.snapshot_ends();
    }
}
