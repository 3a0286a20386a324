//! Stamps: the total order of versions.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::{ReplicaId, parse_hex};

/// A hybrid logical time: milliseconds since 1970 in the upper 48 bits, a counter in the lower 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct HybridTime(pub u64);

impl HybridTime {
    /// The greatest millisecond that fits 48 bits (the year 10889).
    pub const MS_MAX: u64 = (1 << 48) - 1;

    /// The first time of a millisecond; later milliseconds than [`Self::MS_MAX`] count as that one.
    #[must_use]
    pub fn from_ms(wall_ms: u64) -> Self {
        Self(wall_ms.min(Self::MS_MAX) << 16)
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub fn ms(self) -> u64 {
        self.0 >> 16
    }

    /// The least time after this one; at the very end of time it stays where it is.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// The order of versions: hybrid time first, then the replica, so that no two versions are equal.
///
/// In text it is 16 hexadecimal digits of time, `-`, 16 of the replica: texts and the 16 bytes that a
/// store keeps sort as stamps do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Stamp {
    /// When, by the hybrid clock of the replica.
    pub time: HybridTime,
    /// Which replica made it.
    pub replica: ReplicaId,
}

impl Stamp {
    /// Before every version: what an addition names that applies to no `set`.
    pub const ZERO: Self = Self {
        time: HybridTime(0),
        replica: ReplicaId(0),
    };

    /// The 16 bytes that a store keeps: big-endian time, big-endian replica.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 16] {
        (u128::from(self.time.0) << 64 | u128::from(self.replica.0)).to_be_bytes()
    }

    /// Reads what [`Self::to_bytes`] wrote.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        let both = u128::from_be_bytes(bytes);
        let low = both & u128::from(u64::MAX);
        Self {
            time: HybridTime(u64::try_from(both >> 64).unwrap_or_default()),
            replica: ReplicaId(u64::try_from(low).unwrap_or_default()),
        }
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.time.0, self.replica)
    }
}

/// A text that is not a stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stamp is 16 hexadecimal digits of time, '-', 16 of the replica")]
pub struct BadStamp;

impl FromStr for Stamp {
    type Err = BadStamp;

    fn from_str(text: &str) -> Result<Self, BadStamp> {
        let (time, replica) = text.split_once('-').ok_or(BadStamp)?;
        let time = parse_hex(time, 16).ok_or(BadStamp)?;
        let replica = replica.parse().map_err(|_| BadStamp)?;
        Ok(Self {
            time: HybridTime(time),
            replica,
        })
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = [b'-'; 33];
        text[..16].copy_from_slice(&crate::text::hex(self.time.0));
        text[17..].copy_from_slice(&crate::text::hex(self.replica.0));
        crate::text::write(&text, serializer)
    }
}

impl<'de> Deserialize<'de> for Stamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::text::read(deserializer, str::parse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn texts_and_bytes_sort_as_stamps(a: (u64, u64), b: (u64, u64)) {
            let stamp = |(time, replica)| Stamp { time: HybridTime(time), replica: ReplicaId(replica) };
            let (a, b) = (stamp(a), stamp(b));
            prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
            prop_assert_eq!(a.cmp(&b), a.to_bytes().cmp(&b.to_bytes()));
            prop_assert_eq!(a.to_string().parse(), Ok(a));
            prop_assert_eq!(Stamp::from_bytes(a.to_bytes()), a);
        }
    }

    #[test]
    fn a_millisecond_fills_the_upper_bits() {
        assert_eq!(HybridTime::from_ms(1).0, 1 << 16);
        assert_eq!(HybridTime::from_ms(u64::MAX).ms(), HybridTime::MS_MAX);
        assert_eq!(HybridTime(u64::MAX).next().0, u64::MAX);
    }
}
