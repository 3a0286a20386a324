//! What the engine's inner loops cost: merge, the text of commits and states, digests.
//!
//! `cargo bench -p atome-engine --bench engine`, with a word of a name behind `--` for some of them only.

#![expect(
    clippy::expect_used,
    reason = "a program for people, which stops where something fails"
)]

use atome_engine::digest::{of_content, of_state};
use atome_engine::merge::{Origin, apply, join};
use atome_proto::commit::{Change, Commit, Create, Key, RawCommit};
use atome_proto::seed::Record;
use atome_proto::stamp::{HybridTime, Stamp};
use atome_proto::state::{AtomeState, RawState};
use atome_proto::{AccountId, AtomeId, ReplicaId, Value};
use divan::{Bencher, black_box};
use uuid::Uuid;

const TIME_MS: u64 = 1_800_000_000_000;

fn main() {
    divan::main();
}

/// The commit that makes a record of five particles, as one of a replica.
fn create(replica: u64) -> Commit {
    let record = Record::parse(
        r#"{"type":"note","properties":{"title":"bread window green a","body":"letter travel orange paper seven market quick violet bridge summer button kitchen doctor yellow planet garden silver win","rank":17,"state":"open","tags":["corner","ticket","hammer"]}}"#,
    )
    .expect("a record");
    let mut change = Change::new(AtomeId(Uuid::from_u128(1)));
    change.create = Some(Create::default());
    change.set = record.properties;
    let note = Value::from_text("note");
    change.set.insert(Key::of_envelope(Key::TYPE), note);
    commit(replica, 1, change)
}

/// The commit that sets one particle of it.
fn edit(replica: u64) -> Commit {
    let mut change = Change::new(AtomeId(Uuid::from_u128(1)));
    let done = Value::from_text("done");
    change
        .set
        .insert(Key::of_particle("state").expect("a key"), done);
    commit(replica, 2, change)
}

fn commit(replica: u64, number: u64, change: Change) -> Commit {
    Commit {
        number,
        author: AccountId(Uuid::from_u128(2)),
        stamp: Stamp {
            time: HybridTime::from_ms(TIME_MS + number),
            replica: ReplicaId(replica),
        },
        claimed: None,
        changes: vec![change],
        acts: vec![],
    }
}

fn applied(state: Option<AtomeState>, commit: &Commit) -> AtomeState {
    let change = commit.changes.first().expect("one change");
    apply(state, change, Origin::of(commit))
}

#[divan::bench]
fn merge_create(bencher: Bencher<'_, '_>) {
    let commit = create(1);
    bencher.bench(|| applied(None, black_box(&commit)));
}

#[divan::bench]
fn merge_edit(bencher: Bencher<'_, '_>) {
    let (state, commit) = (applied(None, &create(1)), edit(1));
    bencher
        .with_inputs(|| Some(state.clone()))
        .bench_values(|state| applied(state, black_box(&commit)));
}

#[divan::bench]
fn merge_join(bencher: Bencher<'_, '_>) {
    let left = applied(None, &create(1));
    let right = applied(Some(left.clone()), &edit(2));
    bencher
        .with_inputs(|| left.clone())
        .bench_values(|left| join(left, black_box(&right)));
}

#[divan::bench]
fn commit_encode(bencher: Bencher<'_, '_>) {
    let commit = create(1);
    bencher.bench(|| RawCommit::encode(black_box(&commit)));
}

#[divan::bench]
fn commit_decode(bencher: Bencher<'_, '_>) {
    let raw = RawCommit::encode(&create(1)).expect("a commit");
    bencher.bench(|| black_box(&raw).decode());
}

#[divan::bench]
fn state_encode(bencher: Bencher<'_, '_>) {
    let state = applied(None, &create(1));
    bencher.bench(|| RawState::encode(black_box(&state)));
}

#[divan::bench]
fn state_decode(bencher: Bencher<'_, '_>) {
    let state = applied(None, &create(1));
    let raw = RawState::encode(&state).expect("a state");
    bencher.bench(|| black_box(&raw).decode());
}

#[divan::bench]
fn digest_state(bencher: Bencher<'_, '_>) {
    let state = applied(None, &create(1));
    bencher.bench(|| of_state(black_box(&state)));
}

#[divan::bench]
fn digest_content(bencher: Bencher<'_, '_>) {
    let commit = create(1);
    bencher.bench(|| of_content(black_box(&commit)));
}
