//! What every implementation of [`HubStore`] must do. Each is handed an empty store.

use atome_proto::account::{DirectoryEntry, Visibility};
use atome_proto::code::Code;
use atome_proto::commit::{Addend, Change, Commit, Create, Key, RawCommit};
use atome_proto::limit::CLOCK_AHEAD_MAX_MS;
use atome_proto::stamp::{HybridTime, Stamp};
use atome_proto::state::AtomeState;
use atome_proto::sync::v1::{Entry, Ruling, Verdict};
use atome_proto::value::{Number, Value};

use super::*;

mod horizon;
mod offer;
mod people;
mod receipts;
mod setback;

const ANNA: AccountId = AccountId(Uuid::from_u128(1));
const BOB: AccountId = AccountId(Uuid::from_u128(2));
const ONE: ReplicaId = ReplicaId(1);
const TWO: ReplicaId = ReplicaId(u64::MAX - 2);
const NOW_MS: u64 = 1_800_000_000_000;

/// Runs every case, each on a store of its own.
pub(crate) async fn conforms<S: HubStore>(mut fresh: impl FnMut() -> S) {
    accounts_are_registered_once(&fresh()).await;
    sessions_open_slide_and_close(&fresh()).await;
    commits_are_taken_in_order_and_once(&fresh()).await;
    a_refused_commit_blocks_nothing(&fresh()).await;
    a_clock_ahead_is_clamped_and_additions_follow(&fresh()).await;
    a_stamp_that_a_clamped_commit_came_with_is_given_to_no_other(&fresh()).await;
    the_feed_is_read_in_parts(&fresh()).await;
    snapshots_bring_all_and_what_changed(&fresh()).await;
    accounts_do_not_touch(&fresh()).await;
    heads_are_told(&fresh()).await;
    people::conform(&mut fresh).await;
    horizon::conform(&mut fresh).await;
    setback::conform(&mut fresh).await;
    offer::conform(&mut fresh).await;
    receipts::conform(&mut fresh).await;
}

fn new_account(id: AccountId, name: &str) -> NewAccount {
    NewAccount {
        entry: DirectoryEntry {
            user_id: id,
            username: name.to_owned(),
            phone: Some(format!("+41{name}")),
            visibility: Visibility::Private,
        },
        password_hash: "$argon2id$".to_owned(),
        retry_hash: [7; 32],
        admission: Admission::Open,
        created_at_ms: NOW_MS,
    }
}

fn new_session(account: AccountId, token: u8) -> NewSession {
    NewSession {
        account,
        session: Uuid::from_u128(u128::from(token)),
        token_hash: [token; 32],
        device: "laptop".to_owned(),
        created_at_ms: NOW_MS,
        ttl_ms: 10_000_000,
    }
}

async fn register(store: &impl HubStore, id: AccountId, name: &str, token: u8) {
    let done = store
        .register(new_account(id, name), new_session(id, token))
        .await;
    assert_eq!(done.unwrap(), Registered::New);
}

fn atome(n: u128) -> AtomeId {
    AtomeId(Uuid::from_u128(n))
}

fn key(name: &str) -> Key {
    Key::of_particle(name).unwrap()
}

fn stamp(replica: ReplicaId, ms: u64) -> Stamp {
    Stamp {
        time: HybridTime::from_ms(ms),
        replica,
    }
}

fn made(id: u128) -> Change {
    let mut change = Change::new(atome(id));
    change.create = Some(Create::default());
    change
        .set
        .insert(Key::of_envelope(Key::TYPE), Value::from_text("t"));
    change
}

fn set(id: u128, name: &str, value: i64) -> Change {
    let mut change = Change::new(atome(id));
    change
        .set
        .insert(key(name), Value::from_number(Number::Whole(value)));
    change
}

fn commit(number: u64, at: Stamp, change: Change) -> RawCommit {
    let commit = Commit {
        number,
        author: ANNA,
        stamp: at,
        claimed: None,
        changes: vec![change],
        acts: vec![],
    };
    RawCommit::encode(&commit).unwrap()
}

/// Commits that make `count` atomes, one each, from number 1 and atome 1 on.
fn makes(replica: ReplicaId, count: u64) -> Vec<RawCommit> {
    let make = |n| commit(n, stamp(replica, NOW_MS + n), made(u128::from(n)));
    (1..=count).map(make).collect()
}

/// An account whose one replica has made five atomes.
pub(super) fn fill(hub: &mut HubDb) {
    let registered = hub.register(&new_account(ANNA, "Anna"), &new_session(ANNA, 1));
    assert_eq!(registered.unwrap(), Registered::New);
    let admitted = hub.admit(ANNA, ONE, 1, &makes(ONE, 5), NOW_MS).unwrap();
    assert_eq!((admitted.number, admitted.verdicts), (5, vec![]));
}

async fn admit(
    store: &impl HubStore,
    replica: ReplicaId,
    first: u64,
    commits: Vec<RawCommit>,
) -> Admitted {
    store
        .admit(ReadPush::of(ANNA, replica, first, &commits), NOW_MS)
        .await
        .unwrap()
}

async fn state(store: &impl HubStore, id: u128) -> AtomeState {
    let page = store.states(ANNA, None, usize::MAX).await.unwrap();
    let mut states = page.states.iter().map(|raw| raw.decode().unwrap());
    states.find(|state| state.atome == atome(id)).unwrap()
}

async fn accounts_are_registered_once(store: &impl HubStore) {
    register(store, ANNA, "Anna", 1).await;
    let again = store
        .register(new_account(ANNA, "Anna"), new_session(ANNA, 2))
        .await;
    assert_eq!(again.unwrap(), Registered::Again);
    let mut forged = new_account(ANNA, "Anna");
    forged.retry_hash = [8; 32];
    let forged = store.register(forged, new_session(ANNA, 3)).await;
    assert!(matches!(forged, Err(HubError::NameTaken)));
    let other = store
        .register(new_account(BOB, "ANNA"), new_session(BOB, 4))
        .await;
    assert!(
        matches!(other, Err(HubError::NameTaken)),
        "names are compared folded"
    );
    let mut phone = new_account(BOB, "Bob");
    phone.entry.phone = Some("+41Anna".to_owned());
    let phone = store.register(phone, new_session(BOB, 5)).await;
    assert!(matches!(phone, Err(HubError::PhoneTaken)));
    assert!(
        store.session([5; 32], NOW_MS).await.unwrap().is_none(),
        "all or nothing"
    );
    register(store, BOB, "Bob", 6).await;
    let found = store.account_by_name("anna").await.unwrap().unwrap();
    assert_eq!(found.entry, new_account(ANNA, "Anna").entry);
    assert_eq!(
        store.account(BOB).await.unwrap().unwrap().entry.username,
        "Bob"
    );
    let all = store.accounts(None, 9).await.unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(
        store
            .accounts(Some(all[0].entry.user_id), 9)
            .await
            .unwrap()
            .len(),
        1
    );
}

async fn sessions_open_slide_and_close(store: &impl HubStore) {
    register(store, ANNA, "Anna", 1).await;
    store.open_session(new_session(ANNA, 2)).await.unwrap();
    let none = store.open_session(new_session(BOB, 3)).await;
    assert!(matches!(none, Err(HubError::NoSuchAccount)));
    let later = NOW_MS + 9_000_000;
    let session = store.session([2; 32], later).await.unwrap().unwrap();
    assert_eq!((session.account, session.device.as_str()), (ANNA, "laptop"));
    let moved = (later, later + 10_000_000);
    assert_eq!((session.seen_at_ms, session.expires_at_ms), moved);
    let end = NOW_MS + 10_000_000;
    assert!(
        store.session([1; 32], end).await.unwrap().is_none(),
        "it was not used"
    );
    assert!(
        store.session([2; 32], end).await.unwrap().is_some(),
        "its use moved its end"
    );
    let census = Census {
        accounts: 1,
        sessions: 1,
        setbacks: 0,
    };
    assert_eq!(store.census(end).await.unwrap(), census);
    assert!(store.close_session(ANNA, session.session).await.unwrap());
    assert!(!store.close_session(ANNA, session.session).await.unwrap());
    assert!(store.session([2; 32], NOW_MS).await.unwrap().is_none());
}

async fn commits_are_taken_in_order_and_once(store: &impl HubStore) {
    register(store, ANNA, "Anna", 1).await;
    let commits = makes(ONE, 4);
    let taken = admit(store, ONE, 1, commits[..2].to_vec()).await;
    assert_eq!((taken.number, taken.head, taken.verdicts), (2, 2, vec![]));
    let again = admit(store, ONE, 1, commits[..3].to_vec()).await;
    assert_eq!((again.number, again.head, again.fork), (3, 3, None));
    let gap = admit(store, ONE, 5, commits[3..].to_vec()).await;
    assert_eq!(
        (gap.number, gap.gap),
        (0, Some(4)),
        "it was not asked about others"
    );
    let mut other = commits.clone();
    other[1] = commit(2, stamp(ONE, NOW_MS + 2), made(77));
    let fork = admit(store, ONE, 1, other).await;
    assert_eq!((fork.number, fork.fork, fork.head), (1, Some(2), 3));
    let less = admit(store, ONE, 1, commits[..1].to_vec()).await;
    assert_eq!(
        (less.number, less.head),
        (1, 3),
        "what is answered for is what was pushed: of the rest no verdict is told"
    );
    let taken = admit(store, ONE, 4, commits[3..].to_vec()).await;
    assert_eq!((taken.number, taken.head), (4, 4));
    let position = store.position(ANNA, ONE).await.unwrap();
    assert_eq!(
        position,
        FeedPosition {
            head: 4,
            oldest: 1,
            number: 4,
            directory: 0,
            epoch: store.identity().await.unwrap().epoch,
        }
    );
    assert_eq!(store.position(ANNA, TWO).await.unwrap().number, 0);
}

async fn a_refused_commit_blocks_nothing(store: &impl HubStore) {
    register(store, ANNA, "Anna", 1).await;
    let junk = RawCommit::from_text("{\"number\":2}".to_owned()).unwrap();
    let mut theirs = made(5);
    theirs.create = Some(Create {
        key: None,
        owner: Some(BOB),
    });
    let commits = vec![
        makes(ONE, 1).remove(0),
        junk,
        commit(3, stamp(ONE, NOW_MS + 3), set(9, "a", 1)),
        commit(4, stamp(ONE, NOW_MS + 4), theirs),
        commit(6, stamp(ONE, NOW_MS + 5), set(1, "a", 1)),
        commit(6, stamp(ONE, NOW_MS + 6), set(1, "a", 2)),
    ];
    let done = admit(store, ONE, 1, commits.clone()).await;
    assert_eq!((done.number, done.head), (6, 2));
    let code = |verdict: &Verdict| match &verdict.ruling {
        Ruling::Refused(refusal) => refusal.code,
        Ruling::Clamped { .. } | Ruling::Deferred { .. } => panic!("refused"),
    };
    let codes: Vec<(u64, Code)> = done.verdicts.iter().map(|v| (v.number, code(v))).collect();
    use Code::{BadData, NotAllowed, NotFound};
    assert_eq!(
        codes,
        [(2, BadData), (3, NotFound), (4, NotAllowed), (5, BadData)]
    );
    let part = admit(store, ONE, 3, commits[2..4].to_vec()).await;
    assert_eq!(part.verdicts, done.verdicts[1..3], "for what is pushed");
    let again = admit(store, ONE, 1, commits).await;
    assert_eq!(again.verdicts, done.verdicts, "verdicts are repeated");
    assert_eq!(state(store, 1).await.value("a").unwrap().as_str(), "2");
    let Ruling::Refused(refusal) = &done.verdicts[3].ruling else {
        panic!("refused")
    };
    assert_eq!(refusal.states[0].atome, atome(1), "the state to go back to");
}

/// Once a clock is set right, times come again that clamped commits came with.
async fn a_stamp_that_a_clamped_commit_came_with_is_given_to_no_other(store: &impl HubStore) {
    register(store, ANNA, "Anna", 1).await;
    let ahead = NOW_MS + CLOCK_AHEAD_MAX_MS;
    let commits = vec![
        commit(1, stamp(ONE, ahead), made(1)),
        commit(2, stamp(ONE, ahead + 1), set(1, "n", 10)),
    ];
    admit(store, ONE, 1, commits).await;
    let again = commit(3, stamp(ONE, ahead + 1), set(1, "n", 20));
    let later = NOW_MS + 10;
    let admitted = store
        .admit(ReadPush::of(ANNA, ONE, 3, &[again]), later)
        .await;
    let said = admitted.unwrap().verdicts;
    let Some(Ruling::Clamped { stamp: given }) = said.first().map(|said| &said.ruling) else {
        panic!("clamped: {said:?}")
    };
    let mut add = Change::new(atome(1));
    let (by, to) = (Number::Whole(5), *given);
    add.add.insert(key("n"), Addend { by, to });
    let add = vec![commit(4, stamp(ONE, ahead + 2), add)];
    store
        .admit(ReadPush::of(ANNA, ONE, 4, &add), later)
        .await
        .unwrap();
    assert_eq!(state(store, 1).await.value("n").unwrap().as_str(), "25");
}

async fn a_clock_ahead_is_clamped_and_additions_follow(store: &impl HubStore) {
    register(store, ANNA, "Anna", 1).await;
    let ahead = NOW_MS + CLOCK_AHEAD_MAX_MS;
    let mut add = Change::new(atome(1));
    add.add.insert(
        key("n"),
        Addend {
            by: Number::Whole(5),
            to: stamp(ONE, ahead + 2),
        },
    );
    let commits = vec![
        commit(1, stamp(ONE, ahead), made(1)),
        commit(2, stamp(ONE, ahead + 2), set(1, "n", 10)),
        commit(3, stamp(ONE, ahead + 3), add),
        commit(4, stamp(ONE, ahead + 1), set(1, "a", 1)),
    ];
    let done = admit(store, ONE, 1, commits).await;
    let given: Vec<(u64, HybridTime)> = done
        .verdicts
        .iter()
        .map(|verdict| match verdict.ruling {
            Ruling::Clamped { stamp } => (verdict.number, stamp.time),
            Ruling::Refused(_) | Ruling::Deferred { .. } => panic!("clamped"),
        })
        .collect();
    let first = HybridTime::from_ms(ahead);
    let second = first.next();
    assert_eq!(
        given,
        [(2, second), (3, second.next()), (4, second.next().next())],
        "in the replica's own order"
    );
    assert_eq!(state(store, 1).await.value("n").unwrap().as_str(), "15");
    let batch = store.feed(ANNA, TWO, 1, 1, usize::MAX).await.unwrap();
    let Entry::Commit(raw) = &batch.entries[0] else {
        panic!("another's commit")
    };
    let kept = raw.decode().unwrap();
    assert_eq!(
        (kept.claimed.unwrap(), kept.stamp.time),
        (stamp(ONE, ahead + 2), second)
    );
}

async fn the_feed_is_read_in_parts(store: &impl HubStore) {
    register(store, ANNA, "Anna", 1).await;
    let commits = makes(ONE, 5);
    let len = commits[0].as_str().len();
    admit(store, ONE, 1, commits.clone()).await;
    admit(
        store,
        TWO,
        1,
        vec![commit(1, stamp(TWO, NOW_MS), set(1, "a", 1))],
    )
    .await;
    let read = async |replica, after, entries, bytes| {
        store
            .feed(ANNA, replica, after, entries, bytes)
            .await
            .unwrap()
    };
    let batch = read(TWO, 0, 100, usize::MAX).await;
    assert_eq!((batch.from, batch.to(), batch.head), (1, 6, 6));
    assert_eq!(
        batch.entries[0],
        Entry::Commit(commits[0].clone()),
        "as it was pushed"
    );
    assert_eq!(batch.entries[5], Entry::Mine(1));
    assert_eq!(
        read(ONE, 0, 100, 1).await.entries[..5],
        [1, 2, 3, 4, 5].map(Entry::Mine)
    );
    assert_eq!(read(TWO, 1, 2, usize::MAX).await.to(), 3);
    assert_eq!(read(TWO, 0, 100, 2 * len).await.to(), 2);
    assert_eq!(read(TWO, 0, 100, 1).await.to(), 1, "at least one");
    let none = read(TWO, 6, 100, usize::MAX).await;
    assert_eq!((none.from, none.entries.len(), none.head), (7, 0, 6));
}

async fn snapshots_bring_all_and_what_changed(store: &impl HubStore) {
    register(store, ANNA, "Anna", 1).await;
    let empty = store.states(ANNA, None, 1).await.unwrap();
    assert_eq!((empty.states.len(), empty.last, empty.total), (0, None, 0));
    admit(store, ONE, 1, makes(ONE, 5)).await;
    let (mut after, mut ids) = (None, vec![]);
    loop {
        let page = store.states(ANNA, after, 1).await.unwrap();
        assert_eq!(page.total, 5);
        ids.extend(page.states.iter().map(|raw| raw.decode().unwrap().atome));
        after = page.last;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(ids, (1..=5).map(atome).collect::<Vec<_>>());
    let commits = vec![
        commit(6, stamp(ONE, NOW_MS + 6), set(2, "a", 1)),
        commit(7, stamp(ONE, NOW_MS + 7), set(4, "a", 1)),
    ];
    admit(store, ONE, 6, commits).await;
    let first = store.changed_states(ANNA, ONE, 5, 1).await.unwrap();
    assert_eq!(
        (first.through, first.complete, first.states.len()),
        (6, false, 1)
    );
    let second = store.changed_states(ANNA, ONE, 6, 1).await.unwrap();
    assert_eq!(
        (second.through, second.complete, second.number),
        (7, true, 7)
    );
    let none = store.changed_states(ANNA, TWO, 7, 1).await.unwrap();
    assert_eq!(
        (none.states.len(), none.complete, none.number),
        (0, true, 0)
    );
    let page = store.states(ANNA, None, usize::MAX).await.unwrap();
    let mut buckets = Buckets::default();
    for raw in &page.states {
        atome_engine::digest::add_state(&mut buckets, &raw.decode().unwrap());
    }
    assert_eq!(store.digest(ANNA).await.unwrap(), (7, buckets));
}

async fn accounts_do_not_touch(store: &impl HubStore) {
    register(store, ANNA, "Anna", 1).await;
    register(store, BOB, "Bob", 2).await;
    admit(store, ONE, 1, makes(ONE, 3)).await;
    assert_eq!(
        store.position(BOB, ONE).await.unwrap(),
        FeedPosition {
            head: 0,
            oldest: 1,
            number: 0,
            directory: 0,
            epoch: store.identity().await.unwrap().epoch,
        }
    );
    assert_eq!(store.feed(BOB, ONE, 0, 9, 9).await.unwrap().entries, []);
    assert_eq!(store.states(BOB, None, 9).await.unwrap().total, 0);
    let forged = store
        .admit(ReadPush::of(BOB, ONE, 1, &makes(ONE, 1)), NOW_MS)
        .await
        .unwrap();
    assert!(matches!(&forged.verdicts[0].ruling, Ruling::Refused(r) if r.code == Code::NotAllowed));
    assert_eq!(store.digest(BOB).await.unwrap(), (0, Buckets::default()));
}

async fn heads_are_told(store: &impl HubStore) {
    register(store, ANNA, "Anna", 1).await;
    let mut heads = store.subscribe(ANNA);
    admit(store, ONE, 1, makes(ONE, 3)).await;
    heads.changed().await.unwrap();
    assert_eq!(heads.borrow_and_update().head, 3);
}
