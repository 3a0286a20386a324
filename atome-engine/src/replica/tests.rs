//! The replica's decisions, one conversation at a time. Whole worlds are the simulation's.

use atome_proto::code::Code;
use atome_proto::local::v1::Mode;
use atome_proto::runtime::{Profile, RuntimeType};
use atome_proto::sync::v1::{Ack, Bye, Entry, Error, Limits, Pong, Welcome};
use uuid::Uuid;

use super::*;

mod offers;
mod progress;
mod receipts;

const HUB: HubId = HubId(Uuid::from_u128(7));
const EPOCH: Epoch = Epoch(8);

fn at(mono_ms: u64) -> Now {
    Now {
        mono_ms,
        wall_ms: 1_000_000 + mono_ms,
    }
}

fn declaration() -> RuntimeDeclaration {
    RuntimeDeclaration {
        runtime_type: RuntimeType::Daemon,
        has_local_server: true,
        local_endpoint: Some("unix:///run/atome/atomed.sock".into()),
        remote_endpoint: Some("wss://hub.example.org".into()),
        profile: Profile::Production,
        enforced: std::collections::BTreeMap::new(),
        pid: Some(1),
    }
}

fn position(number: u64, acked: u64, feed: Option<u64>) -> Position {
    Position {
        revision: 0,
        replica: ReplicaId(1),
        number,
        acked,
        refused: 0,
        evicted: 0,
        owes: false,
        offers: 0,
        restored: false,
        hub: Some((HUB, EPOCH)),
        cursor: feed.map(cursor),
        change: 0,
    }
}

fn cursor(feed: u64) -> Cursor {
    Cursor {
        hub: HUB,
        epoch: EPOCH,
        feed,
    }
}

fn welcome(head: u64, number: u64) -> Input {
    Input::Frame(HubFrame::Welcome(Welcome {
        client_id: "c".into(),
        timestamp: 5,
        protocol: 1,
        hub: HUB,
        epoch: EPOCH,
        head,
        oldest: 1,
        number,
        limits: Limits {
            commit_len_max: 1,
            frame_len_max: 1,
            window: 2,
        },
        capabilities: vec![],
        directory: None,
        session_expires_at_ms: None,
    }))
}

fn batch(from: u64, entries: Vec<Entry>) -> Input {
    Input::Frame(
        Batch {
            from,
            entries,
            head: 9,
        }
        .into(),
    )
}

fn foreign() -> Entry {
    Entry::Commit(RawCommit::from_text("{}".into()).unwrap())
}

fn effects(replica: &mut Replica) -> Vec<Effect> {
    std::iter::from_fn(|| replica.poll_effect()).collect()
}

fn commits(count: usize) -> Vec<RawCommit> {
    vec![RawCommit::from_text("{}".into()).unwrap(); count]
}

/// A replica that has been welcomed; what it did on the way is dropped.
fn open(position: Position, head: u64, number: u64) -> Replica {
    let mut replica = Replica::new(&declaration(), position, 1);
    replica.handle(Input::Credentials(true), at(0));
    assert_eq!(effects(&mut replica), [Effect::Connect]);
    replica.handle(Input::Connected, at(1));
    let [Effect::Send(ClientFrame::Hello(hello))] = &effects(&mut replica)[..] else {
        panic!("a hello comes first");
    };
    assert_eq!(hello.runtime.local_endpoint, None);
    replica.handle(welcome(head, number), at(2));
    let sent = effects(&mut replica);
    assert!(sent.contains(&Effect::HubTime(5)), "{sent:?}");
    replica
}

fn sent_pulls(effects: &[Effect]) -> usize {
    effects
        .iter()
        .filter(|e| matches!(e, Effect::Send(ClientFrame::Pull(_))))
        .count()
}

#[test]
fn nothing_is_dialled_without_a_token_or_when_off() {
    let mut replica = Replica::new(&declaration(), position(0, 0, None), 1);
    replica.handle(Input::Tick, at(0));
    assert_eq!(effects(&mut replica), []);
    assert_eq!(replica.poll_timeout(), None);
    let off = SetMode {
        mode: Mode::Off,
        ..SetMode::default()
    };
    replica.handle(
        Input::Schedule {
            schedule: off,
            paused: false,
        },
        at(0),
    );
    replica.handle(Input::Credentials(true), at(0));
    replica.handle(Input::SyncNow, at(0));
    assert_eq!(effects(&mut replica), []);
}

#[test]
fn another_hub_is_adopted_before_anything_is_pushed_or_pulled() {
    let mut start = position(3, 0, None);
    start.hub = None;
    let mut replica = Replica::new(&declaration(), start, 1);
    replica.handle(Input::Credentials(true), at(0));
    replica.handle(Input::Connected, at(1));
    effects(&mut replica);
    replica.handle(welcome(0, 0), at(2));
    let adopt = StoreJob::AdoptHub {
        hub: HUB,
        epoch: EPOCH,
        number: 0,
    };
    assert_eq!(
        effects(&mut replica),
        [Effect::HubTime(5), Effect::Store(adopt)]
    );
    replica.handle(
        Input::Done(Position {
            revision: 1,
            ..position(3, 0, None)
        }),
        at(3),
    );
    let sent = effects(&mut replica);
    assert_eq!(sent_pulls(&sent), 1);
    assert!(
        matches!(sent.last(), Some(Effect::ReadPending { after: 0, .. })),
        "{sent:?}"
    );
}

#[test]
fn commits_go_out_a_window_at_a_time_and_are_acknowledged_when_durable() {
    let mut replica = open(position(30, 0, Some(0)), 0, 0);
    for first in [1, 11] {
        replica.handle(
            Input::Pending {
                after: first - 1,
                commits: commits(10),
            },
            at(3),
        );
        let sent = effects(&mut replica);
        assert!(matches!(&sent[0], Effect::Send(ClientFrame::Push(push)) if push.first == first));
        assert_eq!(
            sent.len(),
            if first == 1 { 2 } else { 1 },
            "the window is two frames"
        );
    }
    let ack = |number| {
        Input::Frame(
            Ack {
                replica: ReplicaId(1),
                first: number - 9,
                number,
                verdicts: vec![],
            }
            .into(),
        )
    };
    replica.handle(ack(10), at(4));
    let job = StoreJob::Acknowledge {
        number: 10,
        verdicts: vec![],
    };
    assert_eq!(effects(&mut replica), [Effect::Store(job)]);
    replica.handle(
        Input::Done(Position {
            revision: 1,
            ..position(30, 10, Some(0))
        }),
        at(5),
    );
    assert!(matches!(
        effects(&mut replica)[..],
        [Effect::ReadPending { after: 20, .. }]
    ));
}

#[test]
fn an_own_commit_in_the_feed_waits_for_its_acknowledgement() {
    let mut replica = open(position(5, 4, Some(3)), 9, 5);
    replica.handle(
        Input::Pending {
            after: 4,
            commits: commits(1),
        },
        at(3),
    );
    effects(&mut replica);
    replica.handle(batch(4, vec![Entry::Mine(5)]), at(3));
    assert_eq!(effects(&mut replica), []);
    let ack = Ack {
        replica: ReplicaId(1),
        first: 5,
        number: 5,
        verdicts: vec![],
    };
    replica.handle(Input::Frame(ack.into()), at(4));
    assert!(matches!(
        effects(&mut replica)[..],
        [Effect::Store(StoreJob::Acknowledge { .. })]
    ));
    replica.handle(
        Input::Done(Position {
            revision: 1,
            ..position(5, 5, Some(3))
        }),
        at(5),
    );
    assert!(matches!(
        effects(&mut replica)[..],
        [Effect::Store(StoreJob::Apply { .. })]
    ));
}

#[test]
fn a_number_never_made_here_means_a_fork() {
    let mut replica = open(position(5, 5, Some(3)), 9, 6);
    assert_eq!(effects(&mut replica), []);
    replica.handle(Input::Tick, at(3));
    let mut replica = open_forked(position(5, 5, Some(3)));
    let forked = Position {
        revision: 1,
        replica: ReplicaId(2),
        ..position(0, 0, Some(3))
    };
    replica.handle(Input::Done(forked), at(4));
    let sent = effects(&mut replica);
    assert_eq!(sent, [Effect::Disconnect, Effect::Connect]);
    assert!(replica.progress().findings.contains(&Finding::Forked));
}

#[test]
fn a_restored_store_takes_a_new_id_once_all_is_decided() {
    for (acked, forks) in [(5, true), (4, false)] {
        let restored = Position {
            restored: true,
            ..position(5, acked, Some(3))
        };
        let mut replica = Replica::new(&declaration(), restored, 1);
        replica.handle(Input::Credentials(true), at(0));
        replica.handle(Input::Connected, at(1));
        replica.handle(welcome(3, acked), at(2));
        let job = Effect::Store(StoreJob::Fork { from: 6 });
        assert_eq!(effects(&mut replica).contains(&job), forks);
    }
}

/// A replica whose hub knows a higher number; it is about to take a new id.
fn open_forked(start: Position) -> Replica {
    let mut replica = Replica::new(&declaration(), start, 1);
    replica.handle(Input::Credentials(true), at(0));
    replica.handle(Input::Connected, at(1));
    replica.handle(welcome(9, start.number + 1), at(2));
    let job = Effect::Store(StoreJob::Fork {
        from: start.number + 1,
    });
    assert!(effects(&mut replica).contains(&job));
    replica
}

fn fork_at(number: u64) -> Input {
    let error = Error {
        code: Code::Fork,
        message: "fork".into(),
        retry: false,
        details: [("number".to_owned(), number)].into(),
    };
    Input::Frame(error.into())
}

#[test]
fn a_fork_waits_for_the_verdicts_on_what_comes_before_it() {
    let mut replica = open(position(5, 3, Some(3)), 3, 5);
    replica.handle(fork_at(5), at(3));
    assert_eq!(
        effects(&mut replica),
        [Effect::Disconnect],
        "the acknowledgement of 4 is lost: all of it is said again"
    );
}

#[test]
fn a_fork_at_push_moves_what_is_pending() {
    let mut replica = open(position(5, 4, Some(3)), 3, 5);
    replica.handle(fork_at(5), at(3));
    assert_eq!(
        effects(&mut replica),
        [Effect::Store(StoreJob::Fork { from: 5 })]
    );
}

fn pong(head: u64) -> Input {
    Input::Frame(
        Pong {
            timestamp: 77,
            hub_time: 5,
            head,
            number: 5,
        }
        .into(),
    )
}

fn wait(number: u64, receipt: Option<Receipt>) -> Input {
    Input::Wait {
        token: 77,
        number,
        receipt,
    }
}

fn waited(replica: &mut Replica) -> bool {
    effects(replica)
        .iter()
        .any(|e| matches!(e, Effect::Waited { token: 77, .. }))
}

#[test]
fn a_wait_ends_when_it_is_true_and_not_before() {
    let mut replica = open(position(5, 4, Some(3)), 3, 4);
    replica.handle(wait(5, None), at(3));
    assert_eq!(
        effects(&mut replica),
        [],
        "the hub's head is asked for once commit 5 is in it"
    );
    replica.handle(
        Input::Stored(Position {
            revision: 1,
            ..position(5, 5, Some(3))
        }),
        at(4),
    );
    let sent = effects(&mut replica);
    assert!(matches!(&sent[..], [Effect::Send(ClientFrame::Ping(p))] if p.timestamp == 77));
    replica.handle(pong(4), at(5));
    assert!(!waited(&mut replica), "feed number 4 is still to come");
    replica.handle(
        Input::Stored(Position {
            revision: 2,
            ..position(6, 5, Some(4))
        }),
        at(6),
    );
    assert!(waited(&mut replica), "a later commit is not waited for");
}

#[test]
fn a_wait_of_an_empty_account_on_an_empty_hub_ends() {
    let mut replica = open(position(0, 0, None), 0, 0);
    replica.handle(wait(0, None), at(3));
    effects(&mut replica);
    replica.handle(pong(0), at(4));
    assert!(waited(&mut replica));
}

#[test]
fn a_wait_asks_again_after_a_lost_connection() {
    let mut replica = open(position(5, 5, Some(3)), 3, 5);
    replica.handle(wait(5, None), at(3));
    effects(&mut replica);
    replica.handle(Input::Closed(None), at(4));
    replica.handle(Input::SyncNow, at(5));
    replica.handle(Input::Connected, at(6));
    effects(&mut replica);
    replica.handle(welcome(3, 5), at(7));
    assert!(
        effects(&mut replica)
            .iter()
            .any(|e| matches!(e, Effect::Send(ClientFrame::Ping(_))))
    );
}

#[test]
fn a_silent_hub_is_asked_and_then_left() {
    let mut replica = open(position(0, 0, Some(3)), 3, 0);
    let due = replica.poll_timeout().unwrap();
    replica.handle(Input::Tick, at(due));
    assert!(matches!(
        effects(&mut replica)[..],
        [Effect::Send(ClientFrame::Ping(_))]
    ));
    let due = replica.poll_timeout().unwrap();
    replica.handle(Input::Tick, at(due));
    assert_eq!(effects(&mut replica), [Effect::Disconnect]);
    let due = replica.poll_timeout().unwrap();
    replica.handle(Input::Tick, at(due));
    assert_eq!(effects(&mut replica), [Effect::Connect]);
}

#[test]
fn mode_manual_leaves_when_all_is_done() {
    let mut replica = Replica::new(&declaration(), position(1, 1, Some(3)), 1);
    let manual = SetMode {
        mode: Mode::Manual,
        ..SetMode::default()
    };
    replica.handle(
        Input::Schedule {
            schedule: manual,
            paused: false,
        },
        at(0),
    );
    replica.handle(Input::Credentials(true), at(0));
    assert_eq!(effects(&mut replica), []);
    replica.handle(Input::SyncNow, at(1));
    replica.handle(Input::Connected, at(2));
    effects(&mut replica);
    replica.handle(welcome(3, 1), at(3));
    assert_eq!(effects(&mut replica).last(), Some(&Effect::Disconnect));
    assert_eq!(replica.poll_timeout(), None);
}

#[test]
fn mode_interval_waits_for_its_part_of_the_day() {
    let night = SetMode {
        mode: Mode::Interval,
        every_min: Some(10),
        window_min: Some((1320, 360)),
    };
    let mut replica = open(position(1, 1, Some(3)), 3, 1);
    // 1,000 s after midnight is within 22:00 to 06:00.
    replica.handle(
        Input::Schedule {
            schedule: night,
            paused: false,
        },
        at(4),
    );
    assert_eq!(replica.poll_timeout(), Some(4 + 600_000));
    let noon = SetMode {
        window_min: Some((720, 780)),
        ..SetMode {
            mode: Mode::Interval,
            ..SetMode::default()
        }
    };
    let mut replica = open(position(1, 1, Some(3)), 3, 1);
    replica.handle(
        Input::Schedule {
            schedule: noon,
            paused: false,
        },
        at(4),
    );
    let due_min = (1_000_000 + replica.poll_timeout().unwrap()) / 60_000;
    assert_eq!(due_min, 720);
}

#[test]
fn a_refused_token_is_tried_again_when_asked_to_and_else_seldom() {
    let mut replica = open(position(1, 0, Some(3)), 3, 0);
    let refused = |ms| {
        let problem = Problem::new(Code::AuthRequired, "over");
        (Input::AuthRefused(problem), at(ms))
    };
    let (input, now) = refused(3);
    replica.handle(input, now);
    assert!(effects(&mut replica).contains(&Effect::Disconnect));
    replica.handle(Input::Tick, at(3_600_002));
    assert_eq!(effects(&mut replica), []);
    assert_eq!(replica.progress().phase, Phase::AuthRequired);
    replica.handle(Input::Tick, at(3_600_003));
    assert_eq!(effects(&mut replica), [Effect::Connect]);
    for again in [Input::SyncNow, Input::Credentials(true)] {
        let (input, now) = refused(3_600_004);
        replica.handle(input, now);
        effects(&mut replica);
        replica.handle(again, at(3_600_005));
        assert_eq!(effects(&mut replica), [Effect::Connect]);
    }
}

#[test]
fn a_goodbye_says_when_to_come_back() {
    let mut replica = open(position(1, 1, Some(3)), 3, 1);
    let bye = Bye {
        code: Code::Stopping,
        message: "restart".into(),
        retry_after_ms: Some(9_000),
    };
    replica.handle(Input::Frame(bye.into()), at(10));
    effects(&mut replica);
    assert!((9_010..=9_910).contains(&replica.poll_timeout().unwrap()));
}

#[test]
fn what_the_store_refuses_comes_again() {
    let mut replica = open(position(0, 0, Some(3)), 9, 0);
    replica.handle(batch(4, vec![foreign()]), at(3));
    effects(&mut replica);
    replica.handle(
        Input::StoreFailed(Problem::new(Code::LowSpace, "full")),
        at(4),
    );
    assert_eq!(effects(&mut replica), [Effect::Disconnect]);
    assert_eq!(replica.progress().last_error.unwrap().code, Code::LowSpace);
}
