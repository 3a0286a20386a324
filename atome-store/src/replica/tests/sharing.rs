//! Sharing at a replica: what is done, shown and asked before the hub has answered. What comes and goes:
//! [`coming`].

mod acting;
mod asking;
mod coming;
mod copies;
mod hub;
mod random;
mod traces;

use atome_engine::merge::{Origin, apply};
use atome_proto::commit::{Change, Commit, RawCommit};
use atome_proto::sharing::{
    Act, Answer, Grant, GrantState, Mode, Moment, Party, Policy, Right, Rule, Terms,
};
use atome_proto::stamp::HybridTime;
use atome_proto::state::RawState;
use atome_proto::sync::v1::{Batch, Entry};
use atome_proto::{Code, Epoch, GrantId, HubId};

use super::*;
use crate::replica::{Question, Shown, Which};

const BOB: AccountId = AccountId(Uuid::from_u128(0xb0b));
const CAROL: AccountId = AccountId(Uuid::from_u128(0xca));

fn grant_id(n: u128) -> GrantId {
    GrantId(Uuid::from_u128(n))
}

fn party(id: AccountId) -> Party {
    let name = id.0.as_u128().to_string();
    Party { id, name }
}

fn terms(can: &[Right]) -> Terms {
    Terms {
        can: can.iter().copied().chain([Right::Read]).collect(),
        only: [].into(),
        mode: Mode::Linked,
        from_ms: None,
        until_ms: None,
        message: None,
    }
}

fn moment(state: GrantState, by: AccountId) -> Moment {
    Moment {
        state,
        by: Some(by),
        at_ms: NOW_MS - 1_000,
    }
}

/// A grant of the owner to another on an atome, with the states it came to.
fn grant(n: u128, on: u128, owner: AccountId, to: AccountId, can: &[Right]) -> Grant {
    Grant {
        id: grant_id(n),
        atome: atome(on),
        owner: party(owner),
        by: party(owner),
        grantee: party(to),
        terms: terms(can),
        moments: vec![moment(GrantState::Requested, owner)],
        published_at_ms: None,
        evictions: vec![],
    }
}

fn accepted(mut grant: Grant) -> Grant {
    let by = grant.grantee.id;
    grant.moments.push(moment(GrantState::Accepted, by));
    grant
}

fn at(feed: u64) -> Cursor {
    Cursor {
        hub: HubId(Uuid::from_u128(1)),
        epoch: Epoch(1),
        feed,
    }
}

/// Applies entries as the next of the feed.
fn feed(db: &mut ReplicaDb, entries: Vec<Entry>) {
    let from = db.position().unwrap().feed() + 1;
    let batch = Batch {
        from,
        entries,
        head: 0,
    };
    db.apply(&batch, at(batch.to())).unwrap();
    check(db);
}

fn tell(grant: Grant) -> Entry {
    Entry::Grant(Box::new(grant))
}

/// A commit of an account at a replica of its own, so many milliseconds after the beginning.
fn commit_of(author: AccountId, number: u64, ms: u64, changes: Vec<Change>) -> Commit {
    let stamp = Stamp {
        time: HybridTime::from_ms(NOW_MS - 500_000 + ms),
        replica: ReplicaId(u64::try_from(author.0.as_u128()).unwrap()),
    };
    Commit {
        number,
        author,
        stamp,
        claimed: None,
        changes,
        acts: vec![],
    }
}

fn made(n: u128, below: Option<u128>) -> Change {
    let mut draft = create(n);
    if let Some(below) = below {
        draft.set.insert(parent_key(), id_text(atome(below)));
    }
    draft.into_change(None)
}

fn parent_key() -> Key {
    Key::of_envelope(Key::PARENT)
}

fn id_text(id: AtomeId) -> Value {
    Value::from_text(&id.to_string())
}

fn below(mut draft: Draft, parent: u128) -> Draft {
    draft.set.insert(parent_key(), id_text(atome(parent)));
    draft
}

fn state_of(change: &Change, commit: &Commit) -> AtomeState {
    apply(None, change, Origin::of(commit))
}

/// What Bob's atomes look like: 10, 11 below it, 12 below that.
fn bobs() -> Vec<AtomeState> {
    let changes = vec![made(10, None), made(11, Some(10)), made(12, Some(11))];
    let commit = commit_of(BOB, 1, 0, changes);
    let changes = commit.changes.iter();
    changes.map(|change| state_of(change, &commit)).collect()
}

fn state_entry(state: &AtomeState) -> Entry {
    Entry::State(RawState::encode(state).unwrap())
}

/// Anna's replica, which sees Bob's atomes by an accepted grant on 10.
fn reader(can: &[Right]) -> ReplicaDb {
    let mut db = replica(1);
    let mut entries = vec![tell(accepted(grant(1, 10, BOB, ANNA, can)))];
    entries.extend(bobs().iter().map(state_entry));
    feed(&mut db, entries);
    db
}

fn share(n: u128, on: u128, with: AccountId, can: &[Right]) -> Act {
    Act::Share {
        grant: grant_id(n),
        atome: atome(on),
        grantee: with,
        terms: terms(can),
    }
}

fn act(db: &mut ReplicaDb, act: Act) -> Result<Written, StoreError> {
    let done = db.act(ANNA, vec![act], now(0));
    check(db);
    done
}

fn code_of(done: Result<Written, StoreError>) -> Code {
    done.unwrap_err().code()
}

/// Each grant's last state, and whether that is pending.
fn shown(db: &ReplicaDb, which: Which) -> Vec<(GrantId, GrantState, bool)> {
    let shown = db.grants(which).unwrap();
    let brief = |shown: Shown| (shown.grant.id, shown.grant.state(), shown.pending);
    shown.into_iter().map(brief).collect()
}
