//! The simulated world: machines, a hub, a network that delays, drops, repeats, reorders and cuts,
//! crashes between any effect and its answer, clocks that differ and jump, disks that are copied.
//!
//! The machines are the real engine on the real stores, each on a simulated disk of its own that loses in
//! a crash what was not synced; only the disks, time, the network and the order of things are made up, from
//! one seed. After each step the named invariants are asserted; when all faults end, everything must come to
//! the same. A seed that fails prints itself, the invariant and the path of a file with every step that led
//! there, for `cargo xtask replay`.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "a world that cannot go on has failed, and says where; its numbers are small"
)]

mod check;
mod disk;
mod hub;
mod machine;
mod model;
mod network;
mod record;
mod rng;
mod rule;
mod tally;
mod world;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tally::Tally;
use world::{Kind, World};

/// A line of progress comes so often.
const PROGRESS_EVERY: Duration = Duration::from_secs(10);

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a whole number"))
}

thread_local! {
    /// What the last panic of this thread said, and where.
    static SAID: RefCell<String> = const { RefCell::new(String::new()) };
}

/// How a world failed.
struct Failure {
    seed: u64,
    /// The step that broke it.
    step: u64,
    /// The invariant, and where it was asserted.
    why: String,
}

/// Plays the world of a seed; its kind goes by turns, and every fourth one that shares begins with that.
fn play(seed: u64, steps: u64, is_recording: bool) -> Result<Tally, Failure> {
    let kind = match seed % 3 {
        0 => Kind::Apart,
        1 => Kind::Forgetful,
        _ => Kind::Sharing,
    };
    let mut world = World::new(seed, kind);
    if is_recording {
        world.record();
    }
    let played = catch_unwind(AssertUnwindSafe(|| {
        if seed % 12 == 11 {
            world.acquaint();
        }
        for _ in 0..steps {
            world.step();
            check::after_step(&mut world);
        }
        world.settle();
        check::settled(&mut world);
    }));
    match played {
        Ok(()) => Ok(world.tally),
        Err(_) => {
            let failure = Failure {
                seed,
                step: world.steps(),
                why: SAID.with(RefCell::take),
            };
            world.end_record(&failure.why);
            Err(failure)
        }
    }
}

/// Plays all worlds, several at a time; the first that fails ends it.
fn play_all(from: u64, seeds: u64, steps: u64, jobs: u64) -> Result<Tally, Failure> {
    let next = AtomicU64::new(from);
    let done = AtomicU64::new(0);
    let total = Mutex::new(Tally::default());
    let failed: Mutex<Option<Failure>> = Mutex::new(None);
    let begun = Instant::now();
    let work = || {
        while failed.lock().expect("a lock").is_none() {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= from + seeds {
                break;
            }
            match play(seed, steps, false) {
                Ok(tally) => total.lock().expect("a lock").add(&tally),
                Err(failure) => {
                    let mut first = failed.lock().expect("a lock");
                    if first.as_ref().is_none_or(|first| failure.seed < first.seed) {
                        *first = Some(failure);
                    }
                }
            }
            done.fetch_add(1, Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
        let mut told = begun;
        while !workers
            .iter()
            .all(std::thread::ScopedJoinHandle::is_finished)
        {
            std::thread::sleep(Duration::from_millis(20));
            if told.elapsed() >= PROGRESS_EVERY {
                told = Instant::now();
                let done = done.load(Ordering::Relaxed);
                println!("{done} of {seeds} worlds, {} s", begun.elapsed().as_secs());
            }
        }
    });
    match failed.into_inner().expect("a lock") {
        Some(failure) => Err(failure),
        None => Ok(total.into_inner().expect("a lock")),
    }
}

#[test]
fn worlds() {
    let from = setting("ATOME_SIM_FROM", 0);
    let seeds = setting("ATOME_SIM_SEEDS", 300);
    let steps = setting("ATOME_SIM_STEPS", 300);
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
    let jobs = setting("ATOME_SIM_JOBS", cores);
    let begun = Instant::now();
    std::panic::set_hook(Box::new(|info| {
        let said = info.payload_as_str().unwrap_or("a panic without words");
        let at = info.location().map(ToString::to_string).unwrap_or_default();
        SAID.with(|kept| *kept.borrow_mut() = format!("{said}\n  at {at}"));
    }));
    let tally = match play_all(from, seeds, steps, jobs) {
        Ok(tally) => tally,
        Err(failure) => {
            let Failure { seed, step, why } = failure;
            println!("seed {seed} fails at step {step}: {why}");
            let _ = play(seed, steps, true);
            let _ = std::panic::take_hook();
            println!("again:      cargo xtask sim --from {seed} --seeds 1 --steps {steps}");
            panic!("a world has failed");
        }
    };
    let _ = std::panic::take_hook();
    println!(
        "{seeds} worlds of {steps} steps in {:.1} s: all invariants held\n{tally}",
        begun.elapsed().as_secs_f64()
    );
    if seeds >= 300 && steps >= 300 {
        tally.assert_everything_happened();
    }
}
