//! A check point: all faults have ended; every acknowledged write is there, once, everywhere.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use atome_tests::{Ctl, Machine};
use serde_json::Value;

use crate::counts::{Counts, up};
use crate::ledger::{Findings, Ledger, compare};
use crate::must::Must;
use crate::stage::{ACCOUNTS, Stage, log_in};

/// How long machines may take to come together: back-off, two missed heartbeats, and a busy machine.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(300);
/// Of each kind of finding so many are told.
const TOLD: usize = 5;

/// Lets everything come together, and looks at all of it, also from a machine that logs in anew.
pub(crate) fn everything(stage: &mut Stage, counts: &Counts, phase: u32) {
    let began = Instant::now();
    let place = stage.place(&format!("fresh{phase}"));
    let remote = stage
        .hub
        .get_mut()
        .expect("its thread did not panic")
        .remote();
    let mut fresh = Machine::start_new(&stage.binaries, &place, Some(&remote)).must();
    for account in ACCOUNTS {
        let using = stage
            .seats
            .iter()
            .filter(|seat| seat.accounts.contains(account));
        let mut replicas: Vec<_> = using.map(|seat| (seat.name, &seat.ctl)).collect();
        settle(account, &replicas);
        let settled = began.elapsed();
        let ctl = fresh.ctl();
        log_in(&ctl, account);
        replicas.push(("fresh", &ctl));
        let ledgers = stage.seats.iter().flat_map(|seat| &seat.ledgers);
        let ledgers: Vec<_> = ledgers
            .filter(|ledger| ledger.account == *account)
            .collect();
        look(account, &replicas, &ledgers, counts);
        println!(
            "  check point {phase}, {account}: {} replicas, in sync after {:.1} s, looked at after {:.1} s",
            replicas.len(),
            settled.as_secs_f64(),
            began.elapsed().as_secs_f64()
        );
    }
    fresh.kill().must();
    let names = stage.seats.iter().map(|seat| seat.name);
    for name in names.chain(["hub"]) {
        look_for_panics(&stage.place(name), counts);
    }
}

/// Waits until all replicas of an account hold all of each other's.
fn settle(account: &str, replicas: &[(&str, &Ctl)]) {
    let began = Instant::now();
    // What one brings to the hub in the first round, the others have after the second.
    for _ in 0..2 {
        for (name, ctl) in replicas {
            loop {
                let wait = ["--account", account, "sync", "wait", "--timeout", "10s"];
                let reply = ctl.ask(&wait).must();
                if reply.code == 0 {
                    break;
                }
                let late = began.elapsed() > SETTLE_TIMEOUT;
                assert!(
                    !late,
                    "{name} does not come together with the hub: {}",
                    reply.stderr
                );
                thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

/// Looks whether every replica of an account has what its writers know, once, and all have the same.
pub(crate) fn look(account: &str, replicas: &[(&str, &Ctl)], ledgers: &[&Ledger], counts: &Counts) {
    let mut first: Option<(String, String)> = None;
    for (name, ctl) in replicas {
        let ask = |words: &[&str]| ctl.run(&[&["--account", account], words].concat()).must();
        let export = ask(&["export"]).stdout;
        up(&counts.checked);
        tell(name, &compare(ledgers, &export), counts);
        let verified: Value = ask(&["sync", "verify", "-o", "json"]).json().must();
        let digest = verified["local"].to_string();
        let (of_first, digest_of_first) =
            first.get_or_insert_with(|| (export.clone(), digest.clone()));
        if verified["equal"] != true || *of_first != export || *digest_of_first != digest {
            up(&counts.diverged);
            println!("  {name} differs from the others, or from the hub: {verified}");
        }
        let refused: Vec<Value> = ask(&["sync", "refused", "-o", "jsonl"]).lines().must();
        if !refused.is_empty() {
            up(&counts.other);
            println!("  {name}: the hub refused {refused:?}");
        }
    }
}

fn tell(name: &str, found: &Findings, counts: &Counts) {
    for (what, lines, counter) in [
        ("lost", &found.lost, &counts.lost),
        ("doubled", &found.doubled, &counts.doubled),
        ("wrong", &found.other, &counts.other),
    ] {
        lines.iter().for_each(|_| up(counter));
        for line in lines.iter().take(TOLD) {
            println!("  {name}: {what}: {line}");
        }
    }
}

/// A program that panics has a fault, even where everything is there in the end.
pub(crate) fn look_for_panics(place: &Path, counts: &Counts) {
    for program in ["atomed", "atome-server"] {
        let log = std::fs::read_to_string(place.join(format!("{program}.log"))).unwrap_or_default();
        for line in log.lines().filter(|line| line.contains("panicked at")) {
            up(&counts.other);
            println!("  {}: {line}", place.display());
        }
    }
}
