//! A bad line between machines and a hub: plain TCP, below the TLS that the programs speak.
//!
//! It passes bytes on and, when told to, is slow, cuts, swallows the end of what was said, or alters bytes. It
//! knows nothing of what it carries.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::error::HarnessError;
use crate::hub::Hub;
use crate::loopback;
use crate::machine::Remote;

/// Most bytes that are passed on at once.
const PART_LEN: usize = 16 << 10;

/// What the line does to what goes over it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LineFault {
    /// Nothing: it passes everything on.
    #[default]
    None,
    /// Each part waits so long before it goes on.
    Delay(Duration),
    /// The connection ends where something is said.
    Cut,
    /// Half of what is said goes on, then the connection ends.
    Truncate,
    /// One bit of what is said is another.
    Corrupt,
}

/// How often the line has done what.
#[derive(Debug, Default)]
pub struct LineCounts {
    /// Connections that came.
    pub connections: AtomicU64,
    /// Connections that are open.
    pub open: AtomicU64,
    /// Parts that waited.
    pub delays: AtomicU64,
    /// Connections that were cut.
    pub cuts: AtomicU64,
    /// Connections that were cut within what was said.
    pub truncations: AtomicU64,
    /// Bits that were altered.
    pub corruptions: AtomicU64,
}

#[derive(Debug, Default)]
struct Shared {
    fault: Mutex<LineFault>,
    counts: LineCounts,
    ends: AtomicBool,
}

/// The line; it is gone when this is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    ca_file: Option<std::path::PathBuf>,
    scheme: &'static str,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Listens, and passes on to `hub`, whether that runs or not.
    ///
    /// # Errors
    ///
    /// Where the system has no port left.
    pub fn before(hub: &Hub) -> Result<Self, HarnessError> {
        let failed = || HarnessError::io("listen before the hub");
        let listener = TcpListener::bind((loopback::ADDRESS, 0)).map_err(failed())?;
        let address = listener.local_addr().map_err(failed())?;
        let shared = Arc::<Shared>::default();
        let (ours, to) = (Arc::clone(&shared), hub.address());
        thread::spawn(move || {
            while let Ok((from, _)) = listener.accept() {
                if ours.ends.load(Ordering::Relaxed) {
                    return;
                }
                ours.counts.connections.fetch_add(1, Ordering::Relaxed);
                let ours = Arc::clone(&ours);
                // Of its own, since a hub that stands still may not answer.
                thread::spawn(move || {
                    // A hub that is away: the caller finds its connection closed, as behind a balancer.
                    if let Ok(to) = TcpStream::connect(to) {
                        carry(&ours, &from, &to);
                    }
                });
            }
        });
        let remote = hub.remote();
        Ok(Self {
            address,
            scheme: if remote.ca_file.is_some() {
                "wss"
            } else {
                "ws"
            },
            ca_file: remote.ca_file,
            shared,
        })
    }

    /// What a daemon needs to dial it instead of the hub.
    #[must_use]
    pub fn remote(&self) -> Remote {
        Remote {
            endpoint: format!("{}://{}", self.scheme, self.address),
            ca_file: self.ca_file.clone(),
        }
    }

    /// Has the line do this from now on, to connections that stand too.
    pub fn set(&self, fault: LineFault) {
        let mut now = self
            .shared
            .fault
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *now = fault;
    }

    /// What it has done.
    #[must_use]
    pub fn counts(&self) -> &LineCounts {
        &self.shared.counts
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Relaxed);
        // Wakes the one that waits for a connection; where it cannot be reached, it waits no more.
        let _woken = TcpStream::connect(self.address);
    }
}

/// Carries both directions of a connection, each in a thread, until one end is gone.
fn carry(shared: &Arc<Shared>, from: &TcpStream, to: &TcpStream) {
    let open = |stream: &TcpStream| {
        // Small messages are what goes here.
        stream.set_nodelay(true)?;
        stream.try_clone()
    };
    let (Ok(a), Ok(b), Ok(c), Ok(d)) = (open(from), open(to), open(to), open(from)) else {
        return;
    };
    shared.counts.open.fetch_add(1, Ordering::Relaxed);
    let (up, down) = (Arc::clone(shared), Arc::clone(shared));
    thread::spawn(move || {
        pass_on(&up, a, b);
        up.counts.open.fetch_sub(1, Ordering::Relaxed);
    });
    thread::spawn(move || pass_on(&down, c, d));
}

fn pass_on(shared: &Shared, mut from: TcpStream, mut to: TcpStream) {
    let mut part = vec![0; PART_LEN];
    while let Ok(len @ 1..) = from.read(&mut part) {
        let Some(part) = part.get_mut(..len) else {
            break;
        };
        if !say(shared, part, &mut to) {
            break;
        }
    }
    // Where one end is gone, so is the other.
    let _gone = (to.shutdown(Shutdown::Both), from.shutdown(Shutdown::Both));
}

/// Passes a part on as the line is just now; whether the connection goes on.
fn say(shared: &Shared, part: &mut [u8], to: &mut TcpStream) -> bool {
    let count = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
    let fault = *shared.fault.lock().unwrap_or_else(PoisonError::into_inner);
    match fault {
        LineFault::None => {}
        LineFault::Delay(time) => {
            count(&shared.counts.delays);
            thread::sleep(time);
        }
        LineFault::Cut => {
            count(&shared.counts.cuts);
            return false;
        }
        LineFault::Truncate => {
            count(&shared.counts.truncations);
            let half = part.get(..part.len() / 2).unwrap_or_default();
            // The connection ends either way.
            let _said = to.write_all(half);
            return false;
        }
        LineFault::Corrupt => {
            let n = count(&shared.counts.corruptions);
            // Another place each time, over the whole of what is said.
            let at = usize::try_from(n.wrapping_mul(7919)).unwrap_or_default() % part.len();
            if let Some(byte) = part.get_mut(at) {
                *byte ^= 0x10;
            }
        }
    }
    to.write_all(part).is_ok()
}
