//! The hybrid logical clock: stamps that never go back, whatever the machine's clock does.
//!
//! Step 5 of the way of a write. Source: design 2, "Merge"; Kulkarni et al., "Logical Physical
//! Clocks", 2014.

use atome_proto::stamp::HybridTime;

/// Before this no commit of this program can have been made: 2026-11-01, moved with each release.
pub const BUILD_TIME_MS: u64 = 1_793_491_200_000;

/// A difference to the hub's time below this is not held against the machine's clock, in milliseconds:
/// part of it is the way of the message that told the time, another on each machine.
const OFFSET_MIN_MS: u64 = 1_000;

/// The time as the shell sees it, as plain numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds of a clock that only goes forward, and goes on while the machine sleeps.
    pub mono_ms: u64,
    /// Milliseconds since 1970 by the machine's clock, which may be wrong.
    pub wall_ms: u64,
}

/// A hub's time, and when it was seen.
#[derive(Clone, Copy, Debug)]
struct Seen {
    hub_ms: u64,
    mono_ms: u64,
}

/// Gives the times of stamps.
///
/// Once a hub's time is known, the machine's own clock is believed only where it agrees: what has passed
/// since is counted by the forward-only clock, so that neither a wrong clock nor a leap of it matters.
#[derive(Clone, Debug)]
pub struct Clock {
    floor: HybridTime,
    hub: Option<Seen>,
}

impl Clock {
    /// A clock whose times come after `kept`, the greatest time that a store holds.
    #[must_use]
    pub fn new(kept: HybridTime) -> Self {
        Self {
            floor: kept.max(HybridTime::from_ms(BUILD_TIME_MS)),
            hub: None,
        }
    }

    /// Gives the next time, greater than every one before.
    pub fn tick(&mut self, now: Now) -> HybridTime {
        self.floor = self
            .floor
            .next()
            .max(HybridTime::from_ms(self.physical_ms(now)));
        self.floor
    }

    /// The best knowledge of the true time, in milliseconds since 1970: the machine's clock, unless the
    /// hub has shown it to be wrong.
    #[must_use]
    pub fn physical_ms(&self, now: Now) -> u64 {
        match self.hub_ms(now) {
            Some(hub_ms) if now.wall_ms.abs_diff(hub_ms) > OFFSET_MIN_MS => hub_ms,
            Some(_) | None => now.wall_ms,
        }
    }

    /// The hub's time, once it is known.
    fn hub_ms(&self, now: Now) -> Option<u64> {
        let seen = self.hub?;
        Some(
            seen.hub_ms
                .saturating_add(now.mono_ms.saturating_sub(seen.mono_ms)),
        )
    }

    /// Takes note of a time that someone else gave: later ones come after it.
    pub fn observe(&mut self, time: HybridTime) {
        self.floor = self.floor.max(time);
    }

    /// Takes note of the hub's time.
    pub fn observe_hub(&mut self, hub_ms: u64, now: Now) {
        self.hub = Some(Seen {
            hub_ms,
            mono_ms: now.mono_ms,
        });
        self.observe(HybridTime::from_ms(hub_ms));
    }

    /// Sets the floor anew, after the hub gave stamps that ran ahead an earlier time: `kept` is then
    /// the greatest time that the store still holds.
    pub fn lower(&mut self, kept: HybridTime) {
        let hub = self.hub.map_or(0, |seen| seen.hub_ms);
        self.floor = kept.max(HybridTime::from_ms(hub.max(BUILD_TIME_MS)));
    }

    /// The greatest time given or seen.
    #[must_use]
    pub fn floor(&self) -> HybridTime {
        self.floor
    }

    /// How far the machine's clock is from the hub's, in milliseconds, ahead being positive; `None`
    /// before a hub's time is known.
    #[must_use]
    pub fn ahead_ms(&self, now: Now) -> Option<i64> {
        let (wall, hub) = (i64::try_from(now.wall_ms), i64::try_from(self.hub_ms(now)?));
        Some(
            wall.unwrap_or(i64::MAX)
                .saturating_sub(hub.unwrap_or(i64::MAX)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY_MS: u64 = 86_400_000;

    proptest! {
        #[test]
        fn times_never_go_back(steps in prop::collection::vec((any::<u32>(), any::<bool>()), 1..50)) {
            let mut clock = Clock::new(HybridTime::default());
            let mut last = clock.floor();
            for (i, (wall, hub)) in steps.into_iter().enumerate() {
                let mono_ms = i as u64;
                let now = Now { mono_ms, wall_ms: BUILD_TIME_MS + u64::from(wall) };
                if hub {
                    clock.observe_hub(now.wall_ms, now);
                }
                let time = clock.tick(now);
                prop_assert!(time > last);
                last = time;
            }
        }
    }

    #[test]
    fn a_machine_that_boots_in_1970_is_not_before_the_program() {
        let mut clock = Clock::new(HybridTime::default());
        assert!(clock.tick(Now::default()).ms() >= BUILD_TIME_MS);
    }

    #[test]
    fn the_hub_is_believed_over_the_machine() {
        let mut clock = Clock::new(HybridTime::default());
        let hub_ms = BUILD_TIME_MS + DAY_MS;
        let now = Now {
            mono_ms: 5,
            wall_ms: hub_ms + 10 * DAY_MS,
        };
        clock.observe_hub(hub_ms, now);
        let later = Now {
            mono_ms: 105,
            wall_ms: 0,
        };
        assert_eq!(clock.tick(later).ms(), hub_ms + 100);
        assert_eq!(clock.ahead_ms(now), Some(10 * 86_400_000));
    }

    #[test]
    fn a_clock_that_is_right_is_not_set_back_by_the_way_of_a_message() {
        let mut clock = Clock::new(HybridTime::default());
        let wall_ms = BUILD_TIME_MS + DAY_MS;
        let now = Now {
            mono_ms: 5,
            wall_ms,
        };
        clock.observe_hub(wall_ms - 300, now);
        assert_eq!(clock.tick(now).ms(), wall_ms);
        assert_eq!(clock.ahead_ms(now), Some(300));
    }

    #[test]
    fn a_floor_that_ran_ahead_can_be_lowered() {
        let mut clock = Clock::new(HybridTime::from_ms(BUILD_TIME_MS + 400 * DAY_MS));
        clock.observe_hub(BUILD_TIME_MS + DAY_MS, Now::default());
        clock.lower(HybridTime::from_ms(BUILD_TIME_MS + DAY_MS + 1));
        assert_eq!(clock.tick(Now::default()).ms(), BUILD_TIME_MS + DAY_MS + 1);
    }
}
