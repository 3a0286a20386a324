//! W3: from a write on one machine until a watcher on another sees it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use atome_client::Client;
use atome_proto::Value;
use atome_proto::commit::Key;
use atome_proto::local::v1::{NewAtome, Operation, Write};
use atome_proto::value::Number;

use crate::failure::{Failure, Tried};
use crate::limits::{self, ms};
use crate::pair::Pair;
use crate::row::{Bar, Row};
use crate::samples::Samples;
use crate::stage::Stage;

/// Samples in all.
const SAMPLES: u64 = 500;
/// How many of them between two measurements of the limit.
const BLOCK: u64 = 100;
/// Appends and round trips of one measurement of the limit.
const LIMIT_SAMPLES: usize = 200;
/// How long it is quiet between two writes, so that one is over before the next begins.
const QUIET: Duration = Duration::from_millis(5);
/// How long a write may take to be seen.
const PATIENCE: Duration = Duration::from_secs(30);

/// Two machines online, one writes, the other watches.
pub(crate) async fn run(stage: &Stage) -> Tried<Vec<Row>> {
    let pair = Pair::with(stage, 0).await?;
    let mut live = Live::begin(&pair).await?;
    live.times(BLOCK).await?;
    let mut limit = Samples(vec![floor(stage, Duration::ZERO).await?]);
    let (mut seen, mut paced) = (Samples::default(), Samples::default());
    for _ in 0..SAMPLES / BLOCK {
        seen.0.extend(live.times(BLOCK).await?.0);
        limit.0.push(floor(stage, Duration::ZERO).await?);
        paced.0.push(floor(stage, QUIET).await?);
    }
    let row = |what: &str, part: f64| {
        Row::of("W3", what, "ms", &seen)
            .quantile(part)
            .beside(&limit)
    };
    Ok(vec![
        row("write until seen elsewhere, p50", 0.5).bar(Bar::RatioAtMost(2.0)),
        row("p90", 0.9),
        row("p99", 0.99).bar(Bar::RatioAtMost(5.0)),
        Row::of(
            "W3",
            "the limit where each of its steps comes after 5 ms, too",
            "ms",
            &paced,
        ),
    ])
}

/// Milliseconds that three stores and two messages take at least, each one after so long a rest: a disk, and a
/// processor, that have rested may take several times as long.
async fn floor(stage: &Stage, rest: Duration) -> Tried<f64> {
    let append = limits::appends(stage.folder(), LIMIT_SAMPLES, rest)?;
    let round_trip = limits::round_trips(LIMIT_SAMPLES, rest).await?;
    Ok(3.0 * append.median() + 2.0 * round_trip.median())
}

/// A writer on one machine, a watcher on the other.
pub(crate) struct Live {
    writer: Client,
    watcher: atome_client::Lines<atome_proto::local::v1::WatchEvent>,
    atome: String,
    key: Key,
    written: i64,
}

impl Live {
    /// Makes the atome that is written, and begins to watch.
    pub(crate) async fn begin(pair: &Pair<'_>) -> Tried<Self> {
        let writer = Client::new(pair.a.socket());
        let create = NewAtome {
            type_name: "live".to_owned(),
            ..NewAtome::default()
        };
        let operation = Operation {
            create: Some(create),
            ..Operation::default()
        };
        let watcher = Client::new(pair.b.socket());
        let watcher = watcher.watch(Some("live"), None).await?;
        let made = writer.write(&only(operation)).await?;
        let atome = made.atomes.first();
        let atome = atome.ok_or_else(|| Failure("nothing was made".to_owned()))?;
        Ok(Self {
            writer,
            watcher,
            atome: atome.to_string(),
            key: Key::of_particle("n")?,
            written: 0,
        })
    }

    /// Milliseconds of each of `count` writes until it was seen.
    pub(crate) async fn times(&mut self, count: u64) -> Tried<Samples> {
        let mut samples = Samples::default();
        for _ in 0..count {
            tokio::time::sleep(QUIET).await;
            samples.0.push(self.once().await?);
        }
        Ok(samples)
    }

    async fn once(&mut self) -> Tried<f64> {
        self.written += 1;
        let value = Value::from_number(Number::Whole(self.written));
        let operation = Operation {
            atome: Some(self.atome.clone()),
            set: BTreeMap::from([(self.key.clone(), value.clone())]),
            ..Operation::default()
        };
        let began = Instant::now();
        self.writer.write(&only(operation)).await?;
        loop {
            let event = tokio::time::timeout(PATIENCE, self.watcher.next()).await?;
            let event = event.ok_or_else(|| Failure("the watch ended".to_owned()))??;
            if event.atome.properties.get(&self.key) == Some(&value) {
                return Ok(ms(began));
            }
        }
    }
}

fn only(operation: Operation) -> Write {
    Write {
        operations: vec![operation],
        receipt: false,
    }
}
