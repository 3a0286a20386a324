//! A state's text, read no further than a question needs: most are read to see that they do not fit.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{Particle, ParticleText, stamp_at};
use crate::commit::names_register;
use crate::id::AtomeId;
use crate::stamp::Stamp;
use crate::value::Value;

/// A state's text of which no particle is read yet. What it gives is what the state itself gives.
#[derive(Deserialize)]
pub struct Glance<'a> {
    /// The atome.
    pub atome: AtomeId,
    /// The greatest stamp of any version.
    pub updated: Stamp,
    #[serde(borrow)]
    stamps: &'a RawValue,
    #[serde(borrow)]
    particles: BTreeMap<Name<'a>, &'a RawValue>,
}

/// The name of a particle; taken from the text itself where no escape stands in it.
#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> Glance<'a> {
    /// Looks at the text of a state.
    ///
    /// # Errors
    ///
    /// Where it is no state's text, as far as it is read.
    pub fn of(text: &'a str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }

    /// The values of its particles, the envelope's registers left out. Each may be one that cannot be read.
    pub fn properties(&self) -> impl Iterator<Item = Result<Value, serde_json::Error>> {
        let own = self
            .particles
            .iter()
            .filter(|(name, _)| !names_register(&name.0));
        own.filter_map(|(_, raw)| self.read(raw).transpose())
    }

    fn read(&self, raw: &RawValue) -> Result<Option<Value>, serde_json::Error> {
        current(serde_json::from_str(raw.get())?, self.stamps)
    }
}

/// The current value of one register or particle in the text of a state; all else there is passed over.
///
/// # Errors
///
/// Where it is no state's text, as far as it is read.
pub fn value_in(text: &str, key: &str) -> Result<Option<Value>, serde_json::Error> {
    let found = serde_json::Deserializer::from_str(text).deserialize_map(StateOf { key })?;
    match found {
        (Some(particle), Some(stamps)) => current(particle, stamps),
        (None, _) => Ok(None),
        (Some(_), None) => Err(de::Error::missing_field("stamps")),
    }
}

/// What a particle comes to; the stamps count only where something was added.
fn current(text: ParticleText, stamps: &RawValue) -> Result<Option<Value>, serde_json::Error> {
    if text.tallies.is_empty() {
        return Ok(text.value);
    }
    let stamps: Vec<Stamp> = serde_json::from_str(stamps.get())?;
    let particle = Particle {
        stamp: stamp_at(&stamps, text.stamp)?,
        base: text.value,
        tallies: text.tallies,
    };
    Ok(particle.value())
}

/// Reads of a state one particle, and the stamps.
struct StateOf<'k> {
    key: &'k str,
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Field {
    Stamps,
    Particles,
    #[serde(other)]
    Other,
}

impl<'de> Visitor<'de> for StateOf<'_> {
    type Value = (Option<ParticleText>, Option<&'de RawValue>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a state")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let (mut particle, mut stamps) = (None, None);
        while let Some(field) = map.next_key()? {
            match field {
                Field::Stamps => stamps = Some(map.next_value()?),
                Field::Particles => particle = map.next_value_seed(ParticleOf { key: self.key })?,
                Field::Other => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok((particle, stamps))
    }
}

/// Reads one particle of those of a state.
struct ParticleOf<'k> {
    key: &'k str,
}

impl<'de> DeserializeSeed<'de> for ParticleOf<'_> {
    type Value = Option<ParticleText>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ParticleOf<'_> {
    type Value = Option<ParticleText>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("particles")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut particle = None;
        while let Some(is_it) = map.next_key_seed(Is(self.key))? {
            if is_it {
                particle = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(particle)
    }
}

/// Whether a text is this one; nothing is made of it.
struct Is<'k>(&'k str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<bool, E> {
        Ok(text == self.0)
    }
}
