//! What a driver shows of itself: to `status`, to those who wait, to the log.

use std::collections::BTreeMap;

use atome_engine::replica::{Finding, Phase, Progress};
use atome_proto::local::v1::{FindingCode, SetMode};

/// Where an account's sync stands, as its driver last published it.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// What the engine tells.
    pub progress: Progress,
    /// When the account syncs.
    pub schedule: SetMode,
    /// Whether it is paused by hand.
    pub paused: bool,
    /// Whether there is a token for the hub.
    pub credentials: bool,
    /// Since when no connection stands, in milliseconds since 1970.
    pub away_since_ms: Option<u64>,
    /// How far the machine's clock is ahead of the hub's, where a hub's time is known.
    pub clock_ahead_ms: Option<i64>,
    /// Since when each finding of the engine lasts, in milliseconds since 1970.
    pub findings: BTreeMap<FindingCode, u64>,
    /// Connections to the hub that came about since the driver's start.
    pub connections: u64,
}

impl View {
    /// Whether the hub wants a login before it goes on.
    #[must_use]
    pub fn is_auth_required(&self) -> bool {
        self.progress.phase == Phase::AuthRequired
    }

    /// Takes over when findings that last began, and the time for those that are new.
    pub(super) fn keep_since(&mut self, before: &Self, wall_ms: u64) {
        for finding in &self.progress.findings {
            let code = code_of(*finding);
            let since = before.findings.get(&code).copied().unwrap_or(wall_ms);
            self.findings.insert(code, since);
        }
        self.away_since_ms = match (self.progress.connected, before.away_since_ms) {
            (true, _) => None,
            (false, Some(since)) => Some(since),
            (false, None) => Some(wall_ms),
        };
    }
}

/// The code of a finding of the engine.
fn code_of(finding: Finding) -> FindingCode {
    match finding {
        Finding::Forked => FindingCode::ReplicaForked,
        Finding::NoProgress => FindingCode::NoProgress,
        Finding::VersionSkew => FindingCode::VersionSkew,
    }
}
