//! Password hashes: which are accepted, and how many are computed at once.
//!
//! A hash takes a processor for a tenth of a second and tens of megabytes; a queue with a limit keeps
//! logins from taking all of either.

use std::sync::Arc;

use argon2::password_hash::{PasswordHash, PasswordHasher, SaltString};
use argon2::{Algorithm, Argon2, Params, PasswordVerifier, Version};
use atome_proto::account::Secret;
use tokio::sync::{Semaphore, TryAcquireError};

/// Least memory of a hash, in KiB: 19 MiB. Source: design 4; OWASP Password Storage Cheat Sheet.
pub const MEMORY_KIB_MIN: u32 = 19_456;
/// Most memory of a hash, in KiB: 256 MiB, so that one login cannot exhaust the machine.
pub const MEMORY_KIB_MAX: u32 = 262_144;
/// Fewest passes.
pub const PASSES_MIN: u32 = 2;
/// Most passes, so that one login cannot hold a processor for long.
pub const PASSES_MAX: u32 = 10;
/// Longest password, in bytes: long enough for any phrase, short enough to hash at once.
pub const PASSWORD_LEN_MAX: usize = 1024;
/// Most lanes.
pub const LANES_MAX: u32 = 16;
/// Fewest bytes of salt and of output.
const SALT_LEN_MIN: usize = 8;
const OUTPUT_LEN_MIN: usize = 16;
/// Longest PHC text: far more than the parameters above can need.
const PHC_LEN_MAX: usize = 512;

/// Why a text is no password hash that the hub takes.
#[derive(Debug, thiserror::Error)]
pub enum BadHash {
    /// It is no PHC text.
    #[error("the password hash is not in PHC form")]
    Form,
    /// It is another function or version.
    #[error("the password hash is not argon2id, version 19")]
    Function,
    /// A parameter is out of range.
    #[error("the password hash has {name}={value}; from {min} to {max} is accepted")]
    Parameter {
        /// `m`, `t` or `p`.
        name: &'static str,
        /// What it is.
        value: u32,
        /// The floor.
        min: u32,
        /// The ceiling.
        max: u32,
    },
    /// The salt or the output is too short.
    #[error("the password hash has a salt or an output that is too short")]
    Short,
}

/// Checks the PHC text that a registration brings against the floor and the ceiling.
///
/// # Errors
///
/// [`BadHash`], the first thing found wrong.
pub fn check_phc(text: &str) -> Result<(), BadHash> {
    if text.len() > PHC_LEN_MAX {
        return Err(BadHash::Form);
    }
    let hash = PasswordHash::new(text).map_err(|_| BadHash::Form)?;
    let is_version_19 = hash.version == Some(Version::V0x13.into());
    if hash.algorithm != Algorithm::Argon2id.ident() || !is_version_19 {
        return Err(BadHash::Function);
    }
    let params = Params::try_from(&hash).map_err(|_| BadHash::Form)?;
    let ranges = [
        ("m", params.m_cost(), MEMORY_KIB_MIN, MEMORY_KIB_MAX),
        ("t", params.t_cost(), PASSES_MIN, PASSES_MAX),
        ("p", params.p_cost(), 1, LANES_MAX),
    ];
    for (name, value, min, max) in ranges {
        if !(min..=max).contains(&value) {
            return Err(BadHash::Parameter {
                name,
                value,
                min,
                max,
            });
        }
    }
    let mut buffer = [0; 64];
    let salt_len = hash
        .salt
        .and_then(|salt| salt.decode_b64(&mut buffer).ok().map(<[u8]>::len));
    let output_len = hash.hash.map(|output| output.len());
    if salt_len < Some(SALT_LEN_MIN) || output_len < Some(OUTPUT_LEN_MIN) {
        return Err(BadHash::Short);
    }
    Ok(())
}

/// Why no hash was computed.
#[derive(Debug, thiserror::Error)]
pub enum HashingError {
    /// Too many hashes wait.
    #[error("too many logins are waiting")]
    Busy,
    /// The task was lost, or the hash cannot be computed.
    #[error("a password hash could not be computed: {0}")]
    Failed(String),
}

/// The place where passwords are hashed and compared, so many at once and so many waiting.
#[derive(Debug)]
pub struct Hashing {
    admitted: Arc<Semaphore>,
    processors: Arc<Semaphore>,
    memory_mib: Arc<Semaphore>,
    memory_mib_max: u32,
}

impl Hashing {
    /// A place for `at_once` hashes (0: one a processor) with `waiting_max` more in the queue.
    ///
    /// Together they take no more than a quarter of the machine's memory.
    #[must_use]
    pub fn new(at_once: usize, waiting_max: usize) -> Self {
        let at_once = match at_once {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            number => number,
        };
        let memory_mib_max = machine_memory_mib().map_or(MEMORY_KIB_MAX >> 10, |mib| mib / 4);
        let memory_mib_max = memory_mib_max.max(MEMORY_KIB_MIN >> 10);
        Self {
            admitted: Arc::new(Semaphore::new(at_once.saturating_add(waiting_max))),
            processors: Arc::new(Semaphore::new(at_once)),
            memory_mib: Arc::new(Semaphore::new(
                usize::try_from(memory_mib_max).unwrap_or(usize::MAX >> 3),
            )),
            memory_mib_max,
        }
    }

    /// Compares a password with a hash; with no hash it takes as long and says no.
    ///
    /// # Errors
    ///
    /// [`HashingError`].
    ///
    /// # Cancel safety
    ///
    /// Safe: a comparison that has begun runs to its end and keeps its place until then.
    pub async fn verify(
        &self,
        password: Secret,
        phc: Option<String>,
    ) -> Result<bool, HashingError> {
        let kib = phc.as_deref().map_or(MEMORY_KIB_MIN, memory_kib);
        self.compute(kib, move || compare(&password, phc.as_deref()))
            .await
    }

    /// Computes the hash of a new password, in PHC form.
    ///
    /// # Errors
    ///
    /// [`HashingError`].
    ///
    /// # Cancel safety
    ///
    /// As [`Self::verify`].
    pub async fn hash(&self, password: Secret) -> Result<String, HashingError> {
        self.compute(MEMORY_KIB_MIN, move || hash(&password)).await
    }

    async fn compute<T: Send + 'static>(
        &self,
        kib: u32,
        work: impl FnOnce() -> Result<T, argon2::password_hash::Error> + Send + 'static,
    ) -> Result<T, HashingError> {
        let failed = |error: &dyn std::fmt::Display| HashingError::Failed(error.to_string());
        let admitted = match Arc::clone(&self.admitted).try_acquire_owned() {
            Ok(permit) => permit,
            Err(TryAcquireError::NoPermits) => return Err(HashingError::Busy),
            Err(error @ TryAcquireError::Closed) => return Err(failed(&error)),
        };
        let memory = Arc::clone(&self.memory_mib)
            .acquire_many_owned((kib >> 10).min(self.memory_mib_max))
            .await
            .map_err(|error| failed(&error))?;
        let processor = Arc::clone(&self.processors)
            .acquire_owned()
            .await
            .map_err(|error| failed(&error))?;
        let computed = tokio::task::spawn_blocking(move || {
            let answer = work();
            drop((admitted, memory, processor));
            answer
        });
        computed
            .await
            .map_err(|error| failed(&error))?
            .map_err(|error| failed(&error))
    }
}

/// Argon2id as the daemon computes it.
fn argon2id() -> Result<Argon2<'static>, argon2::password_hash::Error> {
    let params = Params::new(MEMORY_KIB_MIN, PASSES_MIN, 1, Some(32))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &Secret) -> Result<String, argon2::password_hash::Error> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|_| argon2::password_hash::Error::Crypto)?;
    let salt = SaltString::encode_b64(&salt)?;
    let hash = argon2id()?.hash_password(password.0.as_bytes(), &salt)?;
    Ok(hash.to_string())
}

fn compare(password: &Secret, phc: Option<&str>) -> Result<bool, argon2::password_hash::Error> {
    use argon2::password_hash::Error;

    let Some(phc) = phc else {
        let mut output = [0; 32];
        argon2id()?.hash_password_into(
            password.0.as_bytes(),
            b"nobody has this name",
            &mut output,
        )?;
        return Ok(std::hint::black_box(output).is_empty());
    };
    let hash = PasswordHash::new(phc)?;
    match Argon2::default().verify_password(password.0.as_bytes(), &hash) {
        Ok(()) => Ok(true),
        Err(Error::Password) => Ok(false),
        Err(error) => Err(error),
    }
}

fn memory_kib(phc: &str) -> u32 {
    PasswordHash::new(phc)
        .and_then(|hash| Params::try_from(&hash))
        .map_or(MEMORY_KIB_MIN, |params| params.m_cost())
}

/// The machine's memory; `None` where the system does not say.
fn machine_memory_mib() -> Option<u32> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    u32::try_from(kib >> 10).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phc(head: &str) -> String {
        format!("{head}$c29tZXNhbHRzYWx0$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
    }

    #[test]
    fn only_strong_and_bearable_hashes_are_taken() {
        assert!(check_phc(&phc("$argon2id$v=19$m=19456,t=2,p=1")).is_ok());
        assert!(check_phc(&phc("$argon2id$v=19$m=262144,t=10,p=4")).is_ok());
        for (text, part) in [
            (phc("$argon2id$v=19$m=19455,t=2,p=1"), "m=19455"),
            (phc("$argon2id$v=19$m=262145,t=2,p=1"), "m=262145"),
            (phc("$argon2id$v=19$m=19456,t=1,p=1"), "t=1"),
            (phc("$argon2id$v=19$m=19456,t=11,p=1"), "t=11"),
            (phc("$argon2id$v=19$m=19456,t=2,p=17"), "p=17"),
            (phc("$argon2i$v=19$m=19456,t=2,p=1"), "argon2id"),
            (phc("$argon2id$v=16$m=19456,t=2,p=1"), "version 19"),
            ("$argon2id$v=19$m=19456,t=2,p=1".to_owned(), "too short"),
            ("secret".to_owned(), "PHC"),
            ("$argon2id$".repeat(100), "PHC"),
        ] {
            let message = check_phc(&text).unwrap_err().to_string();
            assert!(message.contains(part), "{text}: {message}");
        }
    }

    #[tokio::test]
    async fn a_new_hash_is_one_that_is_taken() {
        let hashing = Hashing::new(1, 0);
        let secret = |text: &str| Secret(text.to_owned());
        let phc = hashing.hash(secret("swordfish")).await.unwrap();
        assert!(check_phc(&phc).is_ok(), "{phc}");
        let verify = |text: &str| hashing.verify(secret(text), Some(phc.clone()));
        assert!(verify("swordfish").await.unwrap());
        assert!(!verify("swordfisch").await.unwrap());
    }

    #[tokio::test]
    async fn a_full_queue_is_busy() {
        let hashing = Hashing::new(1, 0);
        let secret = || Secret("x".to_owned());
        let (one, two) = tokio::join!(
            hashing.verify(secret(), None),
            hashing.verify(secret(), None)
        );
        assert!(!one.unwrap());
        assert!(matches!(two, Err(HashingError::Busy)));
        assert!(!hashing.verify(secret(), None).await.unwrap());
    }
}
