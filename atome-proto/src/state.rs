//! The current state of one atome, as a store keeps it and a snapshot carries it.

mod glance;

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::value::RawValue;

use crate::commit::Key;
use crate::id::{AccountId, AtomeId, ReplicaId};
use crate::stamp::Stamp;
use crate::value::{Number, Value};

pub use glance::{Glance, value_in};

/// What all versions of one atome come to.
///
/// In JSON the stamps stand once each in a list, and a particle names its stamp by the place there:
/// most particles of an atome were written together.
#[derive(Clone, Debug, PartialEq)]
pub struct AtomeState {
    /// The atome.
    pub atome: AtomeId,
    /// The least stamp of any version: when it was made.
    pub created: Stamp,
    /// The author of the version of that stamp.
    pub creator: AccountId,
    /// The account that holds authority over it.
    pub owner: AccountId,
    /// The external key that it was made under.
    pub key: Option<String>,
    /// The greatest stamp of any version.
    pub updated: Stamp,
    /// Every register and particle that was ever written, those without a value included.
    pub particles: BTreeMap<Key, Particle>,
}

/// What all versions of one particle come to.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Particle {
    /// The stamp of the `set` or `unset` that wins; [`Stamp::ZERO`] where there was only addition.
    pub stamp: Stamp,
    /// The value that was set, without additions; `None` where it was unset.
    pub base: Option<Value>,
    /// Additions, sorted by (`to`, `replica`): to the winning base, and to later ones not seen yet.
    pub tallies: Vec<Tally>,
}

/// The running total of what one replica added to one base.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// The stamp of the base.
    #[serde(default)]
    pub to: Stamp,
    /// The replica that added.
    pub replica: ReplicaId,
    /// The number of its last commit that is in the total.
    pub through: u64,
    /// The total.
    pub total: Number,
}

impl Particle {
    /// The current value: the base and what was added to it.
    ///
    /// Where something was added to a base that is no number, the additions count from zero.
    #[must_use]
    pub fn value(&self) -> Option<Value> {
        let mut sum = None;
        for tally in self.tallies.iter().filter(|tally| tally.to == self.stamp) {
            let from = sum.unwrap_or_else(|| {
                self.base
                    .as_ref()
                    .and_then(Value::to_number)
                    .unwrap_or(Number::ZERO)
            });
            sum = Some(from.plus(tally.total));
        }
        sum.map(Value::from_number).or_else(|| self.base.clone())
    }
}

impl AtomeState {
    /// The current value of a register or particle.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<Value> {
        self.particles.get(key)?.value()
    }

    fn text(&self, key: &str) -> Option<String> {
        self.particles.get(key)?.base.as_ref()?.to_text()
    }

    /// Its type; empty where the version that names it has not come yet.
    #[must_use]
    pub fn type_name(&self) -> String {
        self.text(Key::TYPE).unwrap_or_default()
    }

    /// Its broad category.
    #[must_use]
    pub fn kind(&self) -> Option<String> {
        self.text(Key::KIND)
    }

    /// The atome above it, as written: a ring of parents is for the engine to cut.
    #[must_use]
    pub fn parent(&self) -> Option<AtomeId> {
        self.text(Key::PARENT)?.parse().ok()
    }

    /// The atome that it is a copy of.
    #[must_use]
    pub fn copied_from(&self) -> Option<AtomeId> {
        self.text(Key::COPIED_FROM)?.parse().ok()
    }

    /// Whether it is deleted.
    #[must_use]
    pub fn is_deleted(&self) -> bool {
        self.particles
            .get(Key::DELETED)
            .and_then(|particle| particle.base.as_ref())
            .is_some_and(|value| value.as_str() == "true")
    }

    /// Its particles that have a value, the envelope's registers left out.
    pub fn properties(&self) -> impl Iterator<Item = (&Key, Value)> {
        self.particles
            .iter()
            .filter(|(key, _)| !key.is_reserved())
            .filter_map(|(key, particle)| Some((key, particle.value()?)))
    }
}

#[derive(Deserialize)]
struct StateText {
    atome: AtomeId,
    created: Stamp,
    creator: AccountId,
    #[serde(default)]
    owner: Option<AccountId>,
    #[serde(default)]
    key: Option<String>,
    updated: Stamp,
    stamps: Vec<Stamp>,
    particles: BTreeMap<Key, ParticleText>,
}

#[derive(Deserialize)]
struct ParticleText {
    #[serde(rename = "s")]
    stamp: u32,
    #[serde(rename = "v", default, deserialize_with = "present")]
    value: Option<Value>,
    #[serde(rename = "t", default)]
    tallies: Vec<Tally>,
}

/// A state as it is written: as [`StateText`], of what the state itself holds.
#[derive(Serialize)]
struct StateView<'a> {
    atome: AtomeId,
    created: Stamp,
    creator: AccountId,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<AccountId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    updated: Stamp,
    stamps: &'a [Stamp],
    particles: ParticlesView<'a>,
}

/// The particles of a state, and the stamps whose places they name.
struct ParticlesView<'a> {
    particles: &'a BTreeMap<Key, Particle>,
    stamps: &'a [Stamp],
}

#[derive(Serialize)]
struct ParticleView<'a> {
    #[serde(rename = "s")]
    stamp: usize,
    #[serde(rename = "v", skip_serializing_if = "Option::is_none")]
    value: Option<&'a Value>,
    #[serde(rename = "t", skip_serializing_if = "<[Tally]>::is_empty")]
    tallies: &'a [Tally],
}

impl Serialize for ParticlesView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.particles.iter().map(|(key, particle)| {
            let place = self.stamps.iter().position(|s| *s == particle.stamp);
            let view = ParticleView {
                stamp: place.unwrap_or_default(),
                value: particle.base.as_ref(),
                tallies: &particle.tallies,
            };
            (key, view)
        }))
    }
}

/// Reads a value that is there, `null` included, as `Some`.
///
/// # Errors
///
/// Where it is no value.
pub fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl Serialize for AtomeState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut stamps: Vec<Stamp> = Vec::new();
        for particle in self.particles.values() {
            if !stamps.contains(&particle.stamp) {
                stamps.push(particle.stamp);
            }
        }
        StateView {
            atome: self.atome,
            created: self.created,
            creator: self.creator,
            owner: Some(self.owner).filter(|owner| *owner != self.creator),
            key: self.key.as_deref(),
            updated: self.updated,
            stamps: &stamps,
            particles: ParticlesView {
                particles: &self.particles,
                stamps: &stamps,
            },
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for AtomeState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = StateText::deserialize(deserializer)?;
        let mut particles = BTreeMap::new();
        for (key, particle) in text.particles {
            let particle = Particle {
                stamp: stamp_at(&text.stamps, particle.stamp)?,
                base: particle.value,
                tallies: particle.tallies,
            };
            particles.insert(key, particle);
        }
        Ok(Self {
            atome: text.atome,
            created: text.created,
            creator: text.creator,
            owner: text.owner.unwrap_or(text.creator),
            key: text.key,
            updated: text.updated,
            particles,
        })
    }
}

fn stamp_at<E: de::Error>(stamps: &[Stamp], place: u32) -> Result<Stamp, E> {
    let index = usize::try_from(place).map_err(E::custom)?;
    let found = stamps.get(index).copied();
    found.ok_or_else(|| E::custom(format!("stamp {place} of {} is not there", stamps.len())))
}

/// A state as the JSON text that travels and is kept, relayed without being read.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RawState(Box<RawValue>);

impl RawState {
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

    /// Writes a state.
    ///
    /// # Errors
    ///
    /// None in practice: every state can be written.
    pub fn encode(state: &AtomeState) -> Result<Self, serde_json::Error> {
        serde_json::value::to_raw_value(state).map(Self)
    }

    /// Reads the state.
    ///
    /// # Errors
    ///
    /// Where the text is no state.
    pub fn decode(&self) -> Result<AtomeState, serde_json::Error> {
        serde_json::from_str(self.as_str())
    }
}

impl PartialEq for RawState {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp::HybridTime;
    use uuid::Uuid;

    fn stamp(time: u64) -> Stamp {
        Stamp {
            time: HybridTime(time),
            replica: ReplicaId(1),
        }
    }

    #[test]
    fn a_state_survives_its_text() {
        let tally = Tally {
            to: stamp(2),
            replica: ReplicaId(7),
            through: 3,
            total: Number::Whole(4),
        };
        let particle = |time, text: Option<&str>, tallies| Particle {
            stamp: stamp(time),
            base: text.map(|text| Value::parse(text).unwrap()),
            tallies,
        };
        let state = AtomeState {
            atome: AtomeId(Uuid::from_u128(1)),
            created: stamp(1),
            creator: AccountId(Uuid::from_u128(2)),
            owner: AccountId(Uuid::from_u128(3)),
            key: Some("k".into()),
            updated: stamp(3),
            particles: [
                (
                    Key::of_envelope(Key::TYPE),
                    particle(1, Some("\"task\""), vec![]),
                ),
                (Key::of_particle("gone").unwrap(), particle(1, None, vec![])),
                (
                    Key::of_particle("no\"ne").unwrap(),
                    particle(1, Some("[\"a\"]"), vec![]),
                ),
                (
                    Key::of_particle("nothing").unwrap(),
                    particle(1, Some("null"), vec![]),
                ),
                (
                    Key::of_particle("n").unwrap(),
                    particle(2, Some("10"), vec![tally]),
                ),
            ]
            .into(),
        };
        let text = RawState::encode(&state).unwrap();
        assert_eq!(text.decode().unwrap(), state);
        let glance = Glance::of(text.as_str()).unwrap();
        assert_eq!((glance.atome, glance.updated), (state.atome, state.updated));
        for key in ["gone", "nothing", "n", "no\"ne", "absent", Key::TYPE] {
            let found = value_in(text.as_str(), key).unwrap();
            assert_eq!(found, state.value(key), "{key}");
        }
        let values = glance.properties().map(Result::unwrap);
        let all: Vec<Value> = state.properties().map(|(_, value)| value).collect();
        assert_eq!(values.collect::<Vec<_>>(), all);
        assert_eq!(state.value("n").unwrap().as_str(), "14");
        assert_eq!(state.value("nothing").unwrap().as_str(), "null");
        assert_eq!(state.value("gone"), None);
        assert_eq!(state.type_name(), "task");
    }

    #[test]
    fn an_addition_to_no_number_counts_from_zero() {
        let tally = Tally {
            to: stamp(1),
            replica: ReplicaId(7),
            through: 1,
            total: Number::Whole(4),
        };
        let base = Some(Value::from_text("word"));
        let particle = Particle {
            stamp: stamp(1),
            base,
            tallies: vec![tally],
        };
        assert_eq!(particle.value().unwrap().as_str(), "4");
    }
}
