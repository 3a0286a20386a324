//! Single cases of sharing at the hub.

use atome_proto::Code;

use super::*;

pub(super) fn terms(can: &[Right]) -> Terms {
    Terms {
        can: can.iter().copied().chain([Right::Read]).collect(),
        only: [].into(),
        mode: Mode::Linked,
        from_ms: None,
        until_ms: None,
        message: None,
    }
}

/// Account 1 has a tree of three places, one below the other.
pub(super) fn tree() -> World {
    let mut world = World::new();
    for n in 1..=3 {
        let parent = (n > 1).then(|| atome(1, n - 1));
        assert_eq!(
            world.push(1, vec![made(atome(1, n), account(1), parent)], vec![]),
            None
        );
        for (name, value) in [("a", 1), ("b", 2)] {
            world.push(1, vec![set(atome(1, n), name, value)], vec![]);
        }
    }
    world
}

fn refused(ruling: Option<Ruling>) -> Code {
    match ruling {
        Some(Ruling::Refused(refusal)) => refusal.code,
        other => panic!("not refused: {other:?}"),
    }
}

fn heads(world: &World) -> Vec<u64> {
    let head = |n| world.hub.digest(account(n)).unwrap().0;
    (1..=3).map(head).collect()
}

#[test]
fn nothing_moves_before_acceptance_and_all_after() {
    let mut world = tree();
    assert_eq!(world.share(1, atome(1, 2), 2, terms(&[])), None);
    assert!(world.seen(2).is_empty());
    assert_eq!(world.answer(2, 0, Answer::Accept), None);
    let seen: Vec<_> = world.seen(2).into_keys().collect();
    assert_eq!(seen, [atome(1, 2), atome(1, 3)]);
    world.check();
}

#[test]
fn every_wrong_request_is_refused_and_moves_nothing() {
    let mut world = tree();
    let mut named = terms(&[Right::Alter]);
    named.only = [key("a")].into();
    world.share(1, atome(1, 2), 2, named);
    world.answer(2, 0, Answer::Accept);
    world.share(1, atome(1, 2), 3, terms(&[]));
    let before = heads(&world);
    let all = world.seen(1);
    let alter = |n, name| vec![set(atome(1, n), name, 9)];
    assert_eq!(
        refused(world.push(2, alter(2, "b"), vec![])),
        Code::NotAllowed
    );
    assert_eq!(
        refused(world.push(2, alter(1, "a"), vec![])),
        Code::NotFound
    );
    assert_eq!(
        refused(world.push(3, alter(2, "a"), vec![])),
        Code::NotFound
    );
    let child = vec![made(atome(1, 9), account(1), Some(atome(1, 2)))];
    assert_eq!(refused(world.push(2, child, vec![])), Code::NotAllowed);
    let stolen = vec![made(atome(1, 2), account(2), None)];
    assert_eq!(refused(world.push(2, stolen, vec![])), Code::NotAllowed);
    let passed_on = world.share(2, atome(1, 2), 3, terms(&[]));
    assert_eq!(refused(passed_on), Code::NotAllowed);
    assert_eq!(
        refused(world.answer(1, 1, Answer::Accept)),
        Code::NotAllowed
    );
    assert_eq!(refused(world.answer(2, 1, Answer::Accept)), Code::NotFound);
    let end = Act::End {
        grant: world.grants[1],
    };
    assert_eq!(refused(world.act(2, end)), Code::NotFound);
    let publish = Act::Publish { atome: atome(1, 2) };
    assert_eq!(refused(world.act(3, publish)), Code::NotAllowed);
    let forged = Act::Share {
        grant: world.grants[0],
        atome: atome(1, 1),
        grantee: account(2),
        terms: terms(&[]),
    };
    assert_eq!(refused(world.act(1, forged)), Code::Conflict);
    assert_eq!(heads(&world), before, "nothing moved");
    assert_eq!(world.seen(1), all);
    world.check();
}

#[test]
fn a_refusal_shows_no_more_than_may_be_seen() {
    let mut world = tree();
    let mut named = terms(&[]);
    named.only = [key("a")].into();
    world.share(1, atome(1, 3), 2, named);
    world.answer(2, 0, Answer::Accept);
    let ruling = world.push(2, vec![set(atome(1, 3), "a", 9)], vec![]);
    let Some(Ruling::Refused(refusal)) = ruling else {
        panic!("refused")
    };
    assert_eq!(refusal.states.len(), 1);
    assert_eq!(refusal.states[0].value("b"), None);
    assert_eq!(refusal.states[0].value("a").unwrap().as_str(), "1");
}

#[test]
fn time_begins_and_ends_a_grant_by_itself() {
    let mut world = tree();
    let mut timed = terms(&[Right::Alter]);
    (timed.from_ms, timed.until_ms) = (Some(NOW_MS + 100), Some(NOW_MS + 200));
    world.share(1, atome(1, 1), 2, timed);
    world.answer(2, 0, Answer::Accept);
    assert!(world.seen(2).is_empty());
    let early = world.push(2, vec![set(atome(1, 1), "a", 5)], vec![]);
    assert!(matches!(early, Some(Ruling::Deferred { .. })), "{early:?}");
    world.hub.settle(NOW_MS + 100).unwrap();
    world.now_ms = NOW_MS + 100;
    assert_eq!(world.seen(2).len(), 3);
    assert_eq!(
        world.seen(1)[&atome(1, 1)].value("a").unwrap().as_str(),
        "5",
        "what waited for the grant is taken"
    );
    let batch = world
        .hub
        .feed(account(2), ReplicaId(2), 0, 100, usize::MAX)
        .unwrap();
    assert!(batch.entries.contains(&Entry::Mine(2)), "{batch:?}");
    world.check();
    world.now_ms = NOW_MS + 200;
    world.hub.settle(NOW_MS + 200).unwrap();
    assert!(world.seen(2).is_empty());
    let grant = world
        .hub
        .grant(account(1), world.grants[0])
        .unwrap()
        .unwrap();
    assert_eq!(grant.state(), GrantState::Expired);
    world.check();
}

#[test]
fn what_waits_to_be_published_comes_as_it_was_then() {
    let mut world = tree();
    let mut manual = terms(&[]);
    manual.mode = Mode::Manual;
    world.share(1, atome(1, 2), 2, manual);
    world.answer(2, 0, Answer::Accept);
    assert!(world.seen(2).is_empty());
    let publish = || Act::Publish { atome: atome(1, 2) };
    assert_eq!(world.act(1, publish()), None);
    let then = world.seen(2);
    assert_eq!(then.len(), 2);
    world.push(1, vec![set(atome(1, 3), "a", 7)], vec![]);
    assert_eq!(world.seen(2), then);
    assert_eq!(refused(world.act(2, publish())), Code::NotAllowed);
    assert_eq!(world.act(1, publish()), None);
    let now = world.seen(2);
    assert_eq!(now[&atome(1, 3)].value("a").unwrap().as_str(), "7");
    let mut follower = Follower::default();
    follower.follow(&world, 2, 1);
    follower.assert_is(&now, 2);
}

#[test]
fn what_a_reader_wrote_before_anything_was_published_stays_its_owners() {
    let mut world = tree();
    let mut manual = terms(&[]);
    manual.mode = Mode::Manual;
    world.share(1, atome(1, 2), 2, manual);
    world.answer(2, 0, Answer::Accept);
    world.share(1, atome(1, 2), 2, terms(&[Right::Alter]));
    world.answer(2, 1, Answer::Accept);
    assert_eq!(world.push(2, vec![set(atome(1, 3), "a", 7)], vec![]), None);
    let grant = world.grants[1];
    assert_eq!(world.act(1, Act::End { grant }), None);
    let seen = world.seen(2);
    let state = &seen[&atome(1, 3)];
    assert_eq!((state.owner, state.creator), (account(1), account(1)));
    assert_eq!(state.value("a").unwrap().as_str(), "7");
    assert_eq!(state.particles.len(), 1, "nothing else was published");
    world.check();
}

#[test]
fn a_copy_is_ones_own_and_has_no_link() {
    let mut world = tree();
    let mut copy = terms(&[]);
    copy.mode = Mode::Copy;
    world.share(1, atome(1, 2), 2, copy);
    world.answer(2, 0, Answer::Accept);
    let copies = world.seen(2);
    assert_eq!(copies.len(), 2);
    for state in copies.values() {
        assert_eq!((state.owner, state.creator), (account(2), account(1)));
        assert!(state.value(Key::COPIED_FROM).is_some());
    }
    world.push(1, vec![set(atome(1, 2), "a", 7)], vec![]);
    assert_eq!(world.seen(2), copies);
    let own = *copies.keys().next().unwrap();
    assert_eq!(world.push(2, vec![set(own, "a", 8)], vec![]), None);
    let end = Act::End {
        grant: world.grants[0],
    };
    assert_eq!(refused(world.act(1, end)), Code::Conflict);
    world.check();
}

#[test]
fn an_owner_hears_which_replicas_have_removed_what_they_lost() {
    let mut world = tree();
    world.share(1, atome(1, 1), 2, terms(&[]));
    world.answer(2, 0, Answer::Accept);
    let grant = world.grants[0];
    world.hub.seen(account(2), ReplicaId(77), NOW_MS).unwrap();
    world.act(1, Act::End { grant });
    let told = |world: &World| {
        let grant = world.hub.grant(account(1), grant).unwrap().unwrap();
        let evictions = grant.evictions.into_iter();
        evictions
            .map(|it| (it.replica.0, it.confirmed))
            .collect::<Vec<_>>()
    };
    assert_eq!(told(&world), [(2, false), (77, false)]);
    let head = world.hub.digest(account(2)).unwrap().0;
    world
        .hub
        .evicted(account(2), ReplicaId(77), head, NOW_MS)
        .unwrap();
    assert_eq!(told(&world), [(2, false), (77, true)]);
    let reader = world.hub.grant(account(2), grant).unwrap().unwrap();
    assert!(reader.evictions.is_empty(), "not the reader's to know");
}

#[test]
fn a_deleted_account_takes_what_it_shared_with_it() {
    let mut world = tree();
    world.share(1, atome(1, 1), 2, terms(&[]));
    world.answer(2, 0, Answer::Accept);
    assert_eq!(world.seen(2).len(), 3);
    world.hub.delete_account(account(1), world.now_ms).unwrap();
    assert!(world.seen(2).is_empty());
    while world.hub.purge(10).unwrap() {}
    assert!(world.seen(2).is_empty());
    let mut follower = Follower::default();
    follower.follow(&world, 2, 1);
    assert!(follower.states.is_empty());
}

#[test]
fn a_blocked_sender_sees_what_a_waiting_one_sees() {
    let told = |block: Option<bool>| {
        let mut world = tree();
        let rule = Rule::Block;
        if block == Some(true) {
            let (sender, can) = (account(1), [].into());
            world.act(2, Act::Policy { sender, rule, can });
        } else {
            world.act(
                2,
                Act::Policy {
                    sender: account(3),
                    rule,
                    can: [].into(),
                },
            );
        }
        world.share(1, atome(1, 1), 2, terms(&[]));
        if block == Some(false) {
            world.answer(2, 0, Answer::Block);
        } else {
            world.act(
                2,
                Act::Policy {
                    sender: account(3),
                    rule,
                    can: [].into(),
                },
            );
        }
        let batch = world
            .hub
            .feed(account(1), ReplicaId(1), 0, 1_000, usize::MAX)
            .unwrap();
        let page = world.hub.grants(account(1), None, usize::MAX).unwrap();
        let inbox = world.hub.grants(account(2), None, usize::MAX).unwrap();
        (batch, page, inbox.grants.len())
    };
    let (waits, page, inbox) = told(None);
    assert_eq!(inbox, 1);
    assert_eq!(told(Some(false)), (waits.clone(), page.clone(), 1));
    assert_eq!(
        told(Some(true)),
        (waits, page, 0),
        "nothing reaches who blocks"
    );
}
