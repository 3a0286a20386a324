//! Hashes by which stores see that they hold the same, and the hub that a number means the same.

use atome_proto::ReplicaId;
use atome_proto::commit::Commit;
use atome_proto::digest::{Buckets, Digest};
use atome_proto::state::AtomeState;
use atome_proto::value::Value;

/// The digest of one atome: the sum over its envelope and each of its particles.
///
/// A particle without a value counts too: that it was unset, and when, is part of the state.
#[must_use]
pub fn of_state(state: &AtomeState) -> Digest {
    let mut envelope = blake3::Hasher::new();
    envelope
        .update(state.atome.as_bytes())
        .update(&state.created.to_bytes())
        .update(state.creator.as_bytes())
        .update(state.owner.as_bytes())
        .update(state.key.as_deref().unwrap_or_default().as_bytes());
    let mut sum = Digest::from_bytes(envelope.finalize().as_bytes());
    for (key, particle) in &state.particles {
        let mut hasher = blake3::Hasher::new();
        hasher
            .update(state.atome.as_bytes())
            .update(&particle.stamp.to_bytes());
        part(&mut hasher, key.as_str());
        if let Some(value) = particle.value() {
            hasher.update(&[1]).update(value.as_str().as_bytes());
        }
        sum = sum.plus(Digest::from_bytes(hasher.finalize().as_bytes()));
    }
    sum
}

/// Adds the digest of one atome to its bucket.
pub fn add_state(buckets: &mut Buckets, state: &AtomeState) {
    let [.., last] = *state.atome.as_bytes();
    buckets.add(last, of_state(state));
}

/// The hash of what a commit says, by which a hub sees that a number means the same as before.
///
/// The stamp is the one that its replica claims: two copies of a replica may write the same at the
/// same number, but not at the same time. The stamps that additions name are left out: they follow
/// when the hub gives an earlier commit another stamp.
#[must_use]
pub fn of_content(commit: &Commit) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(commit.author.as_bytes());
    hasher.update(&commit.claimed.unwrap_or(commit.stamp).to_bytes());
    for change in &commit.changes {
        hasher.update(b"atome").update(change.atome.as_bytes());
        if let Some(create) = &change.create {
            hasher.update(b"create");
            part(&mut hasher, create.key.as_deref().unwrap_or_default());
            hasher.update(create.owner.unwrap_or(commit.author).as_bytes());
        }
        for (key, value) in &change.set {
            hasher.update(b"set");
            part(&mut hasher, key.as_str());
            part(&mut hasher, Value::as_str(value));
        }
        for key in &change.unset {
            hasher.update(b"unset");
            part(&mut hasher, key.as_str());
        }
        for (key, addend) in &change.add {
            hasher.update(b"add");
            part(&mut hasher, key.as_str());
            part(&mut hasher, &addend.by.to_string());
        }
    }
    for act in &commit.acts {
        hasher.update(b"act");
        // An act can always be written.
        part(&mut hasher, &serde_json::to_string(act).unwrap_or_default());
    }
    *hasher.finalize().as_bytes()
}

/// The id of the replica that goes on, after a fork, with a commit that came under the old id: the same for
/// every copy that has this commit to bring.
#[must_use]
pub fn replica_of(first: &Commit) -> ReplicaId {
    // The claimed stamp is part of the content, and names the old replica.
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"fork").update(&of_content(first));
    let mut id = [0; 8];
    hasher.finalize_xof().fill(&mut id);
    ReplicaId(u64::from_be_bytes(id))
}

/// A text with its length before it, so that two texts cannot be taken for one.
fn part(hasher: &mut blake3::Hasher, text: &str) {
    let len = u64::try_from(text.len()).unwrap_or(u64::MAX);
    hasher.update(&len.to_be_bytes()).update(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merge::{Origin, apply};
    use atome_proto::commit::{Addend, Change, Create, Key};
    use atome_proto::stamp::{HybridTime, Stamp};
    use atome_proto::value::Number;
    use atome_proto::{AccountId, AtomeId, ReplicaId};
    use uuid::Uuid;

    fn commit(number: u64, change: Change) -> Commit {
        let stamp = Stamp {
            time: HybridTime(number),
            replica: ReplicaId(1),
        };
        let author = AccountId(Uuid::from_u128(9));
        Commit {
            number,
            author,
            stamp,
            claimed: None,
            changes: vec![change],
            acts: vec![],
        }
    }

    fn key(name: &str) -> Key {
        Key::of_particle(name).unwrap()
    }

    #[test]
    fn the_base_of_an_addition_is_not_part_of_the_content() {
        let mut change = Change::new(AtomeId(Uuid::from_u128(1)));
        change.add.insert(
            key("n"),
            Addend {
                by: Number::Whole(1),
                to: Stamp::ZERO,
            },
        );
        let one = commit(1, change.clone());
        let mut two = one.clone();
        two.changes[0].add.get_mut("n").unwrap().to = one.stamp;
        assert_eq!(of_content(&one), of_content(&two));
        let mut clamped = two.clone();
        (clamped.stamp.time, clamped.claimed) = (HybridTime(0), Some(two.stamp));
        assert_eq!(of_content(&clamped), of_content(&two));
        two.stamp.time = HybridTime(77);
        assert_ne!(of_content(&one), of_content(&two));
    }

    #[test]
    fn every_part_of_a_state_counts() {
        let mut change = Change::new(AtomeId(Uuid::from_u128(1)));
        change.create = Some(Create::default());
        change.set.insert(key("a"), Value::from_text("x"));
        let first = commit(1, change);
        let state = apply(None, &first.changes[0], Origin::of(&first));
        let mut unset = Change::new(state.atome);
        unset.unset.insert(key("b"));
        let second = commit(2, unset);
        let later = apply(Some(state.clone()), &second.changes[0], Origin::of(&second));
        assert_ne!(of_state(&state), of_state(&later));
        let mut other = state.clone();
        other.atome = AtomeId(Uuid::from_u128(2));
        assert_ne!(of_state(&state), of_state(&other));
        let mut buckets = Buckets::default();
        add_state(&mut buckets, &state);
        add_state(&mut buckets, &other);
        assert_eq!(buckets.total(), of_state(&state).plus(of_state(&other)));
    }
}
