//! Commits, the unit of writing.

use atome_engine::{digest, merge};
use atome_proto::commit::{Commit, RawCommit};
use atome_proto::limit::{
    COMMIT_CHANGES_MAX, COMMIT_LEN_MAX, GRANT_KEYS_MAX, KEY_LEN_MAX, MESSAGE_LEN_MAX, NAME_LEN_MAX,
};
use atome_proto::sharing::Act;

use crate::{state, value};

/// Commits: within the limits, written and read again the same, of the same hash, applied twice as once.
///
/// # Panics
///
/// Where the decoder breaks a promise.
pub fn commit(bytes: &[u8]) {
    let Ok(text) = String::from_utf8(bytes.to_vec()) else {
        return;
    };
    if let Ok(raw) = RawCommit::from_text(text) {
        raw_commit(&raw);
    }
}

/// The same for a commit that a frame carries.
pub(crate) fn raw_commit(raw: &RawCommit) {
    let Ok(commit) = raw.decode() else {
        return;
    };
    hold(&commit);
    let Ok(written) = RawCommit::encode(&commit) else {
        // What is written can be longer than what was read only by parts that may be left out.
        assert!(raw.as_str().len() > COMMIT_LEN_MAX / 4);
        return;
    };
    let again = written.decode().expect("what was written is read");
    assert_eq!(again, commit, "read again, it is another");
    assert_eq!(digest::of_content(&again), digest::of_content(&commit));
    let origin = merge::Origin::of(&commit);
    for change in &commit.changes {
        let once = merge::apply(None, change, origin);
        state::hold(&once);
        assert_eq!(merge::apply(Some(once.clone()), change, origin), once);
        assert_eq!(merge::join(once.clone(), &once), once);
    }
}

fn hold(commit: &Commit) {
    assert!(commit.number > 0);
    assert_ne!(commit.changes.is_empty(), commit.acts.is_empty());
    let mut count = commit.acts.len();
    for change in &commit.changes {
        count += change.count();
        let keys = change.set.keys().chain(change.add.keys());
        for key in keys.chain(&change.unset) {
            assert!((1..=KEY_LEN_MAX).contains(&key.as_str().len()));
        }
        change.set.values().for_each(value::hold);
        let key = change
            .create
            .as_ref()
            .and_then(|create| create.key.as_ref());
        assert!(key.is_none_or(|key| (1..=NAME_LEN_MAX).contains(&key.len())));
        assert!(
            change
                .add
                .values()
                .all(|addend| addend.by.as_f64().is_finite())
        );
    }
    assert!(count <= COMMIT_CHANGES_MAX);
    for act in &commit.acts {
        if let Act::Share { terms, .. } = act {
            assert!(terms.only.len() <= GRANT_KEYS_MAX);
            assert!(terms.message.as_ref().map_or(0, String::len) <= MESSAGE_LEN_MAX);
        }
    }
}
