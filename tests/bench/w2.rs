//! W2 and W2b: what was written offline goes to the hub, to a fresh machine, and to one that is there already.

use std::time::Instant;

use atome_client::Client;
use atome_tests::{Hub, Machine};

use crate::failure::Tried;
use crate::observe;
use crate::proxy::Proxy;
use crate::row::{Bar, Row};
use crate::samples::Samples;
use crate::stage::{Stage, World, pid, wait};
use crate::w1::CLIENTS;
use crate::writers;

const ROUNDS: usize = 2;
/// Records of the run whose bytes are counted.
const COUNTED: u64 = 10_000;
const RATE: &str = "records/s";
const BULK: &str = "bulk";

/// How the records were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backlog {
    /// One commit each.
    Single,
    /// As `seed` commits them.
    Seeded,
}

impl Backlog {
    async fn write(self, world: &World<'_>, machine: &Machine, count: u64) -> Tried {
        match self {
            Self::Single => writers::write(&machine.socket(), count, CLIENTS).await,
            Self::Seeded => {
                machine.ctl().run(&["seed", &world.seed_file(count)?])?;
                Ok(())
            }
        }
    }
}

/// What one run came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    /// Records a second to the hub.
    pub(crate) push: f64,
    /// Records a second from the hub to a fresh machine.
    pub(crate) pull: f64,
    /// The most memory of hub, pusher and puller, in KiB.
    peaks_kib: [u64; 3],
}

/// Push, pull, end to end, memory, bytes.
pub(crate) async fn run(stage: &Stage, backlog: Backlog) -> Tried<Vec<Row>> {
    let name = match backlog {
        Backlog::Single => "W2",
        Backlog::Seeded => "W2b",
    };
    let count = stage.records;
    let mut limit = Samples(vec![stage.sqlite(BULK, count)?]);
    let [mut push, mut pull, mut through] = [(); 3].map(|()| Samples::default());
    let mut peaks = [0_u64; 3];
    for _ in 0..ROUNDS {
        let found = push_and_pull(stage, backlog, count).await?;
        limit.0.push(stage.sqlite(BULK, count)?);
        push.0.push(found.push);
        pull.0.push(found.pull);
        let (rate, more) = end_to_end(stage, backlog, count).await?;
        limit.0.push(stage.sqlite(BULK, count)?);
        through.0.push(rate);
        for seen in [found.peaks_kib, more] {
            for (peak, seen) in peaks.iter_mut().zip(seen) {
                *peak = seen.max(*peak);
            }
        }
    }
    let mut rows = Vec::new();
    for (what, samples, bar) in [
        ("push", &push, 0.4),
        ("pull, fresh machine", &pull, 0.4),
        ("end to end, both online", &through, 0.3),
    ] {
        let row = Row::of(name, what, RATE, samples).beside(&limit);
        rows.push(row.bar(Bar::RatioAtLeast(bar)));
    }
    for (who, kib) in ["hub", "pushing daemon", "pulling daemon"]
        .into_iter()
        .zip(peaks)
    {
        let row = Row::once(
            name,
            &format!("peak memory, {who}"),
            "MiB",
            kib as f64 / 1024.0,
        );
        rows.push(row.bar(Bar::AtMost(60.0)));
    }
    let bytes = bytes_a_record(stage, backlog, COUNTED.min(count)).await?;
    let row = Row::once(
        name,
        "bytes of a record, push and pull together",
        "bytes",
        bytes,
    );
    rows.push(row.bar(Bar::AtMost(300.0)));
    Ok(rows)
}

/// To the hub, then from the hub to a fresh machine.
pub(crate) async fn push_and_pull(stage: &Stage, backlog: Backlog, count: u64) -> Tried<Found> {
    let world = stage.world()?;
    let hub = world.hub()?;
    let remote = hub.remote();
    let a = world.machine_with(Some(&remote), "ada").await?;
    let push_s = write_apart(&world, &hub, &a, backlog, count).await?;
    let hub_kib = observe::peak_kib(pid(hub.running())?)?;
    let a_kib = observe::peak_kib(pid(a.running())?)?;
    observe::forget_peak(pid(hub.running())?)?;
    let (b, pull_s) = world.logged_in(&hub, &remote, "ada")?;
    let hub_kib = hub_kib.max(observe::peak_kib(pid(hub.running())?)?);
    Ok(Found {
        push: count as f64 / push_s,
        pull: count as f64 / pull_s,
        peaks_kib: [hub_kib, a_kib, observe::peak_kib(pid(b.running())?)?],
    })
}

/// Writes on a machine whose sync is paused, then lets it sync; gives the seconds until the hub had all.
async fn write_apart(
    world: &World<'_>,
    hub: &Hub,
    machine: &Machine,
    backlog: Backlog,
    count: u64,
) -> Tried<f64> {
    let client = Client::new(machine.socket());
    client.sync_pause().await?;
    backlog.write(world, machine, count).await?;
    observe::forget_peak(pid(hub.running())?)?;
    observe::forget_peak(pid(machine.running())?)?;
    let began = Instant::now();
    client.sync_resume().await?;
    wait(machine).await?;
    Ok(began.elapsed().as_secs_f64())
}

/// The rate at which a backlog comes to a machine that is connected, and the peaks of the three meanwhile.
async fn end_to_end(stage: &Stage, backlog: Backlog, count: u64) -> Tried<(f64, [u64; 3])> {
    let world = stage.world()?;
    let hub = world.hub()?;
    let remote = hub.remote();
    let a = world.machine_with(Some(&remote), "ada").await?;
    let (b, _) = world.logged_in(&hub, &remote, "ada")?;
    let pushed_s = write_apart(&world, &hub, &a, backlog, count).await?;
    // The hub has all of it: what it tells now is the end of all that is to come.
    let began = Instant::now();
    wait(&b).await?;
    let seconds = pushed_s + began.elapsed().as_secs_f64();
    let kib = |running| observe::peak_kib(pid(running)?);
    let peaks = [kib(hub.running())?, kib(a.running())?, kib(b.running())?];
    Ok((count as f64 / seconds, peaks))
}

/// What goes over the wire for a record, from one machine and to another, TLS and all.
async fn bytes_a_record(stage: &Stage, backlog: Backlog, count: u64) -> Tried<f64> {
    let world = stage.world()?;
    let hub = world.hub()?;
    let proxy = Proxy::before(&hub)?;
    let a = world.machine_with(Some(proxy.remote()), "ada").await?;
    proxy.forget();
    write_apart(&world, &hub, &a, backlog, count).await?;
    let (_b, _) = world.logged_in(&hub, proxy.remote(), "ada")?;
    Ok(proxy.bytes() as f64 / count as f64)
}
