//! The listening sockets, for clients and for figures: handed in by systemd, or bound where the
//! configuration says.
//!
//! With sockets that were handed in, the hub binds nothing and needs no network of its own to start with.

use std::env;
use std::io;
use std::net::SocketAddr;

use listenfd::ListenFd;
use tokio::net::TcpListener;

/// Who comes to a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Machines and browsers.
    Clients,
    /// Whoever collects figures. Its socket unit has `FileDescriptorName=metrics`.
    Metrics,
}

/// The name by which systemd hands in the socket for figures; every other is for clients.
const METRICS: &str = "metrics";

impl Purpose {
    /// The key of the configuration that names its address.
    fn key(self) -> &'static str {
        match self {
            Self::Clients => "listen",
            Self::Metrics => "metrics.listen",
        }
    }

    /// Which of the sockets that systemd hands in, by their names, is for it.
    fn find<'a>(self, mut names: impl Iterator<Item = &'a str>) -> Option<usize> {
        names.position(|name| (name == METRICS) == (self == Self::Metrics))
    }
}

/// Why the hub cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The address cannot be listened at.
    #[error(
        "{key} = \"{address}\" cannot be listened at; is another program there, or may this user not?"
    )]
    Bind {
        /// The key that names it.
        key: &'static str,
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
        "systemd handed in {handed_in}, and the configuration says {key} = \"{named}\"; remove {key}, or \
         change the socket unit"
    )]
    Contradiction {
        /// The key that names it.
        key: &'static str,
        /// Where the socket unit listens.
        handed_in: SocketAddr,
        /// Where the configuration wants to.
        named: SocketAddr,
    },
    /// Neither the configuration nor systemd says where.
    #[error("nothing says where to listen: set listen, or start the hub by its socket unit")]
    Nowhere,
}

/// A listener and where it is.
pub type Listening = (TcpListener, SocketAddr);

/// Whether systemd handed in a socket for that purpose. Source: sd_listen_fds(3).
#[must_use]
pub fn is_handed_in(purpose: Purpose) -> bool {
    let names = names();
    purpose.find(names.iter().map(String::as_str)).is_some()
}

/// The name of each socket that systemd handed in; one that has none is for clients.
fn names() -> Vec<String> {
    let ours = |pid: String| pid.parse() == Ok(std::process::id());
    if !env::var("LISTEN_PID").is_ok_and(ours) {
        return Vec::new();
    }
    let count = env::var("LISTEN_FDS").ok();
    let count = count.and_then(|count| count.parse().ok()).unwrap_or(0);
    let named = env::var("LISTEN_FDNAMES").unwrap_or_default();
    let named = named.split(':').map(str::to_owned);
    named
        .chain(std::iter::repeat(String::new()))
        .take(count)
        .collect()
}

/// The sockets that systemd handed in, if it did; each is taken once.
pub struct HandedIn {
    sockets: ListenFd,
    names: Vec<String>,
}

impl HandedIn {
    /// Takes them from the environment, which forgets them: asked again, there are none.
    #[must_use]
    pub fn take() -> Self {
        Self {
            names: names(),
            sockets: ListenFd::from_env(),
        }
    }

    /// The socket for clients: the one that was handed in, else bound where the configuration says.
    ///
    /// # Errors
    ///
    /// [`ListenError`].
    pub async fn for_clients(
        &mut self,
        named: Option<SocketAddr>,
    ) -> Result<Listening, ListenError> {
        let opened = self.open(Purpose::Clients, named).await?;
        opened.ok_or(ListenError::Nowhere)
    }

    /// The socket for figures, found alike; there is none where neither systemd nor the configuration wants
    /// one.
    ///
    /// # Errors
    ///
    /// [`ListenError`].
    pub async fn for_metrics(
        &mut self,
        named: Option<SocketAddr>,
    ) -> Result<Option<Listening>, ListenError> {
        self.open(Purpose::Metrics, named).await
    }

    async fn open(
        &mut self,
        purpose: Purpose,
        named: Option<SocketAddr>,
    ) -> Result<Option<Listening>, ListenError> {
        let key = purpose.key();
        if let Some(place) = purpose.find(self.names.iter().map(String::as_str)) {
            return self.handed_in(key, place, named).map(Some);
        }
        let Some(address) = named else {
            return Ok(None);
        };
        let failed = |source| ListenError::Bind {
            key,
            address,
            source,
        };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let at = listener.local_addr().map_err(failed)?;
        Ok(Some((listener, at)))
    }

    fn handed_in(
        &mut self,
        key: &'static str,
        place: usize,
        named: Option<SocketAddr>,
    ) -> Result<Listening, ListenError> {
        let failed = ListenError::HandedIn;
        let socket = self.sockets.take_tcp_listener(place).map_err(failed)?;
        let socket = socket.ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
        let handed_in = socket.local_addr().map_err(failed)?;
        if let Some(named) = named.filter(|named| *named != handed_in) {
            return Err(ListenError::Contradiction {
                key,
                handed_in,
                named,
            });
        }
        socket.set_nonblocking(true).map_err(failed)?;
        let listener = TcpListener::from_std(socket).map_err(failed)?;
        Ok((listener, handed_in))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_known_by_its_name() {
        let find = |purpose: Purpose, names: &[&str]| purpose.find(names.iter().copied());
        let both = ["metrics", "atome-server.socket"];
        assert_eq!(find(Purpose::Clients, &both), Some(1));
        assert_eq!(find(Purpose::Metrics, &both), Some(0));
        assert_eq!(find(Purpose::Clients, &[""]), Some(0), "without a name");
        assert_eq!(find(Purpose::Metrics, &[""]), None);
        assert_eq!(find(Purpose::Clients, &["metrics"]), None);
    }
}
