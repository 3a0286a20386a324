//! Junk on the socket: refused, and the daemon goes on.

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use crate::machine::Machine;

#[tokio::test(flavor = "multi_thread")]
async fn junk_is_refused_and_the_daemon_goes_on() {
    let machine = Machine::with_alice().await;
    let long_head = format!(
        "GET /v1/version HTTP/1.1\r\nx: {}\r\n\r\n",
        "x".repeat(1 << 20)
    );
    let many_heads = format!(
        "GET /v1/version HTTP/1.1\r\n{}\r\n",
        "x: y\r\n".repeat(1000)
    );
    let junk: [&[u8]; 6] = [
        b"\0\xff\xfe\x80 junk \r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/commits HTTP/1.1\r\nhost: a\r\ncontent-length: -1\r\n\r\n",
        long_head.as_bytes(),
        many_heads.as_bytes(),
    ];
    for bytes in junk {
        let mut stream = UnixStream::connect(machine.socket()).await.unwrap();
        // The daemon may hang up before it has read all of it.
        let _ = stream.write_all(bytes).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP/1.1 2"), "{answer:?}");
    }
    for (method, path, body, code) in [
        ("POST", "/v1/commits", "{", "bad_request"),
        ("POST", "/v1/commits", "\u{0}", "bad_request"),
        ("POST", "/v1/commits", "[1]", "bad_data"),
        ("POST", "/v1/seed", "\u{7f}", "bad_data"),
        ("GET", "/", "", "not_found"),
        ("GET", "/v2/version", "", "not_found"),
        ("GET", "/v1/sync/nothing", "", "not_found"),
        ("GET", "/v1/atomes/a/b/c", "", "not_found"),
        ("GET", "/v1/atomes/%ff", "", "bad_request"),
        ("DELETE", "/v1/version", "", "bad_request"),
    ] {
        let answer = machine.ask(method, path, body).await;
        assert_eq!(answer.problem(), code, "{method} {path}");
    }
    let not_utf8 = machine
        .ask("POST", "/v1/seed", Bytes::from_static(b"\xff\xfe"))
        .await;
    assert_eq!(not_utf8.problem(), "bad_data");
    let huge = "x".repeat((16 << 20) + 1);
    let mut stream = UnixStream::connect(machine.socket()).await.unwrap();
    let head = format!(
        "POST /v1/seed HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n",
        huge.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 413", "told before the body is read");
    machine.get("/v1/version").await.good();
    machine.stop().await;
}
