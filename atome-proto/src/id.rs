//! Identifiers, each a type of its own so that none can stand where another belongs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub struct $name(pub Uuid);

        impl $name {
            /// Makes a UUIDv7 from a time (milliseconds since 1970) and ten random bytes.
            #[must_use]
            pub fn new_v7(wall_ms: u64, random: [u8; 10]) -> Self {
                Self(uuid::Builder::from_unix_timestamp_millis(wall_ms, &random).into_uuid())
            }

            /// Reads the sixteen bytes that a store keeps.
            #[must_use]
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }

            /// The sixteen bytes that a store keeps; they sort as the ids do.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

uuid_id! {
    /// An account: credentials and the authority over what it owns. UUIDv7.
    AccountId
}
uuid_id! {
    /// An atome: UUIDv7, or UUIDv5 of (owner, external key) where it was made under a key.
    AtomeId
}
uuid_id! {
    /// A grant. UUIDv7, minted where it is offered.
    GrantId
}
uuid_id! {
    /// A hub's database, minted when it is made.
    HubId
}

impl AtomeId {
    /// Derives the id of the atome that `owner` holds under the external `key`.
    ///
    /// The same owner and key give the same id on every machine, so that seeding a file twice, or on
    /// two machines, gives the same atomes. Source: RFC 9562, section 5.5, with the owner as namespace.
    #[must_use]
    pub fn from_key(owner: AccountId, key: &str) -> Self {
        Self(Uuid::new_v5(&owner.0, key.as_bytes()))
    }

    /// Derives the id of the copy of `atome` that a grant makes.
    ///
    /// The same grant gives the same copy, however often it is asked to. Source: RFC 9562, section 5.5,
    /// with the grant as namespace.
    #[must_use]
    pub fn of_copy(grant: GrantId, atome: Self) -> Self {
        Self(Uuid::new_v5(&grant.0, atome.as_bytes()))
    }
}

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        pub struct $name(
            #[cfg_attr(
                feature = "schema",
                schemars(with = "String", regex(pattern = "^[0-9a-f]{16}$"))
            )]
            pub u64,
        );

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:016x}", self.0)
            }
        }

        impl FromStr for $name {
            type Err = BadHex;

            fn from_str(text: &str) -> Result<Self, BadHex> {
                parse_hex(text, 16).map(Self).ok_or(BadHex)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                crate::text::write(&crate::text::hex(self.0), serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::text::read(deserializer, str::parse)
            }
        }
    };
}

hex_id! {
    /// One account's store on one machine: 64 random bits, sixteen lower-case hexadecimal digits in text.
    ReplicaId
}
hex_id! {
    /// One life of a hub's database: 64 random bits, changed when the database is restored from a backup.
    Epoch
}

/// A text that is not sixteen lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("sixteen lower-case hexadecimal digits were expected")]
pub struct BadHex;

/// Reads exactly `digits` lower-case hexadecimal digits.
pub(crate) fn parse_hex(text: &str, digits: usize) -> Option<u64> {
    let lower_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    if text.len() != digits || !text.bytes().all(lower_hex) {
        return None;
    }
    u64::from_str_radix(text, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_gives_one_id_for_one_owner() {
        let (one, two) = (AccountId(Uuid::from_u128(1)), AccountId(Uuid::from_u128(2)));
        assert_eq!(AtomeId::from_key(one, "a"), AtomeId::from_key(one, "a"));
        assert_ne!(AtomeId::from_key(one, "a"), AtomeId::from_key(two, "a"));
        assert_ne!(AtomeId::from_key(one, "a"), AtomeId::from_key(one, "b"));
    }

    #[test]
    fn a_replica_id_is_sixteen_digits() {
        let id = ReplicaId(0xab);
        assert_eq!(id.to_string(), "00000000000000ab");
        assert_eq!("00000000000000ab".parse(), Ok(id));
        assert_eq!("ab".parse::<ReplicaId>(), Err(BadHex));
        assert_eq!("00000000000000AB".parse::<ReplicaId>(), Err(BadHex));
        assert_eq!("+0000000000000ab".parse::<ReplicaId>(), Err(BadHex));
    }
}
