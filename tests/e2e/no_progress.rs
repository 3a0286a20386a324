//! A hub that answers the same again and again, so that nothing moves: the daemon says so, asks ever more
//! seldom, and works on; once the hub is itself again all is in sync, and nothing is said of it any more.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use atome_proto::commit::RawCommit;
use atome_proto::sync::v1::{Batch, Cursor, Entry, HubFrame, Limits, Snapshot, VERSION, Welcome};
use atome_tests::Machine;
use serde_json::Value;

use crate::false_hub::FalseHub;
use crate::world::{World, eventually, export, fails, json, run, verified_digest, wait};

/// Greetings that are waited for, and how long they take at least: the waits between them are drawn from 0 to 1,
/// 2, 4 and 8 seconds, where a daemon that did not wait would be back within a few milliseconds each time.
const GREETINGS: usize = 5;
const AT_LEAST: Duration = Duration::from_millis(200);

/// How far a hub's feed is beyond a machine's cursor, by its own word.
const BEYOND: u64 = 5;

/// Where the machine stands at the real hub.
fn cursor(machine: &Machine) -> Cursor {
    let status = json(machine, &["sync", "status"]);
    let part = |value: &Value| serde_json::from_value(value.clone()).unwrap();
    Cursor {
        hub: serde_json::from_value(status["hub"].clone()).unwrap(),
        epoch: serde_json::from_value(status["epoch"].clone()).unwrap(),
        feed: part(&status["account"]["cursor"]),
    }
}

fn welcome(at: Cursor) -> Welcome {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Welcome {
        client_id: "of a false hub".into(),
        timestamp: u64::try_from(now.as_millis()).unwrap(),
        protocol: VERSION,
        hub: at.hub,
        epoch: at.epoch,
        head: at.feed + BEYOND,
        oldest: 1,
        number: 0,
        limits: Limits {
            commit_len_max: 1 << 20,
            frame_len_max: 4 << 20,
            window: 4,
        },
        capabilities: vec![],
        directory: None,
        session_expires_at_ms: None,
    }
}

fn batch(from: u64, entry: Entry, head: u64) -> HubFrame {
    let entries = vec![entry];
    Batch {
        from,
        entries,
        head,
    }
    .into()
}

fn says_so(machine: &Machine) -> bool {
    let health = json(machine, &["status"])["health"].clone();
    let all = health.as_array().unwrap().clone();
    all.iter().any(|finding| finding["code"] == "no-progress")
}

/// Has a hub answer the same, whatever it is asked, and then be itself again.
fn breaks_the_loop(answer: impl Fn(Cursor) -> HubFrame) {
    let world = World::new();
    let mut hub = world.hub();
    let machine = world.machine_with_account("a", Some(&hub));
    run(
        &machine,
        &["create", "note", "--key", "n/1", "title=before"],
    );
    wait(&machine);
    let other = world.machine_logged_in("b", &hub);
    // What is still to come from the hub, when it is one.
    run(&other, &["sync", "pause"]);
    run(
        &other,
        &["create", "note", "--key", "n/2", "title=of the other"],
    );
    let at = cursor(&machine);

    hub.stop().unwrap();
    let false_hub = FalseHub::in_place_of(&hub, welcome(at), answer(at));
    fails(
        &machine,
        &["sync", "wait", "--timeout", "2s"],
        8,
        "timed_out",
    );
    eventually(|| says_so(&machine).then_some(()));
    run(
        &machine,
        &["create", "note", "--key", "n/3", "title=meanwhile"],
    );
    run(&machine, &["set", "key:n/1", "title=after"]);
    let heard = false_hub.greeted(GREETINGS);
    assert!(heard.took >= AT_LEAST, "without a pause: {heard:?}");
    // Each time: the first question, and the same three times more.
    assert!(heard.pulls <= 4 * heard.greetings, "{heard:?}");
    // What was taken, what is pending, what is waited for.
    assert!(heard.others <= 8 * heard.greetings, "{heard:?}");
    assert!(says_so(&machine), "nothing has moved");
    assert_eq!(cursor(&machine), at);

    drop(false_hub);
    hub.start().unwrap();
    run(&other, &["sync", "resume"]);
    for machine in [&machine, &other, &machine] {
        wait(machine);
    }
    assert!(!says_so(&machine));
    assert_eq!(export(&machine).lines().count(), 3);
    assert_eq!(export(&machine), export(&other));
    assert_eq!(verified_digest(&machine), verified_digest(&other));
}

#[test]
fn what_was_applied_long_ago() {
    breaks_the_loop(|at| batch(1, Entry::Nothing, at.feed + BEYOND));
}

#[test]
fn what_is_too_far_ahead() {
    breaks_the_loop(|at| batch(at.feed + 2, Entry::Nothing, at.feed + BEYOND));
}

#[test]
fn the_next_batch_and_nothing_that_can_be_read_in_it() {
    breaks_the_loop(|at| {
        let commit = RawCommit::from_text(r#"{"number":"none"}"#.to_owned()).unwrap();
        batch(at.feed + 1, Entry::Commit(commit), at.feed + BEYOND)
    });
}

#[test]
fn the_first_page_of_a_snapshot() {
    breaks_the_loop(|at| {
        let page = Snapshot {
            since: at.feed + BEYOND,
            page: 0,
            states: vec![],
            gone: vec![],
            grants: vec![],
            policies: vec![],
            total: 1,
            end: None,
        };
        page.into()
    });
}
