//! The reference model: what commits come to, written as plainly as the definition says it.

use std::collections::{BTreeMap, BTreeSet};

use atome_proto::AtomeId;
use atome_proto::commit::{Commit, Key};
use atome_proto::stamp::Stamp;
use atome_proto::state::AtomeState;
use atome_proto::value::{Number, Value};

/// The value of every particle and register that has one.
pub(crate) type Values = BTreeMap<(AtomeId, Key), Value>;

#[derive(Default)]
struct Register {
    winner: Option<(Stamp, Option<Value>)>,
    additions: Vec<(Stamp, Number)>,
}

/// What commits come to, each of them once, in any order.
pub(crate) fn values<'a>(commits: impl Iterator<Item = &'a Commit>) -> Values {
    let mut registers: BTreeMap<(AtomeId, Key), Register> = BTreeMap::new();
    for commit in commits {
        for change in &commit.changes {
            let set = change
                .set
                .iter()
                .map(|(key, value)| (key, Some(value.clone())));
            let unset = change.unset.iter().map(|key| (key, None));
            for (key, value) in set.chain(unset) {
                let register = registers.entry((change.atome, key.clone())).or_default();
                if register
                    .winner
                    .as_ref()
                    .is_none_or(|(stamp, _)| *stamp < commit.stamp)
                {
                    register.winner = Some((commit.stamp, value));
                }
            }
            for (key, addend) in &change.add {
                let register = registers.entry((change.atome, key.clone())).or_default();
                register.additions.push((addend.to, addend.by));
            }
        }
    }
    registers
        .into_iter()
        .filter_map(|(name, register)| Some((name, register.value()?)))
        .collect()
}

impl Register {
    fn value(self) -> Option<Value> {
        let (stamp, base) = self.winner.unwrap_or((Stamp::ZERO, None));
        let mut counted = self
            .additions
            .iter()
            .filter(|(to, _)| *to == stamp)
            .peekable();
        if counted.peek().is_none() {
            return base;
        }
        let from = base
            .as_ref()
            .and_then(Value::to_number)
            .unwrap_or(Number::ZERO);
        Some(Value::from_number(
            counted.fold(from, |sum, (_, by)| sum.plus(*by)),
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
