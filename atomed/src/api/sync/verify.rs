//! `GET /v1/sync/verify`: what is here, counted anew, beside the hub's digest, at one feed number; where they
//! differ, atome by atome; and the mending of what is damaged here.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use atome_engine::digest;
use atome_proto::digest::Buckets;
use atome_proto::local::v1::{FOUND_MAX, Found, SyncVerify};
use atome_proto::state::AtomeState;
use atome_proto::sync::v1::Digest;
use atome_proto::{AtomeId, Code, Problem};
use atome_store::replica::{Part, read_states};
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
/// How long a page of the hub's states is waited for.
const PAGE_PATIENCE: Duration = Duration::from_secs(10);
/// The hub's feed may move without a word to this store: it is asked again after so long.
const ASK_AGAIN: Duration = Duration::from_secs(1);

pub(crate) async fn verify(mut asked: Asked<'_>) -> Handled {
    let account = asked.account().await?;
    let repair = asked.query.flag("repair")?;
    asked.query.done()?;
    let sync = driver(&account)?;
    // Where the mode keeps the connection closed, one is asked for.
    sync.sync_now().await?;
    tokio::select! {
        verified = compare(&account, sync, repair) => reply::ok(&verified?),
        hopeless = hopeless(&account, sync) => Err(hopeless),
        () = unconnected(sync) => Err(out_of_reach(&account, sync)),
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
async fn compare(account: &Account, sync: &Handle, repair: bool) -> Result<SyncVerify, Problem> {
    let mut positions = account.store.subscribe();
    let mut views = sync.views();
    // Counting takes the time that it takes; a quiet moment is waited for.
    let mut patience = PATIENCE;
    loop {
        let before = *positions.borrow_and_update();
        let connected = views.borrow_and_update().progress.connected;
        if connected
            && before.pending() == 0
            && let Some(hub) = ask(sync).await?
            && let Some(verified) = look(account, sync, &hub, repair).await?
        {
            return Ok(verified);
        }
        let began = Instant::now();
        let changed = tokio::select! {
            changed = positions.changed() => changed,
            changed = views.changed() => changed,
            () = sleep(patience.min(ASK_AGAIN)) => Ok(()),
        };
        changed.map_err(|_| crate::sync::stopping())?;
        patience = patience.saturating_sub(began.elapsed());
        if patience.is_zero() {
            return Err(not_quiet(account).await?);
        }
    }
}

/// Counts what is here anew, and looks for what differs; `None` where one of both has moved on meanwhile.
async fn look(
    account: &Account,
    sync: &Handle,
    hub: &Digest,
    repair: bool,
) -> Result<Option<SyncVerify>, Problem> {
    let store = &account.store;
    let here = store.recount().await.map_err(|e| problem(&e))?;
    let position = store.position().await.map_err(|e| problem(&e))?;
    if here.feed != hub.feed || position.pending() > 0 || position.feed() != here.feed {
        return Ok(None);
    }
    let at_odds = here.at_odds();
    // What waits at the hub for something is here only, and as it should be.
    let mut differing = here.decided.differing(&hub.buckets);
    differing.extend(&at_odds);
    differing.sort_unstable();
    differing.dedup();
    let mut verified = SyncVerify {
        equal: differing.is_empty(),
        cursor: here.feed,
        local: here.decided.total(),
        hub: hub.buckets.total(),
        deferred: here.deferred,
        differing: differing.clone(),
        found: vec![],
        mended: None,
        hub_damaged: false,
    };
    if verified.equal {
        return Ok(Some(verified));
    }
    // Where this store agrees with itself, either side may have what the other lacks: both are left as they
    // are. What only this store has is never taken away.
    let mending: &[u8] = if repair { &at_odds } else { &[] };
    let Some(seen) = find(account, sync, hub, &differing, mending).await? else {
        return Ok(None);
    };
    verified.hub_damaged = !seen.damaged.is_empty();
    verified.found = seen.found;
    verified.mended = repair.then_some(0);
    if !mending.is_empty() {
        let mut states = seen.states;
        states.retain(|state| !seen.damaged.contains(&bucket_of(state.atome)));
        let count = u64::try_from(states.len()).unwrap_or(u64::MAX);
        let mended = store.mend(states, here.feed).await;
        if mended.map_err(|e| problem(&e))?.is_none() {
            return Ok(None);
        }
        let after = store.recount().await.map_err(|e| problem(&e))?;
        verified.mended = Some(count);
        verified.equal = after.decided == hub.buckets && after.at_odds().is_empty();
        verified.local = after.decided.total();
        verified.differing = after.decided.differing(&hub.buckets);
    }
    Ok(Some(verified))
}

/// What was seen of the hub's states in the buckets that differ.
#[derive(Default)]
struct Seen {
    found: Vec<Found>,
    /// The hub's states of those that are to be mended.
    states: Vec<AtomeState>,
    /// Buckets in which the hub's states do not come to its digest.
    damaged: Vec<u8>,
}

/// Looks through the hub's states in some buckets, and keeps those that differ in the buckets to be mended;
/// `None` where the hub has moved on, or the connection ended.
async fn find(
    account: &Account,
    sync: &Handle,
    hub: &Digest,
    buckets: &[u8],
    mending: &[u8],
) -> Result<Option<Seen>, Problem> {
    let (mut seen, mut sums, mut after) = (Seen::default(), Buckets::default(), None);
    loop {
        let answered = sync.states(buckets.to_vec(), after).await?;
        let page = match timeout(PAGE_PATIENCE, answered).await {
            Ok(Ok(Some(page))) if page.feed == hub.feed => page,
            Ok(Ok(None)) => return Err(too_old()),
            Ok(Ok(Some(_)) | Err(_)) | Err(_) => return Ok(None),
        };
        let states = read_states(&page.states).map_err(|e| problem(&e))?;
        for state in &states {
            digest::add_state(&mut sums, state);
        }
        let part = Part {
            buckets: buckets.to_vec(),
            after,
            through: page.last,
            states: states.clone(),
        };
        let found = account.store.compare(part).await.map_err(|e| problem(&e))?;
        let differing: BTreeSet<AtomeId> = found.iter().map(|found| found.atome).collect();
        let is_due = |state: &AtomeState| {
            mending.contains(&bucket_of(state.atome)) && differing.contains(&state.atome)
        };
        seen.states.extend(states.into_iter().filter(is_due));
        let room = FOUND_MAX.saturating_sub(seen.found.len());
        seen.found.extend(found.into_iter().take(room));
        after = page.last;
        if after.is_none() {
            break;
        }
    }
    let differs = |bucket: &u8| sums.0.get(bucket) != hub.buckets.0.get(bucket);
    seen.damaged = buckets.iter().copied().filter(differs).collect();
    Ok(Some(seen))
}

fn bucket_of(atome: AtomeId) -> u8 {
    let [.., bucket] = *atome.as_bytes();
    bucket
}

fn too_old() -> Problem {
    let detail = "this store and the hub differ, and the hub is too old to show where";
    Problem::new(Code::Unsupported, detail).hint("upgrade the hub, and verify again")
}

async fn ask(sync: &Handle) -> Result<Option<Digest>, Problem> {
    let answered = sync.digest().await?;
    // Nobody answers where the connection ends meanwhile; the next view says so.
    match timeout(Duration::from_secs(5), answered).await {
        Ok(Ok(digest)) => Ok(Some(digest)),
        Ok(Err(_)) | Err(_) => Ok(None),
    }
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
