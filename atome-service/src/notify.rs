//! Tells the service manager how the program is, by sending alone: the kernel lets a running hub connect to
//! nothing, not even to a Unix socket.

use std::env;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use rustix::time::{ClockId, clock_gettime};

/// Tells the service manager, where it asked to be told. Source: sd_notify(3).
pub fn notify(state: &str) {
    if let Err(error) = send(state) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}

/// Tells that the configuration is being read again; `READY=1` says when that is over.
///
/// systemd takes the time to know that the word belongs to the signal that it sent. Source: sd_notify(3).
pub fn reloading() {
    let now = clock_gettime(ClockId::Monotonic);
    let now_us = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
    notify(&format!("RELOADING=1\nMONOTONIC_USEC={now_us}"));
}

fn send(state: &str) -> io::Result<()> {
    let Some(to) = env::var_os("NOTIFY_SOCKET") else {
        return Ok(());
    };
    let address = match to.as_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name)?,
        None => SocketAddr::from_pathname(&to)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.send_to_addr(state.as_bytes(), &address).map(drop)
}
