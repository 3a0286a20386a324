//! Password hashes: argon2id, so many at once as the machine can take, the rest in a short queue.

use std::sync::Arc;

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use atome_proto::account::Secret;
use atome_proto::{Code, Problem};
use tokio::sync::Semaphore;

use crate::random;

/// Memory of one hash, in KiB: OWASP's floor for two passes. Source: design, 4 accounts.
const MEMORY_KIB: u32 = 19_456;
/// Passes over that memory.
const PASSES: u32 = 2;
/// Lanes.
const LANES: u32 = 1;
/// Hashes at work at once: 80 MiB at most, and the machine keeps answering.
const AT_ONCE_MAX: usize = 4;
/// Hashes that may wait beyond those at work: some seconds' worth.
const WAITING_MAX: usize = 16;

/// Why a password was not hashed or compared.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// Too many are waiting already.
    #[error("too many passwords are being checked at this moment")]
    Busy,
    /// The stored hash cannot be read, or the hash cannot be made.
    #[error("the password cannot be hashed: {0}")]
    Hash(#[from] argon2::password_hash::Error),
    /// No salt.
    #[error(transparent)]
    Salt(#[from] random::NoRandomness),
    /// The work was cut off, as when the daemon stops.
    #[error("the daemon is stopping")]
    Cut,
}

impl From<HashError> for Problem {
    fn from(error: HashError) -> Self {
        let code = match error {
            HashError::Busy => Code::Busy,
            HashError::Cut => Code::Stopping,
            HashError::Hash(_) | HashError::Salt(_) => Code::Internal,
        };
        let problem = Self::new(code, error.to_string());
        if code == Code::Busy {
            problem
                .hint("try again in a few seconds")
                .retry_after_ms(2000)
        } else {
            problem
        }
    }
}

/// The pool in which passwords are hashed and compared.
#[derive(Clone, Debug)]
pub struct Hashing {
    working: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
}

impl Default for Hashing {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let at_once = cores.min(AT_ONCE_MAX);
        Self {
            working: Arc::new(Semaphore::new(at_once)),
            admitted: Arc::new(Semaphore::new(at_once + WAITING_MAX)),
        }
    }
}

impl Hashing {
    /// Hashes a password with a fresh salt, in PHC form.
    ///
    /// # Errors
    ///
    /// [`HashError`].
    pub async fn hash(&self, password: Secret) -> Result<Secret, HashError> {
        let salt: [u8; 16] = random::bytes()?;
        self.run(move || {
            let salt = SaltString::encode_b64(&salt)?;
            let hash = hasher()?.hash_password(password.0.as_bytes(), &salt)?;
            Ok(Secret(hash.to_string()))
        })
        .await
    }

    /// Whether the password is the one of the hash. Without a hash it takes as long and says no, so
    /// that an unknown name answers as a wrong password does.
    ///
    /// # Errors
    ///
    /// [`HashError`].
    pub async fn verify(&self, password: Secret, hash: Option<Secret>) -> Result<bool, HashError> {
        self.run(move || {
            let Some(hash) = hash else {
                let salt = SaltString::encode_b64(&[0; 16])?;
                hasher()?.hash_password(password.0.as_bytes(), &salt)?;
                return Ok(false);
            };
            let hash = PasswordHash::new(&hash.0)?;
            match hasher()?.verify_password(password.0.as_bytes(), &hash) {
                Ok(()) => Ok(true),
                Err(argon2::password_hash::Error::Password) => Ok(false),
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        let admitted = Arc::clone(&self.admitted)
            .try_acquire_owned()
            .map_err(|_| HashError::Busy)?;
        let working = Arc::clone(&self.working)
            .acquire_owned()
            .await
            .map_err(|_| HashError::Cut)?;
        // The places go with the work: whoever gives up waiting does not free them early.
        tokio::task::spawn_blocking(move || {
            let result = work();
            drop((working, admitted));
            result
        })
        .await
        .map_err(|_| HashError::Cut)?
    }
}

fn hasher() -> Result<Argon2<'static>, HashError> {
    let params =
        Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(argon2::password_hash::Error::from)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_by_its_hash_alone() {
        let hashing = Hashing::default();
        let password = || Secret("correct horse".into());
        let hash = hashing.hash(password()).await.unwrap();
        assert!(hash.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(
            hashing
                .verify(password(), Some(hash.clone()))
                .await
                .unwrap()
        );
        let wrong = Secret("wrong".into());
        assert!(!hashing.verify(wrong, Some(hash)).await.unwrap());
        assert!(!hashing.verify(password(), None).await.unwrap());
    }

    #[tokio::test]
    async fn too_many_at_once_are_told_so() {
        let hashing = Hashing {
            working: Arc::new(Semaphore::new(1)),
            admitted: Arc::new(Semaphore::new(0)),
        };
        let error = hashing.hash(Secret("x".into())).await.unwrap_err();
        assert_eq!(Problem::from(error).code, Code::Busy);
    }
}
