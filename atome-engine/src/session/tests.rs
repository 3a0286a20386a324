//! The hub's decisions on one connection, one conversation at a time.

use atome_proto::AccountId;
use atome_proto::commit::RawCommit;
use atome_proto::directory::DirectoryEvent;
use atome_proto::limit::WINDOW_FRAMES;
use atome_proto::runtime::{Profile, RuntimeDeclaration, RuntimeType};
use atome_proto::sync::v1::{Applied, CAPABILITY_DIRECTORY, Cursor, Entry, Hello, Ping, Pull};
use uuid::Uuid;

use super::*;

mod behind;
mod offers;

const REPLICA: ReplicaId = ReplicaId(5);
const EPOCH: Epoch = Epoch(8);

fn identity() -> Identity {
    Identity {
        hub: HubId(Uuid::from_u128(7)),
        epoch: EPOCH,
    }
}

fn now() -> Now {
    Now {
        mono_ms: 1,
        wall_ms: 1_000,
    }
}

fn hello() -> Hello {
    Hello {
        protocols: vec![1, 2],
        runtime: RuntimeDeclaration {
            runtime_type: RuntimeType::Daemon,
            has_local_server: true,
            local_endpoint: None,
            remote_endpoint: None,
            profile: Profile::Production,
            enforced: std::collections::BTreeMap::new(),
            pid: None,
        },
        replica: REPLICA,
        number: 9,
        acked: 9,
        cursor: None,
        capabilities: vec![],
    }
}

fn effects(session: &mut Session) -> Vec<Effect> {
    std::iter::from_fn(|| session.poll_effect()).collect()
}

fn say(session: &mut Session, frame: impl Into<ClientFrame>) -> Vec<Effect> {
    session.handle(Input::Frame(frame.into()), now());
    effects(session)
}

fn hear(session: &mut Session, input: Input) -> Vec<Effect> {
    session.handle(input, now());
    effects(session)
}

fn open(head: u64, number: u64) -> Session {
    let mut session = Session::new(identity(), "c".into(), now());
    assert_eq!(
        say(&mut session, hello()),
        [Effect::Position { replica: REPLICA }]
    );
    let sent = hear(
        &mut session,
        Input::Position(FeedPosition {
            head,
            oldest: 1,
            number,
            directory: 4,
            epoch: EPOCH,
        }),
    );
    assert!(matches!(&sent[..], [Effect::Send(HubFrame::Welcome(w))] if w.head == head));
    session
}

fn pull(feed: Option<u64>, window: u32) -> Pull {
    let Identity { hub, epoch } = identity();
    Pull {
        cursor: feed.map(|feed| Cursor { hub, epoch, feed }),
        window,
    }
}

fn batch(from: u64, entries: Vec<Entry>, head: u64) -> Input {
    Input::Feed(Batch {
        from,
        entries,
        head,
    })
}

fn commits(count: usize) -> Vec<RawCommit> {
    vec![RawCommit::from_text("{}".into()).unwrap(); count]
}

fn is_error(effects: &[Effect], code: Code) -> bool {
    let said = effects
        .iter()
        .any(|e| matches!(e, Effect::Send(HubFrame::Error(e)) if e.code == code));
    said && effects.last() == Some(&Effect::Close)
}

#[test]
fn a_hello_with_a_local_endpoint_is_refused() {
    let mut session = Session::new(identity(), "c".into(), now());
    let mut hello = hello();
    hello.runtime.local_endpoint = Some("unix:///x".into());
    assert!(is_error(&say(&mut session, hello), Code::BadRequest));
}

#[test]
fn another_protocol_is_told_both_ranges() {
    let mut session = Session::new(identity(), "c".into(), now());
    let mut hello = hello();
    hello.protocols = vec![7, 9];
    let said = say(&mut session, hello);
    assert!(is_error(&said, Code::Unsupported));
    let Effect::Send(HubFrame::Error(error)) = &said[0] else {
        panic!("an error")
    };
    assert_eq!(
        (error.details["clientNewest"], error.details["hubNewest"]),
        (9, 1)
    );
}

#[test]
fn whatever_comes_before_hello_ends_the_connection() {
    let mut session = Session::new(identity(), "c".into(), now());
    assert!(is_error(
        &say(&mut session, pull(None, 4)),
        Code::BadRequest
    ));
    assert!(session.is_closed());
}

#[test]
fn an_acknowledgement_follows_the_stores_answer() {
    let mut session = open(0, 0);
    let sent = say(
        &mut session,
        Push {
            first: 1,
            commits: commits(2),
        },
    );
    assert!(matches!(&sent[..], [Effect::Admit { push, .. }] if push.first == 1));
    assert_eq!(
        say(
            &mut session,
            Push {
                first: 3,
                commits: commits(2)
            }
        ),
        []
    );
    let admitted = Admitted {
        number: 2,
        head: 2,
        ..Admitted::default()
    };
    let sent = hear(&mut session, Input::Admitted(admitted));
    assert!(matches!(&sent[0], Effect::Send(HubFrame::Ack(ack)) if ack.number == 2));
    assert!(matches!(&sent[1], Effect::Admit { push, .. } if push.first == 3));
}

#[test]
fn a_pusher_that_ignores_the_window_is_cut_off() {
    let mut session = open(0, 0);
    for i in 0..u64::from(WINDOW_FRAMES) {
        say(
            &mut session,
            Push {
                first: i + 1,
                commits: commits(1),
            },
        );
    }
    assert!(is_error(
        &say(
            &mut session,
            Push {
                first: 5,
                commits: commits(1)
            }
        ),
        Code::Busy
    ));
}

#[test]
fn only_what_was_pushed_is_acknowledged() {
    let mut session = open(9, 9);
    say(
        &mut session,
        Push {
            first: 3,
            commits: commits(2),
        },
    );
    let admitted = Admitted {
        number: 9,
        head: 9,
        ..Admitted::default()
    };
    let sent = hear(&mut session, Input::Admitted(admitted));
    assert!(matches!(&sent[..], [Effect::Send(HubFrame::Ack(ack))] if ack.number == 4));
}

#[test]
fn a_fork_is_told_with_its_number() {
    let mut session = open(0, 0);
    say(
        &mut session,
        Push {
            first: 1,
            commits: commits(2),
        },
    );
    let admitted = Admitted {
        number: 4,
        fork: Some(2),
        ..Admitted::default()
    };
    let sent = hear(&mut session, Input::Admitted(admitted));
    let Effect::Send(HubFrame::Error(error)) = &sent[1] else {
        panic!("an error")
    };
    assert_eq!((error.code, error.details["number"]), (Code::Fork, 2));
    assert!(!session.is_closed());
    let later = say(
        &mut session,
        Push {
            first: 3,
            commits: commits(2),
        },
    );
    assert_eq!(later, [], "what comes after the fork is another's too");
}

#[test]
fn a_push_that_does_not_follow_is_not_taken() {
    let mut session = open(9, 4);
    let sent = say(
        &mut session,
        Push {
            first: 6,
            commits: commits(2),
        },
    );
    let [Effect::Send(HubFrame::Error(error))] = &sent[..] else {
        panic!("an error")
    };
    assert_eq!(error.details["number"], 5);
    let sent = say(
        &mut session,
        Push {
            first: 5,
            commits: commits(2),
        },
    );
    assert!(matches!(&sent[..], [Effect::Admit { push, .. }] if push.first == 5));
}

#[test]
fn the_feed_flows_as_the_window_allows() {
    let mut session = open(5, 1);
    let read = |after| Effect::ReadFeed {
        replica: REPLICA,
        after,
    };
    assert_eq!(say(&mut session, pull(Some(2), 1)), [read(2)]);
    let sent = hear(&mut session, batch(3, vec![Entry::Mine(1)], 5));
    assert!(matches!(&sent[..], [Effect::Send(HubFrame::Batch(b))] if b.from == 3));
    assert_eq!(say(&mut session, Applied { cursor: None }), [read(3)]);
    hear(&mut session, batch(4, vec![Entry::Mine(1); 2], 5));
    assert_eq!(
        say(&mut session, Applied { cursor: None }),
        [],
        "there is no more"
    );
    assert_eq!(hear(&mut session, Input::Head(6)), [read(5)]);
}

#[test]
fn an_acknowledgement_goes_out_before_the_entry_that_mentions_it() {
    let mut session = open(1, 1);
    say(&mut session, pull(Some(1), 4));
    say(
        &mut session,
        Push {
            first: 2,
            commits: commits(1),
        },
    );
    assert!(matches!(
        hear(&mut session, Input::Head(2))[..],
        [Effect::ReadFeed { after: 1, .. }]
    ));
    assert_eq!(hear(&mut session, batch(2, vec![Entry::Mine(2)], 2)), []);
    let sent = hear(
        &mut session,
        Input::Admitted(Admitted {
            number: 2,
            head: 2,
            ..Admitted::default()
        }),
    );
    assert!(matches!(
        sent[..],
        [
            Effect::Send(HubFrame::Ack(_)),
            Effect::Send(HubFrame::Batch(_))
        ]
    ));
}

#[test]
fn a_fresh_reader_gets_a_snapshot_and_then_the_feed() {
    let mut session = open(5, 0);
    assert_eq!(
        say(&mut session, pull(None, 1)),
        [Effect::ReadStates { after: None }]
    );
    let state = |text: &str| RawState::from_text(text.into()).unwrap();
    let id = AtomeId(Uuid::from_u128(1));
    let page = StatePage {
        states: vec![state("1")],
        last: Some(id),
        total: 2,
    };
    let sent = hear(&mut session, Input::States(page));
    assert!(
        matches!(&sent[..], [Effect::Send(HubFrame::Snapshot(s))] if (s.page, s.since) == (0, 5))
    );
    assert_eq!(
        say(&mut session, Applied { cursor: None }),
        [Effect::ReadStates { after: Some(id) }]
    );
    let page = StatePage {
        states: vec![],
        last: None,
        total: 2,
    };
    let changed = Effect::ReadChanged {
        replica: REPLICA,
        since: 5,
    };
    assert_eq!(
        hear(&mut session, Input::States(page)),
        [Effect::ReadGrants { after: None }]
    );
    let grants = GrantPage {
        grants: vec![],
        policies: vec![],
        last: None,
    };
    assert_eq!(hear(&mut session, Input::Grants(grants)), [changed]);
    let page = ChangedPage {
        states: vec![state("2")],
        ..changed_page(6)
    };
    let sent = hear(&mut session, Input::Changed(page));
    let Effect::Send(HubFrame::Snapshot(last)) = &sent[0] else {
        panic!("a page")
    };
    assert_eq!((last.page, last.end.unwrap().cursor.feed), (1, 6));
    hear(&mut session, Input::Head(7));
    let sent = say(&mut session, Applied { cursor: None });
    assert_eq!(
        sent,
        [Effect::ReadFeed {
            replica: REPLICA,
            after: 6
        }]
    );
}

#[test]
fn an_answer_from_before_a_new_pull_is_dropped() {
    let mut session = open(5, 1);
    say(&mut session, pull(Some(1), 4));
    assert_eq!(
        say(&mut session, pull(Some(3), 4)),
        [],
        "one read at a time"
    );
    let sent = hear(&mut session, batch(2, vec![Entry::Mine(1); 4], 5));
    assert_eq!(
        sent,
        [Effect::ReadFeed {
            replica: REPLICA,
            after: 3
        }]
    );
}

#[test]
fn a_cursor_of_another_life_is_refused() {
    let mut session = open(5, 0);
    let mut pull = pull(Some(2), 4);
    pull.cursor.as_mut().unwrap().epoch = Epoch(99);
    assert!(is_error(&say(&mut session, pull), Code::BadRequest));
}

#[test]
fn a_pong_tells_what_is_durable_at_that_moment() {
    let mut session = open(5, 0);
    assert_eq!(
        say(&mut session, Ping { timestamp: 3 }),
        [Effect::Position { replica: REPLICA }]
    );
    assert_eq!(say(&mut session, Ping { timestamp: 4 }), []);
    let position = Input::Position(FeedPosition {
        head: 6,
        oldest: 1,
        number: 2,
        directory: 0,
        epoch: EPOCH,
    });
    let sent = hear(&mut session, position.clone());
    assert!(matches!(&sent[0], Effect::Send(HubFrame::Pong(p)) if (p.timestamp, p.head) == (3, 6)));
    let sent = hear(&mut session, position);
    assert!(matches!(&sent[0], Effect::Send(HubFrame::Pong(p)) if p.timestamp == 4));
}

#[test]
fn a_silent_client_is_let_go() {
    let mut session = open(5, 0);
    let due = session.poll_timeout().unwrap();
    session.handle(
        Input::Tick,
        Now {
            mono_ms: due,
            wall_ms: 0,
        },
    );
    assert!(matches!(
        effects(&mut session)[..],
        [Effect::Send(HubFrame::Bye(_)), Effect::Close]
    ));
}

fn changes(numbers: std::ops::RangeInclusive<u64>) -> Input {
    let change = |number| DirectoryChange {
        number,
        change: DirectoryEvent::Deleted(AccountId(Uuid::from_u128(u128::from(number)))),
    };
    Input::Directory(numbers.map(change).collect())
}

fn told(effects: &[Effect]) -> Vec<u64> {
    let number = |effect: &Effect| {
        let Effect::Send(HubFrame::AccountDeleted(deleted)) = effect else {
            return None;
        };
        Some(deleted.number)
    };
    effects.iter().filter_map(number).collect()
}

#[test]
fn changes_of_the_directory_are_told_once_to_who_wants_to_hear() {
    let mut session = open(0, 0);
    assert_eq!(hear(&mut session, changes(1..=9)), []);

    let mut session = Session::new(identity(), "c".into(), now()).until(77);
    let mut hello = hello();
    hello.capabilities.push(CAPABILITY_DIRECTORY.to_owned());
    say(&mut session, hello);
    // What comes before the welcome is told after it, as far as the welcome does not know of it.
    assert_eq!(hear(&mut session, changes(3..=5)), []);
    let position = FeedPosition {
        head: 0,
        oldest: 1,
        number: 0,
        directory: 4,
        epoch: EPOCH,
    };
    let sent = hear(&mut session, Input::Position(position));
    assert!(matches!(&sent[..], [Effect::Send(HubFrame::Welcome(w)), _]
        if w.directory == Some(4) && w.session_expires_at_ms == Some(77)));
    assert_eq!(told(&sent), [5]);
    assert_eq!(told(&hear(&mut session, changes(4..=7))), [6, 7]);
    assert_eq!(told(&hear(&mut session, changes(4..=7))), [0; 0]);
}

fn changed_page(through: u64) -> ChangedPage {
    ChangedPage {
        states: vec![],
        gone: vec![],
        grants: vec![],
        policies: vec![],
        through,
        complete: true,
        number: 0,
        overtaken: false,
    }
}
