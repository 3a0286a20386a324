//! Slowing down guesses: a few tries are free, then each has to wait longer than the one before.
//!
//! A try is counted before it is known to be wrong, so that many at once gain nothing; one that proves
//! right is taken back. Who comes too early is sent away uncounted, and learns when to come.

use crate::generations::Generations;

/// How long tries are remembered at least, in milliseconds: far beyond the longest delay, so that
/// waiting for the memory to fade is no faster than waiting for the delay.
const SPAN_MS: u64 = 3_600_000;
/// Keys in a generation: a few megabytes. Each costs its stranger a password hash, so that to drive one
/// key out of the memory takes half an hour of all that a small machine can compute.
const KEYS_MAX: usize = 32_768;

/// How tries are slowed down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Tries that are free.
    pub free: u32,
    /// The delay after the first one that is not, in milliseconds; it doubles with each that follows.
    pub first_ms: u64,
    /// The longest delay, in milliseconds.
    pub most_ms: u64,
}

/// For one account: as many tries as a person needs who has forgotten which password it was; then the
/// delay grows to five minutes, which is about 300 guesses a day, while the owner of an account that
/// somebody attacks has to wait no longer than that.
pub const PER_ACCOUNT: Rules = Rules {
    free: 5,
    first_ms: 1_000,
    most_ms: 300_000,
};

/// For one source: whole offices stand behind one address and log in at once, so that a hundred are free,
/// more than the hub's queue of hashes lets be under way at a time; then the delay grows to one minute,
/// which ends trying one password on many accounts, and does not lock out the office for long.
pub const PER_SOURCE: Rules = Rules {
    free: 100,
    first_ms: 1_000,
    most_ms: 60_000,
};

#[derive(Clone, Copy, Debug)]
struct Tries {
    count: u32,
    until_ms: u64,
}

/// A try that was counted; given back, it can be taken back.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    until_ms: u64,
}

/// Counts tries by key.
#[derive(Clone, Debug)]
pub struct Throttle<K> {
    rules: Rules,
    tries: Generations<K, Tries>,
}

impl<K: Ord> Throttle<K> {
    /// One that has seen nothing.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            tries: Generations::new(SPAN_MS, KEYS_MAX),
        }
    }

    /// How long the key has to wait before its next try, in milliseconds; 0 where it may try.
    pub fn wait_ms(&mut self, key: &K, now_ms: u64) -> u64 {
        let tries = self.tries.get(key, now_ms);
        tries.map_or(0, |tries| tries.until_ms.saturating_sub(now_ms))
    }

    /// Counts a try that is about to be made.
    pub fn count(&mut self, key: K, now_ms: u64) -> Counted {
        let before = self.tries.get(&key, now_ms);
        let count = before.map_or(0, |tries| tries.count).saturating_add(1);
        let until_ms = now_ms.saturating_add(self.delay_ms(count));
        self.tries.put(key, Tries { count, until_ms }, now_ms);
        Counted { until_ms }
    }

    /// Takes back a try that was right, or was not made.
    pub fn take_back(&mut self, key: K, counted: Counted, now_ms: u64) {
        let Some(tries) = self.tries.get(&key, now_ms) else {
            return;
        };
        let count = tries.count.saturating_sub(1);
        // The delay of a try that came later stands.
        let until_ms = if tries.until_ms == counted.until_ms {
            now_ms
        } else {
            tries.until_ms
        };
        self.tries.put(key, Tries { count, until_ms }, now_ms);
    }

    /// Forgets what a key has tried.
    pub fn reset(&mut self, key: &K) {
        self.tries.remove(key);
    }

    fn delay_ms(&self, count: u32) -> u64 {
        let Rules {
            free,
            first_ms,
            most_ms,
        } = self.rules;
        match count.checked_sub(free) {
            None | Some(0) => 0,
            Some(beyond) => {
                let doublings = (beyond - 1).min(32);
                first_ms.saturating_mul(1 << doublings).min(most_ms)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RULES: Rules = PER_ACCOUNT;

    /// Tries until `until_ms`, each as soon as it may; how many that were.
    fn tries_until(throttle: &mut Throttle<u8>, key: u8, from_ms: u64, until_ms: u64) -> u64 {
        let (mut now_ms, mut tries) = (from_ms, 0);
        while now_ms < until_ms {
            assert_eq!(throttle.wait_ms(&key, now_ms), 0);
            throttle.count(key, now_ms);
            tries += 1;
            now_ms += throttle.wait_ms(&key, now_ms);
        }
        tries
    }

    #[test]
    fn delays_double_to_the_ceiling() {
        let mut throttle = Throttle::new(RULES);
        let mut now_ms = 5;
        for _ in 0..RULES.free {
            assert_eq!(throttle.wait_ms(&1, now_ms), 0);
            throttle.count(1, now_ms);
        }
        let mut delay_ms = RULES.first_ms;
        for _ in 0..20 {
            assert_eq!(throttle.wait_ms(&1, now_ms), 0);
            throttle.count(1, now_ms);
            assert_eq!(throttle.wait_ms(&1, now_ms), delay_ms);
            assert_eq!(throttle.wait_ms(&1, now_ms + delay_ms - 1), 1);
            assert_eq!(throttle.wait_ms(&2, now_ms), 0, "others do not wait");
            now_ms += delay_ms;
            delay_ms = (2 * delay_ms).min(RULES.most_ms);
        }
        throttle.reset(&1);
        throttle.count(1, now_ms);
        assert_eq!(throttle.wait_ms(&1, now_ms), 0);
    }

    #[test]
    fn a_day_of_guessing_is_some_300_tries() {
        let mut throttle = Throttle::new(PER_ACCOUNT);
        let day_ms = 86_400_000;
        let tries = tries_until(&mut throttle, 1, 0, day_ms);
        assert!((288..=301).contains(&tries), "{tries}");
    }

    #[test]
    fn what_is_quiet_is_forgotten() {
        let mut throttle = Throttle::new(RULES);
        tries_until(&mut throttle, 1, 0, 100_000);
        let counted = throttle.count(1, 100_000 + 2 * SPAN_MS);
        assert_eq!(counted.until_ms, 100_000 + 2 * SPAN_MS);
    }

    #[test]
    fn a_late_answer_does_not_lift_a_later_delay() {
        let mut throttle = Throttle::new(Rules { free: 0, ..RULES });
        let slow = throttle.count(1, 0);
        throttle.count(1, 1_000);
        assert_eq!(throttle.wait_ms(&1, 1_000), 2_000);
        throttle.take_back(1, slow, 1_001);
        assert_eq!(throttle.wait_ms(&1, 1_001), 1_999);
    }

    proptest! {
        #[test]
        fn right_tries_cost_nothing(
            steps in prop::collection::vec((any::<bool>(), 0u64..5_000), 1..200),
        ) {
            let (mut with, mut without) = (Throttle::new(RULES), Throttle::new(RULES));
            let mut now_ms = 0;
            for (is_right, pause_ms) in steps {
                now_ms += pause_ms;
                prop_assert_eq!(with.wait_ms(&1, now_ms), without.wait_ms(&1, now_ms));
                if with.wait_ms(&1, now_ms) > 0 {
                    continue;
                }
                let counted = with.count(1, now_ms);
                if is_right {
                    with.take_back(1, counted, now_ms);
                } else {
                    without.count(1, now_ms);
                }
            }
        }

        #[test]
        fn no_way_of_coming_beats_waiting(
            pauses in prop::collection::vec(0u64..400_000, 1..300),
        ) {
            let mut throttle = Throttle::new(RULES);
            let (mut now_ms, mut granted) = (0, 0u64);
            for pause_ms in pauses {
                now_ms += pause_ms;
                if throttle.wait_ms(&1, now_ms) == 0 {
                    throttle.count(1, now_ms);
                    granted += 1;
                }
            }
            let patient = tries_until(&mut Throttle::new(RULES), 1, 0, now_ms + 1);
            prop_assert!(granted <= patient, "{granted} of {patient}");
        }
    }
}
