//! The listening socket: handed in by systemd, or bound where the configuration says.
//!
//! With a socket that was handed in, the hub binds nothing and needs no network of its own to start with.

use std::env;
use std::io;
use std::net::SocketAddr;

use listenfd::ListenFd;
use tokio::net::TcpListener;

/// Why the hub cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address cannot be listened at.
    #[error("{address} cannot be listened at; is another program there, or may this user not?")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// systemd handed in something else.
    #[error("what systemd handed in is no listening TCP socket; mend the socket unit")]
    HandedIn(#[source] io::Error),
    /// systemd handed in a socket elsewhere than the configuration says.
    #[error(
        "systemd handed in {handed_in}, and the configuration says listen = \"{named}\"; remove listen, or \
         change the socket unit"
    )]
    Contradiction {
        /// Where the socket unit listens.
        handed_in: SocketAddr,
        /// Where the configuration wants to.
        named: SocketAddr,
    },
    /// Neither the configuration nor systemd says where.
    #[error("nothing says where to listen: set listen, or start the hub by its socket unit")]
    Nowhere,
}

/// Whether systemd handed a socket in. Source: sd_listen_fds(3).
#[must_use]
pub fn is_handed_in() -> bool {
    let ours = |pid: String| pid.parse() == Ok(std::process::id());
    env::var_os("LISTEN_FDS").is_some() && env::var("LISTEN_PID").is_ok_and(ours)
}

/// Takes the socket that systemd handed in, else binds the address that the configuration names.
///
/// # Errors
///
/// [`ListenError`].
pub async fn open(named: Option<SocketAddr>) -> Result<(TcpListener, SocketAddr), ListenError> {
    if is_handed_in() {
        // Forgets what the environment says: asked again, there is nothing.
        return handed_in(ListenFd::from_env(), named);
    }
    let address = named.ok_or(ListenError::Nowhere)?;
    let failed = |source| ListenError::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let at = listener.local_addr().map_err(failed)?;
    Ok((listener, at))
}

fn handed_in(
    mut sockets: ListenFd,
    named: Option<SocketAddr>,
) -> Result<(TcpListener, SocketAddr), ListenError> {
    let failed = ListenError::HandedIn;
    let socket = sockets.take_tcp_listener(0).map_err(failed)?;
    let socket = socket.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
    let handed_in = socket.local_addr().map_err(failed)?;
    if let Some(named) = named.filter(|named| *named != handed_in) {
        return Err(ListenError::Contradiction { handed_in, named });
    }
    socket.set_nonblocking(true).map_err(failed)?;
    let listener = TcpListener::from_std(socket).map_err(failed)?;
    Ok((listener, handed_in))
}
