//! The guard: who comes too often, with wrong passwords, registrations, or questions to the directory.
//!
//! The counting is the engine's; here are the clocks, the locks and the words.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use atome_engine::quota::Quota;
use atome_engine::throttle::{Counted, PER_ACCOUNT, PER_SOURCE, Throttle};
use atome_proto::{AccountId, Code, Problem};

use crate::config::Config;
use crate::hub::whole_ms;
use crate::source::Source;

/// A name by its hash: names are long, and strangers choose them.
type NameKey = [u8; 32];

/// What a hub remembers of those who come.
pub struct Guard {
    started: Instant,
    passwords: Mutex<Passwords>,
    registrations: Mutex<Quota<Source>>,
    directory: Mutex<Quota<AccountId>>,
}

struct Passwords {
    names: Throttle<NameKey>,
    sources: Throttle<Source>,
}

impl Guard {
    /// One that has seen nobody.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let hourly = config.accounts.registrations_per_hour;
        let by_minute = config.limits.directory_per_minute;
        Self {
            started: Instant::now(),
            passwords: Mutex::new(Passwords {
                names: Throttle::new(PER_ACCOUNT),
                sources: Throttle::new(PER_SOURCE),
            }),
            registrations: Mutex::new(Quota::new(hourly, 3_600_000)),
            directory: Mutex::new(Quota::new(by_minute, 60_000)),
        }
    }

    /// Lets a password be tried for a name, whether an account has it or not.
    ///
    /// # Errors
    ///
    /// `busy` where it is too early.
    pub fn try_password(&self, name: &str, source: Source) -> Result<Try<'_>, Problem> {
        let name = *blake3::hash(name.as_bytes()).as_bytes();
        let now_ms = self.now_ms();
        let mut passwords = lock(&self.passwords);
        let wait_ms = passwords
            .names
            .wait_ms(&name, now_ms)
            .max(passwords.sources.wait_ms(&source, now_ms));
        if wait_ms > 0 {
            return Err(too_often("too many wrong passwords were tried", wait_ms));
        }
        Ok(Try {
            guard: self,
            by_name: (name, passwords.names.count(name, now_ms)),
            by_source: (source, passwords.sources.count(source, now_ms)),
        })
    }

    /// Lets an account be registered.
    ///
    /// # Errors
    ///
    /// `busy` where the source has registered too many.
    pub fn try_registration(&self, source: Source) -> Result<(), Problem> {
        let taken = lock(&self.registrations).take(source, self.now_ms());
        taken.map_err(|wait_ms| too_often("your network has registered many accounts", wait_ms))
    }

    /// Lets the directory be asked.
    ///
    /// # Errors
    ///
    /// `busy` where the account has asked too often.
    pub fn try_directory(&self, account: AccountId) -> Result<(), Problem> {
        let taken = lock(&self.directory).take(account, self.now_ms());
        taken.map_err(|wait_ms| too_often("the account has asked the directory often", wait_ms))
    }

    fn now_ms(&self) -> u64 {
        whole_ms(self.started.elapsed())
    }
}

/// A password that is being tried. It counts as wrong, unless it is said what became of it.
pub struct Try<'a> {
    guard: &'a Guard,
    by_name: (NameKey, Counted),
    by_source: (Source, Counted),
}

impl Try<'_> {
    /// It was right: the name's wrong ones are forgotten.
    pub fn right(self) {
        let mut passwords = lock(&self.guard.passwords);
        passwords.names.reset(&self.by_name.0);
        let (source, counted) = self.by_source;
        let now_ms = self.guard.now_ms();
        passwords.sources.take_back(source, counted, now_ms);
    }

    /// It was not compared at all.
    pub fn not_made(self) {
        let mut passwords = lock(&self.guard.passwords);
        let now_ms = self.guard.now_ms();
        let (name, counted) = self.by_name;
        passwords.names.take_back(name, counted, now_ms);
        let (source, counted) = self.by_source;
        passwords.sources.take_back(source, counted, now_ms);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn too_often(what: &str, wait_ms: u64) -> Problem {
    Problem::new(Code::Busy, format!("{what}; wait a while"))
        .hint(format!("try again in {} s", wait_ms.div_ceil(1_000)))
        .retry_after_ms(wait_ms)
}
