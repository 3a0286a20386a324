//! The daemon tries what the kernel is to refuse it, and tells what the kernel answered.
//!
//! The only place of the daemon that asks for a TCP listener; `cargo xtask tidy` knows the one line. What
//! should be given after all is dropped at once.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};

use atome_proto::local::v1::Attempt;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SendFlags, SocketAddrUnix, SocketType, bind, ipproto, listen, sendto, socket,
};

/// Connect while sending, past what judges connecting. Source: `MSG_FASTOPEN` of Linux.
const FAST_OPEN: SendFlags = SendFlags::from_bits_retain(0x2000_0000);

/// Tries everything, with the TCP ports that the daemon may connect to.
#[must_use]
pub fn prove(ports: &[u16]) -> Vec<Attempt> {
    let elsewhere = (1..=u16::MAX).find(|port| !ports.contains(port));
    // Unspecified is this very machine, where nobody but the kernel is asked.
    let elsewhere = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, elsewhere.unwrap_or_default());
    let port = elsewhere.port();
    let mut tried = vec![
        attempt(
            "listen on a TCP port",
            std::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)),
        ),
        attempt("listen on a TCP socket that was never bound", unbound()),
        attempt(
            format!("connect to TCP port {port}"),
            TcpStream::connect(elsewhere),
        ),
        attempt(
            format!("connect to TCP port {port} by sending (fast open)"),
            fast_open(elsewhere),
        ),
        attempt(
            "open a socket of MPTCP, whose ports are not TCP's",
            socket(
                AddressFamily::INET,
                SocketType::STREAM,
                Some(ipproto::MPTCP),
            ),
        ),
        attempt("list the folder /", fs::read_dir("/")),
        attempt("listen on a second Unix socket", second_listener()),
    ];
    if ports.is_empty() {
        let udp = socket(AddressFamily::INET, SocketType::DGRAM, None);
        tried.push(attempt("open a UDP socket, with no hub to find", udp));
    }
    tried
}

fn unbound() -> Result<(), Errno> {
    listen(socket(AddressFamily::INET, SocketType::STREAM, None)?, 1)
}

fn fast_open(to: SocketAddrV4) -> Result<usize, Errno> {
    let stream = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    sendto(stream, b"x", FAST_OPEN, &to)
}

/// The kernel chooses the name, which leaves no file.
fn second_listener() -> Result<(), Errno> {
    let stream = socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    bind(&stream, &SocketAddrUnix::new_unnamed())?;
    listen(&stream, 1)
}

fn attempt<T>(what: impl Into<String>, result: Result<T, impl Into<io::Error>>) -> Attempt {
    let error = result.err().map(Into::into);
    let errno = error.as_ref().and_then(Errno::from_io_error);
    let forbidden = matches!(errno, Some(Errno::ACCESS | Errno::PERM));
    let outcome = match (errno, error) {
        (_, None) => "it worked".to_owned(),
        (Some(Errno::ACCESS), _) => "forbidden by the kernel (EACCES)".to_owned(),
        (Some(Errno::PERM), _) => "forbidden by the kernel (EPERM)".to_owned(),
        (_, Some(error)) => format!("not forbidden, and failed: {error}"),
    };
    Attempt {
        attempt: what.into(),
        outcome,
        forbidden,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_without_the_kernel_forbidding_it_is_no_proof() {
        // Nothing is forbidden here: some of it works, the rest fails for other reasons.
        for tried in prove(&[]) {
            assert!(!tried.forbidden, "{tried:?}");
        }
        let refused = attempt("x", Err::<(), _>(Errno::CONNREFUSED));
        assert!(refused.outcome.contains("not forbidden"), "{refused:?}");
        assert!(attempt("x", Err::<(), _>(Errno::PERM)).forbidden);
    }
}
