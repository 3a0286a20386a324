//! The reference model: what commits come to, written as plainly as the definition says it.

use std::collections::{BTreeMap, BTreeSet};

use atome_proto::commit::{Commit, Key};
use atome_proto::stamp::Stamp;
use atome_proto::state::AtomeState;
use atome_proto::value::{Number, Value};
use atome_proto::{AtomeId, ReplicaId};

/// The value of every particle and register that has one.
pub(crate) type Values = BTreeMap<(AtomeId, Key), Value>;

#[derive(Default)]
struct Register {
    winner: Option<(Stamp, Option<Value>)>,
    /// By base and replica.
    additions: BTreeMap<(Stamp, ReplicaId), Additions>,
}

#[derive(Default)]
struct Additions {
    /// By the number of the commit.
    each: BTreeMap<u64, Number>,
    /// The total of all up to a number, as a state said it.
    through: u64,
    total: Option<Number>,
}

/// Something that a hub has told of.
pub(crate) enum Told {
    Commit(Commit),
    /// What a machine still had of a life of the hub's database that was lost.
    State(AtomeState),
}

impl Told {
    pub(crate) fn commit(&self) -> Option<&Commit> {
        match self {
            Self::Commit(commit) => Some(commit),
            Self::State(_) => None,
        }
    }
}

/// What commits, each of them once, in any order, and states come to.
pub(crate) fn values<'a>(
    commits: impl IntoIterator<Item = &'a Commit>,
    states: impl IntoIterator<Item = &'a AtomeState>,
) -> Values {
    let mut registers: BTreeMap<(AtomeId, Key), Register> = BTreeMap::new();
    for state in states {
        for (key, particle) in &state.particles {
            let register = registers.entry((state.atome, key.clone())).or_default();
            register.write(particle.stamp, particle.base.clone());
            for tally in &particle.tallies {
                let place = (tally.to, tally.replica);
                let additions = register.additions.entry(place).or_default();
                if tally.through > additions.through {
                    additions.through = tally.through;
                    additions.total = Some(tally.total);
                }
            }
        }
    }
    for commit in commits {
        for change in &commit.changes {
            let set = change
                .set
                .iter()
                .map(|(key, value)| (key, Some(value.clone())));
            let unset = change.unset.iter().map(|key| (key, None));
            for (key, value) in set.chain(unset) {
                let register = registers.entry((change.atome, key.clone())).or_default();
                register.write(commit.stamp, value);
            }
            for (key, addend) in &change.add {
                let register = registers.entry((change.atome, key.clone())).or_default();
                let place = (addend.to, commit.stamp.replica);
                let additions = register.additions.entry(place).or_default();
                additions.each.insert(commit.number, addend.by);
            }
        }
    }
    registers
        .into_iter()
        .filter_map(|(name, register)| Some((name, register.value()?)))
        .collect()
}

impl Register {
    fn write(&mut self, stamp: Stamp, value: Option<Value>) {
        let wins = |(winner, _): &(Stamp, Option<Value>)| *winner < stamp;
        if self.winner.as_ref().is_none_or(wins) {
            self.winner = Some((stamp, value));
        }
    }

    fn value(self) -> Option<Value> {
        let (stamp, base) = self.winner.unwrap_or((Stamp::ZERO, None));
        let counted = self
            .additions
            .into_iter()
            .filter(|((to, _), _)| *to == stamp);
        let mut counted = counted
            .flat_map(|(_, additions)| {
                let after = additions.each.range(additions.through + 1..);
                let after: Vec<Number> = after.map(|(_, by)| *by).collect();
                additions.total.into_iter().chain(after)
            })
            .peekable();
        if counted.peek().is_none() {
            return base;
        }
        let from = base
            .as_ref()
            .and_then(Value::to_number)
            .unwrap_or(Number::ZERO);
        Some(Value::from_number(
            counted.fold(from, |sum: Number, by| sum.plus(by)),
        ))
    }
}

/// Fails, by the name of an invariant, where values are not what is expected; says which.
pub(crate) fn assert_same(invariant: &str, at: &str, expected: &Values, found: &Values) {
    let shown = |value: Option<&Value>| value.map_or("none".to_owned(), |v| v.as_str().to_owned());
    let names: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    let differences: Vec<String> = names
        .into_iter()
        .map(|name| (name, expected.get(name), found.get(name)))
        .filter(|(_, expected, found)| expected != found)
        .map(|((atome, key), expected, found)| {
            let (expected, found) = (shown(expected), shown(found));
            format!("{key} of {atome} is {found}, and should be {expected}")
        })
        .collect();
    assert!(
        differences.is_empty(),
        "{invariant}: {at}: {}",
        differences.join("; ")
    );
}

/// The same, read out of states.
pub(crate) fn of_states<'a>(states: impl Iterator<Item = &'a AtomeState>) -> Values {
    let mut values = Values::new();
    for state in states {
        for key in state.particles.keys() {
            if let Some(value) = state.value(key.as_str()) {
                values.insert((state.atome, key.clone()), value);
            }
        }
    }
    values
}
