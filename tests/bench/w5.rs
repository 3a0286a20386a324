//! W5: thousands of idle machines at one hub: what each costs, what a write costs beside them, and how they all
//! come back when the hub was killed.

use std::time::{Duration, Instant};

use atome_tests::Hub;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::failure::{Tried, differs};
use crate::observe;
use crate::pair::Pair;
use crate::row::{Bar, Row};
use crate::samples::Samples;
use crate::stage::{Stage, create_account, pid, token};
use crate::w3::Live;

mod crowd;

use crowd::Crowd;

/// Accounts that the idle machines are of.
const ACCOUNTS: u32 = 10;
/// Samples of W3 before, and again beside the crowd.
const SAMPLES: u64 = 500;
/// Files that a process has open besides.
const FILES_BESIDES: u64 = 500;
/// How long all may take to come.
const PATIENCE: Duration = Duration::from_secs(180);
/// How often they are counted.
const COUNT_EVERY: Duration = Duration::from_millis(50);

/// Many machines of a few accounts, all of one address.
pub(crate) async fn run(stage: &Stage) -> Tried<Vec<Row>> {
    let wanted = allowed(stage.connections);
    let world = stage.world()?;
    let mut hub = Hub::prepare(&stage.binaries, &world.path("hub"))?;
    // As behind a proxy: they all have one address.
    for limit in ["CONNECTIONS_MAX", "UNKNOWN_PER_SOURCE_MAX"] {
        let places = wanted + 1_000;
        hub.set_env(
            &format!("ATOME_SERVER_LIMITS__{limit}"),
            &places.to_string(),
        );
    }
    hub.start()?;
    let mut pair = Pair::at(world, hub, 0).await?;
    let tokens = tokens(&pair)?;
    let mut live = Live::begin(&pair).await?;
    let before = live.times(SAMPLES).await?;
    let memory_before = observe::memory_kib(pid(pair.hub.running())?)?;

    let crowd = Crowd::gather(&pair.hub, &tokens, wanted)?;
    crowd_is(&crowd, wanted).await?;
    let memory = observe::memory_kib(pid(pair.hub.running())?)?;
    let beside = live.times(SAMPLES).await?;

    drop(live);
    pair.hub.kill()?;
    // While its process ends the kernel still takes connections for it, and resets them.
    crowd.forget_failures();
    pair.hub.start()?;
    let began = Instant::now();
    crowd_is(&crowd, wanted).await?;
    let back_s = began.elapsed().as_secs_f64();
    let failures = crowd.failures();
    if let Some(why) = crowd.first_failure() {
        eprintln!("  the first failure on coming back: {why}");
    }

    let each = memory.saturating_sub(memory_before) as f64 / f64::from(wanted);
    let what = format!("hub memory of an idle connection, of {wanted}");
    let before = Samples(vec![before.quantile(0.99)]);
    Ok(vec![
        Row::once("W5", &what, "KiB", each).bar(Bar::AtMost(40.0)),
        Row::of("W5", "W3's p99 beside them, by that without", "ms", &beside)
            .quantile(0.99)
            .beside(&before)
            .bar(Bar::RatioAtMost(2.0)),
        Row::once("W5", "all back after the hub was killed", "s", back_s).bar(Bar::AtMost(60.0)),
        Row::once("W5", "failures on coming back", "times", failures as f64).bar(Bar::AtMost(0.0)),
    ])
}

/// As many connections as this process and the hub may have files for.
fn allowed(wanted: u32) -> u32 {
    let needed = u64::from(wanted) + FILES_BESIDES;
    let now = getrlimit(Resource::Nofile);
    let enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= needed);
    let limit = Rlimit {
        current: Some(needed),
        maximum: now.maximum.map(|limit| limit.max(needed)),
    };
    if enough(now.current) || setrlimit(Resource::Nofile, limit).is_ok() {
        return wanted;
    }
    let most = now.maximum.unwrap_or(needed);
    let limit = Rlimit {
        current: Some(most),
        maximum: Some(most),
    };
    let most = match setrlimit(Resource::Nofile, limit) {
        Ok(()) => most,
        Err(_) => now.current.unwrap_or(needed),
    };
    let fewer = u32::try_from(most.saturating_sub(FILES_BESIDES)).unwrap_or(wanted);
    eprintln!("  {fewer} connections, not {wanted}: a process may open {most} files here");
    fewer
}

/// A token of each of some accounts, which are made by one of the machines.
fn tokens(pair: &Pair<'_>) -> Tried<Vec<String>> {
    let machine = pair.world.machine(Some(&pair.hub.remote()))?;
    let accounts = (0..ACCOUNTS).map(|n| format!("idle{n}"));
    let tokens = accounts.map(|account| {
        create_account(&machine, &account)?;
        let wait = ["--account", &account, "sync", "wait"];
        machine.ctl().run(&wait)?;
        Ok(token(&pair.hub, &account)?.trim().to_owned())
    });
    tokens.collect()
}

/// Waits until so many are connected.
async fn crowd_is(crowd: &Crowd, wanted: u32) -> Tried {
    let began = Instant::now();
    while crowd.connected() < u64::from(wanted) {
        if began.elapsed() > PATIENCE {
            let why = crowd.first_failure().unwrap_or_default();
            return differs(format!(
                "{} of {wanted} connected in {} s; {why}",
                crowd.connected(),
                PATIENCE.as_secs()
            ));
        }
        tokio::time::sleep(COUNT_EVERY).await;
    }
    Ok(())
}
