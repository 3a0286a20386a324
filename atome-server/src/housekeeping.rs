//! What a hub does by itself, beside its connections: it tells of the directory's changes, heeds what
//! commands of administration wrote and what time has brought to grants, takes away what deleted accounts
//! kept, and has feeds let go of what is older than their horizon.

use std::sync::Arc;
use std::time::{Duration, Instant};

use atome_proto::directory::DirectoryChange;
use atome_store::HubError;

use crate::gateway::say_went_back;
use crate::hub::{Hub, whole_ms};

/// Changes of the directory that are told; who missed more than these asks for them.
const CHANGES_TOLD: u32 = 64;
/// How often it is looked whether another process has written: well within the second that a session
/// which an operator closed may stand on.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Rows of a deleted account that are taken away in one transaction: a few milliseconds of the writer.
const PURGED_AT_ONCE: u32 = 2_000;
/// Entries of a feed that are let go of in one transaction: a few milliseconds of the writer.
const COMPACTED_AT_ONCE: u32 = 1_000;
/// How often it is looked whether something is to be taken away.
const TAKE_EVERY: Duration = Duration::from_secs(60);
/// How long what failed is left alone.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// Keeps house until the hub stops.
pub async fn keep(hub: &Arc<Hub>) {
    say_setbacks(hub).await;
    let work = async { tokio::join!(tell_directory(hub), look_outside(hub)) };
    tokio::select! {
        _ = work => {}
        () = hub.stop.requested() => {}
    }
}

/// Reads each change of the directory once, for all connections.
async fn tell_directory(hub: &Hub) {
    let mut heads = hub.store.subscribe_directory();
    loop {
        heads.mark_unchanged();
        match last_changes(hub).await {
            Ok(changes) => {
                hub.directory.send_replace(changes);
                if heads.changed().await.is_err() {
                    return;
                }
            }
            Err(error) => after_failure("the directory's changes are not read", &error).await,
        }
    }
}

async fn last_changes(hub: &Hub) -> Result<Arc<[DirectoryChange]>, HubError> {
    let (_, head) = hub.store.directory_changes(0, 0).await?;
    let after = head.saturating_sub(u64::from(CHANGES_TOLD));
    let (changes, _) = hub.store.directory_changes(after, CHANGES_TOLD).await?;
    Ok(changes.into())
}

async fn look_outside(hub: &Hub) {
    let mut taking = true;
    let mut took = Instant::now();
    loop {
        let looked = async {
            hub.store.look_outside().await?;
            // Readers that are connected hear at once of what time has ended.
            hub.store.settle(hub.now().wall_ms).await?;
            if taking {
                taking = take_away(hub).await?;
            }
            Ok::<_, HubError>(())
        };
        match looked.await {
            Ok(()) if taking => tokio::task::yield_now().await,
            Ok(()) => tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {
                    if took.elapsed() >= TAKE_EVERY {
                        (taking, took) = (true, Instant::now());
                    }
                }
                () = hub.to_purge.notified() => taking = true,
            },
            Err(error) => after_failure("the house is not kept", &error).await,
        }
    }
}

/// Takes a little of what is not needed any more; whether there is more of it now.
async fn take_away(hub: &Hub) -> Result<bool, HubError> {
    let purged = hub.store.purge(PURGED_AT_ONCE).await?;
    let kept_ms = whole_ms(hub.config().feed_kept);
    let before_ms = hub.now().wall_ms.saturating_sub(kept_ms);
    let compacted = hub.store.compact(before_ms, COMPACTED_AT_ONCE).await?;
    Ok(purged || compacted)
}

/// Says at the start what clients have shown of a database that went back, until an operator has accepted it.
async fn say_setbacks(hub: &Hub) {
    match hub.store.setbacks().await {
        Ok(setbacks) => setbacks.iter().for_each(say_went_back),
        Err(error) => after_failure("what clients have shown is not read", &error).await,
    }
}

async fn after_failure(what: &str, error: &HubError) {
    tracing::error!(error = error as &dyn std::error::Error, "{what}");
    tokio::time::sleep(AFTER_FAILURE).await;
}
