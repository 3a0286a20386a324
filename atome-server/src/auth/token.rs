//! Tokens: 256 random bits in hexadecimal, of which the hub keeps only the hash.

use atome_proto::AccountId;
use atome_proto::account::{DirectoryEntry, Secret, Session};
use atome_store::hub::NewSession;

use crate::hub::wall_ms;

/// Longest name of a machine, in bytes: it is shown in a list.
const DEVICE_LEN_MAX: usize = 128;

/// A session to be, and the token that opens it.
pub(crate) struct Minted {
    pub(crate) session: NewSession,
    pub(crate) token: Secret,
}

impl Minted {
    /// What is told to the client that opened it.
    pub(crate) fn reply(self, entry: DirectoryEntry) -> Session {
        Session {
            entry,
            token: self.token,
            expires_at_ms: self
                .session
                .created_at_ms
                .saturating_add(self.session.ttl_ms),
        }
    }
}

/// Makes a session of an account for a machine, which lives so long without being used.
///
/// # Errors
///
/// Where the system gives no randomness.
pub(crate) fn mint(
    account: AccountId,
    device: &str,
    ttl_ms: u64,
) -> Result<Minted, getrandom::Error> {
    let (token, token_hash) = random_secret()?;
    let mut random = [0; 10];
    getrandom::fill(&mut random)?;
    let now_ms = wall_ms();
    let session = NewSession {
        account,
        session: uuid::Builder::from_unix_timestamp_millis(now_ms, &random).into_uuid(),
        token_hash,
        device: kept_device(device),
        created_at_ms: now_ms,
        ttl_ms,
    };
    Ok(Minted { session, token })
}

/// 256 random bits in hexadecimal, and the hash by which they are kept.
///
/// # Errors
///
/// Where the system gives no randomness.
pub(crate) fn random_secret() -> Result<(Secret, [u8; 32]), getrandom::Error> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)?;
    let text = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok((Secret(text), *blake3::hash(&secret).as_bytes()))
}

/// The name of a machine as it is kept: shortened where it is too long, without controls.
fn kept_device(name: &str) -> String {
    let mut kept: String = name.chars().filter(|c| !c.is_control()).collect();
    while kept.len() > DEVICE_LEN_MAX {
        kept.pop();
    }
    kept
}

/// The hash by which a secret of 256 bits in hexadecimal is kept; `None` for any other text.
///
/// A fast hash is enough: nobody guesses 256 random bits.
#[must_use]
pub fn hash(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut secret = [0; 32];
    for (byte, pair) in secret.iter_mut().zip(digits.as_chunks::<2>().0) {
        let [high, low] = pair.map(|digit| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        });
        *byte = high? << 4 | low?;
    }
    Some(*blake3::hash(&secret).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_256_bits_in_hexadecimal_are_a_secret() {
        let text = "00ff".repeat(16);
        let mut secret = [0; 32];
        secret
            .iter_mut()
            .skip(1)
            .step_by(2)
            .for_each(|byte| *byte = 0xff);
        assert_eq!(hash(&text), Some(*blake3::hash(&secret).as_bytes()));
        for wrong in [
            "",
            "00",
            &"00FF".repeat(16),
            &"é".repeat(32),
            &"0g".repeat(32),
        ] {
            assert_eq!(hash(wrong), None, "{wrong}");
        }
    }
}
