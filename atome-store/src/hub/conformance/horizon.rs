//! Feeds that let go of what is old.

use super::*;

pub(super) async fn conform<S: HubStore>(fresh: &mut impl FnMut() -> S) {
    old_entries_go_and_nothing_else(&fresh()).await;
    a_reader_at_the_head_notices_nothing(&fresh()).await;
}

async fn oldest(store: &impl HubStore) -> u64 {
    store.position(ANNA, TWO).await.unwrap().oldest
}

/// Six commits, taken a minute after one another.
async fn six(store: &impl HubStore) -> Vec<RawCommit> {
    register(store, ANNA, "Anna", 1).await;
    let mut commits = makes(ONE, 5);
    commits.push(commit(6, stamp(ONE, NOW_MS + 6), set(999, "a", 1)));
    for (number, commit) in (1..).zip(&commits) {
        let at_ms = NOW_MS + number * 60_000;
        let commit = vec![commit.clone()];
        let taken = store
            .admit(ReadPush::of(ANNA, ONE, number, &commit), at_ms)
            .await
            .unwrap();
        assert_eq!(taken.verdicts.len(), usize::from(number == 6), "refused");
    }
    commits
}

async fn old_entries_go_and_nothing_else(store: &impl HubStore) {
    let commits = six(store).await;
    let digest = store.digest(ANNA).await.unwrap();
    let states = store.states(ANNA, None, usize::MAX).await.unwrap();
    assert!(!store.compact(NOW_MS + 60_000, 9).await.unwrap());
    assert_eq!(oldest(store).await, 1, "not older than asked");
    let before_ms = NOW_MS + 4 * 60_000;
    assert!(store.compact(before_ms, 2).await.unwrap());
    assert_eq!(oldest(store).await, 3, "no more at once than asked");
    assert!(store.compact(before_ms, 2).await.unwrap());
    assert!(!store.compact(before_ms, 2).await.unwrap());
    assert_eq!(oldest(store).await, 4);
    for after in 0..3 {
        let batch = store.feed(ANNA, TWO, after, 9, usize::MAX).await.unwrap();
        assert_eq!((batch.from, batch.entries.len(), batch.head), (4, 0, 5));
        let page = store.changed_states(ANNA, TWO, after, usize::MAX).await;
        let page = page.unwrap();
        assert_eq!(
            (page.overtaken, page.through, page.complete),
            (true, 5, false)
        );
        assert_eq!(page.states, []);
    }
    let batch = store.feed(ANNA, TWO, 3, 9, usize::MAX).await.unwrap();
    assert_eq!((batch.from, batch.to()), (4, 5));
    let page = store
        .changed_states(ANNA, TWO, 3, usize::MAX)
        .await
        .unwrap();
    assert_eq!(
        (page.overtaken, page.complete, page.states.len()),
        (false, true, 2)
    );
    // What an account has, and what was decided, is as before.
    assert_eq!(store.digest(ANNA).await.unwrap(), digest);
    assert_eq!(store.states(ANNA, None, usize::MAX).await.unwrap(), states);
    let again = admit(store, ONE, 1, commits).await;
    assert_eq!((again.number, again.fork, again.head), (6, None, 5));
    assert_eq!(again.verdicts.len(), 1, "a verdict is said again");
    let other = vec![commit(1, stamp(ONE, NOW_MS + 1), made(77))];
    assert_eq!(admit(store, ONE, 1, other).await.fork, Some(1));
}

async fn a_reader_at_the_head_notices_nothing(store: &impl HubStore) {
    six(store).await;
    while store.compact(u64::MAX, 4).await.unwrap() {}
    assert_eq!(oldest(store).await, 6, "all of it is gone");
    let none = store.feed(ANNA, TWO, 5, 9, usize::MAX).await.unwrap();
    assert_eq!((none.from, none.entries.len(), none.head), (6, 0, 5));
    let more = vec![commit(7, stamp(ONE, NOW_MS + 7), set(1, "a", 1))];
    assert_eq!(admit(store, ONE, 7, more).await.head, 6);
    let next = store.feed(ANNA, TWO, 5, 9, usize::MAX).await.unwrap();
    assert_eq!((next.from, next.to()), (6, 6));
    assert_eq!(oldest(store).await, 6);
    // The one that has come since was taken at another time.
    assert!(!store.compact(NOW_MS, 9).await.unwrap());
    assert!(store.compact(NOW_MS + 1, 9).await.unwrap());
    assert_eq!(oldest(store).await, 7);
}
