//! How often: so many times in a while, by key, all at once or spread.

use crate::generations::Generations;

/// Keys in a generation: a few megabytes.
const KEYS_MAX: usize = 32_768;

/// Grants each key a number of times in a while. A bucket of tokens, kept as the one time at which it is
/// full again. Source: ITU-T I.371, the generic cell rate algorithm.
#[derive(Clone, Debug)]
pub struct Quota<K> {
    every_us: u64,
    slack_us: u64,
    full_at_us: Generations<K, u64>,
}

impl<K: Ord> Quota<K> {
    /// One that grants `number` (at least 1) in `while_ms`.
    #[must_use]
    pub fn new(number: u32, while_ms: u64) -> Self {
        let number = u64::from(number.max(1));
        let every_us = (while_ms.saturating_mul(1_000) / number).max(1);
        Self {
            every_us,
            slack_us: every_us.saturating_mul(number - 1),
            // Whoever has not come for that long has a full bucket, and can be forgotten.
            full_at_us: Generations::new(while_ms.max(1), KEYS_MAX),
        }
    }

    /// Grants one more time.
    ///
    /// # Errors
    ///
    /// How long to wait for it, in milliseconds; at least 1.
    pub fn take(&mut self, key: K, now_ms: u64) -> Result<(), u64> {
        let now_us = now_ms.saturating_mul(1_000);
        let full_at_us = self.full_at_us.get(&key, now_ms).unwrap_or(0).max(now_us);
        let early_us = (full_at_us - now_us).saturating_sub(self.slack_us);
        if early_us > 0 {
            return Err(early_us.div_ceil(1_000));
        }
        let full_at_us = full_at_us.saturating_add(self.every_us);
        self.full_at_us.put(key, full_at_us, now_ms);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn all_at_once_or_spread() {
        let mut quota = Quota::new(3, 60_000);
        for _ in 0..3 {
            assert_eq!(quota.take('a', 10), Ok(()));
        }
        assert_eq!(quota.take('a', 10), Err(20_000));
        assert_eq!(quota.take('b', 10), Ok(()), "another key");
        assert_eq!(quota.take('a', 15_010), Err(5_000));
        assert_eq!(quota.take('a', 20_010), Ok(()));
        assert_eq!(quota.take('a', 20_010), Err(20_000));
    }

    proptest! {
        #[test]
        fn never_more_than_two_quotas_in_a_while_and_never_less_than_one(
            number in 1u32..50,
            pauses in prop::collection::vec(0u64..3_000, 1..300),
        ) {
            const WHILE_MS: u64 = 10_000;
            let mut quota = Quota::new(number, WHILE_MS);
            let mut granted = Vec::new();
            let mut now_ms = 0;
            for pause_ms in pauses {
                now_ms += pause_ms;
                let lately = |from_ms: u64| granted.iter().filter(|ms| **ms > from_ms).count();
                let in_a_while = u64::try_from(lately(now_ms.saturating_sub(WHILE_MS))).unwrap();
                match quota.take((), now_ms) {
                    Ok(()) => {
                        prop_assert!(in_a_while < 2 * u64::from(number));
                        granted.push(now_ms);
                    }
                    Err(wait_ms) => {
                        prop_assert!(now_ms < WHILE_MS || in_a_while >= u64::from(number) - 1);
                        now_ms += wait_ms;
                        prop_assert_eq!(quota.take((), now_ms), Ok(()), "when it was told to");
                        granted.push(now_ms);
                    }
                }
            }
        }
    }
}
