//! The limits of this very machine: the disk, SQLite, the loopback.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use atome_tests::binaries::workspace_root;
use atome_tests::cargo::cargo;
use atome_tests::{Binaries, loopback};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;

use crate::failure::{Failure, Tried, differs};
use crate::samples::Samples;

/// What a write of the log of a database is at least.
const BLOCK: [u8; 4096] = [7; 4096];
/// As long as a small commit.
const MESSAGE_LEN: usize = 300;

#[derive(Deserialize)]
struct Found {
    figure: f64,
}

/// Builds the program that measures SQLite, as optimised as what it is compared with.
pub(crate) fn build() -> Tried {
    let arguments = [
        "build",
        "--release",
        "--quiet",
        "--workspace",
        "--example",
        "limits",
    ];
    let status = cargo(&workspace_root(), &arguments).status()?;
    if status.success() {
        Ok(())
    } else {
        differs(format!("the example 'limits' was not built ({status})"))
    }
}

/// What bare SQLite does in `folder`; atome-store/examples/limits.rs says what each is.
pub(crate) fn sqlite(binaries: &Binaries, folder: &Path, what: &str, count: u64) -> Tried<f64> {
    let mut command = std::process::Command::new(binaries.folder.join("examples/limits"));
    command.arg(folder).arg(what).arg(count.to_string());
    let output = command.output()?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return differs(format!("the limit '{what}' was not measured: {why}"));
    }
    Ok(serde_json::from_slice::<Found>(&output.stdout)?.figure)
}

/// Milliseconds of each of `count` appends of 4 KiB to a file in `folder`, with `fdatasync`, each after a `rest`.
pub(crate) fn appends(folder: &Path, count: usize, rest: Duration) -> Tried<Samples> {
    let path = folder.join("appended");
    let mut file = File::create(&path)?;
    let mut took = Vec::with_capacity(count);
    for _ in 0..count {
        std::thread::sleep(rest);
        let began = Instant::now();
        file.write_all(&BLOCK)?;
        file.sync_data()?;
        took.push(ms(began));
    }
    std::fs::remove_file(&path)?;
    Ok(Samples(took))
}

/// Milliseconds of each of `count` round trips of a small message over a WebSocket on the loopback, without TLS,
/// between two threads, each after a `rest`.
pub(crate) async fn round_trips(count: usize, rest: Duration) -> Tried<Samples> {
    let listener = TcpListener::bind((loopback::ADDRESS, 0)).await?;
    let address = listener.local_addr()?;
    let echo = tokio::spawn(async move {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let mut socket = tokio_tungstenite::accept_async(stream).await?;
        while let Some(Ok(message)) = socket.next().await {
            if message.is_close() {
                break;
            }
            socket.send(message).await?;
        }
        Ok::<_, Failure>(())
    });
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let url = format!("ws://{address}/");
    let (mut socket, _) = tokio_tungstenite::client_async(url, stream).await?;
    let mut took = Vec::with_capacity(count);
    for _ in 0..count {
        if !rest.is_zero() {
            tokio::time::sleep(rest).await;
        }
        let began = Instant::now();
        socket.send(Message::text("x".repeat(MESSAGE_LEN))).await?;
        if socket.next().await.transpose()?.is_none() {
            return differs("the echo went away");
        }
        took.push(ms(began));
    }
    socket.close(None).await?;
    echo.await??;
    Ok(Samples(took))
}

/// Milliseconds since then.
pub(crate) fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}
