//! The named invariants, asserted after each step, and what must be so when all has come to rest.

use std::collections::{BTreeMap, BTreeSet};

use atome_engine::tree;
use atome_proto::commit::{Commit, CommitId, Key};
use atome_proto::limit::WINDOW_FRAMES;
use atome_proto::state::AtomeState;
use atome_proto::{AccountId, AtomeId, ReplicaId};
use atome_store::replica::{Position, Scan};

use crate::machine::Machine;
use crate::model::{self, Told};
use crate::network::Way;
use crate::rule;
use crate::world::{Kind, World};

/// What stood when the invariants that need a whole store were asserted last: while it stands, they do.
#[derive(Default)]
pub(crate) struct Asserted {
    /// Of each machine: where its store stood, and how much the hub had told of its account.
    machines: Vec<Option<(Position, usize)>>,
    /// How much the hub had told of each account, and the grants that had begun.
    hub: (Vec<u64>, usize),
}

/// All invariants, after every step.
pub(crate) fn after_step(world: &mut World) {
    let mut asserted = std::mem::take(&mut world.asserted);
    for machine in &world.machines {
        durable_before_ack(world, machine);
        bounded(world, machine);
    }
    let heads = world.accounts.iter().map(|of| world.hub.head(*of));
    let hub = (heads.collect(), world.begun.len());
    if asserted.hub != hub {
        asserted.hub = hub;
        the_hub(world);
    }
    asserted.machines.resize(world.machines.len(), None);
    for (machine, last) in world.machines.iter().zip(&mut asserted.machines) {
        let position = machine.db.position().expect("a position");
        let now = Some((position, world.hub.told(machine.account).len()));
        if world.kind == Kind::Sharing {
            sees_what_is_allowed(world, machine);
        } else if *last != now && world.tally.restores + world.tally.setbacks == 0 {
            // Once a hub has gone back, machines may have more than it.
            cursor_with_rows(world, machine);
        }
        *last = now;
    }
    world.asserted = asserted;
}

fn the_hub(world: &World) {
    if world.kind == Kind::Sharing {
        return rule::holds(world);
    }
    for account in &world.accounts {
        gapless_replica(world, *account);
    }
}

fn durable_before_ack(world: &World, machine: &Machine) {
    let position = machine.db.position().expect("a position");
    if is_of_this_life(world, machine) {
        let number = world.hub.number(machine.account, position.replica);
        assert!(
            position.acked <= number,
            "durable-before-ack: {} of {number}",
            position.acked
        );
        let head = world.hub.head(machine.account);
        assert!(
            position.feed() <= head,
            "durable-before-ack: cursor {} of {head}",
            position.feed()
        );
    }
    let known = machine.replica.position();
    let is_same = known.replica == position.replica && known.hub == position.hub;
    assert!(
        !is_same || (known.acked <= position.acked && known.feed() <= position.feed()),
        "durable-before-ack: the engine is ahead of the disk"
    );
}

/// Whether what a machine knows of the hub's database is of its present life, of which nothing is gone.
fn is_of_this_life(world: &World, machine: &Machine) -> bool {
    let epoch = world.hub.epoch(machine.account);
    let known = machine.db.position().expect("a position").hub;
    known.is_none_or(|(_, known)| known == epoch)
        && !world.hub.cut_short.contains(&(machine.account, epoch))
}

fn bounded(world: &World, machine: &Machine) {
    let Some(id) = machine.connection else {
        return;
    };
    // A window of frames and what keeps them going; repetitions are the network's own.
    let most = 8 * WINDOW_FRAMES as usize + 64;
    assert!(world.network.lane_len(id, Way::ToHub) <= most, "bounded");
    assert!(
        world.network.lane_len(id, Way::ToMachine) <= most,
        "bounded"
    );
}

/// A replica that has applied all of the feed, and has nothing pending, holds what the hub says that its
/// account may see: no more (`no-leak`), no less (`no-starve`). Whether it could be compared.
fn sees_what_is_allowed(world: &World, machine: &Machine) -> bool {
    let position = machine.db.position().expect("a position");
    let (head, hub) = world.hub.db.digest(machine.account).expect("a digest");
    if position.feed() != head || position.pending() > 0 {
        return false;
    }
    let waits = !machine.db.deferred().expect("a list").is_empty();
    let here = if waits {
        // What waits at the hub is in none of its states.
        machine.db.recount().expect("a count").decided
    } else {
        machine.db.digest().expect("a digest").1
    };
    assert!(
        here == hub,
        "no-leak, no-starve: replica {} of {}: {}",
        position.replica,
        machine.account,
        differences(world, machine)
    );
    true
}

/// What a machine and its hub have of the atomes that they do not agree on.
fn differences(world: &World, machine: &Machine) -> String {
    let page = world.hub.db.states(machine.account, None, usize::MAX);
    let there = page.expect("a page").states;
    let there = there.iter().map(|raw| raw.decode().expect("a state"));
    let by_atome = |state: AtomeState| (state.atome, state);
    let there: BTreeMap<AtomeId, AtomeState> = there.map(by_atome).collect();
    let here: BTreeMap<AtomeId, AtomeState> = states(machine).into_iter().map(by_atome).collect();
    let atomes: BTreeSet<&AtomeId> = here.keys().chain(there.keys()).collect();
    let differ = atomes.into_iter().filter_map(|atome| {
        let (here, there) = (here.get(atome), there.get(atome));
        (here != there).then(|| format!("here {here:?}, at the hub {there:?}"))
    });
    differ.collect::<Vec<_>>().join("; ")
}

/// Every replica's commits stand in the feed once, in the order of their numbers.
fn gapless_replica(world: &World, account: AccountId) {
    let mut last: BTreeMap<ReplicaId, u64> = BTreeMap::new();
    let mut times = BTreeMap::new();
    for commit in world.hub.feed(account) {
        let replica = commit.stamp.replica;
        let number = last.insert(replica, commit.number).unwrap_or(0);
        assert!(
            commit.number > number,
            "gapless-replica: {} after {number}",
            commit.number
        );
        let time = times.insert(replica, commit.stamp.time);
        assert!(
            time < Some(commit.stamp.time),
            "gapless-replica: a replica's stamps grow with its numbers"
        );
    }
}

/// A store holds exactly what its cursor says, and its own commits.
fn cursor_with_rows(world: &World, machine: &Machine) {
    let position = machine.db.position().expect("a position");
    let whole = world.hub.told(machine.account);
    let through = usize::try_from(machine.applied()).expect("few");
    let visible = whole.iter().take(through).filter_map(Told::commit);
    let mut visible: Vec<Commit> = visible.cloned().collect();
    // A snapshot may have brought own commits whose acknowledgement is still on its way: they stand in both.
    let is_early = |commit: &Commit| {
        commit.stamp.replica == position.replica && commit.number > position.acked
    };
    if visible.iter().any(is_early) {
        return;
    }
    let former = machine.former.iter().map(|it| (it.replica, it.acked));
    let mut decided: Vec<(ReplicaId, u64)> = former.collect();
    decided.push((position.replica, position.acked));
    let is_own = |commit: &&Commit| {
        let CommitId { replica, number } = commit.id();
        decided
            .iter()
            .any(|(of, through)| *of == replica && number <= *through)
    };
    let beyond = whole.iter().skip(through).filter_map(Told::commit);
    visible.extend(beyond.filter(is_own).cloned());
    let pending = machine
        .db
        .pending(position.acked, 100_000, usize::MAX)
        .expect("commits");
    assert_eq!(
        pending.len() as u64,
        position.pending(),
        "local-first: pending commits are there"
    );
    visible.extend(
        pending
            .iter()
            .map(|raw| raw.decode().expect("what a store keeps can be read")),
    );
    let expected = model::values(&visible, []);
    let found = model::of_states(states(machine).iter());
    let at = format!("replica {} at feed {through}", position.replica);
    model::assert_same("cursor-with-rows, all-or-nothing", &at, &expected, &found);
}

fn states(machine: &Machine) -> Vec<AtomeState> {
    let scan = Scan {
        deleted: true,
        limit: u32::MAX,
        ..Scan::default()
    };
    machine.db.scan(&scan).expect("a scan")
}

/// A wait has ended: it must be true.
pub(crate) fn waited(world: &mut World, machine: usize, token: u64) {
    let Some(wait) = world.machines[machine].waits.remove(&token) else {
        return;
    };
    let machine = &world.machines[machine];
    assert!(
        machine.applied() >= wait.head,
        "wait-honest: sync wait said yes before what the hub had was here"
    );
    let there = marks_at_hub(world, machine.account);
    for mark in machine.marks.iter().take(wait.marks) {
        let decided = there.contains_key(mark) || world.doomed.contains(mark);
        assert!(
            decided,
            "wait-honest: sync wait said yes before write {mark} was at the hub"
        );
    }
}

/// How often each write's mark stands in the feed.
pub(crate) fn marks_at_hub(world: &World, account: AccountId) -> BTreeMap<u64, u64> {
    let mut marks = BTreeMap::new();
    for commit in world.hub.feed(account) {
        for change in &commit.changes {
            let mark = change.set.get("mark").expect("every write has a mark");
            let mark = mark.as_str().parse().expect("a number");
            *marks.entry(mark).or_insert(0) += 1;
        }
    }
    marks
}

/// All has come to rest: nothing lost, nothing doubled, everyone the same.
pub(crate) fn settled(world: &mut World) {
    if world.kind == Kind::Sharing {
        rule::holds(world);
        let checked = world
            .machines
            .iter()
            .filter(|m| sees_what_is_allowed(world, m));
        let checked = checked.count() as u64;
        world.tally.compared += checked;
        return;
    }
    for account in world.accounts.clone() {
        gapless_replica(world, account);
        nothing_lost(world, account);
        everyone_the_same(world, account);
    }
}

fn nothing_lost(world: &World, account: AccountId) {
    let there = marks_at_hub(world, account);
    for (mark, writer) in &world.written {
        if *writer != account {
            continue;
        }
        let times = there.get(mark).copied().unwrap_or(0);
        let due = u64::from(!world.doomed.contains(mark));
        if world.perhaps.contains(mark) {
            assert!(
                times <= due,
                "nothing-doubled: write {mark} stands {times} times at the hub"
            );
            continue;
        }
        assert_eq!(
            times, due,
            "nothing-lost, nothing-doubled: write {mark} was acknowledged, and stands {times} times at the hub"
        );
    }
    let written = there.keys().all(|mark| world.written.contains_key(mark));
    assert!(written, "nothing-doubled: the hub has what nobody wrote");
    let machines = world.machines.iter();
    for machine in machines.filter(|machine| machine.account == account) {
        let refused = machine.db.refused().expect("a list").len();
        let is_doomed = |mark: &&u64| world.doomed.contains(mark);
        let due = machine.marks.iter().filter(is_doomed).count();
        assert_eq!(
            refused, due,
            "no-poison: every refused commit is listed where it was made"
        );
    }
}

fn everyone_the_same(world: &mut World, account: AccountId) {
    let states_told = world
        .hub
        .told(account)
        .iter()
        .filter_map(|told| match told {
            Told::State(state) => Some(state),
            Told::Commit(_) => None,
        });
    let expected = model::values(world.hub.feed(account), states_told);
    let (_, hub) = world.hub.db.digest(account).expect("a digest");
    let page = world
        .hub
        .db
        .states(account, None, usize::MAX)
        .expect("a page");
    let hub_states: Vec<AtomeState> = page
        .states
        .iter()
        .map(|raw| raw.decode().expect("a state"))
        .collect();
    let found = model::of_states(hub_states.iter());
    model::assert_same("merge-order-free", "the hub", &expected, &found);
    let mut rings = 0;
    for machine in world
        .machines
        .iter()
        .filter(|machine| machine.account == account)
    {
        let found = states(machine);
        let replica = machine.db.position().expect("a position").replica;
        let at = format!("replica {replica} at rest");
        let values = model::of_states(found.iter());
        model::assert_same("merge-order-free", &at, &expected, &values);
        let here = machine.db.digest().expect("a digest").1;
        assert_eq!(here, hub, "merge-order-free: the digest of {at}");
        rings = cut_rings(machine, &found);
    }
    world.tally.rings += rings;
}

/// Every atome hangs under a root, wherever concurrent moves have made a ring.
fn cut_rings(machine: &Machine, states: &[AtomeState]) -> u64 {
    let parents: BTreeMap<AtomeId, tree::Parent> = states
        .iter()
        .filter_map(|state| {
            Some((
                state.atome,
                (state.parent()?, state.particles.get(Key::PARENT)?.stamp),
            ))
        })
        .collect();
    let mut rings = 0;
    for state in states {
        let expected =
            tree::effective_parent::<()>(state.atome, |id| Ok(parents.get(&id).copied()));
        let found = machine.db.effective_parent(state.atome).expect("a parent");
        assert_eq!(Ok(found), expected, "merge-order-free: the parent");
        rings += u64::from(found.is_none() && state.parent().is_some());
    }
    for state in states {
        let mut above = Some(state.atome);
        for _ in 0..=states.len() {
            above = above.and_then(|id| machine.db.effective_parent(id).expect("a parent"));
        }
        assert_eq!(
            above, None,
            "merge-order-free: a ring of parents is not cut"
        );
    }
    rings
}
