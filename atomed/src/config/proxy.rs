//! The HTTP proxy through which the hub is dialled, where the environment names one.
//!
//! The variables are those that every program on a machine shares: `HTTPS_PROXY` (for `wss://`),
//! `HTTP_PROXY` (for `ws://`), and `NO_PROXY`, in capitals or not.

use http::Uri;

use super::endpoint::Endpoint;
use super::fault::{Fault, Place};
use super::location::Environment;

/// A proxy that is asked to connect on (`CONNECT`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// The port of a proxy whose address names none. Source: curl(1), `--proxy`.
const PORT_DEFAULT: u16 = 1080;

/// The proxy for an endpoint, if there is one.
pub(super) fn proxy_for(
    endpoint: &Endpoint,
    environment: &Environment,
) -> Result<Option<Proxy>, Fault> {
    let names = if endpoint.tls {
        ["HTTPS_PROXY", "https_proxy"]
    } else {
        ["HTTP_PROXY", "http_proxy"]
    };
    let set = names
        .into_iter()
        .find_map(|name| Some((name, environment.get(name)?)));
    let Some((name, text)) = set else {
        return Ok(None);
    };
    if is_exempt(&endpoint.host, environment) {
        return Ok(None);
    }
    parse(text).map(Some).ok_or_else(|| Fault {
        place: Place::Variable(name.to_owned()),
        key: Some("remote.endpoint".to_owned()),
        why: "the proxy that it names cannot be used".to_owned(),
        remedy:
            "write http://HOST:PORT, without a user or a path; or name the hub's host in NO_PROXY"
                .to_owned(),
    })
}

fn parse(text: &str) -> Option<Proxy> {
    let uri: Uri = text.parse().ok()?;
    let plain = matches!(uri.scheme_str(), Some("http") | None) && matches!(uri.path(), "" | "/");
    let authority = uri.authority().filter(|_| plain)?;
    if authority.as_str().contains('@') {
        return None;
    }
    Some(Proxy {
        host: authority.host().trim_matches(['[', ']']).to_owned(),
        port: authority.port_u16().unwrap_or(PORT_DEFAULT),
    })
}

/// Whether `NO_PROXY` names the host, a domain that it is in, or everything.
fn is_exempt(host: &str, environment: &Environment) -> bool {
    let list = environment
        .get("NO_PROXY")
        .or_else(|| environment.get("no_proxy"))
        .unwrap_or_default();
    list.split(',').map(str::trim).any(|entry| {
        let domain = entry.trim_start_matches('.').to_ascii_lowercase();
        let below = || {
            host.strip_suffix(&domain)
                .is_some_and(|rest| rest.ends_with('.'))
        };
        entry == "*" || (!domain.is_empty() && (host == domain || below()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(variables: &[(&str, &str)]) -> Result<Option<Proxy>, Fault> {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let environment = Environment(variables.iter().map(own).collect());
        let endpoint = Endpoint::parse("wss://hub.example.org").unwrap();
        proxy_for(&endpoint, &environment)
    }

    #[test]
    fn a_proxy_is_taken_from_the_environment() {
        assert_eq!(proxy(&[]), Ok(None));
        assert_eq!(proxy(&[("HTTP_PROXY", "http://p:1")]), Ok(None));
        let found = Proxy {
            host: "p.example".to_owned(),
            port: 3128,
        };
        for text in [
            "http://p.example:3128",
            "http://p.example:3128/",
            "p.example:3128",
        ] {
            assert_eq!(
                proxy(&[("https_proxy", text)]),
                Ok(Some(found.clone())),
                "{text}"
            );
        }
        for text in ["socks5://p:1", "http://u:p@p.example:1", "http://p/x", "::"] {
            assert!(proxy(&[("HTTPS_PROXY", text)]).is_err(), "{text}");
        }
    }

    #[test]
    fn a_host_may_be_exempt() {
        let with = |list| proxy(&[("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", list)]).unwrap();
        for list in ["*", "hub.example.org", "x, .example.org", "example.org"] {
            assert_eq!(with(list), None, "{list}");
        }
        for list in ["", "ample.org", "other.org", ","] {
            assert!(with(list).is_some(), "{list}");
        }
    }
}
