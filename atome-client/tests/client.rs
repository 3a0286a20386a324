//! The client against a small server of its own on a socket in a temporary directory.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::convert::Infallible;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use atome_client::{Client, ClientError, Why};
use atome_proto::account::Secret;
use atome_proto::local::v1::{
    Alteration, DirectorySource, ListQuery, Mode, NewPassword, RemoveAccount, Resolve, SetMode,
    TreeLine, Write,
};
use atome_proto::{Code, Problem};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::net::UnixListener;

type Answer = Response<BoxBody<Bytes, std::io::Error>>;

/// What a server saw: one line a request, and the number of connections.
#[derive(Default)]
struct Seen {
    requests: Vec<String>,
    connections: usize,
}

struct Server {
    folder: TempDir,
    seen: Arc<Mutex<Seen>>,
}

impl Server {
    fn socket(&self) -> PathBuf {
        self.folder.path().join("s")
    }

    fn client(&self) -> Client {
        Client::new(self.socket())
    }

    fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().requests.clone()
    }

    fn connections(&self) -> usize {
        self.seen.lock().unwrap().connections
    }
}

/// Starts a server that answers by a function of the request line; with `once` it closes each connection
/// after one answer, without saying so beforehand.
fn serve(once: bool, answer: fn(&str) -> Answer) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join("s")).unwrap();
    let seen = Arc::new(Mutex::new(Seen::default()));
    let shared = seen.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            shared.lock().unwrap().connections += 1;
            let seen = shared.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let seen = seen.clone();
                async move {
                    let line = format!("{} {}", request.method(), request.uri());
                    let body = request.into_body().collect().await.unwrap().to_bytes();
                    let body = String::from_utf8(body.to_vec()).unwrap();
                    let whole = format!("{line} {body}").trim_end().to_owned();
                    seen.lock().unwrap().requests.push(whole);
                    Ok::<_, Infallible>(answer(&line))
                }
            });
            tokio::spawn(async move {
                let connection =
                    http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                if once {
                    let _ = connection.without_shutdown().await;
                } else {
                    let _ = connection.await;
                }
            });
        }
    });
    Server { folder, seen }
}

fn text(status: u16, body: impl Into<Bytes>) -> Answer {
    let body = Full::new(body.into()).map_err(|never| match never {});
    Response::builder()
        .status(status)
        .body(body.boxed())
        .unwrap()
}

fn json(value: &impl serde::Serialize) -> Answer {
    text(200, serde_json::to_vec(value).unwrap())
}

/// A body that comes in the pieces given and then ends, or breaks off.
struct Pieces {
    pieces: Vec<&'static str>,
    breaks: bool,
    flushed: bool,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if self.pieces.is_empty() && !self.flushed {
            // Lets the server send what it has before the end.
            self.flushed = true;
            context.waker().wake_by_ref();
            return std::task::Poll::Pending;
        }
        std::task::Poll::Ready(match self.pieces.first().copied() {
            Some(piece) => {
                self.pieces.remove(0);
                Some(Ok(Frame::data(Bytes::from(piece))))
            }
            None if self.breaks => Some(Err(std::io::Error::other("broken"))),
            None => None,
        })
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

fn pieces(pieces: &[&'static str], breaks: bool) -> Answer {
    let pieces = pieces.to_vec();
    let flushed = false;
    Response::new(
        Pieces {
            pieces,
            breaks,
            flushed,
        }
        .boxed(),
    )
}

#[tokio::test]
async fn requests_go_where_the_contract_says() {
    let server = serve(false, |line| match line.split(['?', ' ']).nth(1).unwrap() {
        "/v1/commits" => json(&serde_json::json!({
            "replica": "00000000000000ab", "number": 1, "atomes": []
        })),
        "/v1/atomes" => text(200, ""),
        _ => text(204, ""),
    });
    let client = server.client().with_account(Some("anna b"));
    let reply = client.write(&Write::default()).await.unwrap();
    assert_eq!(reply.number, 1);
    let query = ListQuery {
        type_name: Some("t".into()),
        wheres: vec!["a = 1".into(), "b>2".into()],
        limit: Some(3),
        deleted: true,
        ..ListQuery::default()
    };
    assert!(client.list(&query).await.unwrap().next().await.is_none());
    client.sync_now().await.unwrap();
    let mode = SetMode {
        mode: Mode::Interval,
        every_min: Some(5),
        window_min: None,
    };
    client.sync_mode(&mode).await.unwrap();
    client.sync_retry(7).await.unwrap();
    client.sync_discard(7).await.unwrap();
    assert_eq!(
        server.requests(),
        [
            r#"POST /v1/commits?account=anna%20b {"operations":[],"receipt":false}"#,
            "GET /v1/atomes?account=anna%20b&type=t&limit=3&deleted=true&where=a%20%3D%201&where=b%3E2",
            "POST /v1/sync/now?account=anna%20b",
            r#"PUT /v1/sync/mode?account=anna%20b {"mode":"interval","everyMin":5}"#,
            "POST /v1/sync/refused/7/retry?account=anna%20b",
            "DELETE /v1/sync/refused/7?account=anna%20b",
        ]
    );
    assert_eq!(server.connections(), 1, "the connection is kept");
}

#[tokio::test]
async fn requests_about_accounts_go_where_the_contract_says() {
    let server = serve(false, |line| match line.split(['?', ' ']).nth(1).unwrap() {
        path if path.ends_with("/resolve") => json(&serde_json::json!({
            "id": "0198c0de-0000-7000-8000-00000000000a", "name": "bo", "visibility": "public",
            "state": "registering", "created_at": "2026-11-23T10:00:00Z"
        })),
        path if path.starts_with("/v1/directory") => json(&serde_json::json!({
            "source": "cache", "as_of": "2026-11-23T10:00:00Z", "age_ms": 5, "entries": []
        })),
        "/v1/sessions" if line.starts_with("GET") => text(200, "[]"),
        "/v1/sessions" => text(200, r#"{"revoked":2}"#),
        _ => text(204, ""),
    });
    let client = server.client().with_account(Some("anna b"));
    assert_eq!(client.account(), Some("anna b"));
    let secret = |text: &str| Secret(text.into());
    let new = NewPassword {
        password: secret("old"),
        new_password: secret("new"),
        revoke_others: true,
    };
    client.change_password("anna b", &new).await.unwrap();
    let remove = RemoveAccount::default();
    client.delete_account("anna b", &remove).await.unwrap();
    let way = Resolve::Alter(Alteration {
        name: Some("bo".into()),
        ..Alteration::default()
    });
    let account = client.resolve_account("anna b", &way).await.unwrap();
    assert_eq!(account.name, "bo");
    assert!(client.sessions().await.unwrap().is_empty());
    client.revoke_session("0198").await.unwrap();
    assert_eq!(client.revoke_other_sessions().await.unwrap().revoked, 2);
    let page = client.directory(Some("é"), Some("b"), Some(7)).await;
    assert_eq!(page.unwrap().source, DirectorySource::Cache);
    client.directory(None, None, None).await.unwrap();
    client.directory_by_name("bo").await.unwrap();
    client.directory_by_phone("+41").await.unwrap();
    assert_eq!(
        server.requests(),
        [
            r#"POST /v1/accounts/anna%20b/password {"password":"old","new_password":"new","revoke_others":true}"#,
            r#"POST /v1/accounts/anna%20b/delete {"local_only":false,"discard":false}"#,
            r#"POST /v1/accounts/anna%20b/resolve {"alter":{"name":"bo"}}"#,
            "GET /v1/sessions?account=anna%20b",
            "DELETE /v1/sessions/0198?account=anna%20b",
            "DELETE /v1/sessions?account=anna%20b&others=true",
            "GET /v1/directory?account=anna%20b&find=%C3%A9&after=b&limit=7",
            "GET /v1/directory?account=anna%20b",
            "GET /v1/directory/lookup?account=anna%20b&name=bo",
            "GET /v1/directory/lookup?account=anna%20b&phone=%2B41",
        ]
    );
}

#[tokio::test]
async fn a_stale_connection_is_dialled_again() {
    let server = serve(true, |_| text(200, "[]"));
    let client = server.client();
    for _ in 0..3 {
        assert!(client.whoami().await.unwrap().is_empty());
    }
    assert_eq!(server.requests().len(), 3);
}

#[tokio::test]
async fn requests_at_once_have_connections_of_their_own() {
    let server = serve(false, |_| text(200, "[]"));
    let client = server.client();
    let (one, two) = tokio::join!(client.whoami(), client.accounts());
    assert!(one.unwrap().is_empty() && two.unwrap().is_empty());
    assert_eq!(server.connections(), 2);
    client.whoami().await.unwrap();
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn lines_are_read_across_pieces() {
    let server = serve(false, |_| {
        pieces(
            &[
                "{\"depth\":0,\"id\":\"00000000-0000-0000-0000-0000000000",
                "01\",\"type\":\"a\"}\n\n{\"depth\":1,",
                "\"id\":\"00000000-0000-0000-0000-000000000002\",\"type\":\"b\"}",
            ],
            false,
        )
    });
    let mut lines = server.client().tree(None).await.unwrap();
    let mut types = Vec::new();
    while let Some(line) = lines.next().await {
        let line: TreeLine = line.unwrap();
        types.push((line.depth, line.type_name));
    }
    assert_eq!(types, [(0, "a".to_owned()), (1, "b".to_owned())]);
}

#[tokio::test]
async fn lines_that_break_off_say_so() {
    let server = serve(false, |_| pieces(&["{\"type\":\"a\"}\n{\"ty"], true));
    let mut lines = server.client().export(&ListQuery::default()).await.unwrap();
    assert!(lines.next_line().await.unwrap().is_ok());
    let error = lines.next_line().await.unwrap().unwrap_err();
    assert_eq!(error.code(), Code::NoDaemon, "{error}");
    assert!(lines.next_line().await.is_none());
}

#[tokio::test]
async fn a_problem_among_the_lines_ends_them() {
    let server = serve(false, |_| {
        pieces(
            &["{\"type\":\"a\"}\n{\"code\":\"internal\",\"status\":500,\"detail\":\"disk\"}\n"],
            false,
        )
    });
    let mut lines = server.client().export(&ListQuery::default()).await.unwrap();
    assert_eq!(lines.next().await.unwrap().unwrap().type_name, "a");
    let error = lines.next().await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "disk");
    assert!(lines.next().await.is_none());
}

#[tokio::test]
async fn the_daemons_problem_comes_through() {
    let server = serve(false, |_| {
        let problem = Problem::new(Code::NotFound, "no such atome").hint("look again");
        text(404, serde_json::to_vec(&problem).unwrap())
    });
    let error = server.client().get("x").await.unwrap_err();
    let ClientError::Problem(problem) = error else {
        panic!("{error}");
    };
    assert_eq!(problem.code, Code::NotFound);
    assert_eq!(problem.hint.as_deref(), Some("look again"));
}

#[tokio::test]
async fn what_cannot_be_read_is_a_protocol_error() {
    let server = serve(false, |line| match line {
        "GET /v1/version" => text(200, "<html>"),
        _ => text(500, "<html>"),
    });
    for error in [
        server.client().version().await.unwrap_err(),
        server.client().runtime().await.unwrap_err(),
    ] {
        assert!(matches!(error, ClientError::Protocol(_)), "{error}");
    }
}

async fn why(path: &Path) -> Why {
    let error = Client::new(path).version().await.unwrap_err();
    let ClientError::NoDaemon { why, .. } = error else {
        panic!("{error}");
    };
    why
}

#[tokio::test]
async fn it_says_why_there_is_no_daemon() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    assert!(matches!(why(&at("none")).await, Why::Missing));
    std::fs::write(at("file"), "").unwrap();
    assert!(matches!(why(&at("file")).await, Why::NotASocket));
    assert!(matches!(why(&at("file/below")).await, Why::Missing));
    drop(UnixListener::bind(at("dead")).unwrap());
    assert!(matches!(why(&at("dead")).await, Why::Refused));
}

#[tokio::test]
async fn whoever_does_not_speak_http_is_no_daemon() {
    let folder = tempfile::tempdir().unwrap();
    let junk = folder.path().join("junk");
    let listener = std::os::unix::net::UnixListener::bind(&junk).unwrap();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"SSH-2.0-other\r\n\r\n").unwrap();
        let (stream, _) = listener.accept().unwrap();
        drop(stream);
    });
    assert!(matches!(why(&junk).await, Why::NotADaemon));
    assert!(matches!(why(&junk).await, Why::WentAway));
    thread.join().unwrap();
}

#[tokio::test]
async fn it_waits_no_longer_than_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mute = folder.path().join("mute");
    let _listener = UnixListener::bind(&mute).unwrap();
    let client = Client::new(&mute).with_timeout(Some(Duration::from_millis(20)));
    let error = client.version().await.unwrap_err();
    assert_eq!(error.code(), Code::TimedOut, "{error}");
}
