//! Tokens: 256 random bits in hexadecimal, of which the hub keeps only the hash.

use atome_proto::account::{DirectoryEntry, Secret, Session};
use atome_proto::{AccountId, Problem};
use atome_store::hub::NewSession;

use super::internal;
use crate::hub::{Hub, wall_ms};

/// A session to be, and the token that opens it.
pub(super) struct Minted {
    pub(super) session: NewSession,
    pub(super) token: Secret,
}

impl Minted {
    /// What is told to the client that opened it.
    pub(super) fn reply(self, entry: DirectoryEntry) -> Session {
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

/// Makes a session of an account for a machine.
pub(super) fn mint(hub: &Hub, account: AccountId, device: &str) -> Result<Minted, Problem> {
    let failed = |error: getrandom::Error| internal("the system gives no randomness", &error);
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(failed)?;
    let mut random = [0; 10];
    getrandom::fill(&mut random).map_err(failed)?;
    let now_ms = wall_ms();
    let session = NewSession {
        account,
        session: uuid::Builder::from_unix_timestamp_millis(now_ms, &random).into_uuid(),
        token_hash: *blake3::hash(&secret).as_bytes(),
        device: super::device(device),
        created_at_ms: now_ms,
        ttl_ms: hub.session_life_ms(),
    };
    let token = Secret(secret.iter().map(|byte| format!("{byte:02x}")).collect());
    Ok(Minted { session, token })
}

/// The hash by which a secret of 256 bits in hexadecimal is kept; `None` for any other text.
///
/// A fast hash is enough: nobody guesses 256 random bits.
pub(super) fn hash(text: &str) -> Option<[u8; 32]> {
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
