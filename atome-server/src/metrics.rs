//! What the hub counts while it works, for whoever watches over it.
//!
//! Figures name accounts nowhere: there may be very many, and a hub is watched as a whole. They are told on
//! a listener of their own ([`listener`]), in Prometheus' text ([`page`]).

pub mod listener;
pub mod page;

use atome_engine::session::Admitted;
use atome_proto::sync::v1::Ruling;
use atome_service::metrics::{Counter, Gauge, Histogram};

/// Everything that is counted, since the hub's start.
#[derive(Debug, Default)]
pub struct Metrics {
    /// WebSockets that stand and whose client is known.
    pub syncing: Gauge,
    /// Connections that were accepted.
    pub accepted: Counter,
    /// TLS handshakes that failed or took too long.
    pub tls_failures: Counter,
    /// What was put off because it came too often.
    pub throttled: Throttled,
    /// Requests by the first digit of their answer's status, from 1 to 5.
    pub requests: [Counter; 5],
    /// From the head of a request to the head of its answer.
    pub request_time: Histogram,
    /// From the store's being asked to admit a push to its durable answer.
    pub admission_time: Histogram,
    /// Commits of pushes that the store was asked to admit and has not answered.
    pub push_backlog: Gauge,
    /// Commits that were taken, those included that were pushed again.
    pub admitted: Counter,
    /// Commits that were refused, those included that were pushed again.
    pub refused: Counter,
    /// Entries of feeds that were sent.
    pub feed_entries: Counter,
}

/// What was put off, by what it was.
#[derive(Debug, Default)]
pub struct Throttled {
    /// A password that was tried.
    pub passwords: Counter,
    /// A registration.
    pub registrations: Counter,
    /// A question to the directory.
    pub directory: Counter,
    /// A login or a new password, while too many passwords waited to be hashed.
    pub hashes: Counter,
    /// A connection of a source that has too many on which no session was shown.
    pub connections: Counter,
}

impl Metrics {
    /// Counts what became of a push of commits from `first` on.
    pub fn count_admitted(&self, first: u64, admitted: &Admitted) {
        let decided = (admitted.number + 1).saturating_sub(first);
        let is_refused = |ruling: &Ruling| match ruling {
            Ruling::Refused(_) => true,
            Ruling::Clamped { .. } | Ruling::Deferred { .. } => false,
        };
        let verdicts = admitted.verdicts.iter();
        let refused = verdicts
            .filter(|verdict| is_refused(&verdict.ruling))
            .count();
        let refused = u64::try_from(refused).unwrap_or(u64::MAX);
        self.refused.add(refused);
        self.admitted.add(decided.saturating_sub(refused));
    }

    /// Counts a request by the status of its answer.
    pub fn count_request(&self, status: hyper::StatusCode) {
        let class = usize::from(status.as_u16() / 100).checked_sub(1);
        if let Some(counter) = class.and_then(|class| self.requests.get(class)) {
            counter.one();
        }
    }
}
