//! Passwords that are tried, counted by the name that they are tried for and by where they come from.
//!
//! A try counts as wrong from its beginning, so that many at once are counted too; it is taken back where it
//! was right, or was not made.

use crate::throttle::{Counted, PER_ACCOUNT, PER_SOURCE, Throttle};

/// A name by its hash: names are long, and strangers choose them.
pub type NameKey = [u8; 32];

/// The tries that count.
#[derive(Debug)]
pub struct Guesses<S> {
    names: Throttle<NameKey>,
    sources: Throttle<S>,
}

/// One try that was begun.
#[derive(Clone, Copy, Debug)]
pub struct Guess<S> {
    name: (NameKey, Counted),
    source: (S, Counted),
}

impl<S: Ord + Copy> Default for Guesses<S> {
    fn default() -> Self {
        Self {
            names: Throttle::new(PER_ACCOUNT),
            sources: Throttle::new(PER_SOURCE),
        }
    }
}

impl<S: Ord + Copy> Guesses<S> {
    /// Begins a try for a name, whether it is anyone's or not.
    ///
    /// # Errors
    ///
    /// Where it is too early: how long to wait, in milliseconds.
    pub fn begin(&mut self, name: NameKey, source: S, now_ms: u64) -> Result<Guess<S>, u64> {
        let by_name_ms = self.names.wait_ms(&name, now_ms);
        let wait_ms = by_name_ms.max(self.sources.wait_ms(&source, now_ms));
        if wait_ms > 0 {
            return Err(wait_ms);
        }
        Ok(Guess {
            name: (name, self.names.count(name, now_ms)),
            source: (source, self.sources.count(source, now_ms)),
        })
    }

    /// It was right: the name's wrong ones are forgotten.
    pub fn right(&mut self, guess: Guess<S>, now_ms: u64) {
        self.names.reset(&guess.name.0);
        let (source, counted) = guess.source;
        self.sources.take_back(source, counted, now_ms);
    }

    /// It was not compared at all.
    pub fn not_made(&mut self, guess: Guess<S>, now_ms: u64) {
        let (name, counted) = guess.name;
        self.names.take_back(name, counted, now_ms);
        let (source, counted) = guess.source;
        self.sources.take_back(source, counted, now_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_waits_whoever_asks_until_it_was_right() {
        let mut guesses = Guesses::default();
        let mut wrong = 0;
        while let Ok(guess) = guesses.begin([1; 32], wrong, 0) {
            // Not made is not counted.
            guesses.not_made(guess, 0);
            assert!(guesses.begin([1; 32], wrong, 0).is_ok());
            wrong += 1;
        }
        assert_eq!(wrong, PER_ACCOUNT.free + 1);
        let wait_ms = guesses.begin([1; 32], 77, 0).unwrap_err();
        let right = guesses.begin([1; 32], 77, wait_ms).unwrap();
        guesses.right(right, wait_ms);
        assert!(guesses.begin([1; 32], 78, wait_ms).is_ok());
        assert!(guesses.begin([2; 32], 78, wait_ms).is_ok());
    }
}
