//! What a person may know of a replica: where it stands, what went wrong.

use atome_proto::code::{Code, Problem};

use crate::clock::Now;
use crate::replica::Replica;

/// Where the machine stands, apart from the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// No connection, and none is allowed: mode, pause, or no token.
    Resting,
    /// No connection; one is tried from time to time.
    Offline,
    /// Connected, on its way.
    Syncing,
    /// Connected, nothing pending, nothing behind.
    Synced,
    /// The hub does not take the token.
    AuthRequired,
}

/// A state that a person should know of, and that lasts until it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A copy of this replica was at work; it has taken a new id.
    Forked,
    /// The hub answers the same again and again, and nothing moves.
    NoProgress,
    /// The hub speaks another version of the protocol.
    VersionSkew,
}

/// What [`Replica::progress`] tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Where it stands.
    pub phase: Phase,
    /// Whether a connection stands.
    pub connected: bool,
    /// The last number of the hub's feed that is known here.
    pub head: Option<u64>,
    /// When the next attempt is due, by the forward-only clock.
    pub next_attempt_ms: Option<u64>,
    /// When nothing was pending and nothing behind, the last time, since 1970.
    pub last_synced_ms: Option<u64>,
    /// What went wrong last, until all is synced again.
    pub last_error: Option<Problem>,
    /// Atomes of a first sync: so many brought, of so many.
    pub snapshot: Option<(u64, u64)>,
    /// What a person should know of.
    pub findings: Vec<Finding>,
}

#[derive(Debug, Default)]
pub(super) struct Status {
    head: Option<u64>,
    last_synced_ms: Option<u64>,
    last_error: Option<Problem>,
    snapshot: Option<(u64, u64)>,
    forked: bool,
    stuck: bool,
}

impl Status {
    pub(super) fn welcomed(&mut self, head: u64) {
        self.head = Some(head);
    }

    pub(super) fn head(&mut self, head: u64) {
        self.head = self.head.max(Some(head));
    }

    pub(super) fn failed(&mut self, problem: Problem) {
        self.last_error = Some(problem);
    }

    pub(super) fn forked(&mut self) {
        self.forked = true;
    }

    pub(super) fn stuck(&mut self, stuck: bool) {
        self.stuck = stuck;
    }

    pub(super) fn disconnected(&mut self) {
        self.snapshot = None;
    }

    pub(super) fn snapshot_begins(&mut self, total: u64) {
        self.snapshot = Some((0, total));
    }

    pub(super) fn snapshot_grows(&mut self, by: usize) {
        if let Some((done, _)) = &mut self.snapshot {
            *done += u64::try_from(by).unwrap_or(u64::MAX);
        }
    }

    pub(super) fn snapshot_ends(&mut self) {
        self.snapshot = None;
    }
}

impl Replica {
    /// Whether, as far as is known here, nothing is pending and nothing behind.
    pub(super) fn is_synced(&self) -> bool {
        self.link.is_welcome()
            && self.jobs.is_empty()
            && self.position.pending() == 0
            && !self.owes()
            && self.position.hub.is_some()
            && self
                .status
                .head
                .is_some_and(|head| self.position.feed() >= head)
            && !self.pull.is_behind(self.position.feed())
            && !self.link.is_forked()
    }

    pub(super) fn note_if_synced(&mut self, now: Now) {
        if self.is_synced() {
            self.status.last_synced_ms = Some(now.wall_ms);
            self.status.last_error = None;
            self.status.stuck = false;
        }
    }

    /// Tells where the machine stands.
    #[must_use]
    pub fn progress(&self) -> Progress {
        let phase = if self.link.is_auth_required() {
            Phase::AuthRequired
        } else if self.is_synced() {
            Phase::Synced
        } else if self.link.is_connected() {
            Phase::Syncing
        } else if self.paused || !self.credentials {
            Phase::Resting
        } else {
            Phase::Offline
        };
        let skew = self
            .status
            .last_error
            .as_ref()
            .is_some_and(|p| p.code == Code::Unsupported);
        let findings = [
            (self.status.forked, Finding::Forked),
            (self.status.stuck, Finding::NoProgress),
            (skew, Finding::VersionSkew),
        ];
        Progress {
            phase,
            connected: self.link.is_connected(),
            head: self.status.head,
            next_attempt_ms: self.link.next_attempt_ms(),
            last_synced_ms: self.status.last_synced_ms,
            last_error: self.status.last_error.clone(),
            snapshot: self.status.snapshot,
            findings: findings
                .into_iter()
                .filter_map(|(is, what)| is.then_some(what))
                .collect(),
        }
    }
}
