//! W1, W1c and W1b: durable writes on one machine, through its socket.

use std::time::Duration;

use crate::arguments::{Arguments, Workload};
use crate::failure::Tried;
use crate::row::{Bar, Row};
use crate::stage::Stage;
use crate::writers;

/// How long one measurement takes: by time, since some disks are a hundred times slower than others.
const TIME: Duration = Duration::from_secs(2);
/// Commits of the limit, if they take no more than about as long.
const SINGLE: u64 = 8_000;
/// Clients of W1c.
pub(crate) const CLIENTS: usize = 32;
const ROUNDS: usize = 3;
const RATE: &str = "records/s";

/// One commit after another, by one client and by many.
pub(crate) async fn run(stage: &Stage, arguments: &Arguments) -> Tried<Vec<Row>> {
    let mut rows = Vec::new();
    for (workload, name, what, clients, bar) in [
        (Workload::W1, "W1", "one client", 1, 0.8),
        (Workload::W1c, "W1c", "32 clients", CLIENTS, 4.0),
    ] {
        if !arguments.has(workload) {
            continue;
        }
        let world = stage.world()?;
        let machine = world.machine_with(None, "ada").await?;
        let socket = machine.socket();
        let ours = async || writers::rate(&socket, clients, TIME).await;
        let (figures, limit) = stage.in_turn(ROUNDS, ("single", SINGLE), ours).await?;
        let what = format!("durable writes, {what}");
        let row = Row::of(name, &what, RATE, &figures).beside(&limit);
        rows.push(row.bar(Bar::RatioAtLeast(bar)));
    }
    Ok(rows)
}

/// `seed` of a file.
pub(crate) async fn seed(stage: &Stage) -> Tried<Vec<Row>> {
    let ours = async || seed_rate(stage, stage.records).await;
    let limit = ("bulk", stage.records);
    let (figures, limit) = stage.in_turn(ROUNDS, limit, ours).await?;
    let row = Row::of("W1b", "seed", RATE, &figures).beside(&limit);
    Ok(vec![row.bar(Bar::RatioAtLeast(0.5))])
}

/// How many records a second `atomectl seed` brings to a fresh store.
pub(crate) async fn seed_rate(stage: &Stage, count: u64) -> Tried<f64> {
    let world = stage.world()?;
    let machine = world.machine_with(None, "ada").await?;
    let seeded = machine.ctl().run(&["seed", &world.seed_file(count)?])?;
    Ok(count as f64 / seeded.took.as_secs_f64())
}
