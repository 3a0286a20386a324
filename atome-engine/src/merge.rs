//! The merge: what all versions of an atome come to.
//!
//! A particle is a last-writer-wins register; a counter is the winning register plus every addition
//! made to it. Applying is idempotent, and commutative between replicas: the commits of one replica
//! come in the order of their numbers (`gapless-replica`), those of several replicas in any order and
//! any number of times (`merge-order-free`).

use atome_proto::AccountId;
use atome_proto::commit::{Change, Commit, Key};
use atome_proto::stamp::Stamp;
use atome_proto::state::{AtomeState, Particle, Tally};
use atome_proto::value::Value;

/// Where a change comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The stamp of its commit.
    pub stamp: Stamp,
    /// The number of its commit.
    pub number: u64,
    /// The author of its commit.
    pub author: AccountId,
}

impl Origin {
    /// The origin of the changes of `commit`.
    #[must_use]
    pub fn of(commit: &Commit) -> Self {
        Self {
            stamp: commit.stamp,
            number: commit.number,
            author: commit.author,
        }
    }
}

/// Applies one change to the state of its atome, or to nothing.
#[must_use]
pub fn apply(state: Option<AtomeState>, change: &Change, origin: Origin) -> AtomeState {
    let mut state = state.unwrap_or_else(|| AtomeState {
        atome: change.atome,
        created: origin.stamp,
        creator: origin.author,
        owner: origin.author,
        key: None,
        updated: origin.stamp,
        particles: [].into(),
    });
    if origin.stamp <= state.created {
        state.created = origin.stamp;
        state.creator = origin.author;
    }
    // All that make an atome name the same owner: the hub takes nothing else.
    if let Some(create) = &change.create {
        state.owner = create.owner.unwrap_or(origin.author);
    }
    if state.key.is_none() {
        state.key = change.create.as_ref().and_then(|create| create.key.clone());
    }
    state.updated = state.updated.max(origin.stamp);
    for (key, value) in &change.set {
        register(&mut state, key, Some(value), origin.stamp);
    }
    for key in &change.unset {
        register(&mut state, key, None, origin.stamp);
    }
    for (key, addend) in &change.add {
        let particle = state.particles.entry(key.clone()).or_default();
        if addend.to >= particle.stamp {
            add(particle, addend, origin);
        }
    }
    state
}

fn register(state: &mut AtomeState, key: &Key, value: Option<&Value>, stamp: Stamp) {
    let particle = state.particles.entry(key.clone()).or_default();
    if stamp > particle.stamp {
        particle.stamp = stamp;
        particle.base = value.cloned();
        particle.tallies.retain(|tally| tally.to >= stamp);
    }
}

fn add(particle: &mut Particle, addend: &atome_proto::commit::Addend, origin: Origin) {
    let place = (addend.to, origin.stamp.replica);
    match particle
        .tallies
        .binary_search_by_key(&place, |tally| (tally.to, tally.replica))
    {
        Ok(found) => {
            if let Some(tally) = particle.tallies.get_mut(found)
                && origin.number > tally.through
            {
                tally.through = origin.number;
                tally.total = tally.total.plus(addend.by);
            }
        }
        Err(place) => particle.tallies.insert(
            place,
            Tally {
                to: addend.to,
                replica: origin.stamp.replica,
                through: origin.number,
                total: addend.by,
            },
        ),
    }
}

/// Joins two states of one atome: what the versions in either come to.
#[must_use]
pub fn join(mut left: AtomeState, right: &AtomeState) -> AtomeState {
    if right.created < left.created {
        left.created = right.created;
        left.creator = right.creator;
        left.owner = right.owner;
    }
    if left.key.is_none() {
        left.key.clone_from(&right.key);
    }
    left.updated = left.updated.max(right.updated);
    for (key, theirs) in &right.particles {
        let ours = left.particles.entry(key.clone()).or_default();
        join_particle(ours, theirs);
    }
    left
}

fn join_particle(ours: &mut Particle, theirs: &Particle) {
    if theirs.stamp > ours.stamp {
        ours.stamp = theirs.stamp;
        ours.base.clone_from(&theirs.base);
    }
    let stamp = ours.stamp;
    ours.tallies.retain(|tally| tally.to >= stamp);
    for tally in theirs.tallies.iter().filter(|tally| tally.to >= stamp) {
        let place = (tally.to, tally.replica);
        match ours
            .tallies
            .binary_search_by_key(&place, |own| (own.to, own.replica))
        {
            Ok(found) => {
                if let Some(own) = ours.tallies.get_mut(found)
                    && tally.through > own.through
                {
                    *own = *tally;
                }
            }
            Err(place) => ours.tallies.insert(place, *tally),
        }
    }
}

#[cfg(test)]
mod tests;
