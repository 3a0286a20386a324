//! Receipts: what a write gives its author, for whoever wants to know what became of it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::id::{AccountId, Epoch, HubId};
use crate::stamp::Stamp;

/// What a commit is known by on every machine and at the hub, whatever number it is given later.
///
/// In text, and in JSON: `r1`, the author, the stamp that it was written under, its number, and the hub
/// and the epoch where the machine knew them, with `.` between. Source: design 3, "Cursors, epochs, receipts".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Who wrote.
    pub author: AccountId,
    /// The stamp that the replica gave it. Two copies of one replica may give two commits one number, and
    /// never one stamp.
    pub stamp: Stamp,
    /// The commit's number.
    pub number: u64,
    /// The hub, and the life of its database, where one was known.
    pub hub: Option<(HubId, Epoch)>,
}

/// A text that is no receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadReceipt {
    /// It is of a later form than this program knows.
    #[error("the receipt is of a later form than this program knows; use a newer one")]
    Newer,
    /// Anything else.
    #[error("this is no receipt: one begins with 'r1.', as a write with --receipt prints it")]
    Text,
}

impl fmt::Display for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r1.{}.{}.{}", self.author, self.stamp, self.number)?;
        match self.hub {
            Some((hub, epoch)) => write!(f, ".{hub}.{epoch}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Receipt {
    type Err = BadReceipt;

    fn from_str(text: &str) -> Result<Self, BadReceipt> {
        let mut parts = text.split('.');
        let version = parts.next().and_then(|form| form.strip_prefix('r'));
        match version.and_then(|digits| digits.parse::<u32>().ok()) {
            Some(1) => {}
            Some(2..) => return Err(BadReceipt::Newer),
            Some(0) | None => return Err(BadReceipt::Text),
        }
        let receipt = Self {
            author: read(parts.next())?,
            stamp: read(parts.next())?,
            number: read(parts.next())?,
            hub: match (parts.next(), parts.next()) {
                (None, _) => None,
                (hub, epoch) => Some((read(hub)?, read(epoch)?)),
            },
        };
        match parts.next() {
            None => Ok(receipt),
            Some(_) => Err(BadReceipt::Text),
        }
    }
}

fn read<T: FromStr>(part: Option<&str>) -> Result<T, BadReceipt> {
    part.and_then(|part| part.parse().ok())
        .ok_or(BadReceipt::Text)
}

impl Serialize for Receipt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Receipt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ReplicaId;
    use crate::stamp::HybridTime;
    use uuid::Uuid;

    #[test]
    fn a_receipt_survives_its_text_and_nothing_else_is_one() {
        let mut receipt = Receipt {
            author: AccountId(Uuid::from_u128(1)),
            stamp: Stamp {
                time: HybridTime(2),
                replica: ReplicaId(3),
            },
            number: 4,
            hub: Some((HubId(Uuid::from_u128(5)), Epoch(6))),
        };
        let text = receipt.to_string();
        assert_eq!(text.parse(), Ok(receipt));
        assert_eq!(
            format!("{text}.7").parse::<Receipt>(),
            Err(BadReceipt::Text)
        );
        let short = text.rsplit_once('.').unwrap().0;
        assert_eq!(short.parse::<Receipt>(), Err(BadReceipt::Text));
        assert_eq!(
            text.replace("r1", "r2").parse::<Receipt>(),
            Err(BadReceipt::Newer)
        );
        for other in ["", "r1", "r0.1", "1", "r1.a.b.c", &text.replace("r1.", "")] {
            assert_eq!(other.parse::<Receipt>(), Err(BadReceipt::Text), "{other}");
        }
        receipt.hub = None;
        assert_eq!(receipt.to_string().parse(), Ok(receipt));
    }
}
