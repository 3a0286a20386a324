//! `GET /metrics`: every figure of the hub, in Prometheus' text. `docs/operation.md` describes each.

use std::path::Path;

use atome_service::metrics::Kind::{Counter, Gauge, Histogram};
use atome_service::metrics::{Kind, Page, Samples};
use atome_store::hub::Census;

use super::Metrics;
use crate::hub::{Hub, wall_ms};

/// What is looked up when figures are asked for.
struct Look<'a> {
    metrics: &'a Metrics,
    connections: u64,
    /// Absent where the database does not answer.
    census: Option<Census>,
    database_bytes: Option<u64>,
    wal_bytes: Option<u64>,
    uptime_ms: u64,
}

/// A figure: its name, its type, what it is, its samples.
type Figure = (&'static str, Kind, &'static str, fn(&Look<'_>, Samples<'_>));

const FIGURES: &[Figure] = &[
    (
        "atome_hub_build_info",
        Gauge,
        "Always 1; the label is the version.",
        |_, mut samples| samples.of(&[("version", env!("CARGO_PKG_VERSION"))], 1),
    ),
    (
        "atome_hub_uptime_seconds",
        Gauge,
        "Time since the start.",
        |look, mut samples| samples.is(look.uptime_ms / 1_000),
    ),
    (
        "atome_hub_connections",
        Gauge,
        "Connections that stand: sync, a WebSocket whose client is known; http, any other.",
        |look, mut samples| {
            let sync = look.metrics.syncing.get();
            samples.of(&[("kind", "http")], look.connections.saturating_sub(sync));
            samples.of(&[("kind", "sync")], sync);
        },
    ),
    (
        "atome_hub_connections_accepted_total",
        Counter,
        "Connections that were accepted.",
        |look, mut samples| samples.is(look.metrics.accepted.get()),
    ),
    (
        "atome_hub_tls_handshake_failures_total",
        Counter,
        "TLS handshakes that failed or took too long.",
        |look, mut samples| samples.is(look.metrics.tls_failures.get()),
    ),
    (
        "atome_hub_throttled_total",
        Counter,
        "What was put off because it came too often, or too much at once.",
        |look, mut samples| {
            let throttled = &look.metrics.throttled;
            samples.of(&[("what", "connection")], throttled.connections.get());
            samples.of(&[("what", "directory")], throttled.directory.get());
            samples.of(&[("what", "hash")], throttled.hashes.get());
            samples.of(&[("what", "password")], throttled.passwords.get());
            samples.of(&[("what", "registration")], throttled.registrations.get());
        },
    ),
    (
        "atome_hub_http_requests_total",
        Counter,
        "Requests that were answered, by the class of the status.",
        |look, mut samples| {
            let classes = ["1xx", "2xx", "3xx", "4xx", "5xx"];
            for (class, counter) in classes.iter().zip(&look.metrics.requests) {
                samples.of(&[("status", class)], counter.get());
            }
        },
    ),
    (
        "atome_hub_http_request_seconds",
        Histogram,
        "Time from the head of a request to that of its answer.",
        |look, mut samples| samples.of_histogram(&[], &look.metrics.request_time),
    ),
    (
        "atome_hub_commits_admitted_total",
        Counter,
        "Commits that were taken, those pushed again included.",
        |look, mut samples| samples.is(look.metrics.admitted.get()),
    ),
    (
        "atome_hub_commits_refused_total",
        Counter,
        "Commits that were refused, those pushed again included.",
        |look, mut samples| samples.is(look.metrics.refused.get()),
    ),
    (
        "atome_hub_admission_seconds",
        Histogram,
        "Time from a push's coming to the database to its being durable there.",
        |look, mut samples| samples.of_histogram(&[], &look.metrics.admission_time),
    ),
    (
        "atome_hub_push_backlog_commits",
        Gauge,
        "Commits that were pushed and that the database has not decided on.",
        |look, mut samples| samples.is(look.metrics.push_backlog.get()),
    ),
    (
        "atome_hub_feed_entries_sent_total",
        Counter,
        "Entries of feeds that were sent to machines.",
        |look, mut samples| samples.is(look.metrics.feed_entries.get()),
    ),
    (
        "atome_hub_accounts",
        Gauge,
        "Accounts, disabled ones included.",
        |look, samples| tell(samples, look.census.map(|census| census.accounts)),
    ),
    (
        "atome_hub_sessions",
        Gauge,
        "Sessions that stand, whether a client is there or not.",
        |look, samples| tell(samples, look.census.map(|census| census.sessions)),
    ),
    (
        "atome_hub_setbacks",
        Gauge,
        "Accounts whose machines have shown that the database went back, until that is accepted.",
        |look, samples| tell(samples, look.census.map(|census| census.setbacks)),
    ),
    (
        "atome_hub_database_bytes",
        Gauge,
        "Size of the database without its write-ahead log.",
        |look, samples| tell(samples, look.database_bytes),
    ),
    (
        "atome_hub_wal_bytes",
        Gauge,
        "Size of the database's write-ahead log.",
        |look, samples| tell(samples, look.wal_bytes),
    ),
];

/// The page as it is now.
pub(super) async fn write(hub: &Hub) -> String {
    let census = hub.store.census(wall_ms()).await;
    if let Err(error) = &census {
        tracing::debug!(%error, "the database does not say how much it keeps");
    }
    let database = hub.config().database_file();
    let look = Look {
        metrics: &hub.metrics,
        connections: hub.connections(),
        census: census.ok(),
        database_bytes: bytes(&database),
        wal_bytes: bytes(&database.with_extension("db-wal")),
        uptime_ms: hub.now().mono_ms,
    };
    let mut page = Page::default();
    for (name, kind, help, samples) in FIGURES {
        samples(&look, page.figure(name, *kind, help));
    }
    page.into_text()
}

fn tell(mut samples: Samples<'_>, value: Option<u64>) {
    if let Some(value) = value {
        samples.is(value);
    }
}

fn bytes(file: &Path) -> Option<u64> {
    file.metadata().ok().map(|metadata| metadata.len())
}
