//! Waiting for sync, with a bar that shows how far it is.

use std::time::Duration;

use atome_client::Client;
use atome_proto::local::v1::WaitReply;
use atome_proto::receipt::Receipt;
use indicatif::ProgressBar;

use crate::context::Context;
use crate::fault::Fault;
use crate::progress::{show_count, show_words};

/// How often the bar asks how far it is: often enough to look alive, seldom enough to cost nothing.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Waits until the hub has all that was pending here and all that it had is here; with a receipt, for that write
/// alone.
///
/// The time to wait is the command's; the daemon keeps it, and says why where it runs out.
pub(super) async fn wait(context: &Context, receipt: Option<&Receipt>) -> Result<WaitReply, Fault> {
    let waiting = context.client.sync_wait(receipt, context.timeout);
    if !context.progress.watched() {
        return Ok(waiting.await?);
    }
    let bar = context.progress.spinner("waiting for the hub");
    let done = tokio::select! {
        done = waiting => done,
        never = show(&context.client, &bar) => match never {},
    };
    bar.finish_and_clear();
    Ok(done?)
}

/// Shows how far it is until it is dropped. What it cannot learn it does not show.
async fn show(client: &Client, bar: &ProgressBar) -> std::convert::Infallible {
    let mut ticks = tokio::time::interval(LOOK_EVERY);
    loop {
        ticks.tick().await;
        let Ok(status) = client.sync_status().await else {
            continue;
        };
        let account = status.account;
        if let (Some(done), Some(total)) = (account.snapshot_done, account.snapshot_total) {
            show_count(bar, "fetching", done, total);
            continue;
        }
        let behind = account
            .hub_head
            .zip(account.cursor)
            .map_or(0, |(head, cursor)| head.saturating_sub(cursor));
        let words = if !status.connected {
            "the hub is out of reach, trying again".to_owned()
        } else if account.pending > 0 {
            format!("{} commits on their way", account.pending)
        } else if behind > 0 {
            format!("{behind} entries to fetch")
        } else {
            "asking the hub".to_owned()
        };
        show_words(bar, words);
    }
}
