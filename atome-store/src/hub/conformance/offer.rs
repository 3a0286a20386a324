//! States that a machine brings back to a database that has lost them.

use atome_engine::merge::{Origin, apply};
use atome_proto::sharing::{Answer, Mode, Terms};

use super::*;

pub(super) async fn conform<S: HubStore>(fresh: &mut impl FnMut() -> S) {
    what_is_offered_is_had_and_told_once(&fresh()).await;
    what_is_offered_joins_what_is_here(&fresh()).await;
    what_belongs_to_others_is_refused_by_name(&fresh()).await;
    a_time_that_cannot_be_is_refused(&fresh()).await;
    an_offer_that_cannot_be_read_leaves_nothing(&fresh()).await;
    a_deleted_account_offers_nothing(&fresh()).await;
}

/// An atome of an account, with the particles `a` and `b` that replica ONE wrote at `ms`.
fn has(owner: AccountId, id: u128, ms: u64) -> AtomeState {
    let origin = Origin {
        stamp: stamp(ONE, ms),
        number: 1,
        author: owner,
    };
    let changes = [made(id), set(id, "a", 1), set(id, "b", 2)];
    let write = |state, change: &Change| Some(apply(state, change, origin));
    changes.iter().fold(None, write).unwrap()
}

/// The same with only one of its particles, as long states are sent.
fn part(of: &AtomeState, name: &str) -> AtomeState {
    let mut part = of.clone();
    part.particles.retain(|key, _| key.as_str() == name);
    assert_eq!(part.particles.len(), 1);
    part
}

async fn offer(
    store: &impl HubStore,
    account: AccountId,
    states: &[AtomeState],
) -> Vec<RefusedOffer> {
    let states = states.iter().map(|state| RawState::encode(state).unwrap());
    let offered = store.offer(account, states.collect(), NOW_MS).await;
    offered.unwrap()
}

/// An account has these atomes and no others, and its digest is theirs; where its feed ends.
async fn assert_has(store: &impl HubStore, account: AccountId, states: &[AtomeState]) -> u64 {
    let page = store.states(account, None, usize::MAX).await.unwrap();
    let found: Vec<_> = page
        .states
        .iter()
        .map(|raw| raw.decode().unwrap())
        .collect();
    assert_eq!(found, states);
    let mut buckets = Buckets::default();
    for state in states {
        atome_engine::digest::add_state(&mut buckets, state);
    }
    let (head, digest) = store.digest(account).await.unwrap();
    assert_eq!(digest, buckets);
    head
}

/// The feed of an account's replica that has written nothing.
async fn told(store: &impl HubStore, account: AccountId) -> Vec<Entry> {
    let batch = store.feed(account, TWO, 0, 99, usize::MAX).await;
    batch.unwrap().entries
}

fn entry(state: &AtomeState) -> Entry {
    Entry::State(RawState::encode(state).unwrap())
}

async fn what_is_offered_is_had_and_told_once(store: &impl HubStore) {
    register(store, ANNA, "Anna", 1).await;
    let states = [has(ANNA, 1, NOW_MS), has(ANNA, 2, NOW_MS)];
    assert_eq!(offer(store, ANNA, &states).await, []);
    for _ in 0..2 {
        assert_eq!(assert_has(store, ANNA, &states).await, 2);
        assert_eq!(
            told(store, ANNA).await,
            [entry(&states[0]), entry(&states[1])]
        );
        assert_eq!(offer(store, ANNA, &states).await, [], "again");
    }
    // It is there to be altered.
    let alter = vec![commit(1, stamp(TWO, NOW_MS + 1), set(1, "a", 7))];
    assert_eq!(admit(store, TWO, 1, alter).await.verdicts, []);
    assert_eq!(state(store, 1).await.value("a").unwrap().as_str(), "7");
}

async fn what_is_offered_joins_what_is_here(store: &impl HubStore) {
    register(store, ANNA, "Anna", 1).await;
    let whole = has(ANNA, 1, NOW_MS);
    let [a, b] = ["a", "b"].map(|name| part(&whole, name));
    assert_eq!(offer(store, ANNA, std::slice::from_ref(&a)).await, []);
    assert_has(store, ANNA, std::slice::from_ref(&a)).await;
    let rest = [part(&whole, Key::TYPE), b];
    assert_eq!(offer(store, ANNA, &rest).await, []);
    assert_eq!(
        assert_has(store, ANNA, std::slice::from_ref(&whole)).await,
        3
    );
    // Of what is older only the time that it was made is news.
    let older = has(ANNA, 1, NOW_MS - 9);
    assert_eq!(offer(store, ANNA, std::slice::from_ref(&older)).await, []);
    let aged = AtomeState {
        created: older.created,
        ..whole
    };
    assert_has(store, ANNA, &[aged]).await;
}

/// Bob has an atome 7, which Anna may read.
async fn share(store: &impl HubStore) -> AtomeState {
    register(store, ANNA, "Anna", 1).await;
    register(store, BOB, "Bob", 2).await;
    let bobs = has(BOB, 7, NOW_MS);
    assert_eq!(offer(store, BOB, std::slice::from_ref(&bobs)).await, []);
    let grant = GrantId(Uuid::from_u128(70));
    let terms = Terms {
        can: [Right::Read].into(),
        only: [].into(),
        mode: Mode::Linked,
        from_ms: None,
        until_ms: None,
        message: None,
    };
    let asked = Act::Share {
        grant,
        atome: atome(7),
        grantee: ANNA,
        terms,
    };
    store.act(BOB, asked, NOW_MS).await.unwrap();
    let accepted = Act::Answer {
        grant,
        answer: Answer::Accept,
        always: false,
    };
    store.act(ANNA, accepted, NOW_MS).await.unwrap();
    bobs
}

async fn what_belongs_to_others_is_refused_by_name(store: &impl HubStore) {
    let bobs = share(store).await;
    let before = told(store, BOB).await;
    let head = assert_has(store, ANNA, std::slice::from_ref(&bobs)).await;
    let mine = [has(ANNA, 1, NOW_MS), has(ANNA, 9, NOW_MS)];
    let mut altered = has(BOB, 7, NOW_MS + 1);
    altered.key = Some("forged".to_owned());
    let all = [
        mine[0].clone(),
        altered,
        has(BOB, 8, NOW_MS),
        has(ANNA, 7, NOW_MS - 1),
        mine[1].clone(),
    ];
    let refused = offer(store, ANNA, &all).await;
    let why: Vec<_> = refused.iter().map(|it| (it.atome, it.code)).collect();
    let others = Code::NotAllowed;
    assert_eq!(
        why,
        [
            (atome(7), others),
            (atome(8), others),
            (atome(7), Code::Conflict)
        ]
    );
    let [first, last] = mine;
    let seen = [first, bobs.clone(), last];
    assert_eq!(assert_has(store, ANNA, &seen).await, head + 2);
    assert_has(store, BOB, &[bobs]).await;
    assert_eq!(told(store, BOB).await, before);
}

/// A hub's clock may be behind; but nobody's clock is to follow a year that is not in sight.
async fn a_time_that_cannot_be_is_refused(store: &impl HubStore) {
    const DAY_MS: u64 = 86_400_000;
    register(store, ANNA, "Anna", 1).await;
    let ahead = has(ANNA, 1, NOW_MS + 30 * DAY_MS);
    assert_eq!(offer(store, ANNA, &[ahead]).await, []);
    let refused = offer(store, ANNA, &[has(ANNA, 2, NOW_MS + 400 * DAY_MS)]).await;
    assert_eq!(refused[0].code, Code::BadData);
    assert_eq!(store.states(ANNA, None, 9).await.unwrap().states.len(), 1);
}

async fn an_offer_that_cannot_be_read_leaves_nothing(store: &impl HubStore) {
    register(store, ANNA, "Anna", 1).await;
    let good = RawState::encode(&has(ANNA, 1, NOW_MS)).unwrap();
    let junk = RawState::from_text("{\"atome\":7}".to_owned()).unwrap();
    let states = vec![good.clone(), junk, good];
    let failed = store.offer(ANNA, states, NOW_MS).await;
    let Err(HubError::Refused { code, .. }) = failed else {
        panic!("refused: {failed:?}")
    };
    assert_eq!(code, Code::BadData);
    assert_eq!(assert_has(store, ANNA, &[]).await, 0);
    assert_eq!(told(store, ANNA).await, []);
}

async fn a_deleted_account_offers_nothing(store: &impl HubStore) {
    register(store, ANNA, "Anna", 1).await;
    store.delete_account(ANNA, NOW_MS).await.unwrap();
    let states = vec![RawState::encode(&has(ANNA, 1, NOW_MS)).unwrap()];
    let failed = store.offer(ANNA, states, NOW_MS).await;
    assert!(
        matches!(failed, Err(HubError::AccountDeleted)),
        "{failed:?}"
    );
    assert_has(store, ANNA, &[]).await;
}
