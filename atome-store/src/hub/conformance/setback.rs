//! A database that went back, and what clients show of it.

use super::*;

pub(super) async fn conform<S: HubStore>(fresh: &mut impl FnMut() -> S) {
    an_account_begins_another_life_once(&fresh()).await;
    what_was_shown_stands(&fresh()).await;
    nothing_goes_until_it_is_accepted(&fresh()).await;
}

async fn epoch(store: &impl HubStore, account: AccountId) -> Epoch {
    store.position(account, ONE).await.unwrap().epoch
}

async fn an_account_begins_another_life_once(store: &impl HubStore) {
    register(store, ANNA, "Anna", 1).await;
    register(store, BOB, "Bob", 2).await;
    admit(store, ONE, 1, makes(ONE, 3)).await;
    let first = store.identity().await.unwrap().epoch;
    let claim = |feed, acked| Claim {
        epoch: first,
        feed,
        acked,
    };
    let heed = async |claim, fresh| store.heed(ANNA, ONE, claim, Epoch(fresh), NOW_MS).await;
    assert_eq!(store.setbacks().await.unwrap(), []);
    let (anew, shown) = heed(claim(5, 4), 71).await.unwrap();
    let expected = Setback {
        account: ANNA,
        replica: ONE,
        shown_ms: NOW_MS,
        head: 3,
        seen: 5,
        number: 3,
        acked: 4,
    };
    assert_eq!((anew.epoch, anew.head), (Epoch(71), 3));
    assert_eq!(shown.as_ref(), Some(&expected));
    assert_eq!(epoch(store, ANNA).await, Epoch(71));
    // Another of its machines has the same to show, of the life that is over.
    let (same, shown) = heed(claim(9, 9), 72).await.unwrap();
    assert_eq!((same.epoch, shown), (Epoch(71), None));
    assert_eq!(store.setbacks().await.unwrap(), [expected]);
    assert_eq!(
        epoch(store, BOB).await,
        first,
        "no other account is touched"
    );
    assert_eq!(store.identity().await.unwrap().epoch, first);
    // One that has nothing at all here, for all went back.
    let all = store.heed(BOB, TWO, claim(1, 0), Epoch(73), NOW_MS).await;
    assert_eq!(all.unwrap().0.epoch, Epoch(73));
    assert_eq!(epoch(store, BOB).await, Epoch(73));
    let feed = store.feed(BOB, TWO, 0, 9, 9).await.unwrap();
    assert_eq!((feed.from, feed.head), (1, 0));
}

/// What a client has shown is so, also where others have pushed past it before it is heeded.
async fn what_was_shown_stands(store: &impl HubStore) {
    register(store, ANNA, "Anna", 1).await;
    let claim = Claim {
        epoch: store.identity().await.unwrap().epoch,
        feed: 2,
        acked: 0,
    };
    assert!(claim.exceeds(&store.position(ANNA, TWO).await.unwrap()));
    admit(store, ONE, 1, makes(ONE, 3)).await;
    let heeded = store.heed(ANNA, TWO, claim, Epoch(7), NOW_MS).await;
    assert_eq!(heeded.unwrap().0.epoch, Epoch(7));
}

async fn nothing_goes_until_it_is_accepted(store: &impl HubStore) {
    register(store, ANNA, "Anna", 1).await;
    register(store, BOB, "Bob", 2).await;
    admit(store, ONE, 1, makes(ONE, 3)).await;
    let claim = Claim {
        epoch: store.identity().await.unwrap().epoch,
        feed: 4,
        acked: 3,
    };
    let heeded = store.heed(ANNA, ONE, claim, Epoch(7), NOW_MS).await;
    assert!(heeded.unwrap().1.is_some());
    store.delete_account(BOB, NOW_MS).await.unwrap();
    assert!(!store.purge(9).await.unwrap());
    assert!(!store.compact(u64::MAX, 9).await.unwrap());
    assert_eq!(store.position(ANNA, ONE).await.unwrap().oldest, 1);
    assert_eq!(store.accept_setbacks().await.unwrap(), 1);
    assert_eq!(store.accept_setbacks().await.unwrap(), 0);
    assert_eq!(epoch(store, ANNA).await, Epoch(7), "the life stays");
    assert!(store.compact(u64::MAX, 9).await.unwrap());
    assert!(store.purge(9).await.unwrap());
}
