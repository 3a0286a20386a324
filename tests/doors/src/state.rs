//! States of atomes, as a store keeps them and a snapshot carries them.

use atome_engine::{digest, merge};
use atome_proto::limit::KEY_LEN_MAX;
use atome_proto::state::{AtomeState, RawState};

use crate::value;

/// States: written and read again the same, of the same digest, and joined with itself the same.
///
/// # Panics
///
/// Where the decoder breaks a promise.
pub fn state(bytes: &[u8]) {
    let Ok(text) = String::from_utf8(bytes.to_vec()) else {
        return;
    };
    let Ok(raw) = RawState::from_text(text) else {
        return;
    };
    if let Ok(state) = raw.decode() {
        hold(&state);
    }
}

/// What must hold of every state that was taken.
pub(crate) fn hold(state: &AtomeState) {
    for (key, particle) in &state.particles {
        assert!((1..=KEY_LEN_MAX).contains(&key.as_str().len()));
        particle.base.iter().for_each(value::hold);
        particle.value().iter().for_each(value::hold);
    }
    let raw = RawState::encode(state).expect("every state is written");
    let again = raw.decode().expect("what was written is read");
    assert_eq!(&again, state, "read again, it is another");
    assert_eq!(digest::of_state(&again), digest::of_state(state));
    // From outside, tallies may stand in any order; the first join brings them into theirs.
    let once = merge::join(state.clone(), state);
    let twice = merge::join(once.clone(), &once);
    assert_eq!(twice, merge::join(twice.clone(), &twice));
}
