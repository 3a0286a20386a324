//! Waiting for sync, with a bar that shows how far it is.

use std::time::Duration;

use atome_client::Client;
use atome_proto::local::v1::WaitReply;
use indicatif::ProgressBar;

use crate::context::Context;
use crate::fault::Fault;

/// How often the bar asks how far it is: often enough to look alive, seldom enough to cost nothing.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Waits until the hub has all that was pending here and all that it had is here.
///
/// The time to wait is the command's; the daemon keeps it, and says why where it runs out.
pub(super) async fn wait(context: &Context) -> Result<WaitReply, Fault> {
    let waiting = context.client.sync_wait(context.timeout);
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
        let text = match (account.snapshot_done, account.snapshot_total) {
            (Some(done), Some(total)) => {
                bar.set_length(total);
                bar.set_position(done);
                format!("fetching {done} of {total} atomes")
            }
            (_, None) | (None, _) => match account.hub_head.zip(account.cursor) {
                _ if account.pending > 0 => format!("{} commits on their way", account.pending),
                Some((head, cursor)) if head > cursor => {
                    format!("{} entries to fetch", head - cursor)
                }
                _ if !status.connected => "the hub is out of reach, trying again".to_owned(),
                _ => "asking the hub".to_owned(),
            },
        };
        bar.set_message(text);
    }
}
