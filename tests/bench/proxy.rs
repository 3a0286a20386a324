//! A listener between machines and a hub that counts what passes, still encrypted.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use atome_tests::{Hub, Remote, loopback};

use crate::failure::Tried;

/// What has passed since the last [`Proxy::forget`].
#[derive(Default)]
struct Counted {
    bytes: AtomicU64,
    first: Mutex<Option<Instant>>,
}

/// The listener; it goes on until this program ends.
pub(crate) struct Proxy {
    remote: Remote,
    counted: Arc<Counted>,
}

impl Proxy {
    /// Listens, and passes on to the hub.
    pub(crate) fn before(hub: &Hub) -> Tried<Self> {
        let listener = TcpListener::bind((loopback::ADDRESS, 0))?;
        let remote = Remote {
            endpoint: format!("wss://{}", listener.local_addr()?),
            ..hub.remote()
        };
        let counted = Arc::<Counted>::default();
        let (counting, place) = (Arc::clone(&counted), hub.address());
        std::thread::spawn(move || {
            while let Ok((from, _)) = listener.accept() {
                let mut first = counting
                    .first
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                first.get_or_insert_with(Instant::now);
                drop(first);
                // A hub that is not there is not there for the machine either.
                let _gone = TcpStream::connect(place).and_then(|to| join(&from, &to, &counting));
            }
        });
        Ok(Self { remote, counted })
    }

    /// What a daemon needs to dial it in the hub's place.
    pub(crate) fn remote(&self) -> &Remote {
        &self.remote
    }

    /// Begins to count anew.
    pub(crate) fn forget(&self) {
        *self.first() = None;
        self.counted.bytes.store(0, Ordering::Relaxed);
    }

    /// When the first connection came.
    pub(crate) fn first_came(&self) -> Option<Instant> {
        *self.first()
    }

    /// Bytes in both directions, TLS and all.
    pub(crate) fn bytes(&self) -> u64 {
        self.counted.bytes.load(Ordering::Relaxed)
    }

    fn first(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.counted
            .first
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn join(one: &TcpStream, other: &TcpStream, counted: &Arc<Counted>) -> io::Result<()> {
    for (from, to) in [(one, other), (other, one)] {
        from.set_nodelay(true)?;
        let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
        let counted = Arc::clone(counted);
        std::thread::spawn(move || {
            let mut part = vec![0; 64 << 10];
            while let Ok(len @ 1..) = from.read(&mut part) {
                counted.bytes.fetch_add(len as u64, Ordering::Relaxed);
                if to.write_all(part.get(..len).unwrap_or_default()).is_err() {
                    break;
                }
            }
            // Where one end is gone, so is the other.
            let _gone = to.shutdown(Shutdown::Both);
        });
    }
    Ok(())
}
