//! `POST /v1/sync/wait`: until the store is as the hub is, or time runs out, and then why.

use std::time::Duration;

use atome_engine::replica::Position;
use atome_proto::local::v1::{Mode, WaitReply};
use atome_proto::receipt::{BadReceipt, Receipt};
use atome_proto::sync::v1::Standing;
use atome_proto::time::to_rfc3339;
use atome_proto::{Code, Problem};

use super::{driver, limited};
use crate::accounts::{Account, Registration};
use crate::api::reply::{self, Handled};
use crate::api::route::Asked;
use crate::store_problem::problem;
use crate::sync::{Handle, stopping};

pub(crate) async fn wait(mut asked: Asked<'_>) -> Handled {
    let account = asked.account().await?;
    let timeout_ms: Option<u64> = asked.query.number("timeout_ms")?;
    let receipt = asked.query.text("receipt")?;
    let receipt = receipt.as_deref().map(read_receipt).transpose()?;
    asked.query.done()?;
    let limit = match timeout_ms {
        None => Some(Duration::from_secs(60)),
        Some(0) => None,
        Some(ms) => Some(Duration::from_millis(ms)),
    };
    let sync = driver(&account)?;
    // Whoever waits wishes for an attempt now.
    asked.shared.accounts.keep_now();
    if let Some(receipt) = &receipt {
        check_hub(&account, receipt).await?;
    }
    let waited = sync.wait(receipt).await?;
    let stop = asked.shared.stop.clone();
    let waited = tokio::select! {
        waited = waited => waited.map_err(|_| too_many())?,
        hopeless = hopeless(&account, sync) => return Err(hopeless),
        () = stop.ordered() => return Err(stopping()),
        () = limited(limit) => return Err(ran_out(&account, sync).await?),
    };
    if let Some(problem) = waited.standing.and_then(became) {
        return Err(problem);
    }
    reply::ok(&proof(&account, waited.position).await?)
}

fn read_receipt(text: &str) -> Result<Receipt, Problem> {
    text.parse()
        .map_err(|error: BadReceipt| Problem::new(Code::BadRequest, error.to_string()))
}

/// A receipt that another hub's machine gave is not waited for.
async fn check_hub(account: &Account, receipt: &Receipt) -> Result<(), Problem> {
    let position = account.store.position().await.map_err(|e| problem(&e))?;
    if let Some(((theirs, _), (ours, _))) = receipt.hub.zip(position.hub)
        && theirs != ours
    {
        let detail = format!("the receipt is of hub {theirs}, this account's is {ours}");
        return Err(Problem::new(Code::NotFound, detail));
    }
    Ok(())
}

/// Why it cannot be said that the hub has taken the commit; `None` where it has.
fn became(standing: Standing) -> Option<Problem> {
    match standing {
        Standing::Accepted | Standing::Deferred => None,
        Standing::Refused => Some(
            Problem::new(Code::Refused, "the hub has refused the write")
                .hint("'atomectl sync refused' says why, on the machine that wrote it"),
        ),
        Standing::Renumbered => Some(
            Problem::new(
                Code::Conflict,
                "the write was given another number, since a copy of its machine's store was at work",
            )
            .hint("nothing is lost: 'atomectl sync wait' on the machine that wrote it waits for it"),
        ),
        Standing::Unknown => Some(
            Problem::new(Code::Unsupported, "the hub is too old to know receipts")
                .hint("upgrade the hub, or use 'atomectl sync wait' on both machines"),
        ),
    }
}

/// What shows that it is true.
async fn proof(account: &Account, position: Position) -> Result<WaitReply, Problem> {
    // The cursor and the digest of one moment, which is that of the answer or later.
    let (feed, buckets) = account.store.digest().await.map_err(|e| problem(&e))?;
    let (hub, epoch) = position.hub.ok_or_else(|| {
        let detail = "the store was said to be synced, and knows no hub";
        Problem::new(Code::Internal, detail)
    })?;
    Ok(WaitReply {
        hub,
        epoch,
        replica: position.replica,
        number: position.acked,
        cursor: feed,
        refused: position.refused,
        digest: buckets.total(),
    })
}

/// Ends when waiting cannot help: a person has to do something first.
pub(super) async fn hopeless(account: &Account, sync: &Handle) -> Problem {
    let mut views = sync.views();
    let mut registrations = account.registration.subscribe();
    loop {
        let registration = registrations.borrow_and_update().clone();
        let view = views.borrow_and_update().clone();
        match registration {
            Registration::Conflict => return conflict(),
            Registration::Registered if view.is_auth_required() || !view.credentials => {
                return auth_required();
            }
            Registration::Registered | Registration::Waiting(_) => {}
        }
        let changed = tokio::select! {
            changed = views.changed() => changed,
            changed = registrations.changed() => changed,
        };
        if changed.is_err() {
            return stopping();
        }
    }
}

fn conflict() -> Problem {
    Problem::new(
        Code::Conflict,
        "the hub has given this account's name or phone number to another",
    )
    .hint("local work goes on; 'atomectl status' says what can be done")
}

fn auth_required() -> Problem {
    Problem::new(Code::AuthRequired, "the hub asks for a login")
        .hint("log in again with 'atomectl login NAME'; nothing is lost meanwhile")
}

fn too_many() -> Problem {
    Problem::new(Code::Busy, "too many wait for this account already").retry_after_ms(1000)
}

/// Why it is not true yet.
async fn ran_out(account: &Account, sync: &Handle) -> Result<Problem, Problem> {
    let position = account.store.position().await.map_err(|e| problem(&e))?;
    let view = sync.view();
    let pending = match position.pending() {
        0 => "nothing is pending".to_owned(),
        1 => "1 commit is pending".to_owned(),
        n => format!("{n} commits are pending"),
    };
    let registration = account.registration.borrow().clone();
    let error = match &registration {
        Registration::Waiting(why) => why.clone(),
        Registration::Registered | Registration::Conflict => view.progress.last_error.clone(),
    };
    let said = error.map_or(String::new(), |error| format!(": {}", error.detail));
    let why = if view.paused {
        "sync is paused".to_owned()
    } else if view.schedule.mode == Mode::Off {
        "sync is off".to_owned()
    } else if matches!(registration, Registration::Waiting(_)) {
        format!("the account is not registered at the hub yet{said}")
    } else if let Some(since) = view.away_since_ms {
        format!("the hub is out of reach since {}{said}", to_rfc3339(since))
    } else {
        let head = view.progress.head.unwrap_or_default();
        let feed = position.cursor.map_or(0, |cursor| cursor.feed);
        format!("sync is on its way, at {feed} of {head}{said}")
    };
    let problem = Problem::new(Code::TimedOut, format!("{why}; {pending}"));
    Ok(problem.hint("it goes on by itself; nothing is lost"))
}
