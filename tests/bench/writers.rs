//! Clients of a daemon that write one record after another through its socket, one commit each.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use atome_client::Client;
use atome_proto::local::v1::{NewAtome, Operation, Write};
use atome_proto::seed::Record;

use crate::failure::{Failure, Tried};
use crate::record;

/// Records whose commits are made before the time begins, to be written again and again.
const PREPARED: u64 = 1_000;

/// Writes `count` records by so many clients at once.
pub(crate) async fn write(socket: &Path, count: u64, clients: usize) -> Tried {
    let written = write_until(socket, clients, None, move |n| {
        (n < count).then(|| commit(n)).transpose()
    });
    written.await.map(drop)
}

/// Records a second that so many clients at once write, in so much time.
pub(crate) async fn rate(socket: &Path, clients: usize, time: Duration) -> Tried<f64> {
    let commits = (0..PREPARED).map(commit).collect::<Tried<Vec<_>>>()?;
    let next = move |n| Ok(commits.get((n % PREPARED) as usize).cloned());
    write_until(socket, clients, Some(time), next).await
}

/// Writes until there is no `next` one or it is time; gives records a second.
///
/// All clients are on one thread, as a script is: it wakes no other to read an answer.
async fn write_until(
    socket: &Path,
    clients: usize,
    time: Option<Duration>,
    next: impl Fn(u64) -> Tried<Option<Write>> + Send + Sync + 'static,
) -> Tried<f64> {
    let socket = socket.to_owned();
    let work = move || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build()?;
        runtime.block_on(async {
            let (next, taken) = (Arc::new(next), Arc::new(AtomicU64::new(0)));
            let began = Instant::now();
            let clients = (0..clients).map(|_| {
                let (next, taken) = (Arc::clone(&next), Arc::clone(&taken));
                let client = Client::new(&socket);
                tokio::spawn(async move {
                    let mut written = 0;
                    while time.is_none_or(|time| began.elapsed() < time)
                        && let Some(commit) = next(taken.fetch_add(1, Ordering::Relaxed))?
                    {
                        client.write(&commit).await?;
                        written += 1;
                    }
                    Ok::<_, Failure>(written)
                })
            });
            let mut written = 0_u64;
            for client in clients.collect::<Vec<_>>() {
                written += client.await??;
            }
            Ok(written as f64 / began.elapsed().as_secs_f64())
        })
    };
    tokio::task::spawn_blocking(work).await?
}

/// The commit that makes record `n`.
fn commit(n: u64) -> Tried<Write> {
    let record = Record::parse(&record::line(n, false))?;
    let create = NewAtome {
        type_name: "note".to_owned(),
        ..NewAtome::default()
    };
    let operation = Operation {
        create: Some(create),
        set: record.properties,
        ..Operation::default()
    };
    Ok(Write {
        operations: vec![operation],
        receipt: false,
    })
}
