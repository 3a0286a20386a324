//! Commits: the unit of writing.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::id::{AccountId, AtomeId, ReplicaId};
use crate::limit::{COMMIT_CHANGES_MAX, COMMIT_LEN_MAX, KEY_LEN_MAX, NAME_LEN_MAX};
use crate::sharing::{Act, BadTerms};
use crate::stamp::Stamp;
use crate::value::{Number, Value};

/// The name of a particle: 1 to 255 bytes of UTF-8.
///
/// Names that begin with `$` are reserved for the envelope; [`Key::of_particle`] refuses them, while
/// reading a commit accepts any, so that what a newer program writes is stored and relayed untouched.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Key(Box<str>);

/// Why a text is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// Empty, or longer than [`KEY_LEN_MAX`].
    #[error("a particle key has 1 to {KEY_LEN_MAX} bytes; this one has {0}")]
    Length(usize),
    /// Begins with `$`.
    #[error("'{0}' begins with '$', which is kept for the envelope; choose another name")]
    Reserved(String),
}

impl Key {
    /// The register that holds an atome's type.
    pub const TYPE: &'static str = "$type";
    /// The register that holds an atome's broad category.
    pub const KIND: &'static str = "$kind";
    /// The register that holds the id of the atome above.
    pub const PARENT: &'static str = "$parent";
    /// The register that says whether an atome is deleted.
    pub const DELETED: &'static str = "$deleted";
    /// The register of a copy that holds the id of the atome it was copied from.
    pub const COPIED_FROM: &'static str = "$copied_from";

    /// A key that a person may give to a particle.
    ///
    /// # Errors
    ///
    /// [`BadKey`] for a length out of range or a reserved name.
    pub fn of_particle(name: &str) -> Result<Self, BadKey> {
        if name.starts_with('$') {
            return Err(BadKey::Reserved(name.to_owned()));
        }
        Self::read(name)
    }

    /// The register of one of the envelope's own names, such as [`Key::TYPE`].
    #[must_use]
    pub fn of_envelope(name: &'static str) -> Self {
        Self(name.into())
    }

    fn read(name: &str) -> Result<Self, BadKey> {
        if name.is_empty() || name.len() > KEY_LEN_MAX {
            return Err(BadKey::Length(name.len()));
        }
        Ok(Self(name.into()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it names a register of the envelope.
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        names_register(&self.0)
    }
}

/// Whether a key names a register of the envelope.
pub(crate) fn names_register(key: &str) -> bool {
    key.starts_with('$')
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::text::read(deserializer, Self::read)
    }
}

/// What identifies a commit: numbers of a replica are 1, 2, 3… without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommitId {
    /// The replica that made it.
    pub replica: ReplicaId,
    /// Its number there, from 1.
    pub number: u64,
}

/// Changes that become visible together, everywhere or nowhere.
///
/// The replica stands in the stamp. In JSON an absent part is empty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Commit {
    /// The number of the commit at its replica, from 1.
    pub number: u64,
    /// The account that made it.
    pub author: AccountId,
    /// The order of every version in it.
    pub stamp: Stamp,
    /// The stamp that it came with, where the hub gave it another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<Stamp>,
    /// What changes, at most one entry an atome.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// What its author does about sharing; a commit holds changes or acts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acts: Vec<Act>,
}

/// What a commit does to one atome. A key stands in at most one of `set`, `unset` and `add`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The atome.
    pub atome: AtomeId,
    /// Present where the commit makes the atome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create: Option<Create>,
    /// New values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<Key, Value>,
    /// Particles that lose their value.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unset: BTreeSet<Key>,
    /// What counters grow by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub add: BTreeMap<Key, Addend>,
}

impl Change {
    /// A change of `atome` that does nothing yet.
    #[must_use]
    pub fn new(atome: AtomeId) -> Self {
        Self {
            atome,
            create: None,
            set: BTreeMap::new(),
            unset: BTreeSet::new(),
            add: BTreeMap::new(),
        }
    }

    /// How many single changes it holds; the making of an atome is one.
    #[must_use]
    pub fn count(&self) -> usize {
        usize::from(self.create.is_some()) + self.set.len() + self.unset.len() + self.add.len()
    }
}

/// The part of an envelope that never changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Create {
    /// The external key that the atome is made under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The account that holds authority over it, where that is not the author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<AccountId>,
}

/// One addition to a counter.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Addend {
    /// How much.
    pub by: Number,
    /// The stamp of the `set` (or `unset`) that the author saw; absent where the particle had none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub to: Stamp,
}

fn is_zero(stamp: &Stamp) -> bool {
    *stamp == Stamp::ZERO
}

/// Why a commit is not well made.
#[derive(Debug, thiserror::Error)]
pub enum BadCommit {
    /// The text is no commit.
    #[error("the commit cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// The text is longer than [`COMMIT_LEN_MAX`].
    #[error("the commit has {0} bytes; at most {COMMIT_LEN_MAX} are allowed")]
    TooLong(usize),
    /// It holds more changes than [`COMMIT_CHANGES_MAX`].
    #[error("the commit has {0} changes; at most {COMMIT_CHANGES_MAX} are allowed")]
    TooMany(usize),
    /// Two entries name one atome, or two parts of one entry name one key.
    #[error("the commit changes {0} twice")]
    Twice(AtomeId),
    /// Commits are numbered from 1, and change something or do something about sharing, not both.
    #[error("the commit has no number, no change, or changes beside acts of sharing")]
    Empty,
    /// An act of sharing that is not well made.
    #[error("the terms of a grant are not well formed: {0}")]
    Terms(#[from] BadTerms),
    /// An external key, type or kind with a length out of range, or an external key that does not
    /// give the atome's id.
    #[error("the envelope of {0} is not well formed: {1}")]
    Envelope(AtomeId, &'static str),
}

impl Commit {
    /// What identifies it.
    #[must_use]
    pub fn id(&self) -> CommitId {
        CommitId {
            replica: self.stamp.replica,
            number: self.number,
        }
    }

    /// Checks all that can be checked without knowing anything else.
    ///
    /// # Errors
    ///
    /// [`BadCommit`], the first thing found wrong.
    pub fn check(&self) -> Result<(), BadCommit> {
        if self.number == 0 || self.changes.is_empty() == self.acts.is_empty() {
            return Err(BadCommit::Empty);
        }
        for act in &self.acts {
            if let Act::Share { terms, .. } = act {
                terms.check()?;
            }
        }
        let count = self.acts.len() + self.changes.iter().map(Change::count).sum::<usize>();
        if count > COMMIT_CHANGES_MAX {
            return Err(BadCommit::TooMany(count));
        }
        let mut seen = BTreeSet::new();
        for change in &self.changes {
            if !seen.insert(change.atome) {
                return Err(BadCommit::Twice(change.atome));
            }
            change.check(self.author)?;
        }
        Ok(())
    }
}

impl Change {
    fn check(&self, author: AccountId) -> Result<(), BadCommit> {
        if self.count() == 0 {
            return Err(BadCommit::Empty);
        }
        let in_two = |key| self.set.contains_key(key) || self.unset.contains(key);
        if self.unset.iter().any(|key| self.set.contains_key(key)) || self.add.keys().any(in_two) {
            return Err(BadCommit::Twice(self.atome));
        }
        if let Some(Create {
            key: Some(key),
            owner,
        }) = &self.create
        {
            if key.is_empty() || key.len() > NAME_LEN_MAX {
                return Err(BadCommit::Envelope(self.atome, "external key"));
            }
            if AtomeId::from_key(owner.unwrap_or(author), key) != self.atome {
                return Err(BadCommit::Envelope(
                    self.atome,
                    "the key does not give the id",
                ));
            }
        }
        self.check_envelope()
    }

    fn check_envelope(&self) -> Result<(), BadCommit> {
        let wrong = |what| Err(BadCommit::Envelope(self.atome, what));
        let name = |key: &str, what| match self.set.get(key).map(Value::to_text) {
            None => Ok(()),
            Some(Some(text)) if !text.is_empty() && text.len() <= NAME_LEN_MAX => Ok(()),
            Some(_) => wrong(what),
        };
        name(Key::TYPE, "type")?;
        name(Key::KIND, "kind")?;
        if self.create.is_some() && !self.set.contains_key(Key::TYPE) {
            return wrong("no type");
        }
        if let Some(parent) = self.set.get(Key::PARENT) {
            let id = parent
                .to_text()
                .and_then(|text| text.parse::<AtomeId>().ok());
            match id {
                None => return wrong("parent"),
                Some(id) if id == self.atome => return wrong("it is its own parent"),
                Some(_) => {}
            }
        }
        if self
            .set
            .get(Key::DELETED)
            .is_some_and(|v| !matches!(v.as_str(), "true" | "false"))
        {
            return wrong("deleted");
        }
        if self.unset.contains(Key::TYPE) || self.add.keys().any(Key::is_reserved) {
            return wrong("a register of the envelope cannot be unset or counted");
        }
        Ok(())
    }
}

/// A commit as the JSON text that travels and is kept, relayed without being read.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RawCommit(Box<RawValue>);

impl RawCommit {
    /// The JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Takes a JSON text that a store kept.
    ///
    /// # Errors
    ///
    /// Where the text is not JSON.
    pub fn from_text(text: String) -> Result<Self, serde_json::Error> {
        RawValue::from_string(text).map(Self)
    }

    /// Writes a commit.
    ///
    /// # Errors
    ///
    /// [`BadCommit::TooLong`], with the length.
    pub fn encode(commit: &Commit) -> Result<Self, BadCommit> {
        let raw = serde_json::value::to_raw_value(commit)?;
        let len = raw.get().len();
        if len > COMMIT_LEN_MAX {
            Err(BadCommit::TooLong(len))
        } else {
            Ok(Self(raw))
        }
    }

    /// Reads the commit and checks that it is well made.
    ///
    /// # Errors
    ///
    /// [`BadCommit`], the first thing found wrong.
    pub fn decode(&self) -> Result<Commit, BadCommit> {
        let text = self.as_str();
        if text.len() > COMMIT_LEN_MAX {
            return Err(BadCommit::TooLong(text.len()));
        }
        let commit: Commit = serde_json::from_str(text)?;
        commit.check()?;
        Ok(commit)
    }
}

impl PartialEq for RawCommit {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn commit(changes: Vec<Change>) -> Commit {
        let stamp = "0000000000010000-0000000000000001".parse().unwrap();
        Commit {
            number: 1,
            author: AccountId(Uuid::nil()),
            stamp,
            claimed: None,
            changes,
            acts: vec![],
        }
    }

    fn change(id: u128) -> Change {
        let mut change = Change::new(AtomeId(Uuid::from_u128(id)));
        change
            .set
            .insert(Key::of_particle("name").unwrap(), Value::from_text("x"));
        change
    }

    #[test]
    fn a_commit_survives_the_wire() {
        let mut change = change(1);
        change.unset.insert(Key::of_particle("old").unwrap());
        let by = Addend {
            by: Number::Double(0.5),
            to: Stamp::ZERO,
        };
        change.add.insert(Key::of_particle("n").unwrap(), by);
        let commit = commit(vec![change]);
        let raw = RawCommit::encode(&commit).unwrap();
        assert!(
            raw.as_str().contains(r#""add":{"n":{"by":0.5}}"#),
            "{}",
            raw.as_str()
        );
        assert_eq!(raw.decode().unwrap(), commit);
    }

    #[test]
    fn what_is_not_well_made_is_refused() {
        let refused = |changes| commit(changes).check().unwrap_err();
        assert!(matches!(refused(vec![]), BadCommit::Empty));
        assert!(matches!(
            refused(vec![Change::new(change(1).atome)]),
            BadCommit::Empty
        ));
        assert!(matches!(
            refused(vec![change(1), change(1)]),
            BadCommit::Twice(_)
        ));
        let mut twice = change(1);
        twice.unset.insert(Key::of_particle("name").unwrap());
        assert!(matches!(refused(vec![twice]), BadCommit::Twice(_)));
        let mut ring = change(1);
        ring.set.insert(
            Key::of_envelope(Key::PARENT),
            Value::from_text(&ring.atome.to_string()),
        );
        assert!(matches!(refused(vec![ring]), BadCommit::Envelope(..)));
        let mut forged = change(1);
        forged.create = Some(Create {
            key: Some("k".into()),
            owner: None,
        });
        assert!(matches!(refused(vec![forged]), BadCommit::Envelope(..)));
    }

    #[test]
    fn a_reserved_name_is_no_particle() {
        assert!(matches!(
            Key::of_particle("$type"),
            Err(BadKey::Reserved(_))
        ));
        assert!(matches!(Key::of_particle(""), Err(BadKey::Length(0))));
        assert!(matches!(
            Key::of_particle(&"k".repeat(256)),
            Err(BadKey::Length(256))
        ));
    }
}
