//! Places for connections: so many at once, a number that may change while they stand.

use std::sync::Arc;

use tokio::sync::watch;

/// The places of a hub.
#[derive(Debug)]
pub struct Places(watch::Sender<Count>);

#[derive(Clone, Copy, Debug)]
struct Count {
    max: usize,
    taken: usize,
}

impl Count {
    fn has_room(&self) -> bool {
        self.taken < self.max
    }
}

/// One place; free again when it is dropped.
#[derive(Debug)]
pub struct Taken(Arc<Places>);

impl Places {
    /// So many places, all of them free.
    #[must_use]
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self(watch::Sender::new(Count { max, taken: 0 })))
    }

    /// There are so many from now on. Where more are taken, none is free until enough are given back.
    pub fn set_max(&self, max: usize) {
        self.0.send_modify(|count| count.max = max);
    }

    /// How many are taken.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.0.borrow().taken
    }

    /// Whether none is free.
    #[must_use]
    pub fn are_full(&self) -> bool {
        !self.0.borrow().has_room()
    }

    /// Waits until one is free.
    pub async fn room(&self) {
        self.wait(Count::has_room).await;
    }

    /// Takes one, as soon as it is free.
    pub async fn take(self: &Arc<Self>) -> Taken {
        let take = |count: &mut Count| {
            let free = count.has_room();
            count.taken += usize::from(free);
            free
        };
        while !self.0.send_if_modified(take) {
            self.room().await;
        }
        Taken(Arc::clone(self))
    }

    /// Waits until none is taken.
    pub async fn all_free(&self) {
        self.wait(|count| count.taken == 0).await;
    }

    async fn wait(&self, until: impl FnMut(&Count) -> bool) {
        let mut counts = self.0.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = counts.wait_for(until).await;
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| count.taken -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn places_come_and_go() {
        let places = Places::new(2);
        let (first, second) = (places.take().await, places.take().await);
        assert!(places.are_full() && places.take().now_or_never().is_none());
        places.set_max(1);
        drop(first);
        assert!(places.take().now_or_never().is_none(), "it was taken away");
        drop(second);
        places.all_free().await;
        let third = places.take().await;
        places.set_max(2);
        let fourth = places.take().await;
        assert_eq!(places.taken(), 2);
        assert_eq!(places.all_free().now_or_never(), None);
        drop((third, fourth));
        assert_eq!(places.taken(), 0);
    }
}
