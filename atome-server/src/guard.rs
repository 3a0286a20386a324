//! The guard: who comes too often, with wrong passwords, registrations, or questions to the directory.
//!
//! The counting is the engine's; here are the clocks, the locks and the words.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use atome_engine::guesses::{Guess, Guesses};
use atome_engine::quota::Quota;
use atome_proto::{AccountId, Code, Problem};

use crate::config::Config;
use crate::hub::whole_ms;
use crate::metrics::Metrics;
use crate::source::Source;

/// What a hub remembers of those who come.
pub struct Guard {
    started: Instant,
    metrics: Arc<Metrics>,
    passwords: Mutex<Guesses<Source>>,
    registrations: Mutex<Quota<Source>>,
    directory: Mutex<Quota<AccountId>>,
}

impl Guard {
    /// One that has seen nobody.
    #[must_use]
    pub fn new(config: &Config, metrics: Arc<Metrics>) -> Self {
        Self {
            started: Instant::now(),
            metrics,
            passwords: Mutex::default(),
            registrations: Mutex::new(registrations(config)),
            directory: Mutex::new(directory(config)),
        }
    }

    /// Takes other quotas from now on: those that change begin anew.
    pub fn reconfigure(&self, before: &Config, now: &Config) {
        let hourly = |config: &Config| config.accounts.registrations_per_hour;
        if hourly(before) != hourly(now) {
            *lock(&self.registrations) = registrations(now);
        }
        let by_minute = |config: &Config| config.limits.directory_per_minute;
        if by_minute(before) != by_minute(now) {
            *lock(&self.directory) = directory(now);
        }
    }

    /// Lets a password be tried for a name, whether an account has it or not.
    ///
    /// # Errors
    ///
    /// `busy` where it is too early.
    pub fn try_password(&self, name: &str, source: Source) -> Result<Try<'_>, Problem> {
        let name = *blake3::hash(name.as_bytes()).as_bytes();
        let begun = lock(&self.passwords).begin(name, source, self.now_ms());
        match begun {
            Ok(guess) => Ok(Try { guard: self, guess }),
            Err(wait_ms) => {
                self.metrics.throttled.passwords.one();
                Err(too_often("too many wrong passwords were tried", wait_ms))
            }
        }
    }

    /// Lets an account be registered.
    ///
    /// # Errors
    ///
    /// `busy` where the source has registered too many.
    pub fn try_registration(&self, source: Source) -> Result<(), Problem> {
        let taken = lock(&self.registrations).take(source, self.now_ms());
        taken.map_err(|wait_ms| {
            self.metrics.throttled.registrations.one();
            too_often("your network has registered many accounts", wait_ms)
        })
    }

    /// Lets the directory be asked.
    ///
    /// # Errors
    ///
    /// `busy` where the account has asked too often.
    pub fn try_directory(&self, account: AccountId) -> Result<(), Problem> {
        let taken = lock(&self.directory).take(account, self.now_ms());
        taken.map_err(|wait_ms| {
            self.metrics.throttled.directory.one();
            too_often("the account has asked the directory often", wait_ms)
        })
    }

    fn now_ms(&self) -> u64 {
        whole_ms(self.started.elapsed())
    }
}

/// A password that is being tried. It counts as wrong, unless it is said what became of it.
pub struct Try<'a> {
    guard: &'a Guard,
    guess: Guess<Source>,
}

impl Try<'_> {
    /// It was right: the name's wrong ones are forgotten.
    pub fn right(self) {
        let now_ms = self.guard.now_ms();
        lock(&self.guard.passwords).right(self.guess, now_ms);
    }

    /// It was not compared at all.
    pub fn not_made(self) {
        let now_ms = self.guard.now_ms();
        lock(&self.guard.passwords).not_made(self.guess, now_ms);
    }
}

fn registrations(config: &Config) -> Quota<Source> {
    Quota::new(config.accounts.registrations_per_hour, 3_600_000)
}

fn directory(config: &Config) -> Quota<AccountId> {
    Quota::new(config.limits.directory_per_minute, 60_000)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn too_often(what: &str, wait_ms: u64) -> Problem {
    Problem::new(Code::Busy, format!("{what}; wait a while"))
        .hint(format!("try again in {} s", wait_ms.div_ceil(1_000)))
        .retry_after_ms(wait_ms)
}
