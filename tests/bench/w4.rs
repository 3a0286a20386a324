//! W4: a machine in sync is started again: how long, and how many bytes, until it knows that it is up to date.

use crate::failure::{Failure, Tried};
use crate::limits::ms;
use crate::proxy::Proxy;
use crate::row::{Bar, Row};
use crate::samples::Samples;
use crate::stage::{Stage, wait};

const RESTARTS: usize = 7;

/// The same at two sizes: it must not matter how much there is.
pub(crate) async fn run(stage: &Stage) -> Tried<Vec<Row>> {
    let mut rows = Vec::new();
    for count in stage.sizes.iter().rev().take(2).rev() {
        let (times, bytes) = restarts(stage, *count).await?;
        let what = format!("connection until up to date, {count} atomes");
        rows.push(Row::of("W4", &what, "ms", &times).bar(Bar::AtMost(20.0)));
        let what = format!("bytes of it both ways, {count} atomes");
        rows.push(Row::of("W4", &what, "bytes", &bytes).bar(Bar::AtMost(2048.0)));
    }
    Ok(rows)
}

/// Milliseconds and bytes of each restart of a machine with so many atomes.
async fn restarts(stage: &Stage, count: u64) -> Tried<(Samples, Samples)> {
    let world = stage.world()?;
    let hub = world.hub()?;
    let proxy = Proxy::before(&hub)?;
    let mut machine = world.machine_with(Some(proxy.remote()), "ada").await?;
    machine.ctl().run(&["seed", &world.seed_file(count)?])?;
    wait(&machine).await?;
    let (mut times, mut bytes) = (Samples::default(), Samples::default());
    for _ in 0..RESTARTS {
        machine.stop()?;
        proxy.forget();
        machine.start()?;
        wait(&machine).await?;
        let came = proxy.first_came();
        let came = came.ok_or_else(|| Failure("the machine did not connect".to_owned()))?;
        times.0.push(ms(came));
        bytes.0.push(proxy.bytes() as f64);
    }
    Ok((times, bytes))
}
