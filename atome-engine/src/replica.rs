//! The replica state machine: what one account's store on one machine does next to be as the hub is.
//!
//! Steps 8, 14 and 16 of the way of a write. The shell feeds [`Input`]s and carries out [`Effect`]s;
//! the disk is an effect with an answer, so that nothing is acknowledged, and no cursor moves, before
//! it is durable. What to do next is computed from what is stored and what the connection has said
//! (`level-triggered`), never from an event that may have been consumed: any input may be repeated.
//!
//! Source: design 3.

mod link;
mod offer;
mod pull;
mod push;
mod status;
mod wait;

use std::collections::VecDeque;
use std::sync::Arc;

use atome_proto::code::{Code, Problem};
use atome_proto::commit::RawCommit;
use atome_proto::id::{AtomeId, Epoch, HubId, ReplicaId};
use atome_proto::local::v1::SetMode;
use atome_proto::receipt::Receipt;
use atome_proto::runtime::RuntimeDeclaration;
use atome_proto::state::RawState;
use atome_proto::sync::v1::{
    AskStates, Batch, CAPABILITY_DIRECTORY, CAPABILITY_ZSTD, ClientFrame, Cursor, Digest, HubFrame,
    Snapshot, SnapshotEnd, Standing, States, Verdict,
};

use crate::backoff::Backoff;
use crate::clock::Now;

pub use status::{Finding, Phase, Progress};
pub use wait::WAITS_MAX;

/// Where a replica's store stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Counts the durable transactions of this process: of two positions, the newer has the greater.
    pub revision: u64,
    /// The replica.
    pub replica: ReplicaId,
    /// The number of its last commit.
    pub number: u64,
    /// The number of its last commit that the hub has decided.
    pub acked: u64,
    /// Commits that the hub refused and that still wait for a person.
    pub refused: u64,
    /// The hub, and the life of its database, that `acked` and `cursor` belong to.
    pub hub: Option<(HubId, Epoch)>,
    /// The feed number up to which everything is applied; absent before the first.
    pub cursor: Option<Cursor>,
    /// The feed number up to which every eviction is carried out, and nothing of it is in the files any more;
    /// 0 where there was none.
    pub evicted: u64,
    /// Whether another hub, or life of its database, gave some of what is here, and what this one lacks of that is
    /// not known yet: a snapshot tells.
    pub owes: bool,
    /// Atomes of which there is more here than the hub has.
    pub offers: u64,
    /// Whether the store was restored from a backup, and takes a new replica id once all that is pending is
    /// decided.
    pub restored: bool,
    /// Counts what changed in the store, here or brought by sync: the cursor of watchers.
    pub change: u64,
}

impl Position {
    /// The feed number of the cursor; 0 before the first.
    #[must_use]
    pub fn feed(&self) -> u64 {
        self.cursor.map_or(0, |cursor| cursor.feed)
    }

    /// How many commits the hub has not decided yet.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.number.saturating_sub(self.acked)
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The store stands here now: a local write, or anything else that is durable.
    Stored(Position),
    /// A person changed when to sync.
    Schedule {
        /// The mode and its details.
        schedule: SetMode,
        /// Whether sync is paused by hand.
        paused: bool,
    },
    /// There is a token for the hub (or there is none: not registered, logged out, refused).
    Credentials(bool),
    /// A person, or a change of the network, asks for an attempt now.
    SyncNow,
    /// The connection that [`Effect::Connect`] asked for stands.
    Connected,
    /// The connection could not be made, or it ended; never from one that was given up before.
    Closed(Option<Problem>),
    /// The hub does not take the token.
    AuthRefused(Problem),
    /// The hub sent a message.
    Frame(HubFrame),
    /// The answer to [`Effect::ReadPending`].
    Pending {
        /// As asked.
        after: u64,
        /// The commits after it, in order and without a gap.
        commits: Vec<RawCommit>,
    },
    /// The answer to [`Effect::ReadOffers`].
    Offers {
        /// The first of the atomes that are to be offered; at least one, where there is one.
        atomes: Vec<AtomeId>,
        /// Their states, as the hub can have them; long ones in parts.
        states: Vec<RawState>,
    },
    /// The answer to any effect that writes: it is durable, and the store stands here now.
    Done(Position),
    /// The store could not carry out [`Effect::Store`]; nothing of it happened.
    StoreFailed(Problem),
    /// The store could not answer [`Effect::ReadPending`] or [`Effect::ReadOffers`].
    ReadFailed(Problem),
    /// Someone waits until the hub has decided all that is pending now, and all that the hub has now is
    /// applied here; or, with a receipt, until the hub has decided that commit and what may be seen of it is.
    Wait {
        /// To tell waits apart; not 0.
        token: u64,
        /// The number of the store's last commit, read from the store for this wait.
        number: u64,
        /// The one commit that it is about.
        receipt: Option<Receipt>,
    },
    /// Who waited under this token gave up.
    Unwait(u64),
    /// Someone asks for the hub's digest.
    AskDigest(u64),
    /// Someone asks for states of the hub; nothing is asked of one that cannot show them.
    AskStates(AskStates),
    /// Time has passed.
    Tick,
    /// The process is about to end.
    Stop,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Open a connection to the hub; answered by [`Input::Connected`], [`Input::Closed`] or
    /// [`Input::AuthRefused`].
    Connect,
    /// Close the connection, or give up opening it; nothing more comes from it.
    Disconnect,
    /// Send a message.
    Send(ClientFrame),
    /// Read commits that the hub has not decided; answered by [`Input::Pending`] or
    /// [`Input::ReadFailed`].
    ReadPending {
        /// The number before the first one.
        after: u64,
        /// At most so many.
        commits_max: usize,
        /// About so many bytes, but at least one commit.
        bytes_max: usize,
    },
    /// Read the first of the atomes that are to be offered, and their states; answered by [`Input::Offers`] or
    /// [`Input::ReadFailed`].
    ReadOffers {
        /// About so many bytes, but at least one atome.
        bytes_max: usize,
    },
    /// Write to the store; answered by [`Input::Done`] or [`Input::StoreFailed`]. There is at most one at a
    /// time.
    Store(StoreJob),
    /// Take note of the hub's time, for stamps to come; no answer.
    HubTime(u64),
    /// What [`Input::Wait`] waited for is true.
    Waited {
        /// As asked.
        token: u64,
        /// Where the store stood when it became true.
        position: Position,
        /// With a receipt, what became of the commit: accepted, refused, renumbered, or unknown to a hub that
        /// cannot tell.
        standing: Option<Standing>,
    },
    /// The hub's digest, as asked for.
    Digested(Digest),
    /// States of the hub, as asked for; `None` from a hub that cannot show them, and the token of who asked.
    Shown(u64, Option<States>),
}

/// A write to the store, one transaction each.
#[derive(Clone, Debug, PartialEq)]
pub enum StoreJob {
    /// The hub has decided all commits up to a number.
    Acknowledge {
        /// The number.
        number: u64,
        /// What was not plainly accepted.
        verdicts: Vec<Verdict>,
    },
    /// Feed entries; the cursor moves in the same transaction.
    Apply {
        /// The entries.
        batch: Arc<Batch>,
        /// Where the cursor goes.
        at: Cursor,
    },
    /// A page of a snapshot, out of sight.
    Stage(Arc<Snapshot>),
    /// The pages staged, and what they stand for: they take effect, and the cursor moves.
    Install(SnapshotEnd),
    /// The hub, or the life of its database, is another than before.
    AdoptHub {
        /// The hub.
        hub: HubId,
        /// The life of its database.
        epoch: Epoch,
        /// The highest number that it has decided for this replica.
        number: u64,
    },
    /// The hub has all that was offered of these atomes.
    Offered(Vec<AtomeId>),
    /// A copy of this replica is at work: pending commits from this number on move to a new replica.
    Fork {
        /// The first number that means something else at the hub.
        from: u64,
    },
}

impl StoreJob {
    /// Whether it brings what comes from the feed; such jobs keep their order.
    fn is_feed(&self) -> bool {
        matches!(self, Self::Apply { .. } | Self::Stage(_) | Self::Install(_))
    }
}

/// One account's store on one machine, towards its hub.
#[derive(Debug)]
pub struct Replica {
    declaration: RuntimeDeclaration,
    /// What it says that it can do, in hello.
    capabilities: Vec<String>,
    position: Position,
    schedule: SetMode,
    paused: bool,
    credentials: bool,
    stopping: bool,
    link: link::Link,
    push: push::Push,
    pull: pull::Pull,
    offering: offer::Offering,
    waits: wait::Waits,
    /// Writes to the store that are due, the first one on its way where `storing`.
    jobs: VecDeque<StoreJob>,
    storing: bool,
    effects: VecDeque<Effect>,
    status: status::Status,
}

impl Replica {
    /// A replica whose store stands at `position`; `seed` is for the jitter of its back-off.
    #[must_use]
    pub fn new(declaration: &RuntimeDeclaration, position: Position, seed: u64) -> Self {
        Self {
            declaration: declaration.for_hub(),
            capabilities: vec![CAPABILITY_ZSTD.to_owned()],
            position,
            schedule: SetMode::default(),
            paused: false,
            credentials: false,
            stopping: false,
            link: link::Link::new(Backoff::new(seed)),
            push: push::Push::default(),
            pull: pull::Pull::default(),
            offering: offer::Offering::default(),
            waits: wait::Waits::default(),
            jobs: VecDeque::new(),
            storing: false,
            effects: VecDeque::new(),
            status: status::Status::default(),
        }
    }

    /// The same, whose machine wants to hear of changes of the directory.
    #[must_use]
    pub fn hearing_directory(mut self) -> Self {
        self.capabilities.push(CAPABILITY_DIRECTORY.to_owned());
        self
    }

    /// Takes an input; effects may follow.
    pub fn handle(&mut self, input: Input, now: Now) {
        match input {
            Input::Stored(position) => self.adopt(position),
            Input::Schedule { schedule, paused } => self.on_schedule(schedule, paused, now),
            Input::Credentials(there) => self.on_credentials(there, now),
            Input::SyncNow => self.on_sync_now(now),
            Input::Connected => self.on_connected(now),
            Input::Closed(problem) => self.on_closed(problem, now),
            Input::AuthRefused(problem) => self.on_auth_refused(problem, now),
            Input::Frame(frame) => self.on_frame(frame, now),
            Input::Pending { after, commits } => self.on_pending(after, commits),
            Input::Offers { atomes, states } => self.on_offers(atomes, states),
            Input::Done(position) => self.on_done(position, now),
            Input::StoreFailed(problem) => self.on_store_failed(problem, now),
            Input::ReadFailed(problem) => self.hang_up(Some(problem), None, now),
            Input::Wait {
                token,
                number,
                receipt,
            } => self.on_wait(token, number, receipt, now),
            Input::Unwait(token) => self.waits.forget(token),
            Input::AskDigest(ask) => self.on_ask_digest(ask),
            Input::AskStates(ask) => self.on_ask_states(ask),
            Input::Tick => {}
            Input::Stop => self.on_stop(),
        }
        self.plan(now);
    }

    /// The next thing to be done, if there is one.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When [`Input::Tick`] is due, by the forward-only clock, if it is.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        let link = self.link.due_ms(self.may_connect());
        let waits = self.waits.due_ms().filter(|_| self.link.is_welcome());
        link.into_iter().chain(waits).min()
    }

    /// The write to the store that comes after the one on its way, if what is known now stays so: what it brings
    /// can be read meanwhile.
    #[must_use]
    pub fn next_job(&self) -> Option<&StoreJob> {
        self.jobs.get(1).filter(|_| self.storing)
    }

    /// Where the store stands, as far as this machine knows.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// Computes what is due from what is known: the heart of `level-triggered`.
    fn plan(&mut self, now: Now) {
        self.plan_link(now);
        self.plan_pull(now);
        self.plan_offers();
        self.plan_jobs();
        self.plan_push();
        self.plan_evicted();
        self.plan_waits(now);
        self.note_if_synced(now);
        self.leave_if_done(now);
    }

    fn adopt(&mut self, position: Position) {
        if position.revision >= self.position.revision {
            self.position = position;
        }
    }

    /// Starts the next write, where none is on its way.
    ///
    /// A batch that mentions a commit of this replica waits until that commit is acknowledged: should
    /// the number mean something else at the hub (a fork), its body must still be asked for.
    fn plan_jobs(&mut self) {
        if self.storing {
            return;
        }
        let acked = self.position.acked;
        let is_early = |job: &StoreJob| matches!(job, StoreJob::Apply { batch, .. } if batch.last_mine() > acked);
        if self.jobs.front().is_some_and(is_early) {
            let Some(place) = self.jobs.iter().position(|job| !job.is_feed()) else {
                return;
            };
            if let Some(job) = self.jobs.remove(place) {
                self.jobs.push_front(job);
            }
        }
        if let Some(job) = self.jobs.front() {
            self.storing = true;
            self.effects.push_back(Effect::Store(job.clone()));
        }
    }

    fn on_done(&mut self, position: Position, now: Now) {
        self.adopt(position);
        let job = self.jobs.pop_front();
        self.storing = false;
        match job {
            Some(StoreJob::Acknowledge { number, .. }) => self.push.acknowledged(number),
            Some(StoreJob::Apply { .. }) => self.on_applied(position.cursor),
            Some(StoreJob::Stage(page)) => self.on_staged(&page),
            Some(StoreJob::Install(_)) => self.on_installed(),
            Some(StoreJob::AdoptHub { .. }) => self.on_adopted(),
            Some(StoreJob::Offered(_)) => self.offering.restart(),
            Some(StoreJob::Fork { .. }) => self.on_forked(now),
            None => {}
        }
    }

    /// The store refuses: everything that it did not take comes again after a while.
    fn on_store_failed(&mut self, problem: Problem, now: Now) {
        // What cannot be read is the hub's matter; anything else is the disk's.
        if problem.code == Code::BadData && self.jobs.front().is_some_and(StoreJob::is_feed) {
            self.brought_nothing();
        }
        self.storing = false;
        self.jobs.clear();
        self.hang_up(Some(problem), None, now);
    }

    fn on_frame(&mut self, frame: HubFrame, now: Now) {
        self.link.heard(now);
        if !self.link.is_welcome()
            && !matches!(
                frame,
                HubFrame::Welcome(_) | HubFrame::Error(_) | HubFrame::Bye(_)
            )
        {
            return;
        }
        match frame {
            HubFrame::Welcome(welcome) => self.on_welcome(&welcome, now),
            HubFrame::Ack(ack) => self.on_ack(ack),
            HubFrame::Batch(batch) => self.on_batch(batch),
            HubFrame::Snapshot(page) => self.on_snapshot(page),
            HubFrame::Offered(offered) => self.on_offered(&offered),
            HubFrame::Digest(digest) => self.effects.push_back(Effect::Digested(digest)),
            HubFrame::Receipt(told) => self.on_receipt(&told, now),
            HubFrame::States(states) => {
                let shown = Effect::Shown(states.ask, Some(states));
                self.effects.push_back(shown);
            }
            HubFrame::Pong(pong) => self.on_pong(&pong),
            // The directory is the machine's, not the replica's.
            HubFrame::AccountCreated(_) | HubFrame::AccountDeleted(_) => {}
            HubFrame::Error(error) => self.on_error(&error, now),
            HubFrame::Bye(bye) => self.on_bye(bye, now),
        }
    }

    fn on_ask_digest(&mut self, ask: u64) {
        if self.link.is_welcome() {
            self.send(atome_proto::sync::v1::AskDigest { ask });
        }
    }

    fn on_ask_states(&mut self, ask: AskStates) {
        if self.link.is_welcome() && self.link.shows_states {
            self.send(ask);
        } else if self.link.is_welcome() {
            self.effects.push_back(Effect::Shown(ask.ask, None));
        }
    }

    fn send(&mut self, frame: impl Into<ClientFrame>) {
        self.effects.push_back(Effect::Send(frame.into()));
    }
}

#[cfg(test)]
mod tests;
