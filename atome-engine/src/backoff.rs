//! Back-off: when to try again, so that many clients do not come back at once.
//!
//! Exponential with full jitter: a time chosen evenly between nothing and a bound that doubles with
//! each failure. Source: design 3, "Behaviour"; Brooker, "Exponential Backoff And Jitter", 2015.

/// The first bound, in milliseconds.
const FIRST_MS: u64 = 1_000;
/// The greatest bound, in milliseconds.
const MOST_MS: u64 = 60_000;
/// How long a connection must stand, in milliseconds, for failures before it to be forgotten.
pub const STABLE_MS: u64 = 60_000;

/// Counts failures and chooses times to wait.
#[derive(Clone, Debug)]
pub struct Backoff {
    random: u64,
    failures: u32,
}

impl Backoff {
    /// A back-off whose jitter follows from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            random: seed,
            failures: 0,
        }
    }

    /// Notes a failure and chooses how long to wait, in milliseconds.
    ///
    /// Where the other side said when to come back, that is the least, and a tenth more the most.
    pub fn fail(&mut self, asked_ms: Option<u64>) -> u64 {
        self.failures = self.failures.saturating_add(1);
        if let Some(asked) = asked_ms {
            return asked.saturating_add(self.below(asked / 10 + 1));
        }
        let doublings = (self.failures - 1).min(16);
        let bound = FIRST_MS.saturating_mul(1 << doublings).min(MOST_MS);
        self.below(bound) + 1
    }

    /// Forgets failures: things went well for long enough.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// How many failures in a row there were.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// An even choice from `0..bound` (splitmix64; the bias of the remainder is far below what a
    /// waiting time could show).
    fn below(&mut self, bound: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_fall_back() {
        let mut backoff = Backoff::new(7);
        for failures in 1..40u32 {
            let bound = (FIRST_MS << (failures - 1).min(16)).min(MOST_MS);
            assert!((1..=bound).contains(&backoff.fail(None)));
        }
        backoff.reset();
        assert!(backoff.fail(None) <= FIRST_MS);
    }

    #[test]
    fn a_wish_of_the_hub_is_the_least() {
        let mut backoff = Backoff::new(7);
        for _ in 0..100 {
            assert!((5_000..=5_500).contains(&backoff.fail(Some(5_000))));
        }
    }

    #[test]
    fn two_clients_do_not_wait_alike() {
        let waits = |seed| {
            let mut backoff = Backoff::new(seed);
            (0..8).map(|_| backoff.fail(None)).collect::<Vec<_>>()
        };
        assert_eq!(waits(1), waits(1));
        assert_ne!(waits(1), waits(2));
    }
}
