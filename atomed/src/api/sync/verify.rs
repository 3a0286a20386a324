//! `GET /v1/sync/verify`: this store's digest beside the hub's, at one feed number.

use std::time::Duration;

use atome_engine::replica::Position;
use atome_proto::digest::Buckets;
use atome_proto::local::v1::SyncVerify;
use atome_proto::{Code, Problem};
use tokio::time::{sleep, timeout};

use super::driver;
use super::wait::hopeless;
use crate::accounts::{Account, Registration};
use crate::api::reply::{self, Handled};
use crate::api::route::Asked;
use crate::store_problem::problem;
use crate::sync::Handle;

/// How long a quiet moment is looked for.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a connection is waited for.
const CONNECT_PATIENCE: Duration = Duration::from_secs(4);
/// The hub's feed may move without a word to this store: it is asked again after so long.
const ASK_AGAIN: Duration = Duration::from_secs(1);

pub(crate) async fn verify(mut asked: Asked<'_>) -> Handled {
    let account = asked.account().await?;
    let repair = asked.query.flag("repair")?;
    asked.query.done()?;
    if repair {
        let message = "this version compares, and does not repair yet";
        return Err(Problem::new(Code::Unsupported, message)
            .hint("run 'atomectl sync verify' without --repair to see what differs"));
    }
    let sync = driver(&account)?;
    // Where the mode keeps the connection closed, one is asked for.
    sync.sync_now().await?;
    tokio::select! {
        verified = compare(&account, sync) => reply::ok(&verified?),
        hopeless = hopeless(&account, sync) => Err(hopeless),
        () = unconnected(sync) => Err(out_of_reach(&account, sync)),
        () = sleep(PATIENCE) => Err(not_quiet(&account).await?),
    }
}

/// Ends once no connection has stood for a while, or none has come.
async fn unconnected(sync: &Handle) {
    let mut views = sync.views();
    loop {
        if views
            .wait_for(|view| !view.progress.connected)
            .await
            .is_err()
        {
            return;
        }
        let comes = views.wait_for(|view| view.progress.connected);
        if !matches!(timeout(CONNECT_PATIENCE, comes).await, Ok(Ok(_))) {
            return;
        }
    }
}

/// Compares once both stand at one feed number with nothing pending.
async fn compare(account: &Account, sync: &Handle) -> Result<SyncVerify, Problem> {
    let mut positions = account.store.subscribe();
    let mut views = sync.views();
    loop {
        let before = *positions.borrow_and_update();
        let connected = views.borrow_and_update().progress.connected;
        if connected
            && before.pending() == 0
            && let Some(hub) = ask(sync).await?
        {
            let local = account.store.digest().await.map_err(|e| problem(&e))?;
            let after = account.store.position().await.map_err(|e| problem(&e))?;
            if let Some(verified) = verified(&after, local, (hub.feed, hub.buckets)) {
                return Ok(verified);
            }
        }
        let changed = tokio::select! {
            changed = positions.changed() => changed,
            changed = views.changed() => changed,
            () = sleep(ASK_AGAIN) => Ok(()),
        };
        changed.map_err(|_| crate::sync::stopping())?;
    }
}

async fn ask(sync: &Handle) -> Result<Option<atome_proto::sync::v1::Digest>, Problem> {
    let answered = sync.digest().await?;
    // Nobody answers where the connection ends meanwhile; the next view says so.
    match timeout(Duration::from_secs(5), answered).await {
        Ok(Ok(digest)) => Ok(Some(digest)),
        Ok(Err(_)) | Err(_) => Ok(None),
    }
}

fn verified(
    position: &Position,
    (feed, local): (u64, Buckets),
    (hub_feed, hub): (u64, Buckets),
) -> Option<SyncVerify> {
    let quiet = feed == hub_feed && position.pending() == 0 && position.feed() == feed;
    quiet.then(|| SyncVerify {
        equal: local == hub,
        cursor: feed,
        local: local.total(),
        hub: hub.total(),
        differing: local.differing(&hub),
    })
}

fn out_of_reach(account: &Account, sync: &Handle) -> Problem {
    let said = match &*account.registration.borrow() {
        Registration::Waiting(why) => why.clone(),
        Registration::Registered | Registration::Conflict => sync.view().progress.last_error,
    };
    let said = said.map(|error| format!(": {}", error.detail));
    let message = format!("the hub is out of reach{}", said.unwrap_or_default());
    Problem::new(Code::HubUnreachable, message)
        .hint("the hub's digest is needed for this; try again once it is back")
}

async fn not_quiet(account: &Account) -> Result<Problem, Problem> {
    let position = account.store.position().await.map_err(|e| problem(&e))?;
    let message = format!(
        "the store did not come to rest beside the hub within {} s; {} commits are pending",
        PATIENCE.as_secs(),
        position.pending()
    );
    Ok(Problem::new(Code::TimedOut, message)
        .hint("wait with 'atomectl sync wait', stop what writes, and try again"))
}
