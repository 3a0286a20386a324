//! Seed files: JSON lines that `seed` and `verify` read and `export` writes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::commit::{BadKey, Key};
use crate::id::{AccountId, AtomeId};
use crate::limit::{NAME_LEN_MAX, SEED_LINE_LEN_MAX};
use crate::value::Value;

/// One line of a seed file. Fields stand in this order in what `export` writes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The external key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The id; with neither key nor id the record makes a new atome each time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<AtomeId>,
    /// The type.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The broad category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The atome above, by id or external key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Whether it is deleted.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deleted: bool,
    /// The particles that have a value.
    #[serde(default)]
    pub properties: BTreeMap<Key, Value>,
}

/// Why a line is no record.
#[derive(Debug, thiserror::Error)]
pub enum BadRecord {
    /// The line is not the JSON of a record.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// The line is longer than [`SEED_LINE_LEN_MAX`].
    #[error("the line has {0} bytes; at most {SEED_LINE_LEN_MAX} are allowed")]
    TooLong(usize),
    /// A property's name is not a particle's.
    #[error("{0}")]
    Key(#[from] BadKey),
    /// A name is empty or longer than [`NAME_LEN_MAX`].
    #[error("the {0} has a length out of range: 1 to {NAME_LEN_MAX} bytes")]
    Name(&'static str),
    /// The record names both a key and an id.
    #[error("give the record a key or an id, not both")]
    KeyAndId,
}

impl Record {
    /// Reads a line.
    ///
    /// # Errors
    ///
    /// [`BadRecord`], the first thing found wrong.
    pub fn parse(line: &str) -> Result<Self, BadRecord> {
        if line.len() > SEED_LINE_LEN_MAX {
            return Err(BadRecord::TooLong(line.len()));
        }
        let record: Self = serde_json::from_str(line)?;
        record.check()?;
        Ok(record)
    }

    fn check(&self) -> Result<(), BadRecord> {
        let name = |text: Option<&String>, what| match text {
            Some(text) if text.is_empty() || text.len() > NAME_LEN_MAX => {
                Err(BadRecord::Name(what))
            }
            _ => Ok(()),
        };
        name(self.key.as_ref(), "key")?;
        name(Some(&self.type_name), "type")?;
        name(self.kind.as_ref(), "kind")?;
        name(self.parent.as_ref(), "parent")?;
        if self.key.is_some() && self.id.is_some() {
            return Err(BadRecord::KeyAndId);
        }
        for key in self.properties.keys() {
            Key::of_particle(key.as_str())?;
        }
        Ok(())
    }

    /// The id that the record names, for an owner; `None` where it names none.
    #[must_use]
    pub fn atome(&self, owner: AccountId) -> Option<AtomeId> {
        self.id
            .or_else(|| self.key.as_ref().map(|key| AtomeId::from_key(owner, key)))
    }

    /// The id of the parent that the record names, for an owner.
    #[must_use]
    pub fn parent_id(&self, owner: AccountId) -> Option<AtomeId> {
        let parent = self.parent.as_ref()?;
        Some(
            parent
                .parse()
                .unwrap_or_else(|_| AtomeId::from_key(owner, parent)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives_its_line() {
        let line = r#"{"key":"k/1","type":"t","parent":"k/0","properties":{"a":1,"b":null}}"#;
        let record = Record::parse(line).unwrap();
        assert_eq!(serde_json::to_string(&record).unwrap(), line);
        let owner = AccountId(uuid::Uuid::from_u128(1));
        assert_eq!(record.atome(owner), Some(AtomeId::from_key(owner, "k/1")));
        assert_eq!(
            record.parent_id(owner),
            Some(AtomeId::from_key(owner, "k/0"))
        );
    }

    #[test]
    fn a_bad_line_says_what_is_wrong() {
        let wrong = |line: &str| Record::parse(line).unwrap_err().to_string();
        assert!(wrong("{").contains("EOF"));
        assert!(wrong(r#"{"type":""}"#).contains("type"));
        assert!(wrong(r#"{"type":"t","propertys":{}}"#).contains("propertys"));
        assert!(wrong(r#"{"type":"t","properties":{"$type":1}}"#).contains("'$type'"));
        let key = "k".repeat(300);
        let long = wrong(&format!(r#"{{"type":"t","properties":{{"{key}":1}}}}"#));
        assert!(long.contains("255") && long.contains("300"), "{long}");
        let value = "v".repeat(2 << 20);
        let long = wrong(&format!(r#"{{"type":"t","properties":{{"a":"{value}"}}}}"#));
        assert!(long.contains("1048576"), "{long}");
    }
}
