//! Digests: a sum by which two stores see that they hold the same.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::id::parse_hex;

/// A 256-bit sum, lane by lane (four lanes of 64 bits, each modulo 2^64), of hashes: the order in which
/// they were added does not matter, and one can be taken away again.
///
/// In text it is 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Digest(pub [u64; 4]);

impl Digest {
    /// Takes the 32 bytes of a hash as a digest of one item, or those that a store kept.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        let mut lanes = [0; 4];
        for (lane, bytes) in lanes.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *lane = u64::from_be_bytes(*bytes);
        }
        Self(lanes)
    }

    /// The 32 bytes that a store keeps: the lanes one after the other, big-endian.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (bytes, lane) in bytes.as_chunks_mut::<8>().0.iter_mut().zip(self.0) {
            *bytes = lane.to_be_bytes();
        }
        bytes
    }

    /// The sum.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        self.by_lane(other, u64::wrapping_add)
    }

    /// What is left when `other` is taken away.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        self.by_lane(other, u64::wrapping_sub)
    }

    fn by_lane(mut self, other: Self, op: fn(u64, u64) -> u64) -> Self {
        for (lane, with) in self.0.iter_mut().zip(other.0) {
            *lane = op(*lane, with);
        }
        self
    }

    /// Whether it is the digest of nothing.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self == Self::default()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|lane| write!(f, "{lane:016x}"))
    }
}

/// A text that is no digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a digest is 64 lower-case hexadecimal digits")]
pub struct BadDigest;

impl FromStr for Digest {
    type Err = BadDigest;

    fn from_str(text: &str) -> Result<Self, BadDigest> {
        let mut lanes = [0; 4];
        if text.len() != 64 {
            return Err(BadDigest);
        }
        for (i, lane) in lanes.iter_mut().enumerate() {
            let digits = text.get(i * 16..i * 16 + 16).ok_or(BadDigest)?;
            *lane = parse_hex(digits, 16).ok_or(BadDigest)?;
        }
        Ok(Self(lanes))
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::text::read(deserializer, str::parse)
    }
}

/// The digest of all that an account sees, in up to 256 buckets by the last byte of the atome's id (the
/// first bytes of a UUIDv7 are its time, and would put all of a day into one). Empty buckets are left out.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Buckets(pub BTreeMap<u8, Digest>);

impl Buckets {
    /// Adds the digest of one atome whose id ends with `last_byte`.
    pub fn add(&mut self, last_byte: u8, digest: Digest) {
        let sum = self.0.entry(last_byte).or_default().plus(digest);
        if sum.is_zero() {
            self.0.remove(&last_byte);
        } else {
            self.0.insert(last_byte, sum);
        }
    }

    /// The digest of all.
    #[must_use]
    pub fn total(&self) -> Digest {
        self.0
            .values()
            .fold(Digest::default(), |sum, digest| sum.plus(*digest))
    }

    /// The buckets that differ.
    #[must_use]
    pub fn differing(&self, other: &Self) -> Vec<u8> {
        (0..=u8::MAX)
            .filter(|bucket| self.0.get(bucket) != other.0.get(bucket))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_do_not_depend_on_order_and_can_be_undone() {
        let (a, b) = (Digest([1, u64::MAX, 3, 4]), Digest([5, 6, 7, 8]));
        assert_eq!(a.plus(b), b.plus(a));
        assert_eq!(a.plus(b).minus(b), a);
        assert_eq!(Digest::from_bytes(&a.to_bytes()), a);
        assert_eq!(a.to_string().parse(), Ok(a));
        assert_eq!("zz".parse::<Digest>(), Err(BadDigest));
        assert_eq!("é".repeat(32).parse::<Digest>(), Err(BadDigest));
    }

    #[test]
    fn buckets_that_hold_nothing_are_left_out() {
        let mut buckets = Buckets::default();
        let digest = Digest([1, 2, 3, 4]);
        buckets.add(7, digest);
        let text = serde_json::to_string(&buckets).unwrap();
        assert_eq!(serde_json::from_str::<Buckets>(&text).unwrap(), buckets);
        assert_eq!(buckets.differing(&Buckets::default()), [7]);
        buckets.add(7, Digest::default().minus(digest));
        assert_eq!(buckets, Buckets::default());
    }
}
