//! Sync as a person steers and asks it.

use std::time::Duration;

use atome_proto::local::v1::{SetMode, SyncStatus};
use atome_proto::{Code, Problem};
use tokio::time::sleep;

use super::Shared;
use super::reply::{self, Handled};
use super::route::Asked;
use crate::accounts::{Account, Selected};
use crate::clock;
use crate::store_problem::problem;
use crate::sync::Handle;

mod verify;
mod wait;

pub(super) use verify::verify;
pub(super) use wait::wait;

/// Minutes of a day, for a window of mode `interval`.
const DAY_MIN: u16 = 24 * 60;

pub(super) async fn status(mut asked: Asked<'_>) -> Handled {
    let Selected { account, row } = asked.selected().await?;
    asked.query.done()?;
    let position = account.store.position().await.map_err(|e| problem(&e))?;
    let (schedule, _) = account.schedule().await?;
    let progress = account.sync.as_ref().map(|sync| sync.view().progress);
    let now_ms = clock::now().mono_ms;
    reply::ok(&SyncStatus {
        account: account.status(&row).await?,
        schedule,
        replica: position.replica,
        number: position.number,
        acked: position.acked,
        hub: position.hub.map(|(hub, _)| hub),
        epoch: position.hub.map(|(_, epoch)| epoch),
        connected: progress.as_ref().is_some_and(|p| p.connected),
        next_attempt_ms: progress
            .and_then(|p| p.next_attempt_ms)
            .map(|at| at.saturating_sub(now_ms)),
    })
}

pub(super) async fn now(mut asked: Asked<'_>) -> Handled {
    let account = asked.account().await?;
    asked.query.done()?;
    let sync = driver(&account)?;
    asked.shared.accounts.keep_now();
    sync.sync_now().await?;
    reply::done()
}

pub(super) async fn pause(mut asked: Asked<'_>, paused: bool) -> Handled {
    let account = asked.account().await?;
    asked.query.done()?;
    account
        .store
        .set_paused(paused)
        .await
        .map_err(|e| problem(&e))?;
    changed(asked.shared, &account).await
}

pub(super) async fn mode(mut asked: Asked<'_>) -> Handled {
    let account = asked.account().await?;
    std::mem::take(&mut asked.query).done()?;
    let mode: SetMode = asked.shared.bodies.json(asked.body).await?;
    check(&mode)?;
    account
        .store
        .set_schedule(mode)
        .await
        .map_err(|e| problem(&e))?;
    changed(asked.shared, &account).await
}

async fn changed(shared: &Shared, account: &Account) -> Handled {
    if let Some(sync) = &account.sync {
        sync.schedule_changed().await?;
    }
    shared.accounts.keep_now();
    reply::done()
}

fn check(mode: &SetMode) -> Result<(), Problem> {
    let bad = |why: &str| Err(Problem::new(Code::BadRequest, why));
    if mode.every_min == Some(0) {
        return bad("an interval has one minute at least");
    }
    match mode.window_min {
        Some((from, to)) if from >= DAY_MIN || to > DAY_MIN => {
            bad("a window of the day is given in minutes from midnight, 0 to 1440")
        }
        Some((from, to)) if from == to => {
            bad("a window of the day that begins as it ends is empty")
        }
        Some(_) | None => Ok(()),
    }
}

pub(super) async fn refused(mut asked: Asked<'_>) -> Handled {
    let account = asked.account().await?;
    asked.query.done()?;
    let refused = account.store.refused().await;
    reply::ok(&refused.map_err(|e| problem(&e))?)
}

pub(super) async fn retry(mut asked: Asked<'_>, number: &str) -> Handled {
    let account = asked.account().await?;
    asked.query.done()?;
    asked.shared.room.for_writes()?;
    let retried = account
        .store
        .retry_refused(parse(number)?, clock::now())
        .await;
    retried.map_err(|e| problem(&e))?;
    reply::done()
}

pub(super) async fn discard(mut asked: Asked<'_>, number: &str) -> Handled {
    let account = asked.account().await?;
    asked.query.done()?;
    let discarded = account.store.discard_refused(parse(number)?).await;
    discarded.map_err(|e| problem(&e))?;
    reply::done()
}

fn parse(number: &str) -> Result<u64, Problem> {
    number.parse().map_err(|_| {
        Problem::new(Code::BadRequest, format!("'{number}' is no commit number"))
            .hint("'atomectl sync refused' lists them")
    })
}

/// The driver of an account, where there is a hub.
fn driver(account: &Account) -> Result<&Handle, Problem> {
    account.sync.as_ref().ok_or_else(|| {
        Problem::new(Code::NoHub, "the daemon's configuration names no hub")
            .hint("set [remote] endpoint in the daemon's configuration and restart it")
    })
}

/// Waits for so long; for ever where there is no limit.
async fn limited(limit: Option<Duration>) {
    match limit {
        Some(limit) => sleep(limit).await,
        None => std::future::pending().await,
    }
}
