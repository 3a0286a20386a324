//! `GET /v1/metrics`: figures in Prometheus text, of the accounts that the asker may see.
//!
//! Source: Prometheus exposition formats, text format 0.0.4.

use std::fmt::Write as _;

use atome_proto::local::v1::{AccountState, AccountStatus};

use super::reply::{self, Handled};
use super::route::Asked;

/// One figure of an account: its name, what it is, and where it is found.
type Gauge = (
    &'static str,
    &'static str,
    fn(&AccountStatus) -> Option<u64>,
);

const GAUGES: &[Gauge] = &[
    (
        "atome_pending_commits",
        "Commits that the hub has not decided.",
        |status| Some(status.pending),
    ),
    (
        "atome_refused_commits",
        "Commits that the hub refused and that wait for a person.",
        |status| Some(status.refused),
    ),
    (
        "atome_feed_cursor",
        "The feed number up to which everything is applied.",
        |status| status.cursor,
    ),
    (
        "atome_feed_head",
        "The last feed number of the hub that is known.",
        |status| status.hub_head,
    ),
    (
        "atome_synced",
        "Whether nothing is pending and nothing behind.",
        |status| Some(u64::from(status.state == AccountState::Synced)),
    ),
];

pub(super) async fn metrics(asked: Asked<'_>) -> Handled {
    asked.query.done()?;
    let accounts = &asked.shared.accounts;
    let mut statuses = Vec::new();
    for row in accounts.visible(asked.peer).await? {
        statuses.push(accounts.status_of(&row).await.0);
    }
    Ok(reply::metrics(write(&statuses)))
}

fn write(statuses: &[AccountStatus]) -> String {
    let mut text = String::new();
    for (name, help, value) in GAUGES {
        let mut lines = format!("# HELP {name} {help}\n# TYPE {name} gauge\n");
        for status in statuses {
            if let Some(value) = value(status) {
                // Writing to a `String` cannot fail.
                let _ = writeln!(lines, "{name}{{account=\"{}\"}} {value}", status.id);
            }
        }
        text.push_str(&lines);
    }
    text
}
