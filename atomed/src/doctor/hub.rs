//! The way to the hub, step by step: its name, the connection, TLS, what answers there.
//!
//! All by the daemon's own dialler: the sandbox lets it connect to the hub's port and nowhere else.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use atome_proto::account::Server;
use atome_proto::local::v1::{Finding, FindingCode};
use atome_proto::sync::v1;
use atome_proto::{Code, Problem};
use rustls::CertificateError;
use tokio::time::timeout;

use crate::clock::wall_ms;
use crate::config::{Config, Remote};
use crate::hub_client::{HubClient, PATIENT};
use crate::sync::dial::{DialError, Dialer, Stream};

/// How long a name may take to be resolved.
const RESOLVE_LIMIT: Duration = Duration::from_secs(5);
/// How long it may take to connect, TLS included.
const DIAL_LIMIT: Duration = Duration::from_secs(15);
/// A certificate that ends earlier than this should have been renewed.
const DAYS_LEAST: u64 = 14;

/// What was found on the way.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) findings: Vec<Finding>,
    /// How far this machine's clock is ahead of the hub's, in milliseconds, where the hub told.
    pub(super) clock_ahead_ms: Option<i64>,
}

/// Goes as far as there is a way.
pub(super) async fn examine(config: &Config, hub: Option<&HubClient>) -> Told {
    let mut told = Told::default();
    let (Some(remote), Some(hub)) = (&config.remote, hub) else {
        told.findings.push(Finding::new(FindingCode::HubNone));
        return told;
    };
    let named = name(remote).await;
    let is_known = named.code == FindingCode::NameOk;
    told.findings.push(named);
    if !is_known {
        return told;
    }
    match timeout(DIAL_LIMIT, hub.dialer().dial()).await {
        Ok(Ok(stream)) => told.findings.push(connected(hub.dialer(), &stream)),
        Ok(Err(error)) => {
            told.findings.push(not_connected(&error));
            return told;
        }
        Err(_) => {
            let message = format!("The hub does not answer within {} s.", DIAL_LIMIT.as_secs());
            told.findings
                .push(Finding::new(FindingCode::HubUnreachable).message(message));
            return told;
        }
    }
    // Longer than what is waited for, so that it is this limit that tells.
    let asked = timeout(PATIENT, hub.server(PATIENT.saturating_mul(2))).await;
    if let Ok(Ok(server)) = &asked {
        let signed = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
        told.clock_ahead_ms = Some(signed(wall_ms()).saturating_sub(signed(server.timestamp)));
    }
    told.findings.push(answered(asked.ok()));
    told
}

async fn name(remote: &Remote) -> Finding {
    let (host, port) = remote.dialled();
    if host.parse::<IpAddr>().is_ok() {
        let message =
            format!("The hub is dialled by its address {host}; there is no name to resolve.");
        return Finding::new(FindingCode::NameOk).message(message);
    }
    let why = match timeout(RESOLVE_LIMIT, tokio::net::lookup_host((host, port))).await {
        Ok(Ok(found)) => {
            let found: Vec<String> = found.map(|address| address.ip().to_string()).collect();
            if !found.is_empty() {
                let message = format!("The name {host} has the address {}.", found.join(", "));
                return Finding::new(FindingCode::NameOk).message(message);
            }
            "it has no address".to_owned()
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer within {} s", RESOLVE_LIMIT.as_secs()),
    };
    Finding::new(FindingCode::NameUnresolved)
        .message(format!("The name {host} cannot be resolved: {why}."))
}

fn connected(dialer: &Dialer, stream: &Stream) -> Finding {
    let Stream::Tls(stream) = stream else {
        return Finding::new(FindingCode::TlsNone);
    };
    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let host = &dialer.endpoint().host;
    match dialer.days_left(certificates, wall_ms()) {
        Some(days) if days < DAYS_LEAST => {
            Finding::new(FindingCode::CertificateEnding).message(format!(
                "The certificate of {host}, or one above it, ends within {} days.",
                days + 1
            ))
        }
        Some(days) => Finding::new(FindingCode::TlsOk).message(format!(
            "The certificate of {host} is trusted, in its name, and good for {days} days more."
        )),
        // It was just checked in the handshake.
        None => Finding::new(FindingCode::TlsOk),
    }
}

fn not_connected(error: &DialError) -> Finding {
    let code = match error {
        DialError::Resolve(..) => FindingCode::NameUnresolved,
        DialError::OwnMachine(_) => FindingCode::HubIsHere,
        DialError::Connect(..) | DialError::Proxy(..) => FindingCode::HubUnreachable,
        DialError::Name(_) => FindingCode::CertificateName,
        DialError::Tls(_, error) => of_tls(error),
    };
    Finding::new(code).message(sentence(&error.to_string()))
}

/// What is wrong with TLS, by what the TLS library says of it.
fn of_tls(error: &io::Error) -> FindingCode {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let Some(rustls::Error::InvalidCertificate(why)) = inner else {
        return FindingCode::TlsFailed;
    };
    if matches!(
        why,
        CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
    ) {
        FindingCode::CertificateOver
    } else if matches!(
        why,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. }
    ) {
        FindingCode::CertificateName
    } else {
        FindingCode::CertificateUntrusted
    }
}

fn answered(answer: Option<Result<Server, Problem>>) -> Finding {
    match answer {
        Some(Ok(server)) => of_server(&server),
        Some(Err(problem)) if matches!(problem.code, Code::Busy | Code::Stopping) => {
            Finding::new(FindingCode::HubUnreachable).message(sentence(&problem.detail))
        }
        Some(Err(problem)) => {
            let message = format!(
                "What answers at the hub's address is no Atome hub: {}.",
                problem.detail
            );
            Finding::new(FindingCode::HubStrange).message(message)
        }
        None => Finding::new(FindingCode::HubUnreachable).message(format!(
            "The hub does not answer within {} s.",
            PATIENT.as_secs()
        )),
    }
}

fn of_server(server: &Server) -> Finding {
    let theirs: Vec<String> = server.protocols.iter().map(u32::to_string).collect();
    let theirs = theirs.join(", ");
    let (code, message) = if server.protocols.contains(&v1::VERSION) {
        let message = format!(
            "The hub is {} {}, speaks version {theirs} of the sync protocol, and registration is {}.",
            server.name, server.version, server.registration
        );
        (FindingCode::HubOk, message)
    } else {
        let message = format!(
            "The hub ({}) speaks version {theirs} of the sync protocol, this daemon ({}) version {}; local \
             work goes on.",
            server.version,
            env!("CARGO_PKG_VERSION"),
            v1::VERSION
        );
        (FindingCode::VersionSkew, message)
    };
    Finding::new(code).message(message)
}

/// An error's text as a sentence.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().into_iter().flat_map(char::to_uppercase);
    let whole: String = first.chain(chars).collect();
    format!("{}.", whole.trim_end_matches('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_certificate_is_told_apart() {
        let code = |why| {
            let error = io::Error::other(rustls::Error::InvalidCertificate(why));
            not_connected(&DialError::Tls("hub.example.org".to_owned(), error)).code
        };
        assert_eq!(
            code(CertificateError::Expired),
            FindingCode::CertificateOver
        );
        assert_eq!(
            code(CertificateError::NotValidYet),
            FindingCode::CertificateOver
        );
        assert_eq!(
            code(CertificateError::NotValidForName),
            FindingCode::CertificateName
        );
        assert_eq!(
            code(CertificateError::UnknownIssuer),
            FindingCode::CertificateUntrusted
        );
        let plain = DialError::Tls("h".to_owned(), io::ErrorKind::UnexpectedEof.into());
        assert_eq!(not_connected(&plain).code, FindingCode::TlsFailed);
    }

    #[test]
    fn another_version_and_another_program_are_told_apart() {
        let server = |protocols| Server {
            name: "atome-server".to_owned(),
            version: "9.0.0".to_owned(),
            protocols,
            registration: "open".to_owned(),
            timestamp: 0,
        };
        let told = |answer| answered(Some(answer)).code;
        assert_eq!(told(Ok(server(vec![v1::VERSION]))), FindingCode::HubOk);
        assert_eq!(told(Ok(server(vec![99]))), FindingCode::VersionSkew);
        let problem = |code| Err(Problem::new(code, "x"));
        assert_eq!(told(problem(Code::Unsupported)), FindingCode::HubStrange);
        assert_eq!(told(problem(Code::Busy)), FindingCode::HubUnreachable);
        assert_eq!(answered(None).code, FindingCode::HubUnreachable);
    }
}
