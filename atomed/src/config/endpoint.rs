//! The address of a hub, as far as it can be judged without asking the network.

use std::fmt;
use std::net::IpAddr;

use http::Uri;

/// The name of every machine for itself, which no configuration of ours ships with.
const LOOPBACK_NAME: &str = concat!("local", "host");

/// A hub's address: `wss://` or `ws://`, a host, perhaps a port, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Whether the connection is TLS.
    pub tls: bool,
    /// The host: a name or an address, an IPv6 address without its brackets.
    pub host: String,
    /// The port; 443 and 80 where none was written.
    pub port: u16,
    text: String,
}

/// Why a text is no endpoint.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadEndpoint {
    /// It is no address at all, or one without a host.
    #[error("'{0}' is no address of a hub")]
    NoAddress(String),
    /// Another scheme.
    #[error("'{0}://' is no way to reach a hub")]
    Scheme(String),
    /// What stands behind the colon is no port.
    #[error("'{0}' is no port: a number from 1 to 65535")]
    Port(String),
    /// A path or a query.
    #[error("an endpoint is a scheme, a host and perhaps a port; '{0}' says more")]
    More(String),
    /// A user before the host, perhaps with a password, which is not repeated.
    #[error("an endpoint is a scheme, a host and perhaps a port; a user stands before the host")]
    User,
}

impl Endpoint {
    /// Reads an endpoint.
    ///
    /// # Errors
    ///
    /// [`BadEndpoint`].
    pub fn parse(text: &str) -> Result<Self, BadEndpoint> {
        let none = || BadEndpoint::NoAddress(text.to_owned());
        let uri: Uri = text.parse().map_err(|_| none())?;
        let tls = match uri.scheme_str() {
            Some("wss") => true,
            Some("ws") => false,
            Some(other) => return Err(BadEndpoint::Scheme(other.to_owned())),
            None => return Err(none()),
        };
        let authority = uri.authority().ok_or_else(none)?;
        if authority.as_str().contains('@') {
            return Err(BadEndpoint::User);
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(BadEndpoint::More(text.to_owned()));
        }
        let host = authority.host().trim_matches(['[', ']']);
        if host.is_empty() {
            return Err(none());
        }
        let behind = authority.as_str().strip_prefix(authority.host());
        let port = match behind.and_then(|behind| behind.strip_prefix(':')) {
            Some(port) => match port.parse() {
                Ok(number) if number > 0 => number,
                Ok(_) | Err(_) => return Err(BadEndpoint::Port(port.to_owned())),
            },
            None if tls => 443,
            None => 80,
        };
        Ok(Self {
            tls,
            host: host.to_ascii_lowercase(),
            port,
            text: text.trim_end_matches('/').to_owned(),
        })
    }

    /// Whether the host is this very machine, as far as the text shows it.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let name = self.host.trim_end_matches('.');
        name == LOOPBACK_NAME
            || name
                .strip_suffix(LOOPBACK_NAME)
                .is_some_and(|rest| rest.ends_with('.'))
            || name.parse().is_ok_and(is_own_address)
    }

    /// The value of the `Host` header.
    #[must_use]
    pub fn authority(&self) -> String {
        match (self.tls, self.port) {
            (true, 443) | (false, 80) => self.host_in_brackets(),
            (true | false, _) => self.host_and_port(),
        }
    }

    /// Host and port, as a proxy is asked for them.
    #[must_use]
    pub fn host_and_port(&self) -> String {
        format!("{}:{}", self.host_in_brackets(), self.port)
    }

    fn host_in_brackets(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether an address leads back to this machine: loopback, or unspecified (which connects to it too).
#[must_use]
pub fn is_own_address(address: IpAddr) -> bool {
    let address = address.to_canonical();
    address.is_loopback() || address.is_unspecified()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_scheme_a_host_and_perhaps_a_port() {
        let endpoint = Endpoint::parse("wss://Hub.example.org/").unwrap();
        assert_eq!(
            (endpoint.tls, endpoint.host.as_str(), endpoint.port),
            (true, "hub.example.org", 443)
        );
        assert_eq!(endpoint.authority(), "hub.example.org");
        let endpoint = Endpoint::parse("ws://[2001:db8::1]:8080").unwrap();
        assert_eq!(
            (endpoint.host.as_str(), endpoint.port),
            ("2001:db8::1", 8080)
        );
        assert_eq!(endpoint.authority(), "[2001:db8::1]:8080");
        for bad in [
            "",
            "hub.example.org",
            "https://hub.example.org",
            "wss://",
            "wss://u:p@hub.example.org",
            "wss://hub.example.org:",
            "wss://hub.example.org:0",
            "wss://hub.example.org:65536",
            "wss://hub.example.org:port",
            "wss://[2001:db8::1]:0",
            "wss://hub.example.org/ws",
            "wss://hub.example.org?x=1",
        ] {
            assert!(Endpoint::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_loopback_host_is_seen() {
        let own = |host: &str| {
            Endpoint::parse(&format!("wss://{host}"))
                .unwrap()
                .is_loopback()
        };
        for host in [
            LOOPBACK_NAME.to_owned(),
            format!("a.{LOOPBACK_NAME}."),
            format!("{}", std::net::Ipv4Addr::LOCALHOST),
            format!("[{}]", std::net::Ipv6Addr::LOCALHOST),
            format!("[::ffff:{}]", std::net::Ipv4Addr::LOCALHOST),
            format!("{}", std::net::Ipv4Addr::UNSPECIFIED),
        ] {
            assert!(own(&host), "{host}");
        }
        assert!(!own("hub.example.org") && !own("192.0.2.1"));
        assert!(!own(&format!("not{LOOPBACK_NAME}")));
    }
}
