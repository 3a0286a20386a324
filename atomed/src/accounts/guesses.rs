//! Slowing down guesses: so many wrong passwords for a name, or of a Unix user, and then fewer and fewer.

use std::sync::{Mutex, MutexGuard, PoisonError};

use atome_engine::guesses::{Guess, Guesses};
use atome_proto::account::Secret;
use atome_proto::{Code, Problem};

use super::Accounts;
use crate::api::Peer;
use crate::clock::now;

/// The passwords that were tried here, by name and Unix user.
#[derive(Default)]
pub(super) struct Tried(Mutex<Guesses<u32>>);

impl Tried {
    fn guesses(&self) -> MutexGuard<'_, Guesses<u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One try: it counts as wrong, unless it is said to have been right.
pub(super) struct Try<'a> {
    tried: &'a Tried,
    guess: Guess<u32>,
}

impl Try<'_> {
    /// It was right.
    pub(super) fn right(self) {
        self.tried.guesses().right(self.guess, now().mono_ms);
    }

    fn not_made(self) {
        self.tried.guesses().not_made(self.guess, now().mono_ms);
    }
}

impl Accounts {
    /// Lets the asker try a password for a name, whether there is such an account or not.
    ///
    /// # Errors
    ///
    /// [`Code::Busy`] where it is too early.
    fn try_password(&self, peer: Peer, name: &str) -> Result<Try<'_>, Problem> {
        let key = *blake3::hash(name.as_bytes()).as_bytes();
        let tried = &self.0.tried;
        let begun = tried.guesses().begin(key, peer.uid, now().mono_ms);
        match begun {
            Ok(guess) => Ok(Try { tried, guess }),
            Err(wait_ms) => Err(Problem::new(
                Code::Busy,
                "too many wrong passwords were tried; wait a while",
            )
            .hint(format!("try again in {} s", wait_ms.div_ceil(1_000)))
            .retry_after_ms(wait_ms)),
        }
    }

    /// Compares a password with a hash, or with none, which takes as long; the try that it was, for whoever
    /// may still find it right, and whether it is.
    pub(super) async fn compare(
        &self,
        peer: Peer,
        name: &str,
        password: Secret,
        hash: Option<Secret>,
    ) -> Result<(Try<'_>, bool), Problem> {
        let tried = self.try_password(peer, name)?;
        match self.0.hashing.verify(password, hash).await {
            Ok(right) => Ok((tried, right)),
            Err(error) => {
                tried.not_made();
                Err(error.into())
            }
        }
    }
}
