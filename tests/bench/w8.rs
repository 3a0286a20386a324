//! W8: how the cost of a record grows with the number of records.

use crate::failure::Tried;
use crate::pair::Pair;
use crate::row::{Bar, Row};
use crate::samples::Samples;
use crate::stage::Stage;
use crate::w1;
use crate::w2::{self, Backlog};
use crate::w3::Live;

/// Samples of W3 at each size, and how many of them are taken before another size has its turn: how fast a disk
/// that has rested is changes within a minute.
const SAMPLES: u64 = 300;
const BLOCK: u64 = 50;
/// How often each size is measured, where it takes little.
const ROUNDS: usize = 3;
/// The cost at the last size, by that at the first.
const BAR: Bar = Bar::RatioAtMost(1.3);

/// What a record costs, in microseconds (W3: milliseconds), at one size.
#[derive(Default)]
struct Costs {
    seed: Samples,
    push: Samples,
    pull: Samples,
    live: Samples,
}

/// W1b, W2 and W3 at each size.
pub(crate) async fn run(stage: &Stage) -> Tried<Vec<Row>> {
    let mut found = Vec::new();
    for count in &stage.sizes {
        found.push((*count, costs(stage, *count).await?));
    }
    live(stage, &mut found).await?;
    let mut rows = Vec::new();
    type Of = fn(&Costs) -> &Samples;
    let kinds: [(&str, &'static str, Of); 4] = [
        ("seed, a record", "µs", |costs| &costs.seed),
        ("push, a record", "µs", |costs| &costs.push),
        ("pull, a record", "µs", |costs| &costs.pull),
        ("write until seen elsewhere, p50", "ms", |costs| &costs.live),
    ];
    for (what, unit, of) in kinds {
        let first = found.first().map(|(_, costs)| of(costs));
        for (place, (count, costs)) in found.iter().enumerate() {
            let row = Row::of("W8", &format!("{what}, {count} atomes"), unit, of(costs));
            rows.push(match first {
                Some(first) if place + 1 == found.len() => row.beside(first).bar(BAR),
                _ => row,
            });
        }
    }
    Ok(rows)
}

async fn costs(stage: &Stage, count: u64) -> Tried<Costs> {
    let mut costs = Costs::default();
    // A great size is its own mean of many.
    let rounds = if count > 10_000 { 1 } else { ROUNDS };
    for _ in 0..rounds {
        costs.seed.0.push(1e6 / w1::seed_rate(stage, count).await?);
        let found = w2::push_and_pull(stage, Backlog::Single, count).await?;
        costs.push.0.push(1e6 / found.push);
        costs.pull.0.push(1e6 / found.pull);
    }
    Ok(costs)
}

/// W3 at all sizes, in turn.
async fn live(stage: &Stage, found: &mut [(u64, Costs)]) -> Tried<()> {
    let mut pairs = Vec::new();
    for (count, _) in found.iter() {
        pairs.push(Pair::with(stage, *count).await?);
    }
    let mut lives = Vec::new();
    for pair in &pairs {
        lives.push(Live::begin(pair).await?);
    }
    for _ in 0..SAMPLES / BLOCK {
        for ((_, costs), live) in found.iter_mut().zip(&mut lives) {
            costs.live.0.extend(live.times(BLOCK).await?.0);
        }
    }
    Ok(())
}
