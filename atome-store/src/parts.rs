//! States that are sent in parts.

use std::collections::BTreeMap;

use atome_proto::state::{AtomeState, RawState};

/// From how many bytes on a state is sent in parts, one behind the other, each with some of its
/// particles: joined they are the state. With the greatest value, a part is half a frame.
const STATE_PART_LEN: usize = 1 << 20;

/// A state in parts, where it is long; else whole.
///
/// # Errors
///
/// Where the text is no state.
pub(crate) fn parts(body: String) -> Result<Vec<RawState>, serde_json::Error> {
    let mut states = vec![];
    if body.len() <= STATE_PART_LEN {
        return Ok(vec![RawState::from_text(body)?]);
    }
    let whole: AtomeState = serde_json::from_str(&body)?;
    let mut part = AtomeState {
        particles: BTreeMap::new(),
        ..whole.clone()
    };
    let mut len = 0;
    for (key, particle) in whole.particles {
        let more = particle
            .base
            .as_ref()
            .map_or(0, |value| value.as_str().len());
        if len + more > STATE_PART_LEN && !part.particles.is_empty() {
            states.push(RawState::encode(&part)?);
            part.particles.clear();
            len = 0;
        }
        len += more;
        part.particles.insert(key, particle);
    }
    states.push(RawState::encode(&part)?);
    Ok(states)
}
