//! `GET /v1/backup` and `POST /v1/restore-backup`: a whole store as one file, streamed.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use atome_proto::{Code, Problem};
use atome_store::{Fault, StoreError};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::reply::{self, Handled};
use super::route::Asked;
use crate::store_problem::problem;

/// How long the next part of a file may take to come.
const PART_TIMEOUT: Duration = Duration::from_secs(60);

pub(super) async fn back_up(mut asked: Asked<'_>) -> Handled {
    let named = asked.query.text("account")?;
    asked.query.done()?;
    let accounts = &asked.shared.accounts;
    let file = accounts.back_up(asked.peer, named.as_deref()).await?;
    let len = file.metadata().map_err(|error| failed(&error))?.len();
    Ok(reply::file(file, len))
}

pub(super) async fn restore(asked: Asked<'_>) -> Handled {
    asked.query.done()?;
    asked.shared.room.for_writes()?;
    let accounts = &asked.shared.accounts;
    let place = accounts.place_for_backup();
    let taken = match receive(asked.body, &place).await {
        Ok(()) => accounts.restore_backup(asked.peer, &place).await,
        Err(why) => Err(why),
    };
    // It may never have been made.
    if let Err(error) = std::fs::remove_file(&place)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "a backup that came in was not removed");
    }
    reply::ok(&accounts.view(&taken?))
}

/// Writes a body to a file as it comes.
async fn receive(mut body: Incoming, place: &Path) -> Result<(), Problem> {
    let mut options = tokio::fs::OpenOptions::new();
    let made = options.write(true).create_new(true).mode(0o600).open(place);
    let mut file = made.await.map_err(|error| failed(&error))?;
    loop {
        let part = timeout(PART_TIMEOUT, body.frame()).await.map_err(|_| {
            let message = format!("nothing came for {} s", PART_TIMEOUT.as_secs());
            Problem::new(Code::TimedOut, message)
        })?;
        let Some(part) = part else { break };
        let part = part.map_err(|error| {
            Problem::new(Code::BadRequest, format!("the body broke off: {error}"))
        })?;
        if let Ok(bytes) = part.into_data() {
            file.write_all(&bytes)
                .await
                .map_err(|error| failed(&error))?;
        }
    }
    file.flush().await.map_err(|error| failed(&error))
}

fn failed(error: &io::Error) -> Problem {
    problem(&StoreError::Fault(Fault::from_io(error)))
}

/// Reads a part of a file; empty at its end.
pub(super) fn read_part(file: &File, part_len: usize) -> io::Result<Vec<u8>> {
    use std::io::Read;
    let mut part = Vec::new();
    let limit = u64::try_from(part_len).unwrap_or(u64::MAX);
    file.take(limit).read_to_end(&mut part)?;
    Ok(part)
}
