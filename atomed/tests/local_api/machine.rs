//! A machine: a daemon within the test, its folder, and a way to ask it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use atomed::config::{Config, Environment};
use atomed::daemon::{self, DaemonError, Start};
use atomed::stop::Stop;
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::UnixStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A daemon that runs, and its folder.
pub(crate) struct Machine {
    pub(crate) dir: Arc<TempDir>,
    stop: Stop,
    running: JoinHandle<Result<(), DaemonError>>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }

    /// The body as JSON lines.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let text = std::str::from_utf8(&self.body).unwrap();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The answer of a request that had to go well.
    #[track_caller]
    pub(crate) fn good(self) -> Self {
        assert!(self.status.is_success(), "{self:?}");
        self
    }

    /// The code of a problem, whose status it must be.
    #[track_caller]
    pub(crate) fn problem(&self) -> String {
        assert!(!self.status.is_success(), "{self:?}");
        let problem = self.json();
        assert_eq!(problem["status"], self.status.as_u16(), "{problem}");
        problem["code"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn config(dir: &Path, more: &str) -> Config {
    let text = format!(
        "profile = \"development\"\nstate_dir = \"{0}/state\"\n[local]\nsocket = \"{0}/a.sock\"\n{more}",
        dir.display()
    );
    Config::parse(None, &text, &Environment::default()).unwrap()
}

impl Machine {
    /// A new one, fully offline.
    pub(crate) async fn new() -> Self {
        Self::start(Arc::new(tempfile::tempdir().unwrap()), "")
            .await
            .unwrap()
    }

    /// A new one with an account `alice` that the asker is logged in to.
    pub(crate) async fn with_alice() -> Self {
        let machine = Self::new().await;
        machine.create_account("alice").await.good();
        machine
    }

    /// Starts a daemon and waits until it is ready.
    pub(crate) async fn start(dir: Arc<TempDir>, more: &str) -> Result<Self, DaemonError> {
        let (ready, is_ready) = oneshot::channel();
        let stop = Stop::default();
        let config = config(dir.path(), more);
        let stops = stop.clone();
        let mut running = tokio::spawn(async move {
            let ready = || ready.send(()).unwrap();
            daemon::run(config, Start::plain(), stops, ready).await
        });
        tokio::select! {
            Ok(()) = is_ready => {}
            ended = &mut running => return Err(ended.unwrap().unwrap_err()),
        }
        Ok(Self { dir, stop, running })
    }

    /// Stops the daemon as SIGTERM does, and gives the folder.
    pub(crate) async fn stop(self) -> Arc<TempDir> {
        self.stop.order();
        self.running.await.unwrap().unwrap();
        self.dir
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("a.sock")
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        body: impl Into<Bytes>,
    ) -> http::Response<Incoming> {
        let stream = UnixStream::connect(self.socket()).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        let request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(path)
            .header("host", "atome")
            .body(Full::new(body.into()))
            .unwrap();
        sender.send_request(request).await.unwrap()
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, body: impl Into<Bytes>) -> Answer {
        let response = self.send(method, path, body).await;
        Answer {
            status: response.status(),
            body: response.into_body().collect().await.unwrap().to_bytes(),
        }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path, body.to_string()).await
    }

    pub(crate) async fn create_account(&self, name: &str) -> Answer {
        let body = serde_json::json!({ "name": name, "password": "correct horse" });
        self.post("/v1/accounts", &body).await
    }

    /// Writes operations, and gives the ids.
    pub(crate) async fn write(&self, operations: Value) -> Vec<String> {
        let body = serde_json::json!({ "operations": operations });
        let reply = self.post("/v1/commits", &body).await.good().json();
        let ids = reply["atomes"].as_array().unwrap();
        ids.iter()
            .map(|id| id.as_str().unwrap().to_owned())
            .collect()
    }

    /// All atomes as `export` prints them.
    pub(crate) async fn export(&self) -> String {
        let answer = self.get("/v1/atomes?format=seed").await.good();
        String::from_utf8(answer.body.to_vec()).unwrap()
    }
}
