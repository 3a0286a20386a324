//! Drafts: what is to be written, before it has a number, a stamp, or a base to add to.

use std::collections::{BTreeMap, BTreeSet};

use atome_proto::AtomeId;
use atome_proto::commit::{Addend, Change, Create, Key};
use atome_proto::stamp::Stamp;
use atome_proto::state::AtomeState;
use atome_proto::value::{Number, Value};

/// What is to be done to one atome.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The atome.
    pub atome: AtomeId,
    /// Present where it is to be made.
    pub create: Option<Create>,
    /// New values, registers of the envelope included.
    pub set: BTreeMap<Key, Value>,
    /// Particles that lose their value.
    pub unset: BTreeSet<Key>,
    /// What counters grow by.
    pub add: BTreeMap<Key, Number>,
}

impl Draft {
    /// A draft for `atome` that does nothing yet.
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

    /// Whether it does nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.create.is_none() && self.set.is_empty() && self.unset.is_empty() && self.add.is_empty()
    }

    /// Makes the change, its additions naming the versions that `state` shows.
    #[must_use]
    pub fn into_change(self, state: Option<&AtomeState>) -> Change {
        let seen = |key: &Key| {
            state
                .and_then(|state| state.particles.get(key))
                .map_or(Stamp::ZERO, |p| p.stamp)
        };
        let add = self.add.into_iter().map(|(key, by)| {
            let to = seen(&key);
            (key, Addend { by, to })
        });
        Change {
            atome: self.atome,
            create: self.create,
            set: self.set,
            unset: self.unset,
            add: add.collect(),
        }
    }
}
