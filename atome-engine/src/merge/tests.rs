//! `merge-order-free`, by properties over random histories.

use std::collections::BTreeMap;

use atome_proto::commit::{Addend, Change, Commit, Create, Key};
use atome_proto::stamp::{HybridTime, Stamp};
use atome_proto::state::AtomeState;
use atome_proto::value::{Number, Value};
use atome_proto::{AccountId, AtomeId, ReplicaId};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

const KEYS: [&str; 3] = ["a", "b", "n"];

#[derive(Clone, Debug)]
enum Step {
    Set(usize, i64),
    Unset(usize),
    Add(usize, i64),
    /// The replica sees everything that another one has made.
    See(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..KEYS.len(), 0..9i64).prop_map(|(key, value)| Step::Set(key, value)),
        (0..KEYS.len()).prop_map(Step::Unset),
        (0..KEYS.len(), -9..9i64).prop_map(|(key, by)| Step::Add(key, by)),
        (0..3usize).prop_map(Step::See),
    ]
}

#[derive(Default)]
struct Writer {
    commits: Vec<Commit>,
    state: Option<AtomeState>,
    seen: BTreeMap<usize, usize>,
    time: u64,
}

fn apply_commit(state: Option<AtomeState>, commit: &Commit) -> Option<AtomeState> {
    commit.changes.iter().fold(state, |state, change| {
        Some(apply(state, change, Origin::of(commit)))
    })
}

/// Plays steps on three replicas of one atome; gives each replica's commits.
fn play(steps: &[(usize, Step)]) -> Vec<Vec<Commit>> {
    let mut writers: Vec<Writer> = (0..3).map(|_| Writer::default()).collect();
    let mut time = 0;
    for (who, step) in steps {
        time += 1;
        if let Step::See(other) = step {
            let from = writers[*who].seen.get(other).copied().unwrap_or(0);
            let news = writers[*other].commits[from..].to_vec();
            writers[*who].seen.insert(*other, from + news.len());
            let latest = news.last().map_or(0, |commit| commit.stamp.time.0);
            writers[*who].time = writers[*who].time.max(latest);
            let state = writers[*who].state.take();
            writers[*who].state = news.iter().fold(state, apply_commit);
            continue;
        }
        let writer = &mut writers[*who];
        // Replicas race: several commits share a time, and the replica decides.
        writer.time = (writer.time + 1).max(time / 2);
        let commit = commit_of(step, *who, writer);
        writer.state = apply_commit(writer.state.take(), &commit);
        writer.commits.push(commit);
    }
    writers.into_iter().map(|writer| writer.commits).collect()
}

fn commit_of(step: &Step, who: usize, writer: &Writer) -> Commit {
    let key = |place: usize| Key::of_particle(KEYS[place]).unwrap();
    let mut change = Change::new(AtomeId(Uuid::from_u128(1)));
    change.create = writer.state.is_none().then(Create::default);
    match step {
        Step::Set(k, value) => {
            change
                .set
                .insert(key(*k), Value::from_number(Number::Whole(*value)));
        }
        Step::Unset(k) => {
            change.unset.insert(key(*k));
        }
        Step::Add(k, by) => {
            let base = writer
                .state
                .as_ref()
                .and_then(|state| state.particles.get(KEYS[*k]));
            let to = base.map_or(Stamp::ZERO, |particle| particle.stamp);
            change.add.insert(
                key(*k),
                Addend {
                    by: Number::Whole(*by),
                    to,
                },
            );
        }
        Step::See(_) => unreachable!("seeing makes no commit"),
    }
    Commit {
        number: writer.commits.len() as u64 + 1,
        author: AccountId(Uuid::from_u128(9)),
        stamp: Stamp {
            time: HybridTime(writer.time),
            replica: ReplicaId(who as u64 + 1),
        },
        claimed: None,
        changes: vec![change],
        acts: vec![],
    }
}

/// Interleaves the replicas' commits as `picks` say, repeating some, each replica's in order.
fn interleave(commits: &[Vec<Commit>], picks: &[(usize, bool)]) -> Vec<Commit> {
    let mut next = [0; 3];
    let mut order = vec![];
    for (who, again) in picks {
        if *again && next[*who] > 0 {
            order.push(commits[*who][next[*who] / 2].clone());
        }
        if let Some(commit) = commits[*who].get(next[*who]) {
            order.push(commit.clone());
            next[*who] += 1;
        }
    }
    for (who, place) in next.iter().enumerate() {
        order.extend(commits[who][*place..].iter().cloned());
    }
    order
}

/// What the state must come to, written as plainly as the definition.
fn by_definition(commits: &[Vec<Commit>]) -> BTreeMap<String, Option<Value>> {
    let all: Vec<&Commit> = commits.iter().flatten().collect();
    let mut values = BTreeMap::new();
    for name in KEYS {
        let written = all.iter().filter(|commit| {
            let change = &commit.changes[0];
            change.set.contains_key(name) || change.unset.contains(name)
        });
        let winner = written.max_by_key(|commit| commit.stamp);
        let base = winner.and_then(|commit| commit.changes[0].set.get(name).cloned());
        let to = winner.map_or(Stamp::ZERO, |commit| commit.stamp);
        let adds: Vec<i64> = all
            .iter()
            .filter_map(|commit| commit.changes[0].add.get(name))
            .filter(|addend| addend.to == to)
            .map(|addend| addend.by.to_string().parse().unwrap())
            .collect();
        let value = if adds.is_empty() {
            base
        } else {
            let from = base.map_or(0, |value| value.as_str().parse::<i64>().unwrap());
            Some(Value::from_number(Number::Whole(
                from + adds.iter().sum::<i64>(),
            )))
        };
        values.insert(name.to_owned(), value);
    }
    values
}

proptest! {
    #[test]
    fn any_order_and_repetition_comes_to_the_same(
        steps in prop::collection::vec((0..3usize, step()), 1..40),
        one in prop::collection::vec((0..3usize, any::<bool>()), 0..60),
        two in prop::collection::vec((0..3usize, any::<bool>()), 0..60),
    ) {
        let commits = play(&steps);
        let state = |picks| interleave(&commits, picks).iter().fold(None, apply_commit);
        let (left, right) = (state(&one), state(&two));
        prop_assert_eq!(&left, &right);
        if let Some(state) = left {
            for (name, value) in by_definition(&commits) {
                prop_assert_eq!(state.value(&name), value, "{}", name);
            }
        }
    }

    #[test]
    fn joining_is_commutative_associative_idempotent(
        steps in prop::collection::vec((0..3usize, step()), 1..40),
    ) {
        let commits = play(&steps);
        let parts: Vec<AtomeState> = commits
            .iter()
            .filter_map(|commits| commits.iter().fold(None, apply_commit))
            .collect();
        let whole = interleave(&commits, &[]).iter().fold(None, apply_commit);
        let join_all = |order: &mut dyn Iterator<Item = &AtomeState>| {
            order.fold(None, |sum: Option<AtomeState>, part| {
                Some(sum.map_or_else(|| part.clone(), |sum| join(sum, part)))
            })
        };
        let there = join_all(&mut parts.iter());
        let back = join_all(&mut parts.iter().rev());
        prop_assert_eq!(&there, &whole);
        prop_assert_eq!(&back, &whole);
        if let Some(whole) = whole {
            prop_assert_eq!(join(whole.clone(), &whole), whole);
        }
    }
}
