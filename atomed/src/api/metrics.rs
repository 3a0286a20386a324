//! `GET /v1/metrics`: figures in Prometheus' text, of the accounts that the asker may see. `docs/operation.md`
//! describes each.

use atome_proto::local::v1::AccountState;
use atome_service::metrics::Kind::{Counter, Gauge, Histogram};
use atome_service::metrics::{Kind, Page, Samples};

use super::Shared;
use super::reply::{self, Handled};
use super::route::Asked;
use crate::accounts::{Figures, StoreSize};

/// What is looked up when figures are asked for.
struct Look<'a> {
    shared: &'a Shared,
    accounts: Vec<Figures>,
    machine: StoreSize,
}

/// Where the samples of a figure come from.
enum Source {
    /// The daemon as a whole.
    Daemon(fn(&Look<'_>, Samples<'_>)),
    /// A number of each account, where it has one.
    Account(fn(&Figures) -> Option<u64>),
}

use Source::{Account, Daemon};

/// A figure: its name, its type, what it is, its samples.
type Figure = (&'static str, Kind, &'static str, Source);

const FIGURES: &[Figure] = &[
    (
        "atome_build_info",
        Gauge,
        "Always 1; the label is the version.",
        Daemon(|_, mut samples| samples.of(&[("version", env!("CARGO_PKG_VERSION"))], 1)),
    ),
    (
        "atome_uptime_seconds",
        Gauge,
        "Time since the start.",
        Daemon(|look, mut samples| samples.is(look.shared.started.elapsed().as_secs())),
    ),
    (
        "atome_health",
        Gauge,
        "Always 1: a finding lasts; the labels are its code, its severity and, of an account, its id.",
        Daemon(health),
    ),
    (
        "atome_pending_commits",
        Gauge,
        "Commits that the hub has not decided.",
        Account(|figures| Some(figures.status.pending)),
    ),
    (
        "atome_refused_commits",
        Gauge,
        "Commits that the hub refused and that wait for a person.",
        Account(|figures| Some(figures.status.refused)),
    ),
    (
        "atome_feed_cursor",
        Gauge,
        "The feed number up to which everything is applied.",
        Account(|figures| figures.status.cursor),
    ),
    (
        "atome_feed_head",
        Gauge,
        "The last feed number of the hub that is known.",
        Account(|figures| figures.status.hub_head),
    ),
    (
        "atome_feed_lag",
        Gauge,
        "Entries of the feed that are known and not applied: head less cursor.",
        Account(|figures| {
            let head = figures.status.hub_head?;
            Some(head.saturating_sub(figures.status.cursor.unwrap_or(0)))
        }),
    ),
    (
        "atome_synced",
        Gauge,
        "Whether nothing is pending and nothing behind.",
        Account(|figures| Some(u64::from(figures.status.state == AccountState::Synced))),
    ),
    (
        "atome_last_synced_timestamp_seconds",
        Gauge,
        "When that was so the last time since the daemon's start.",
        Account(|figures| Some(figures.sync.as_ref()?.progress.last_synced_ms? / 1_000)),
    ),
    (
        "atome_connected",
        Gauge,
        "Whether a connection to the hub stands.",
        Account(|figures| Some(u64::from(figures.sync.as_ref()?.progress.connected))),
    ),
    (
        "atome_reconnects_total",
        Counter,
        "Connections to the hub that came about after the first.",
        Account(|figures| Some(figures.sync.as_ref()?.connections.saturating_sub(1))),
    ),
    (
        "atome_write_seconds",
        Histogram,
        "Time from a write's coming to the store to its being durable there.",
        Daemon(|look, mut samples| {
            for figures in &look.accounts {
                if let Some(writes) = &figures.writes {
                    let account = figures.status.id.to_string();
                    samples.of_histogram(&[("account", &account)], writes);
                }
            }
        }),
    ),
    (
        "atome_store_bytes",
        Gauge,
        "Size of the account's store without its write-ahead log.",
        Account(|figures| figures.store.database),
    ),
    (
        "atome_store_wal_bytes",
        Gauge,
        "Size of the store's write-ahead log.",
        Account(|figures| figures.store.wal),
    ),
    (
        "atome_machine_store_bytes",
        Gauge,
        "Size of the store of accounts and directory without its write-ahead log.",
        Daemon(|look, samples| tell(samples, look.machine.database)),
    ),
    (
        "atome_machine_store_wal_bytes",
        Gauge,
        "Size of that store's write-ahead log.",
        Daemon(|look, samples| tell(samples, look.machine.wal)),
    ),
];

pub(super) async fn metrics(asked: Asked<'_>) -> Handled {
    asked.query.done()?;
    let shared = asked.shared;
    let mut accounts = Vec::new();
    for row in shared.accounts.visible(asked.peer).await? {
        accounts.push(shared.accounts.figures_of(&row).await?);
    }
    let look = Look {
        shared,
        accounts,
        machine: shared.accounts.machine_size(),
    };
    Ok(reply::metrics(write(&look)))
}

fn write(look: &Look<'_>) -> String {
    let mut page = Page::default();
    for (name, kind, help, source) in FIGURES {
        let mut samples = page.figure(name, *kind, help);
        match source {
            Daemon(tell) => tell(look, samples),
            Account(value) => {
                for figures in &look.accounts {
                    if let Some(value) = value(figures) {
                        samples.of(&[("account", &figures.status.id.to_string())], value);
                    }
                }
            }
        }
    }
    page.into_text()
}

fn health(look: &Look<'_>, mut samples: Samples<'_>) {
    let of_accounts = look.accounts.iter().flat_map(|figures| &figures.findings);
    for finding in look.shared.doctor.standing().iter().chain(of_accounts) {
        let labels = [
            ("code", finding.code.as_str()),
            ("severity", finding.severity.as_str()),
        ];
        match finding.account {
            Some(account) => {
                let account = account.to_string();
                samples.of(&[&labels[..], &[("account", &account)]].concat(), 1);
            }
            None => samples.of(&labels, 1),
        }
    }
}

fn tell(mut samples: Samples<'_>, value: Option<u64>) {
    if let Some(value) = value {
        samples.is(value);
    }
}
