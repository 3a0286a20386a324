//! Dialling: through a proxy, and never to this very machine in production.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests: what goes wrong in them fails the test"
)]

use std::net::IpAddr;

use atome_proto::runtime::Profile;
use atomed::config::{Endpoint, Proxy, Remote};
use atomed::sync::dial::{DialError, Dialer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

const OWN: [u8; 4] = [127, 0, 0, 1];

fn remote(endpoint: &str, proxy: Option<Proxy>) -> Remote {
    Remote {
        endpoint: Endpoint::parse(endpoint).unwrap(),
        ca_file: None,
        proxy,
    }
}

/// Dials through a proxy that gives `answer`; what comes out, and what the proxy was asked.
async fn through(answer: &'static str) -> (Result<String, DialError>, String) {
    let listener = TcpListener::bind((IpAddr::from(OWN), 0)).await.unwrap();
    let proxy = Proxy {
        host: IpAddr::from(OWN).to_string(),
        port: listener.local_addr().unwrap().port(),
    };
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            asked.push(stream.read_u8().await.unwrap());
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        String::from_utf8(asked).unwrap()
    };
    let dial = async {
        let remote = remote("ws://hub.example.org:8080", Some(proxy));
        let dialer = Dialer::new(&remote, Profile::Development).unwrap();
        let mut stream = dialer.dial().await?;
        let mut rest = String::new();
        stream.read_to_string(&mut rest).await.unwrap();
        Ok(rest)
    };
    let (asked, dialled) = tokio::join!(serve, dial);
    (dialled, asked)
}

#[tokio::test]
async fn a_proxy_connects_on() {
    let (dialled, asked) = through("HTTP/1.1 200 fine\r\nx: y\r\n\r\nhello").await;
    assert_eq!(
        dialled.unwrap(),
        "hello",
        "what follows the head is the hub's"
    );
    assert!(
        asked.starts_with("CONNECT hub.example.org:8080 HTTP/1.1\r\n"),
        "{asked}"
    );
    let (dialled, _) = through("HTTP/1.1 403 no\r\n\r\n").await;
    assert!(matches!(dialled, Err(DialError::Proxy(..))), "{dialled:?}");
}

#[tokio::test]
async fn a_name_of_this_machine_is_not_dialled_in_production() {
    let own = concat!("ws://local", "host:9");
    let dialer = Dialer::new(&remote(own, None), Profile::Production).unwrap();
    let refused = dialer.dial().await;
    assert!(
        matches!(refused, Err(DialError::OwnMachine(_))),
        "{refused:?}"
    );
}
