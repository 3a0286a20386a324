//! Tells the service manager how the hub is, by sending alone: the kernel lets a running hub connect to
//! nothing, not even to a Unix socket.

use std::env;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Tells the service manager, where it asked to be told. Source: sd_notify(3).
pub fn notify(state: &str) {
    if let Err(error) = send(state) {
        tracing::warn!(%error, "the service manager could not be told");
    }
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
