//! What comes into sight, and what goes.

use atome_engine::digest::add_state;
use atome_proto::digest::Buckets;
use atome_proto::sync::v1::{Refusal, Ruling, Verdict};

use crate::replica::{ChangeKind, Part};

use super::*;

const ALL: [Right; 5] = Right::ALL;

fn raw(commit: &Commit) -> Entry {
    Entry::Commit(RawCommit::encode(commit).unwrap())
}

fn changed(n: u128, name: &str, value: i64) -> Change {
    set(n, name, value).into_change(None)
}

fn evict(ids: &[u128]) -> Entry {
    Entry::Evict(ids.iter().map(|n| atome(*n)).collect())
}

fn verdict(number: u64, ruling: Ruling) -> Verdict {
    Verdict { number, ruling }
}

fn refusal(states: Vec<AtomeState>) -> Ruling {
    Ruling::Refused(Box::new(Refusal {
        code: Code::NotAllowed,
        message: "no".to_owned(),
        states,
    }))
}

fn deferred() -> Ruling {
    let on = "a grant on its atome".to_owned();
    Ruling::Deferred { on }
}

#[test]
fn a_state_comes_in_parts_and_commits_go_on_from_it() {
    let mut db = replica(1);
    let mut commit = commit_of(BOB, 1, 0, vec![made(10, None)]);
    for name in ["a", "b"] {
        commit.changes[0].set.insert(key(name), number(1));
    }
    let whole = state_of(&commit.changes[0], &commit);
    let part = |name: &str| {
        let mut part = whole.clone();
        part.particles
            .retain(|key, _| key.is_reserved() || key.as_str() == name);
        state_entry(&part)
    };
    feed(&mut db, vec![part("a"), part("b")]);
    assert_eq!(db.get(atome(10)).unwrap().unwrap(), whole);
    let later = commit_of(BOB, 2, 10, vec![changed(10, "b", 2)]);
    feed(&mut db, vec![raw(&later)]);
    assert_eq!(value(&db, 10, "b").unwrap(), "2");
    feed(&mut db, vec![part("b")]);
    assert_eq!(value(&db, 10, "b").unwrap(), "2", "what is known already");
    assert!(!db.history(atome(10), None).unwrap().complete);
}

#[test]
fn what_is_evicted_is_gone_from_states_timeline_and_commits() {
    let mut db = reader(&ALL);
    write(&mut db, create(1));
    let both = vec![changed(10, "a", 1), changed(12, "secret", 2)];
    let other = commit_of(BOB, 2, 10, both);
    let alone = commit_of(BOB, 3, 20, vec![changed(12, "secret", 3)]);
    feed(&mut db, vec![raw(&other), raw(&alone)]);
    let own = db.write(ANNA, vec![set(1, "a", 5), set(12, "mine", 6)], now(5));
    let own = own.unwrap().number;
    db.acknowledge(own, &[]).unwrap();
    feed(&mut db, vec![Entry::Mine(1), Entry::Mine(own)]);
    let before = db.position().unwrap();
    feed(&mut db, vec![evict(&[11, 12])]);
    assert!(db.get(atome(12)).unwrap().is_none());
    let history = db.history(atome(12), None).unwrap_err();
    assert_eq!(history.code(), Code::NotFound);
    assert_eq!(value(&db, 10, "a").unwrap(), "1");
    assert_eq!(value(&db, 1, "a").unwrap(), "5");
    let changes = db.changes(before.change, 10).unwrap();
    let told: Vec<_> = changes
        .events
        .iter()
        .map(|(_, kind, id)| (*kind, *id))
        .collect();
    let gone = |n| (ChangeKind::Deleted, atome(n));
    assert_eq!(told, [gone(11), gone(12)]);
    let dump: Vec<String> = {
        let mut rows = db
            .base
            .connection
            .prepare("SELECT body FROM commits")
            .unwrap();
        let bodies = rows.query_map([], |row| row.get(0)).unwrap();
        bodies.map(Result::unwrap).collect()
    };
    assert_eq!(dump.len(), 4, "numbers stay");
    assert!(
        !dump
            .iter()
            .any(|body| body.contains("secret") || body.contains("mine"))
    );
    assert_eq!(db.position().unwrap().evicted, 0);
    let scrubbed = db.scrub().unwrap();
    assert_eq!(scrubbed.evicted, scrubbed.feed());
    assert!(scrubbed.revision > before.revision);
}

#[test]
fn ones_own_is_never_evicted() {
    let mut db = replica(1);
    write(&mut db, create(1));
    feed(&mut db, vec![evict(&[1])]);
    assert!(db.get(atome(1)).unwrap().is_some());
}

#[test]
fn pending_commits_on_what_is_evicted_are_sealed() {
    let mut db = reader(&ALL);
    write(&mut db, create(1));
    let both = db.write(ANNA, vec![set(1, "a", 5), set(12, "a", 6)], now(5));
    let both = both.unwrap().number;
    feed(&mut db, vec![evict(&[10, 11, 12])]);
    assert_eq!(value(&db, 1, "a"), None, "all of a commit or nothing");
    assert!(db.get(atome(12)).unwrap().is_none());
    let refused = db.refused().unwrap();
    assert_eq!(
        (refused[0].number, refused[0].code),
        (both, Code::NotAllowed)
    );
    assert_eq!(db.position().unwrap().refused, 1);
    let pending = db.pending(0, 10, usize::MAX).unwrap();
    let pushed = pending[1].decode().unwrap();
    assert_eq!(pushed.changes.len(), 2, "it is pushed as it was written");
    let retried = db.retry_refused(both, now(6)).unwrap_err();
    assert_eq!(retried.code(), Code::NotFound);
    // The hub says no; what was refused here stays refused.
    let mut told = bobs();
    let said = verdict(both, refusal(vec![told.remove(2)]));
    db.acknowledge(both, &[said]).unwrap();
    check(&db);
    assert_eq!(db.refused().unwrap().len(), 1);
    let rulings: String = db
        .base
        .connection
        .query_row("SELECT group_concat(ruling) FROM verdicts", [], |row| {
            row.get(0)
        })
        .unwrap();
    assert!(
        !rulings.contains("$type"),
        "states of others are not kept: {rulings}"
    );
}

#[test]
fn a_refusal_is_listed_whether_it_or_the_eviction_came_first() {
    for eviction_is_first in [false, true] {
        let mut db = reader(&ALL);
        write(&mut db, set(12, "a", 6));
        let said = verdict(1, refusal(vec![]));
        if eviction_is_first {
            feed(&mut db, vec![evict(&[12])]);
            db.acknowledge(1, &[said]).unwrap();
        } else {
            db.acknowledge(1, &[said]).unwrap();
            feed(&mut db, vec![evict(&[12])]);
        }
        check(&db);
        assert_eq!(db.refused().unwrap().len(), 1, "{eviction_is_first}");
        assert_eq!(db.position().unwrap().refused, 1);
        let retried = db.retry_refused(1, now(6)).unwrap_err();
        assert_eq!(retried.code(), Code::NotFound);
        assert_eq!(db.refused().unwrap().len(), 1, "its author discards it");
        db.discard_refused(1).unwrap();
        assert_eq!(db.position().unwrap().refused, 0);
    }
}

#[test]
fn what_was_sealed_counts_when_the_hub_takes_it_after_all() {
    let mut db = reader(&ALL);
    write(&mut db, set(12, "a", 6));
    feed(&mut db, vec![evict(&[12])]);
    assert_eq!(db.position().unwrap().refused, 1);
    db.acknowledge(1, &[]).unwrap();
    let again = bobs().remove(2);
    feed(&mut db, vec![state_entry(&again), Entry::Mine(1)]);
    assert_eq!(value(&db, 12, "a").unwrap(), "6");
    assert_eq!(db.position().unwrap().refused, 0);
}

#[test]
fn a_narrowing_seals_nothing_that_is_still_there() {
    let mut db = reader(&ALL);
    write(&mut db, set(12, "a", 6));
    let narrower = bobs().remove(2);
    feed(&mut db, vec![evict(&[12]), state_entry(&narrower)]);
    assert_eq!(db.position().unwrap().refused, 0);
    assert_eq!(value(&db, 12, "a").unwrap(), "6");
    // In two batches it is sealed in between.
    feed(&mut db, vec![evict(&[12])]);
    assert_eq!(db.position().unwrap().refused, 1);
    feed(&mut db, vec![state_entry(&narrower)]);
    assert_eq!(db.position().unwrap().refused, 0);
    assert_eq!(value(&db, 12, "a").unwrap(), "6");
}

#[test]
fn a_deferred_commit_counts_and_says_what_it_waits_for() {
    let mut db = reader(&ALL);
    write(&mut db, set(12, "a", 6));
    db.acknowledge(1, &[verdict(1, deferred())]).unwrap();
    check(&db);
    let waiting = db.deferred().unwrap();
    assert_eq!(
        (waiting[0].number, waiting[0].on.as_str()),
        (1, "a grant on its atome")
    );
    assert_eq!(
        (db.refused().unwrap().len(), value(&db, 12, "a").unwrap()),
        (0, "6".to_owned())
    );
    let pending = |db: &ReplicaDb| {
        let history = db.history(atome(12), Some("a")).unwrap();
        history.versions.last().unwrap().pending
    };
    assert!(pending(&db));
    feed(&mut db, vec![evict(&[12])]);
    assert_eq!(
        (db.refused().unwrap().len(), db.deferred().unwrap().len()),
        (1, 0)
    );
    feed(&mut db, vec![state_entry(&bobs().remove(2))]);
    assert_eq!(db.deferred().unwrap().len(), 1, "it waits on");
    feed(&mut db, vec![Entry::Mine(1)]);
    assert_eq!(db.deferred().unwrap().len(), 0);
    assert!(!pending(&db));
}

#[test]
fn beside_a_deferred_commit_what_is_decided_is_compared() {
    let mut db = reader(&ALL);
    let mut there = states(&db);
    write(&mut db, set(12, "a", 6));
    write(&mut db, create(1));
    write(&mut db, set(12, "b", 7));
    let verdicts = [verdict(1, deferred()), verdict(2, deferred())];
    db.acknowledge(3, &verdicts).unwrap();
    let here = states(&db);
    let taken = here[&atome(12)].particles.get("b").unwrap().clone();
    let at_hub = there.get_mut(&atome(12)).unwrap();
    at_hub.particles.insert(key("b"), taken);
    let there: Vec<AtomeState> = there.into_values().collect();
    let mut digest = Buckets::default();
    for state in &there {
        add_state(&mut digest, state);
    }
    let recount = db.recount().unwrap();
    assert_eq!(recount.decided, digest);
    assert_ne!(recount.counted, digest);
    assert_eq!(recount.deferred, [atome(1), atome(12)]);
    assert_eq!(recount.at_odds(), [0; 0]);
    let part = |states| Part {
        buckets: (0..=u8::MAX).collect(),
        after: None,
        through: None,
        states,
    };
    assert_eq!(db.compare(&part(there.clone())).unwrap(), []);
    let found = db.compare(&part(vec![])).unwrap();
    let named: Vec<AtomeId> = found.into_iter().map(|found| found.atome).collect();
    let known: Vec<AtomeId> = there.iter().map(|state| state.atome).collect();
    assert_eq!(named, known, "what only waits is none that the hub lacks");
}

fn page(states: &[AtomeState], grants: Vec<Grant>) -> Snapshot {
    Snapshot {
        since: 50,
        page: 0,
        states: states
            .iter()
            .map(|state| RawState::encode(state).unwrap())
            .collect(),
        gone: vec![],
        grants,
        policies: vec![],
        total: 0,
        end: None,
    }
}

fn end(feed: u64, number: u64) -> SnapshotEnd {
    SnapshotEnd {
        cursor: at(feed),
        number,
    }
}

#[test]
fn a_snapshot_drops_what_may_not_be_seen_any_more() {
    for keep in [false, true] {
        let mut db = reader(&ALL);
        let secret = commit_of(
            BOB,
            2,
            10,
            vec![changed(11, "secret", 1), changed(12, "secret", 2)],
        );
        feed(&mut db, vec![raw(&secret)]);
        write(&mut db, create(1));
        write(&mut db, set(11, "a", 6));
        write(&mut db, set(12, "a", 7));
        let states = bobs();
        let grants = vec![accepted(grant(1, 10, BOB, ANNA, &ALL))];
        db.stage(&page(&states[..2], grants)).unwrap();
        let mut last = page(&[], vec![]);
        (last.page, last.gone) = (1, vec![atome(10)]);
        db.stage(&last).unwrap();
        install(&mut db, end(60, 0), keep);
        check(&db);
        assert!(
            db.get(atome(10)).unwrap().is_none(),
            "it went while the pages came"
        );
        assert!(db.get(atome(12)).unwrap().is_none());
        assert!(db.get(atome(1)).unwrap().is_some());
        assert_eq!(
            value(&db, 11, "a").unwrap(),
            "6",
            "it is pending, and allowed"
        );
        assert_eq!(value(&db, 11, "secret"), None);
        assert_eq!(db.refused().unwrap()[0].number, 3);
        let sql = "SELECT count(*) FROM commits WHERE body LIKE '%secret%'";
        let left: i64 = db
            .base
            .connection
            .query_row(sql, [], |row| row.get(0))
            .unwrap();
        assert_eq!(left, 0);
        let position = db.position().unwrap();
        assert_eq!((position.evicted, db.scrub().unwrap().evicted), (0, 60));
    }
}

#[test]
fn what_is_seen_less_of_while_a_snapshot_comes_is_seen_less_of() {
    for keep in [false, true] {
        let mut db = reader(&ALL);
        let commit = commit_of(BOB, 1, 0, vec![made(10, None)]);
        let cut = state_of(&commit.changes[0], &commit);
        let mut whole = cut.clone();
        let secret = commit_of(BOB, 2, 10, vec![changed(10, "secret", 1)]);
        whole = apply(Some(whole), &secret.changes[0], Origin::of(&secret));
        db.stage(&page(&[whole], vec![])).unwrap();
        let mut last = page(std::slice::from_ref(&cut), vec![]);
        (last.page, last.gone) = (1, vec![atome(10)]);
        db.stage(&last).unwrap();
        install(&mut db, end(60, 0), keep);
        check(&db);
        assert_eq!(db.get(atome(10)).unwrap(), Some(cut));
    }
}

#[test]
fn another_life_of_the_hub_hears_of_no_eviction_before() {
    let mut db = reader(&ALL);
    feed(&mut db, vec![evict(&[12])]);
    assert!(db.scrub().unwrap().evicted > 0);
    let hub = HubId(Uuid::from_u128(1));
    let position = db.adopt_hub(hub, Epoch(2), 0).unwrap();
    assert_eq!(position.evicted, 0);
    assert_eq!(db.scrub().unwrap().evicted, 0);
    check(&db);
}

#[test]
fn what_was_cut_is_whole_again_when_it_is_told_again() {
    let mut db = reader(&ALL);
    let commit = commit_of(BOB, 2, 10, vec![changed(12, "a", 1)]);
    feed(&mut db, vec![raw(&commit), evict(&[12])]);
    feed(&mut db, vec![state_entry(&bobs().remove(2)), raw(&commit)]);
    assert_eq!(value(&db, 12, "a").unwrap(), "1");
}

#[test]
fn a_commit_that_takes_its_atome_out_of_sight_does_not_bring_it_back() {
    for batches in [1, 2] {
        let mut db = reader(&ALL);
        write(&mut db, below(Draft::new(atome(11)), 12));
        db.acknowledge(1, &[]).unwrap();
        // The hub tells what the commit did to what is seen before it tells of the commit.
        let entries = [evict(&[11, 12]), Entry::Mine(1)];
        for some in entries.chunks(2 / batches) {
            feed(&mut db, some.to_vec());
        }
        assert!(db.get(atome(11)).unwrap().is_none());
        assert_eq!(db.position().unwrap().refused, 0, "it was taken");
    }
}
