//! Randomness from the system: ids, salts and secrets.

use std::fmt::Write as _;

use atome_proto::{AccountId, AtomeId, Code, Problem, ReplicaId};

/// The system has no randomness to give.
#[derive(Debug, thiserror::Error)]
#[error("the system gives no random bytes: {0}")]
pub struct NoRandomness(#[from] getrandom::Error);

impl From<NoRandomness> for Problem {
    fn from(error: NoRandomness) -> Self {
        Self::new(Code::Internal, error.to_string())
    }
}

/// Random bytes.
///
/// # Errors
///
/// [`NoRandomness`].
pub fn bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// The ids of so many new atomes, their randomness asked for at once.
///
/// # Errors
///
/// [`NoRandomness`].
pub fn atome_ids(
    wall_ms: u64,
    count: usize,
) -> Result<impl Iterator<Item = AtomeId>, NoRandomness> {
    let mut random = vec![[0; 10]; count];
    getrandom::fill(random.as_flattened_mut())?;
    Ok(random
        .into_iter()
        .map(move |bytes| AtomeId::new_v7(wall_ms, bytes)))
}

/// A new account's id.
///
/// # Errors
///
/// [`NoRandomness`].
pub fn account_id(wall_ms: u64) -> Result<AccountId, NoRandomness> {
    Ok(AccountId::new_v7(wall_ms, bytes()?))
}

/// A new atome's id.
///
/// # Errors
///
/// [`NoRandomness`].
pub fn atome_id(wall_ms: u64) -> Result<AtomeId, NoRandomness> {
    Ok(AtomeId::new_v7(wall_ms, bytes()?))
}

/// A new replica's id.
///
/// # Errors
///
/// [`NoRandomness`].
pub fn replica_id() -> Result<ReplicaId, NoRandomness> {
    Ok(ReplicaId(u64::from_be_bytes(bytes()?)))
}

/// 256 random bits in hexadecimal.
///
/// # Errors
///
/// [`NoRandomness`].
pub fn secret() -> Result<String, NoRandomness> {
    let mut text = String::with_capacity(64);
    for byte in bytes::<32>()? {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    Ok(text)
}
