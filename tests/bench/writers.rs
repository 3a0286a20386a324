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

/// Writes `count` records by so many clients at once.
pub(crate) async fn write(socket: &Path, count: u64, clients: usize) -> Tried {
    write_until(socket, count, clients, None).await.map(drop)
}

/// Records a second that so many clients at once write, in so much time.
pub(crate) async fn rate(socket: &Path, clients: usize, time: Duration) -> Tried<f64> {
    let end = Instant::now() + time;
    write_until(socket, u64::MAX, clients, Some(end)).await
}

/// Writes until there are enough or it is time; gives records a second.
async fn write_until(
    socket: &Path,
    count: u64,
    clients: usize,
    end: Option<Instant>,
) -> Tried<f64> {
    let next = Arc::new(AtomicU64::new(0));
    let began = Instant::now();
    let clients = (0..clients).map(|_| {
        let (next, client) = (Arc::clone(&next), Client::new(socket));
        tokio::spawn(async move {
            let mut written = 0;
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= count || end.is_some_and(|end| Instant::now() >= end) {
                    return Ok::<_, Failure>(written);
                }
                client.write(&commit(n)?).await?;
                written += 1;
            }
        })
    });
    let mut written = 0_u64;
    for client in clients.collect::<Vec<_>>() {
        written += client.await??;
    }
    Ok(written as f64 / began.elapsed().as_secs_f64())
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
