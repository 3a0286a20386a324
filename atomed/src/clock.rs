//! The machine's clocks as the plain numbers that the engine takes.

use std::time::{SystemTime, UNIX_EPOCH};

use atome_engine::clock::Now;
use rustix::time::{ClockId, clock_gettime};

/// Reads both clocks: one that never goes back and counts while the machine sleeps, and the wall's.
#[must_use]
pub fn now() -> Now {
    let boot = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(boot.tv_sec).unwrap_or_default();
    let millis = u64::try_from(boot.tv_nsec).unwrap_or_default() / 1_000_000;
    Now {
        mono_ms: seconds.saturating_mul(1000).saturating_add(millis),
        wall_ms: wall_ms(),
    }
}

/// Milliseconds since 1970; 0 where the clock stands before.
#[must_use]
pub fn wall_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|time| u64::try_from(time.as_millis()).ok())
        .unwrap_or_default()
}
