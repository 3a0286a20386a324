//! Sources: where connections come from, and how many of one may stand before they show who they are.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What limits take for one source: an IPv4 address, or an IPv6 network of 64 bits, which is the least
/// that one household or machine is given. Source: RFC 6177.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source(IpAddr);

impl From<IpAddr> for Source {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

/// The connections on which nobody has shown a session yet, by source.
#[derive(Debug)]
pub struct Strangers {
    per_source_max: AtomicUsize,
    sources: Mutex<BTreeMap<Source, Arc<Semaphore>>>,
}

impl Strangers {
    /// A place where so many of one source may be at once.
    #[must_use]
    pub fn new(per_source_max: usize) -> Arc<Self> {
        Arc::new(Self {
            per_source_max: per_source_max.into(),
            sources: Mutex::default(),
        })
    }

    /// Takes another number from now on: sources that are there keep theirs until they are gone.
    pub fn set_per_source_max(&self, per_source_max: usize) {
        self.per_source_max.store(per_source_max, Relaxed);
    }

    fn places(&self, source: Source) -> Arc<Semaphore> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let places = || Arc::new(Semaphore::new(self.per_source_max.load(Relaxed)));
        Arc::clone(sources.entry(source).or_insert_with(places))
    }

    /// Gives a place back, and forgets a source of which nobody is there or waits.
    fn free(&self, source: Source, permit: Option<OwnedSemaphorePermit>) {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        drop(permit);
        // Every other handle was made under this lock, and whoever holds one comes here after it is gone.
        if sources
            .get(&source)
            .is_some_and(|places| Arc::strong_count(places) == 1)
        {
            sources.remove(&source);
        }
    }
}

/// One connection, as long as nobody has shown a session on it.
#[derive(Debug)]
pub struct Stranger {
    all: Arc<Strangers>,
    source: Source,
    permit: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Stranger {
    /// A connection that has no place yet.
    #[must_use]
    pub fn new(all: &Arc<Strangers>, address: IpAddr) -> Self {
        Self {
            all: Arc::clone(all),
            source: Source::from(address),
            permit: Mutex::default(),
        }
    }

    /// Where it comes from.
    #[must_use]
    pub fn source(&self) -> Source {
        self.source
    }

    /// Waits for a place, in the order of arrival.
    pub async fn enter(&self) {
        let places = self.all.places(self.source);
        // These semaphores are never closed.
        if let Ok(permit) = places.acquire_owned().await {
            *self.lock() = Some(permit);
        }
    }

    /// Leaves the place: a session was shown, or the connection is gone.
    pub fn leave(&self) {
        let permit = self.lock().take();
        self.all.free(self.source, permit);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<OwnedSemaphorePermit>> {
        self.permit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_source_is_an_address_or_a_network() {
        let source = |text| Source::from(address(text));
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:0:0:2"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_ne!(source("192.0.2.1"), source("192.0.2.2"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
    }

    #[tokio::test]
    async fn more_wait_until_one_is_known_or_gone() {
        let all = Strangers::new(2);
        let stranger = |text| Stranger::new(&all, address(text));
        let (one, two, three) = (
            stranger("192.0.2.1"),
            stranger("192.0.2.1"),
            stranger("192.0.2.1"),
        );
        one.enter().await;
        two.enter().await;
        assert_eq!(three.enter().now_or_never(), None);
        stranger("192.0.2.2").enter().await;
        one.leave();
        three.enter().await;
        let four = stranger("192.0.2.1");
        assert_eq!(four.enter().now_or_never(), None);
        drop(two);
        four.enter().await;
        drop((one, three, four));
        assert!(all.sources.lock().unwrap().is_empty());
    }
}
