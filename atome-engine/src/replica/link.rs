//! The connection: when to open it, when to believe it dead, when to leave it.

use atome_proto::code::{Code, Problem};
use atome_proto::local::v1::{Mode, SetMode};
use atome_proto::sync::v1::{
    Bye, CAPABILITY_OFFERS, CAPABILITY_RECEIPTS, CAPABILITY_STATES, Cursor, Error, Hello, Ping,
    Pong, VERSION, Welcome,
};

use crate::backoff::{Backoff, STABLE_MS};
use crate::clock::Now;
use crate::replica::{Effect, Replica, StoreJob};

/// A connection that is silent for so long is asked for a sign of life.
const HEARTBEAT_MS: u64 = 30_000;
/// A connection that gives none for so long (two heartbeats) is dead.
const DEAD_MS: u64 = 2 * HEARTBEAT_MS;
/// What speaks another protocol is asked again after so long.
const SKEW_RETRY_MS: u64 = 600_000;
/// A token that the hub does not take is shown again after so long: seldom enough to be no load, soon
/// enough for a machine that nobody watches.
const AUTH_RETRY_MS: u64 = 3_600_000;
/// Minutes from one connection to the next in mode `interval`, unless set.
const EVERY_MIN: u32 = 15;
const MINUTE_MS: u64 = 60_000;
const DAY_MIN: u64 = 24 * 60;

/// The state of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// There is none, and none before this time (by the forward-only clock); `None`: not until asked.
    Closed(Option<u64>),
    /// It is being opened.
    Opening,
    /// It stands; a hello waits for the store to be quiet, or for its answer.
    Greeting { said: bool },
    /// The hub has welcomed this replica.
    Open,
    /// The hub does not take the token; it is asked again at this time, should nobody log in before: an
    /// account that an operator has opened again needs nobody at its machines.
    AuthRequired(u64),
}

#[derive(Debug)]
pub(super) struct Link {
    state: State,
    backoff: Backoff,
    /// A person asked for one connection, whatever the mode says.
    asked: bool,
    /// When the connection was opened, something was heard, and a ping was sent.
    opened_ms: u64,
    heard_ms: u64,
    pinged_ms: u64,
    /// The hub has decided more numbers of this replica than it has made.
    forked: bool,
    /// Whether the hub says what became of a commit.
    pub(super) tells_receipts: bool,
    /// Whether the hub shows the states of single buckets.
    pub(super) shows_states: bool,
    /// Whether the hub takes what it lacks.
    pub(super) takes_offers: bool,
    /// What stood at the last heartbeat, to see a stall: (acked, cursor, offers).
    at_pong: Option<(u64, u64, u64)>,
}

impl Link {
    pub(super) fn new(backoff: Backoff) -> Self {
        Self {
            state: State::Closed(Some(0)),
            backoff,
            asked: false,
            opened_ms: 0,
            heard_ms: 0,
            pinged_ms: 0,
            forked: false,
            tells_receipts: false,
            shows_states: false,
            takes_offers: false,
            at_pong: None,
        }
    }

    pub(super) fn is_welcome(&self) -> bool {
        self.state == State::Open
    }

    pub(super) fn is_connected(&self) -> bool {
        matches!(self.state, State::Greeting { .. } | State::Open)
    }

    pub(super) fn is_auth_required(&self) -> bool {
        matches!(self.state, State::AuthRequired(_))
    }

    pub(super) fn is_forked(&self) -> bool {
        self.forked
    }

    /// The hub knows of commits under this replica's id that it never made.
    pub(super) fn fork_seen(&mut self) {
        self.forked = true;
    }

    pub(super) fn heard(&mut self, now: Now) {
        self.heard_ms = now.mono_ms;
    }

    /// When the next attempt is due, where one is.
    pub(super) fn next_attempt_ms(&self) -> Option<u64> {
        match self.state {
            State::Closed(at) => at,
            State::AuthRequired(at) => Some(at),
            State::Opening | State::Greeting { .. } | State::Open => None,
        }
    }

    pub(super) fn due_ms(&self, may_connect: bool) -> Option<u64> {
        match self.state {
            State::Closed(at) => at.filter(|_| may_connect),
            State::Opening | State::Greeting { .. } => Some(self.opened_ms + DEAD_MS),
            State::Open => Some(
                (self.heard_ms.max(self.pinged_ms) + HEARTBEAT_MS).min(self.heard_ms + DEAD_MS),
            ),
            State::AuthRequired(at) => Some(at).filter(|_| may_connect),
        }
    }
}

impl Replica {
    /// Whether the schedule allows a connection that nobody asked for.
    pub(super) fn may_connect(&self) -> bool {
        let by_mode = match self.schedule.mode {
            Mode::Live | Mode::Interval => true,
            Mode::Manual => self.link.asked,
            Mode::Off => false,
        };
        by_mode && self.credentials && !self.paused && !self.stopping
    }

    pub(super) fn plan_link(&mut self, now: Now) {
        match self.link.state {
            State::Closed(_) | State::AuthRequired(_) => {
                let at = self.link.next_attempt_ms();
                if self.may_connect() && at.is_some_and(|at| at <= now.mono_ms) {
                    self.link.state = State::Opening;
                    self.link.opened_ms = now.mono_ms;
                    self.effects.push_back(Effect::Connect);
                }
            }
            State::Opening | State::Greeting { .. }
                if now.mono_ms >= self.link.opened_ms + DEAD_MS =>
            {
                let problem = Problem::new(Code::HubUnreachable, "the hub does not answer");
                self.hang_up(Some(problem), None, now);
            }
            State::Greeting { said: false } if !self.storing => self.say_hello(),
            State::Open => self.keep_alive(now),
            State::Opening | State::Greeting { .. } => {}
        }
    }

    fn keep_alive(&mut self, now: Now) {
        if now.mono_ms.saturating_sub(self.link.opened_ms) >= STABLE_MS {
            self.link.backoff.reset();
        }
        if now.mono_ms >= self.link.heard_ms + DEAD_MS {
            let problem = Problem::new(Code::HubUnreachable, "the hub has fallen silent");
            self.hang_up(Some(problem), None, now);
        } else if now.mono_ms >= self.link.heard_ms.max(self.link.pinged_ms) + HEARTBEAT_MS {
            self.link.pinged_ms = now.mono_ms;
            self.send(Ping { timestamp: 0 });
        }
    }

    pub(super) fn on_connected(&mut self, now: Now) {
        if self.link.state == State::Opening {
            self.link.state = State::Greeting { said: false };
            self.link.opened_ms = now.mono_ms;
            self.link.heard_ms = now.mono_ms;
            self.link.at_pong = None;
        }
    }

    fn say_hello(&mut self) {
        self.link.state = State::Greeting { said: true };
        // Without anything applied, what is acknowledged still belongs to a life of a hub.
        let nothing = self.position.hub.map(|(hub, epoch)| Cursor {
            hub,
            epoch,
            feed: 0,
        });
        let hello = Hello {
            protocols: vec![VERSION],
            runtime: self.declaration.clone(),
            replica: self.position.replica,
            number: self.position.number,
            acked: self.position.acked,
            cursor: self.position.cursor.or(nothing),
            capabilities: self.capabilities.clone(),
        };
        self.send(hello);
    }

    pub(super) fn on_welcome(&mut self, welcome: &Welcome, now: Now) {
        if self.link.state != (State::Greeting { said: true }) {
            return;
        }
        if welcome.protocol != VERSION {
            let problem = Problem::new(Code::Unsupported, "the hub chose another protocol version");
            return self.hang_up(Some(problem), Some(SKEW_RETRY_MS), now);
        }
        self.link.state = State::Open;
        self.link.asked = false;
        // A copy is at work, or may be.
        self.link.forked = welcome.number > self.position.number || self.position.restored;
        let can = |what| welcome.capabilities.iter().any(|can| can == what);
        self.link.tells_receipts = can(CAPABILITY_RECEIPTS);
        self.link.shows_states = can(CAPABILITY_STATES);
        self.link.takes_offers = can(CAPABILITY_OFFERS);
        self.status.welcomed(welcome.head);
        self.effects.push_back(Effect::HubTime(welcome.timestamp));
        self.push
            .welcomed(self.position.acked, welcome.limits.window);
        if self.position.hub == Some((welcome.hub, welcome.epoch)) {
            self.ask_feed();
        } else {
            self.jobs.push_back(StoreJob::AdoptHub {
                hub: welcome.hub,
                epoch: welcome.epoch,
                number: welcome.number,
            });
        }
    }

    /// What is kept belongs to this hub now.
    pub(super) fn on_adopted(&mut self) {
        self.waits.start_over();
        if self.link.is_welcome() {
            self.push.restart(self.position.acked);
            self.ask_feed();
        }
    }

    pub(super) fn on_pong(&mut self, pong: &Pong) {
        self.status.welcomed(pong.head);
        self.effects.push_back(Effect::HubTime(pong.hub_time));
        if self.waits.answered(pong.timestamp, pong.head) {
            return;
        }
        // A heartbeat's answer: those of waits that were asked before it are lost.
        self.waits.ask_again();
        let stands = (
            self.position.acked,
            self.position.feed(),
            self.position.offers,
        );
        let behind = self.push.is_waiting() || self.owes() || self.pull.is_behind(pong.head);
        if behind && !self.storing && self.link.at_pong == Some(stands) {
            // Nothing moved for a whole heartbeat, though something should have: say it all again.
            self.push.restart(self.position.acked);
            self.offering.restart();
            self.pull.ask_again();
        }
        self.link.at_pong = Some(stands);
    }

    pub(super) fn on_error(&mut self, error: &Error, now: Now) {
        let problem = Problem::new(error.code, error.message.clone());
        match (error.code, error.details.get("number")) {
            // What comes before it keeps its number: the verdicts on it must be here first.
            (Code::Fork, Some(number)) if self.push.has_heard(number.saturating_sub(1)) => {
                self.jobs.push_back(StoreJob::Fork { from: *number });
            }
            (Code::AuthRequired | Code::AccountDeleted, _) => self.on_auth_refused(problem, now),
            (Code::Unsupported, _) => self.hang_up(Some(problem), Some(SKEW_RETRY_MS), now),
            _ => self.hang_up(Some(problem), None, now),
        }
    }

    pub(super) fn on_bye(&mut self, bye: Bye, now: Now) {
        let problem = Problem::new(bye.code, bye.message);
        // The session was revoked while the connection stood, or the account deleted.
        if matches!(bye.code, Code::AuthRequired | Code::AccountDeleted) {
            return self.on_auth_refused(problem, now);
        }
        self.hang_up(Some(problem), bye.retry_after_ms, now);
    }

    /// A new replica id: the hub must be greeted anew.
    pub(super) fn on_forked(&mut self, now: Now) {
        self.status.forked();
        self.waits.renumber(self.position.number);
        self.hang_up(None, None, now);
        // A hub that sees one copy after the other is at fault itself, and is not asked without a pause.
        if self.link.backoff.failures() == 1 {
            self.link.state = State::Closed(Some(now.mono_ms));
        }
    }

    pub(super) fn on_auth_refused(&mut self, problem: Problem, now: Now) {
        self.drop_connection();
        self.link.state = State::AuthRequired(now.mono_ms + AUTH_RETRY_MS);
        self.status.failed(problem);
    }

    pub(super) fn on_closed(&mut self, problem: Option<Problem>, now: Now) {
        if matches!(self.link.state, State::Opening) || self.link.is_connected() {
            let retry = problem.as_ref().and_then(|problem| problem.retry_after_ms);
            self.hang_up(problem, retry, now);
        }
    }

    /// Ends the connection, if there is one, and comes back after a while.
    pub(super) fn hang_up(&mut self, problem: Option<Problem>, retry_ms: Option<u64>, now: Now) {
        self.drop_connection();
        let wait_ms = self.link.backoff.fail(retry_ms);
        self.link.state = State::Closed(Some(now.mono_ms.saturating_add(wait_ms)));
        if let Some(problem) = problem {
            self.status.failed(problem);
        }
    }

    fn drop_connection(&mut self) {
        if self.link.state == State::Opening || self.link.is_connected() {
            self.effects.push_back(Effect::Disconnect);
        }
        self.link.forked = false;
        self.push.disconnected();
        self.pull.disconnected();
        self.offering.restart();
        self.waits.ask_again();
        self.status.disconnected();
        // What is on its way to the store still is; what has not begun comes again.
        self.jobs.truncate(usize::from(self.storing));
    }

    pub(super) fn on_schedule(&mut self, schedule: SetMode, paused: bool, now: Now) {
        self.schedule = schedule;
        self.paused = paused;
        self.connect_or_leave(now);
    }

    pub(super) fn on_credentials(&mut self, there: bool, now: Now) {
        self.credentials = there;
        if there && self.link.is_auth_required() {
            self.link.state = State::Closed(Some(now.mono_ms));
        }
        self.connect_or_leave(now);
    }

    pub(super) fn on_sync_now(&mut self, now: Now) {
        self.link.asked = true;
        self.link.backoff.reset();
        if matches!(self.link.state, State::Closed(_) | State::AuthRequired(_)) {
            self.link.state = State::Closed(Some(now.mono_ms));
        }
    }

    pub(super) fn on_stop(&mut self) {
        self.stopping = true;
        self.drop_connection();
        self.link.state = State::Closed(None);
    }

    /// After a change of what is allowed: leaves a connection that is not, or opens one that now is.
    fn connect_or_leave(&mut self, now: Now) {
        // In mode manual a connection that stands was asked for.
        self.link.asked |= self.schedule.mode == Mode::Manual && self.link.is_connected();
        let leaves = self.link.state == State::Opening || self.link.is_connected();
        if self.link.is_auth_required() || (leaves && self.may_connect()) {
            return;
        }
        self.drop_connection();
        self.link.state = State::Closed(Some(now.mono_ms));
    }

    /// In modes that do not stay connected: leaves once nothing is left to do.
    pub(super) fn leave_if_done(&mut self, now: Now) {
        let stays = self.schedule.mode == Mode::Live;
        if stays || !self.link.is_welcome() || !self.is_synced() || !self.waits.is_empty() {
            return;
        }
        self.drop_connection();
        self.link.backoff.reset();
        self.link.state = State::Closed(match self.schedule.mode {
            Mode::Interval => Some(self.next_interval_ms(now)),
            Mode::Live | Mode::Manual | Mode::Off => None,
        });
    }

    /// When the next connection of mode `interval` is due, by the forward-only clock.
    fn next_interval_ms(&self, now: Now) -> u64 {
        let every_ms = u64::from(self.schedule.every_min.unwrap_or(EVERY_MIN).max(1)) * MINUTE_MS;
        let Some((from, to)) = self.schedule.window_min else {
            return now.mono_ms + every_ms;
        };
        let (from, to) = (u64::from(from) % DAY_MIN, u64::from(to) % DAY_MIN);
        let minute = (now.wall_ms + every_ms) / MINUTE_MS % DAY_MIN;
        let within = if from <= to {
            (from..to).contains(&minute)
        } else {
            minute >= from || minute < to
        };
        let later = if within {
            0
        } else {
            (from + DAY_MIN - minute) % DAY_MIN * MINUTE_MS
        };
        now.mono_ms + every_ms + later
    }
}
