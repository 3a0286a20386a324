//! The store's answer to an effect of the engine.

use std::sync::Arc;
use std::time::Instant;

use atome_engine::session::{Effect, Input};
use atome_proto::limit::{FRAME_ENTRIES_MAX, FRAME_LEN_TARGET};
use atome_proto::sync::v1::{Offer, Offered};
use atome_proto::{AccountId, Epoch};
use atome_store::hub::Setback;
use atome_store::{Fault, HubError};

use super::reading::Reading;
use crate::auth::store_problem;
use crate::hub::Hub;

/// Carries out an effect on the store; what the store cannot do is an answer too.
pub(super) async fn to(hub: Arc<Hub>, account: AccountId, effect: Effect, now_ms: u64) -> Input {
    ask(&hub, account, effect, now_ms)
        .await
        .unwrap_or_else(|error| Input::StoreFailed(store_problem(error)))
}

/// Decides on a push that is read, or being read.
pub(super) async fn to_push(hub: Arc<Hub>, push: Reading, now_ms: u64) -> Input {
    admit(&hub, push, now_ms)
        .await
        .unwrap_or_else(|error| Input::StoreFailed(store_problem(error)))
}

async fn admit(hub: &Hub, push: Reading, now_ms: u64) -> Result<Input, HubError> {
    hub.store.settle(now_ms).await?;
    let began = Instant::now();
    let first = push.first();
    let waiting = hub.metrics.push_backlog.hold(push.count());
    let admitted = hub.store.admit(push.read().await?, now_ms).await?;
    drop(waiting);
    hub.metrics.admission_time.since(began);
    hub.metrics.count_admitted(first, &admitted);
    Ok(Input::Admitted(admitted))
}

async fn ask(
    hub: &Hub,
    account: AccountId,
    effect: Effect,
    now_ms: u64,
) -> Result<Input, HubError> {
    let store = &hub.store;
    // What time has ended meanwhile is not shown any more, nor what it let do taken.
    store.settle(now_ms).await?;
    Ok(match effect {
        Effect::Position { replica } => {
            store.seen(account, replica, now_ms).await?;
            Input::Position(store.position(account, replica).await?)
        }
        Effect::Heed { replica, claim } => {
            let fresh = Epoch(getrandom::u64().map_err(no_randomness)?);
            let heeded = store.heed(account, replica, claim, fresh, now_ms).await?;
            if let (_, Some(shown)) = &heeded {
                say_went_back(shown);
            }
            Input::Position(heeded.0)
        }
        Effect::ReadFeed { replica, after } => {
            let (entries, bytes) = (FRAME_ENTRIES_MAX, FRAME_LEN_TARGET);
            Input::Feed(store.feed(account, replica, after, entries, bytes).await?)
        }
        Effect::ReadStates { after } => {
            Input::States(store.states(account, after, FRAME_LEN_TARGET).await?)
        }
        Effect::ReadChanged { replica, since } => {
            let bytes = FRAME_LEN_TARGET;
            Input::Changed(store.changed_states(account, replica, since, bytes).await?)
        }
        Effect::ReadDigest => {
            let (feed, buckets) = store.digest(account).await?;
            Input::Digest { feed, buckets }
        }
        Effect::ReadReceipt(ask) => Input::Receipt(store.receipt(account, ask).await?),
        Effect::ReadBuckets(ask) => {
            Input::Buckets(store.buckets(account, ask, FRAME_LEN_TARGET).await?)
        }
        Effect::Offer(Offer { ask, states }) => {
            let count = states.len();
            let refused = store.offer(account, states, now_ms).await?;
            let refused_count = refused.len();
            tracing::info!(%account, states = count, refused = refused_count, "a machine brings what the hub lacks");
            Input::Offered(Offered { ask, refused })
        }
        Effect::ReadGrants { after } => {
            Input::Grants(store.grants(account, after, FRAME_LEN_TARGET).await?)
        }
        Effect::Evicted { replica, feed } => {
            store.evicted(account, replica, feed, now_ms).await?;
            Input::Tick
        }
        Effect::Admit { .. } | Effect::Send(_) | Effect::Close => Input::Tick,
    })
}

fn no_randomness(error: getrandom::Error) -> HubError {
    Fault::Defect(format!("no randomness: {error}")).into()
}

/// Says what a client has shown, to whoever watches over the hub.
pub(crate) fn say_went_back(shown: &Setback) {
    tracing::warn!(
        account = %shown.account,
        replica = %shown.replica,
        head = shown.head,
        seen = shown.seen,
        number = shown.number,
        acked = shown.acked,
        "a client has seen more than the database has: it went back; what the account's machines still have \
         is taken again, nothing is purged or compacted; see: atome-server check"
    );
}
