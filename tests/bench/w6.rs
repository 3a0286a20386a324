//! W6: a daemon with many atomes that has nothing to do: memory, processor, wake-ups, and how soon it is ready.

use std::time::Duration;

use crate::failure::Tried;
use crate::observe;
use crate::row::{Bar, Row};
use crate::samples::Samples;
use crate::stage::{Stage, pid, wait};

const STARTS: usize = 5;
/// How long it is left alone first: until threads that wait for more work have given up.
const SETTLING: Duration = Duration::from_secs(15);
/// How long it is watched.
const WATCHED: Duration = Duration::from_secs(10);
/// Processor time in that which still is none: what answering a `ping` takes, and the kernel's own work.
const NO_PROCESSOR_MS: f64 = 2.0;

/// Connected, in sync, idle.
pub(crate) async fn run(stage: &Stage) -> Tried<Vec<Row>> {
    let world = stage.world()?;
    let hub = world.hub()?;
    let mut machine = world.machine_with(Some(&hub.remote()), "ada").await?;
    let file = world.seed_file(stage.records)?;
    machine.ctl().run(&["seed", &file])?;
    wait(&machine).await?;
    let mut ready = Samples::default();
    for _ in 0..STARTS {
        machine.stop()?;
        ready
            .0
            .push(machine.start()?.ready_after.as_secs_f64() * 1e3);
    }
    wait(&machine).await?;
    let daemon = pid(machine.running())?;
    tokio::time::sleep(SETTLING).await;
    let before = observe::taken(daemon)?;
    tokio::time::sleep(WATCHED).await;
    let after = observe::taken(daemon)?;
    let memory = observe::memory_kib(daemon)? as f64 / 1024.0;
    let (processor, switches) = observe::between(&before, &after)?;
    Ok(vec![
        Row::of("W6", "start until ready", "ms", &ready).bar(Bar::AtMost(50.0)),
        Row::once("W6", "memory, idle", "MiB", memory).bar(Bar::AtMost(20.0)),
        Row::once("W6", "processor in 10 s, idle", "ms", processor)
            .bar(Bar::AtMost(NO_PROCESSOR_MS)),
        Row::once("W6", "wake-ups in 10 s, idle", "times", switches as f64),
    ])
}
