//! A hub whose answers bring nothing: it is asked again a few times, then left, and people are told.

use super::*;

fn snapshot(since: u64, page: u64, end: Option<u64>) -> Input {
    let end = end.map(|feed| SnapshotEnd {
        cursor: cursor(feed),
        number: 0,
    });
    Input::Frame(
        Snapshot {
            since,
            page,
            states: vec![],
            gone: vec![],
            grants: vec![],
            policies: vec![],
            total: 1,
            end,
        }
        .into(),
    )
}

fn is_stuck(replica: &Replica) -> bool {
    replica.progress().findings.contains(&Finding::NoProgress)
}

/// Carries out what is to be written, each write leaving the store as it is; how often the feed was asked for.
fn write_in_place(replica: &mut Replica, now: u64, cursor: Option<u64>) -> usize {
    let mut asked = 0;
    loop {
        let done = effects(replica);
        asked += sent_pulls(&done);
        if !done.iter().any(|effect| matches!(effect, Effect::Store(_))) {
            return asked;
        }
        replica.handle(Input::Done(position(0, 0, cursor)), at(now));
    }
}

/// Says the same until the hub is left; how often it was asked again before that.
fn until_left(
    replica: &mut Replica,
    now: u64,
    cursor: Option<u64>,
    answer: impl Fn() -> Input,
) -> usize {
    let mut asked = 0;
    for _ in 0..100 {
        replica.handle(answer(), at(now));
        asked += write_in_place(replica, now, cursor);
        if !replica.progress().connected {
            return asked;
        }
    }
    panic!("it goes on for ever, asked {asked} times");
}

/// Connects once more, as soon as the back-off allows; how long that took.
fn again(replica: &mut Replica, now: &mut u64, head: u64) -> u64 {
    let before = *now;
    *now = replica.poll_timeout().unwrap().max(before);
    replica.handle(Input::Tick, at(*now));
    assert_eq!(effects(replica), [Effect::Connect]);
    replica.handle(Input::Connected, at(*now));
    replica.handle(welcome(head, 0), at(*now));
    effects(replica);
    *now - before
}

#[test]
fn a_batch_that_does_not_follow_is_asked_for_again_and_at_last_given_up() {
    let mut replica = open(position(0, 0, Some(3)), 9, 0);
    replica.handle(batch(4, vec![foreign()]), at(3));
    assert!(matches!(
        effects(&mut replica)[..],
        [Effect::Store(StoreJob::Apply { .. })]
    ));
    replica.handle(batch(6, vec![foreign()]), at(3));
    assert_eq!(
        effects(&mut replica),
        [],
        "the store is asked first where that leads"
    );
    replica.handle(
        Input::Done(Position {
            revision: 1,
            ..position(0, 0, Some(4))
        }),
        at(4),
    );
    assert_eq!(sent_pulls(&effects(&mut replica)), 1);
    replica.handle(batch(7, vec![foreign()]), at(5));
    assert_eq!(effects(&mut replica), [], "that was on its way before");
    let pong = |timestamp| {
        Input::Frame(
            Pong {
                timestamp,
                hub_time: 5,
                head: 9,
                number: 0,
            }
            .into(),
        )
    };
    let mut asked = 0;
    for _ in 0..10 {
        replica.handle(pong(0), at(6));
        asked += sent_pulls(&effects(&mut replica));
    }
    assert_eq!(asked, 2, "three times in all, then it backs off");
    assert!(is_stuck(&replica));
    assert!(!replica.progress().connected);
}

#[test]
fn the_same_batch_again_and_again_is_no_progress() {
    for from in [1, 6] {
        let mut replica = open(position(0, 0, Some(3)), 9, 0);
        let answer = || batch(from, vec![foreign()]);
        assert_eq!(until_left(&mut replica, 3, Some(3), answer), 3);
        assert!(is_stuck(&replica));
    }
}

#[test]
fn the_same_first_page_again_and_again_is_no_progress() {
    for end in [None, Some(3)] {
        let mut replica = open(position(0, 0, Some(3)), 9, 0);
        let answer = || snapshot(9, 0, end);
        assert_eq!(until_left(&mut replica, 3, Some(3), answer), 3);
        assert!(is_stuck(&replica));
    }
}

#[test]
fn a_snapshot_that_begins_anew_at_a_later_head_is_taken() {
    let mut replica = open(position(0, 0, Some(3)), 9, 0);
    for since in [9, 12, 15] {
        replica.handle(snapshot(since, 0, None), at(3));
        assert_eq!(write_in_place(&mut replica, 3, Some(3)), 0);
    }
    replica.handle(snapshot(15, 1, Some(15)), at(4));
    let stored = effects(&mut replica);
    assert!(matches!(stored[..], [Effect::Store(StoreJob::Stage(_))]));
}

#[test]
fn what_the_store_cannot_read_is_no_progress_and_a_full_disk_is_none_of_the_hubs() {
    for (code, stuck) in [(Code::BadData, true), (Code::LowSpace, false)] {
        let mut replica = open(position(0, 0, Some(3)), 9, 0);
        let mut now = 10;
        for _ in 0..4 {
            assert!(!is_stuck(&replica));
            replica.handle(batch(4, vec![foreign()]), at(now));
            replica.handle(Input::StoreFailed(Problem::new(code, "no")), at(now));
            effects(&mut replica);
            again(&mut replica, &mut now, 9);
        }
        assert_eq!(is_stuck(&replica), stuck);
    }
}

#[test]
fn a_hub_that_stays_the_same_is_asked_ever_more_seldom_and_the_finding_goes_with_the_first_step() {
    let mut replica = open(position(0, 0, Some(3)), 9, 0);
    let mut now = 10;
    let mut waited = 0;
    for _ in 0..40 {
        until_left(&mut replica, now, Some(3), || batch(1, vec![foreign()]));
        waited += again(&mut replica, &mut now, 9);
        assert!(is_stuck(&replica), "a new connection is no progress");
    }
    assert!(waited > 300_000, "40 connections within {waited} ms");
    replica.handle(batch(4, vec![foreign()]), at(now));
    effects(&mut replica);
    let moved = Position {
        revision: 1,
        ..position(0, 0, Some(4))
    };
    replica.handle(Input::Done(moved), at(now));
    assert!(!is_stuck(&replica));
}

#[test]
fn the_finding_goes_where_nothing_is_behind() {
    let mut replica = open(position(0, 0, Some(3)), 9, 0);
    until_left(&mut replica, 3, Some(3), || batch(1, vec![foreign()]));
    assert!(is_stuck(&replica));
    again(&mut replica, &mut 10, 3);
    assert!(!is_stuck(&replica));
}

#[test]
fn one_fork_is_greeted_at_once_and_the_next_waits() {
    let mut replica = open_forked(position(5, 5, Some(3)));
    let forked = |revision| {
        Input::Done(Position {
            revision,
            replica: ReplicaId(1 + revision),
            ..position(0, 0, Some(3))
        })
    };
    replica.handle(forked(1), at(4));
    assert_eq!(effects(&mut replica), [Effect::Disconnect, Effect::Connect]);
    replica.handle(Input::Connected, at(5));
    replica.handle(welcome(9, 1), at(6));
    effects(&mut replica);
    replica.handle(forked(2), at(7));
    assert_eq!(effects(&mut replica), [Effect::Disconnect]);
    assert!(replica.poll_timeout().is_some());
}
