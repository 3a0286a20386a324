//! The hub-session state machine: what a hub does on one connection that a client opened.
//!
//! Steps 11 and 13 of the way of a write. It begins once the shell knows whose connection it is. The
//! store is an effect with an answer: an acknowledgement goes out only after the answer that the
//! commits are durable. At most one admission and one read are on their way at a time; a slow reader
//! costs its window and no more (`bounded`).
//!
//! Source: design 3.

mod greet;
mod listing;
mod push;
pub(crate) mod stream;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

use atome_proto::code::{Code, Problem};
use atome_proto::digest::Buckets;
use atome_proto::directory::DirectoryChange;
use atome_proto::id::{AtomeId, Epoch, GrantId, HubId, ReplicaId};
use atome_proto::limit::WINDOW_FRAMES;
use atome_proto::sharing::{Grant, Policy};
use atome_proto::state::RawState;
use atome_proto::sync::v1::{
    AskReceipt, AskStates, Batch, Bye, ClientFrame, Digest, Error, HubFrame, Offer, Offered, Pong,
    Push, Receipt, States, Verdict,
};

use crate::clock::Now;

/// A client that says nothing for so long (two of its heartbeats and some) is gone.
const SILENT_MS: u64 = 75_000;
/// A client must say hello within so long.
const HELLO_MS: u64 = 10_000;
/// Questions that a client may ask at once: more than a machine's waits and verifications together.
const QUESTIONS_MAX: usize = 2 * crate::replica::WAITS_MAX;

/// Where an account's feed and one of its replicas stand, durably.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedPosition {
    /// The last feed number.
    pub head: u64,
    /// The oldest feed number still kept; 1 for a feed that keeps all, and the one after the head for a feed
    /// that keeps none.
    pub oldest: u64,
    /// The highest number decided for the replica.
    pub number: u64,
    /// The number of the last change of the public directory.
    pub directory: u64,
    /// The life of the database, as the account knows it.
    pub epoch: Epoch,
}

/// What a client says that it has of a life of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Which life.
    pub epoch: Epoch,
    /// The feed number that it has applied; 0 where it has none.
    pub feed: u64,
    /// The last commit of its replica that it knows to be decided.
    pub acked: u64,
}

impl Claim {
    /// Whether it is more than there is: then the database went back, within the life that is claimed.
    #[must_use]
    pub fn exceeds(&self, position: &FeedPosition) -> bool {
        let exceeds = self.feed > position.head || self.acked > position.number;
        self.epoch == position.epoch && exceeds
    }
}

/// What became of pushed commits; all of it is durable.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Admitted {
    /// The highest number that is decided, of those that were pushed.
    pub number: u64,
    /// One for each of the commits that was not plainly accepted, those decided before included.
    pub verdicts: Vec<Verdict>,
    /// The last feed number.
    pub head: u64,
    /// The first number under which the hub has another content; nothing from there on was taken.
    pub fork: Option<u64>,
    /// The number that the hub waits for, where the first commit comes after it.
    pub gap: Option<u64>,
}

/// A page of the grants that an account has to do with, in the order of their ids.
#[derive(Clone, Debug, PartialEq)]
pub struct GrantPage {
    /// The grants, as the account is told of them.
    pub grants: Vec<Grant>,
    /// What it does with other accounts' requests: all, on the last page.
    pub policies: Vec<Policy>,
    /// The last id of the page; `None` where there are no more.
    pub last: Option<GrantId>,
}

/// A page of states in the order of their ids.
#[derive(Clone, Debug, PartialEq)]
pub struct StatePage {
    /// The states.
    pub states: Vec<RawState>,
    /// The last id of the page; `None` where there are no more.
    pub last: Option<AtomeId>,
    /// How many atomes the account has in all.
    pub total: u64,
}

/// The present states of atomes that changed after a feed number, read in one transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangedPage {
    /// The states.
    pub states: Vec<RawState>,
    /// Atomes that are not to be seen any more.
    pub gone: Vec<AtomeId>,
    /// Grants that changed.
    pub grants: Vec<Grant>,
    /// Policies that changed.
    pub policies: Vec<Policy>,
    /// The feed number up to which these are all that changed.
    pub through: u64,
    /// Whether that is the head, so that a snapshot ends here.
    pub complete: bool,
    /// The highest number of the reader's replica that is in them.
    pub number: u64,
    /// Whether the feed reaches back so far no more: nothing is told but, in `through`, the head, and the
    /// snapshot must begin anew.
    pub overtaken: bool,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The client sent a message.
    Frame(ClientFrame),
    /// The client sent something that is no message.
    Unreadable(Problem),
    /// The answer to [`Effect::Position`] and to [`Effect::Heed`].
    Position(FeedPosition),
    /// The answer to [`Effect::Admit`].
    Admitted(Admitted),
    /// The answer to [`Effect::ReadFeed`]; without entries where there is nothing new, and where the feed
    /// reaches back so far no more: it then begins at the oldest number kept.
    Feed(Batch),
    /// The answer to [`Effect::ReadStates`].
    States(StatePage),
    /// The answer to [`Effect::ReadGrants`].
    Grants(GrantPage),
    /// The answer to [`Effect::ReadChanged`].
    Changed(ChangedPage),
    /// The answer to [`Effect::ReadDigest`].
    Digest {
        /// The feed number whose state it is.
        feed: u64,
        /// The digest.
        buckets: Buckets,
    },
    /// The answer to [`Effect::ReadReceipt`].
    Receipt(Receipt),
    /// The answer to [`Effect::ReadBuckets`].
    Buckets(States),
    /// The answer to [`Effect::Offer`]; all of it is durable.
    Offered(Offered),
    /// The store could not answer an effect.
    StoreFailed(Problem),
    /// The head of the account's feed is (at least) this now.
    Head(u64),
    /// The last changes of the public directory, in order, those told before included.
    Directory(Arc<[DirectoryChange]>),
    /// The session behind the connection is over, or the hub stops.
    End {
        /// Why.
        problem: Problem,
    },
    /// Time has passed.
    Tick,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Send a message.
    Send(HubFrame),
    /// Look up where the account and the replica stand, durably, now.
    Position {
        /// The replica.
        replica: ReplicaId,
    },
    /// Heed what a client claims beyond what there is: durably, its account begins another life of the
    /// database, unless it has done so by now.
    Heed {
        /// The replica.
        replica: ReplicaId,
        /// What its client claims.
        claim: Claim,
    },
    /// Decide on commits of the replica, in one transaction.
    Admit {
        /// The replica.
        replica: ReplicaId,
        /// The commits.
        push: Arc<Push>,
    },
    /// Read the feed.
    ReadFeed {
        /// The replica, whose own commits need no body.
        replica: ReplicaId,
        /// The feed number before the first one.
        after: u64,
    },
    /// Read a page of states.
    ReadStates {
        /// The last id of the page before.
        after: Option<AtomeId>,
    },
    /// Read a page of grants.
    ReadGrants {
        /// The last id of the page before.
        after: Option<GrantId>,
    },
    /// Read the states that changed.
    ReadChanged {
        /// The replica.
        replica: ReplicaId,
        /// After this feed number.
        since: u64,
    },
    /// Read the account's digest.
    ReadDigest,
    /// Look up what became of a commit, and then the head of the account's feed.
    ReadReceipt(AskReceipt),
    /// Read a page of the states of some buckets, and the feed number that they are of, at one moment.
    ReadBuckets(AskStates),
    /// Join states to what the account has, in one transaction.
    Offer(Offer),
    /// Take note that a replica has carried out every eviction up to a feed number; no answer.
    Evicted {
        /// The replica.
        replica: ReplicaId,
        /// The feed number.
        feed: u64,
    },
    /// End the connection, once everything is sent.
    Close,
}

/// What a hub says of itself in every welcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The hub.
    pub hub: HubId,
    /// The life of its database.
    pub epoch: Epoch,
}

/// One connection.
#[derive(Debug)]
pub struct Session {
    identity: Identity,
    client_id: String,
    phase: Phase,
    /// What hello says that the client has, until it was compared with what there is.
    claim: Option<Claim>,
    began_ms: u64,
    heard_ms: u64,
    /// The highest number decided for the replica.
    number: u64,
    /// The head of the account's feed, as far as is known here.
    head: u64,
    /// The last number pushed on this connection, or known to the client before it.
    pushed: u64,
    /// Whether a push did not agree with what is here: the client must come back under another id.
    forked: bool,
    /// Pushes that wait for the one on its way.
    pushes: VecDeque<Arc<Push>>,
    /// The first and the last number of the push on its way.
    admitting: Option<(u64, u64)>,
    /// Timestamps of pings that wait for the position, the first one on its way.
    pings: VecDeque<u64>,
    /// Digests asked for, the first one on its way.
    asks: VecDeque<u64>,
    /// Receipts, and pages of states, asked for and not answered.
    questions: usize,
    /// Offers that are not answered: as many as pushes may be, for they are as long.
    offers: u32,
    stream: stream::Stream,
    listing: listing::Listing,
    /// When the session behind the connection ends unless it is used, where it does.
    expires_at_ms: Option<u64>,
    effects: VecDeque<Effect>,
}

#[derive(Clone, Debug, PartialEq)]
enum Phase {
    /// Nothing was said.
    Silent,
    /// Hello was said; the store looks up where things stand.
    Greeting(ReplicaId),
    /// Welcome was said.
    Open(ReplicaId),
    /// It is over.
    Closed,
}

impl Session {
    /// A connection that began `now`; `client_id` names it in logs. What the store answers may say that the
    /// account knows another life of the database than `identity` does.
    #[must_use]
    pub fn new(identity: Identity, client_id: String, now: Now) -> Self {
        Self {
            identity,
            client_id,
            phase: Phase::Silent,
            claim: None,
            began_ms: now.mono_ms,
            heard_ms: now.mono_ms,
            number: 0,
            head: 0,
            pushed: 0,
            forked: false,
            pushes: VecDeque::new(),
            admitting: None,
            pings: VecDeque::new(),
            asks: VecDeque::new(),
            questions: 0,
            offers: 0,
            stream: stream::Stream::default(),
            listing: listing::Listing::default(),
            expires_at_ms: None,
            effects: VecDeque::new(),
        }
    }

    /// The same, with the end of the session behind it, to be told to the client.
    #[must_use]
    pub fn until(mut self, expires_at_ms: u64) -> Self {
        self.expires_at_ms = Some(expires_at_ms);
        self
    }

    /// Takes an input; effects may follow.
    pub fn handle(&mut self, input: Input, now: Now) {
        if self.phase == Phase::Closed {
            return;
        }
        match input {
            Input::Frame(frame) => {
                self.heard_ms = now.mono_ms;
                self.on_frame(frame);
            }
            Input::Unreadable(problem) | Input::StoreFailed(problem) => self.fail(&problem),
            Input::Position(position) => self.on_position(position, now),
            Input::Admitted(admitted) => self.on_admitted(admitted),
            Input::Feed(batch) => self.on_feed(batch),
            Input::States(page) => self.on_states(page),
            Input::Grants(page) => self.on_grants(page),
            Input::Changed(page) => self.on_changed(page),
            Input::Digest { feed, buckets } => self.on_digest(feed, buckets),
            Input::Receipt(receipt) => self.answer(receipt),
            Input::Buckets(states) => self.answer(states),
            Input::Offered(offered) => {
                self.offers = self.offers.saturating_sub(1);
                self.send(offered);
            }
            Input::Head(head) => self.head = self.head.max(head),
            Input::Directory(changes) => self.on_directory(changes),
            Input::End { problem } => self.end(problem),
            Input::Tick => {}
        }
        self.plan(now);
    }

    /// The push that is decided after the one on its way, if what is known now stays so: it can be read meanwhile.
    #[must_use]
    pub fn next_push(&self) -> Option<(ReplicaId, &Arc<Push>)> {
        match self.phase {
            Phase::Open(replica) => self.pushes.front().map(|push| (replica, push)),
            Phase::Silent | Phase::Greeting(_) | Phase::Closed => None,
        }
    }

    /// The next thing to be done, if there is one.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// When [`Input::Tick`] is due, by the forward-only clock, if it is.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<u64> {
        match self.phase {
            Phase::Silent => Some(self.began_ms + HELLO_MS),
            Phase::Greeting(_) | Phase::Open(_) => Some(self.heard_ms + SILENT_MS),
            Phase::Closed => None,
        }
    }

    /// Whether nothing more will come.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    fn plan(&mut self, now: Now) {
        if self.poll_timeout().is_some_and(|due| due <= now.mono_ms) {
            return self.end(Problem::new(Code::TimedOut, "the client has fallen silent"));
        }
        let Phase::Open(replica) = self.phase else {
            return;
        };
        if self.admitting.is_none()
            && let Some(push) = self.pushes.pop_front()
        {
            let count = u64::try_from(push.commits.len()).unwrap_or(u64::MAX);
            let last = push.first.saturating_add(count).saturating_sub(1);
            self.admitting = Some((push.first, last));
            self.effects.push_back(Effect::Admit { replica, push });
        }
        self.plan_stream(replica);
    }

    fn on_frame(&mut self, frame: ClientFrame) {
        match (frame, &self.phase) {
            (ClientFrame::Hello(hello), Phase::Silent) => self.on_hello(&hello),
            (ClientFrame::Auth(_), Phase::Silent) => {}
            (ClientFrame::Push(push), Phase::Open(_)) => self.on_push(push),
            (ClientFrame::Pull(pull), Phase::Open(_)) => self.on_pull(&pull),
            (ClientFrame::Applied(_), Phase::Open(_)) => self.stream.opens(),
            (ClientFrame::Evicted(evicted), Phase::Open(replica)) => {
                let (replica, feed) = (*replica, evicted.feed);
                self.effects.push_back(Effect::Evicted { replica, feed });
            }
            (ClientFrame::AskDigest(ask), Phase::Open(_)) => {
                self.asks.push_back(ask.ask);
                match self.asks.len() {
                    1 => self.effects.push_back(Effect::ReadDigest),
                    2..=16 => {}
                    _ => self.fail(&Problem::new(
                        Code::Busy,
                        "too many digests asked for at once",
                    )),
                }
            }
            (ClientFrame::AskReceipt(ask), Phase::Open(_)) => self.ask(Effect::ReadReceipt(ask)),
            (ClientFrame::AskStates(ask), Phase::Open(_)) => self.ask(Effect::ReadBuckets(ask)),
            (ClientFrame::Offer(offer), Phase::Open(_)) => {
                self.offers += 1;
                if self.offers > WINDOW_FRAMES {
                    return self.fail(&Problem::new(Code::Busy, "too much offered at once"));
                }
                self.effects.push_back(Effect::Offer(offer));
            }
            (ClientFrame::Ping(ping), Phase::Open(replica)) => {
                let replica = *replica;
                self.pings.push_back(ping.timestamp);
                match self.pings.len() {
                    1 => self.effects.push_back(Effect::Position { replica }),
                    2..=512 => {}
                    _ => self.fail(&Problem::new(Code::Busy, "too many pings at once")),
                }
            }
            (_, Phase::Greeting(_) | Phase::Open(_) | Phase::Silent | Phase::Closed) => {
                self.fail(&Problem::new(
                    Code::BadRequest,
                    "this message is not expected now",
                ));
            }
        }
    }

    /// A question whose answer carries what it answers.
    fn ask(&mut self, effect: Effect) {
        self.questions += 1;
        if self.questions > QUESTIONS_MAX {
            return self.fail(&Problem::new(Code::Busy, "too much asked for at once"));
        }
        self.effects.push_back(effect);
    }

    fn answer(&mut self, frame: impl Into<HubFrame>) {
        self.questions = self.questions.saturating_sub(1);
        self.send(frame);
    }

    fn on_digest(&mut self, feed: u64, buckets: Buckets) {
        if let Some(ask) = self.asks.pop_front() {
            self.send(Digest { ask, feed, buckets });
        }
        if !self.asks.is_empty() {
            self.effects.push_back(Effect::ReadDigest);
        }
    }

    fn pong(&mut self, timestamp: u64, position: FeedPosition, now: Now) {
        self.send(Pong {
            timestamp,
            hub_time: now.wall_ms,
            head: position.head,
            number: position.number,
        });
    }

    fn send(&mut self, frame: impl Into<HubFrame>) {
        self.effects.push_back(Effect::Send(frame.into()));
    }

    /// Says what is wrong; the connection stays.
    fn refuse(&mut self, code: Code, message: String, number: Option<u64>) {
        let details = number
            .map(|number| ("number".to_owned(), number))
            .into_iter()
            .collect();
        self.send(Error {
            code,
            message,
            retry: false,
            details,
        });
    }

    /// Says what is wrong, and ends the connection.
    fn fail(&mut self, problem: &Problem) {
        let retry = problem.retry_after_ms.is_some();
        let Problem { code, detail, .. } = problem.clone();
        self.send(Error {
            code,
            message: detail,
            retry,
            details: [].into(),
        });
        self.close();
    }

    fn end(&mut self, problem: Problem) {
        let Problem {
            code,
            detail,
            retry_after_ms,
            ..
        } = problem;
        self.send(Bye {
            code,
            message: detail,
            retry_after_ms,
        });
        self.close();
    }

    fn close(&mut self) {
        self.phase = Phase::Closed;
        self.pushes.clear();
        self.effects.push_back(Effect::Close);
    }
}
