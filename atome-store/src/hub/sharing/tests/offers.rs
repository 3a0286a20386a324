//! What readers are told of states that an owner offers, and of what no commit shows them.

use atome_proto::state::RawState;

use super::cases::{terms, tree};
use super::*;

/// A state that changes make of another, or of nothing, by the owner's machine 1 with a commit that the hub has
/// not: `number` is of that life of its database that is lost.
fn after(state: Option<&AtomeState>, owner: u128, number: u64, changes: &[Change]) -> AtomeState {
    let origin = Origin {
        stamp: Stamp {
            time: HybridTime::from_ms(NOW_MS + 1_000 + number),
            replica: ReplicaId(1),
        },
        number,
        author: account(owner),
    };
    let write = |state, change: &Change| Some(apply(state, change, origin));
    changes.iter().fold(state.cloned(), write).unwrap()
}

/// Account 1 offers states, all of which are taken.
fn offer(world: &mut World, states: &[AtomeState]) {
    let states = states.iter().map(|state| RawState::encode(state).unwrap());
    let states: Vec<_> = states.collect();
    let refused = world.hub.offer(account(1), &states, world.now_ms);
    assert_eq!(refused.unwrap(), []);
}

/// Account 1 shares with a reader, who accepts.
fn shared(world: &mut World, of: AtomeId, with: u128, terms: Terms) {
    assert_eq!(world.share(1, of, with, terms), None);
    let place = world.grants.len() - 1;
    assert_eq!(world.answer(with, place, Answer::Accept), None);
}

fn named(name: &str) -> Terms {
    Terms {
        only: [key(name)].into(),
        ..terms(&[])
    }
}

/// Account 1's tree of three, of which 2 sees the lower two, and 3 the particle `a` of them; both follow.
fn with_readers() -> (World, [Follower; 2]) {
    let mut world = tree();
    shared(&mut world, atome(1, 2), 2, terms(&[]));
    shared(&mut world, atome(1, 2), 3, named("a"));
    let mut followers = [Follower::default(), Follower::default()];
    for (n, follower) in (2..).zip(&mut followers) {
        follower.follow(&world, n, 100);
    }
    (world, followers)
}

/// Whoever follows has what it may see; every digest is of that.
fn assert_told(world: &World, followers: &mut [Follower; 2]) {
    world.check();
    for (n, follower) in (2..).zip(followers) {
        follower.follow(world, n, 1);
        follower.assert_is(&world.seen(n), n);
    }
}

/// The states that a reader is told after a feed number.
fn told(world: &World, n: u128, after: u64) -> Vec<AtomeState> {
    let batch = world
        .hub
        .feed(account(n), ReplicaId(99), after, 100, usize::MAX);
    let states = batch.unwrap().entries.into_iter().map(|entry| {
        let Entry::State(raw) = entry else {
            panic!("not a state: {entry:?}")
        };
        raw.decode().unwrap()
    });
    states.collect()
}

#[test]
fn what_an_owner_offers_reaches_readers_cut_to_what_they_see() {
    let (mut world, mut followers) = with_readers();
    let heads = [2, 3].map(|n| world.hub.digest(account(n)).unwrap().0);
    let was = world.seen(1);
    let [top, one, other] = [(1, "a"), (2, "a"), (3, "b")].map(|(n, name)| {
        let id = atome(1, n);
        after(was.get(&id), 1, 50, &[set(id, name, 9)])
    });
    offer(&mut world, &[top, one.clone(), other.clone()]);
    assert_eq!(told(&world, 2, heads[0]), [one, other]);
    let told = told(&world, 3, heads[1]);
    let [of_one] = &told[..] else {
        panic!("of the change to b, and of the top, nothing: {told:?}")
    };
    assert_eq!((of_one.atome, of_one.value("b")), (atome(1, 2), None));
    assert_eq!(of_one.value("a").unwrap().as_str(), "9");
    assert_told(&world, &mut followers);
}

#[test]
fn an_atome_that_is_offered_below_a_shared_one_comes_into_sight() {
    let (mut world, mut followers) = with_readers();
    // Its own child is there first: that was pushed by another machine.
    let [new, child] = [atome(1, 4), atome(1, 5)];
    world.push(1, vec![made(child, account(1), Some(new))], vec![]);
    assert_eq!(world.seen(2).len(), 2);
    let changes = [
        made(new, account(1), Some(atome(1, 3))),
        set(new, "a", 1),
        set(new, "b", 2),
    ];
    offer(&mut world, &[after(None, 1, 50, &changes)]);
    for n in [2, 3] {
        let seen: Vec<_> = world.seen(n).into_keys().collect();
        assert_eq!(seen, [atome(1, 2), atome(1, 3), new, child]);
    }
    assert_eq!(world.seen(3)[&new].value("b"), None);
    assert_told(&world, &mut followers);
}

#[test]
fn a_state_that_moves_an_atome_out_of_a_shared_tree_evicts_it() {
    let (mut world, mut followers) = with_readers();
    let id = atome(1, 3);
    let was = world.seen(1);
    let changes = [moved(id, None), set(id, "a", 9)];
    offer(&mut world, &[after(was.get(&id), 1, 50, &changes)]);
    for (n, follower) in (2..).zip(&followers) {
        assert_eq!(world.seen(n).into_keys().collect::<Vec<_>>(), [atome(1, 2)]);
        let batch = world
            .hub
            .feed(account(n), ReplicaId(99), follower.feed, 9, usize::MAX);
        assert_eq!(batch.unwrap().entries, [Entry::Evict(vec![id])]);
    }
    assert_told(&world, &mut followers);
}

#[test]
fn what_waits_to_be_published_is_not_shown_by_an_offer() {
    let mut world = tree();
    let id = atome(1, 2);
    let mut manual = terms(&[]);
    manual.mode = Mode::Manual;
    shared(&mut world, id, 2, manual);
    assert_eq!(world.act(1, Act::Publish { atome: id }), None);
    shared(&mut world, id, 2, named("a"));
    let mut follower = Follower::default();
    follower.follow(&world, 2, 100);
    let was = world.seen(1);
    let altered = after(was.get(&id), 1, 50, &[set(id, "a", 9), set(id, "b", 9)]);
    offer(&mut world, &[altered]);
    follower.follow(&world, 2, 1);
    let value = |name| follower.states[&id].value(name).unwrap();
    assert_eq!((value("a").as_str(), value("b").as_str()), ("9", "2"));
    follower.assert_is(&world.seen(2), 2);
    world.check();
}

/// The rule asks what the hub has settled, and not its clock.
#[test]
fn what_has_begun_goes_on_when_the_clock_of_the_hub_goes_back() {
    let mut world = tree();
    let mut timed = terms(&[Right::Alter]);
    timed.from_ms = Some(NOW_MS + 100);
    shared(&mut world, atome(1, 1), 2, timed);
    world.wait(200);
    assert_eq!(world.push(2, vec![set(atome(1, 1), "a", 5)], vec![]), None);
    world.now_ms -= 180;
    assert!(world.now_ms < NOW_MS + 100);
    let ruling = world.push(2, vec![set(atome(1, 2), "b", 6)], vec![]);
    let b = world.seen(1)[&atome(1, 2)].value("b").unwrap();
    assert_eq!(b.as_str(), "6", "{ruling:?}");
    assert_eq!(world.seen(2).len(), 3);
}

#[test]
fn what_has_begun_is_published_again_when_the_clock_of_the_hub_goes_back() {
    let mut world = tree();
    let id = atome(1, 1);
    let mut timed = terms(&[]);
    (timed.mode, timed.from_ms) = (Mode::Manual, Some(NOW_MS + 100));
    shared(&mut world, id, 2, timed);
    world.wait(200);
    world.now_ms -= 180;
    for value in [5, 6] {
        assert_eq!(world.push(1, vec![set(id, "a", value)], vec![]), None);
        assert_eq!(world.act(1, Act::Publish { atome: id }), None);
        let seen = world.seen(2)[&id].value("a").unwrap();
        assert_eq!(seen.as_str(), value.to_string());
    }
}

/// A second machine of the owner has altered it by a clock that is behind.
#[test]
fn a_reader_is_told_that_an_atome_is_older_by_a_change_that_it_does_not_see() {
    let mut world = World::new();
    let id = atome(1, 1);
    world.push(1, vec![made(id, account(1), None)], vec![]);
    shared(&mut world, id, 2, named("a"));
    let before = world.seen(2)[&id].created;
    let mut follower = Follower::default();
    follower.follow(&world, 2, 100);
    let earlier = Commit {
        number: 1,
        author: account(1),
        stamp: Stamp {
            time: HybridTime::from_ms(NOW_MS - 10),
            replica: ReplicaId(11),
        },
        claimed: None,
        changes: vec![set(id, "b", 2)],
        acts: vec![],
    };
    let raw = RawCommit::encode(&earlier).unwrap();
    let admitted = world
        .hub
        .admit(account(1), ReplicaId(11), 1, &[raw], world.now_ms)
        .unwrap();
    assert_eq!(admitted.verdicts, []);
    let seen = &world.seen(2)[&id];
    assert_eq!((seen.created, seen.value("b")), (earlier.stamp, None));
    assert!(seen.created < before);
    world.check();
    follower.follow(&world, 2, 1);
    follower.assert_is(&world.seen(2), 2);
}

/// What an account has of a life of the database that is lost, made of what is here, or of nothing.
#[derive(Clone, Debug)]
struct Lost {
    owner: u128,
    n: u128,
    parent: Option<Option<u128>>,
    place: usize,
    value: i64,
    from_nothing: bool,
    is_older: bool,
}

fn lost() -> impl Strategy<Value = Lost> {
    let owner = prop_oneof![4 => Just(1u128), 1 => who()];
    let parent = prop::option::weighted(0.5, prop::option::weighted(0.8, 1..6u128));
    let flags = (any::<bool>(), any::<bool>());
    // Some that nothing else makes.
    (owner, 1..9u128, parent, 0..KEYS.len(), 0..9i64, flags).prop_map(
        |(owner, n, parent, place, value, (from_nothing, is_older))| Lost {
            owner,
            n,
            parent,
            place,
            value,
            from_nothing,
            is_older,
        },
    )
}

/// Offers it as the so many-th of all; what the account cannot have is refused, and that is for other tests.
fn offer_lost(world: &mut World, lost: &Lost, number: u64) {
    world.now_ms += 1;
    world.hub.settle(world.now_ms).unwrap();
    let (id, owner) = (atome(lost.owner, lost.n), account(lost.owner));
    let mut seen = world.seen(lost.owner);
    let here = seen.remove(&id).filter(|_| !lost.from_nothing);
    let ms = if lost.is_older {
        NOW_MS - 1_000 + number
    } else {
        world.now_ms
    };
    let origin = Origin {
        stamp: Stamp {
            time: HybridTime::from_ms(ms),
            replica: ReplicaId(100),
        },
        number,
        author: owner,
    };
    let parent = lost.parent.map(|to| to.map(|n| atome(lost.owner, n)));
    let made = here.is_none().then(|| made(id, owner, parent.flatten()));
    let changes = [
        made,
        parent.map(|to| moved(id, to)),
        Some(set(id, KEYS[lost.place], lost.value)),
    ];
    let write = |state, change: &Change| Some(apply(state, change, origin));
    let state = changes.iter().flatten().fold(here, write).unwrap();
    let raw = RawState::encode(&state).unwrap();
    world.hub.offer(owner, &[raw], world.now_ms).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    })]
    #[test]
    fn whatever_is_offered_is_followed_as_it_is_allowed(
        steps in prop::collection::vec((prop::option::weighted(0.3, lost()), step()), 1..60)
    ) {
        let mut world = World::new();
        let mut followers: BTreeMap<u128, Follower> = (1..=3).map(|n| (n, Follower::default())).collect();
        for ((lost, step), number) in steps.iter().zip(1..) {
            match lost {
                Some(lost) => offer_lost(&mut world, lost, number),
                None => carry_out(&mut world, step),
            }
            world.check();
            if let Step::Pull(n) = step {
                let follower = followers.get_mut(n).unwrap();
                follower.follow(&world, *n, 3);
                follower.assert_is(&world.seen(*n), *n);
            }
        }
        for (n, mut follower) in followers {
            follower.follow(&world, n, 5);
            follower.assert_is(&world.seen(n), n);
        }
    }
}
