//! What became of a commit.

use atome_proto::sync::v1::{AskReceipt, Receipt, Standing};

use super::*;

const ASK: u64 = 3;

pub(super) async fn conform<S: HubStore>(fresh: &mut impl FnMut() -> S) {
    let store = fresh();
    register(&store, ANNA, "Anna", 1).await;
    let told = |stamp, number| ask(&store, stamp, number);
    let first = stamp(ONE, NOW_MS + 1);
    assert_eq!(told(first, 1).await, (Standing::Unknown, 0));
    let ahead = stamp(ONE, NOW_MS + 3_600_000);
    let commits = vec![
        commit(1, first, made(1)),
        commit(2, stamp(ONE, NOW_MS + 2), set(999, "a", 1)),
        commit(3, ahead, set(1, "a", 1)),
    ];
    let rulings = admit(&store, ONE, 1, commits).await.verdicts;
    let rulings: Vec<Ruling> = rulings.into_iter().map(|verdict| verdict.ruling).collect();
    assert!(
        matches!(rulings[..], [Ruling::Refused(_), Ruling::Clamped { .. }]),
        "{rulings:?}"
    );
    assert_eq!(told(first, 1).await, (Standing::Accepted, 2));
    assert_eq!(
        told(stamp(ONE, NOW_MS + 2), 2).await,
        (Standing::Refused, 2)
    );
    // By the stamp that it was written under, whatever it was given.
    assert_eq!(told(ahead, 3).await, (Standing::Accepted, 2));
    // A copy of the replica wrote something else under that number.
    assert_eq!(told(ahead, 1).await, (Standing::Renumbered, 2));
    assert_eq!(told(first, 4).await, (Standing::Unknown, 2));
    assert_eq!(
        told(stamp(TWO, NOW_MS + 1), 1).await,
        (Standing::Unknown, 2)
    );
}

async fn ask(store: &impl HubStore, stamp: Stamp, number: u64) -> (Standing, u64) {
    let question = AskReceipt {
        ask: ASK,
        author: ANNA,
        stamp,
        number,
    };
    let told: Receipt = store.receipt(ANNA, question).await.unwrap();
    assert_eq!(told.ask, ASK);
    (told.standing, told.head)
}
