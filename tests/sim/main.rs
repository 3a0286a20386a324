//! The simulated world: machines, a hub, a network that delays, drops, repeats, reorders and cuts,
//! crashes between any effect and its answer, clocks that differ.
//!
//! The machines are the real engine on the real stores, each on a simulated disk of its own that loses in
//! a crash what was not synced; only the disks, time, the network and the order of things are made up, from
//! one seed. After each step the named invariants are asserted; when
//! all faults end, everything must come to the same. A seed that fails prints itself and the path of a
//! file with every step that led there.

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
mod rng;
mod rule;
mod tally;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Instant;

use tally::Tally;
use world::World;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a whole number"))
}

/// Plays one world; where it fails, tells how to see it again.
fn play(seed: u64, steps: u64, is_sharing: bool) -> Tally {
    let mut world = World::new(seed, is_sharing);
    let played = catch_unwind(AssertUnwindSafe(|| {
        for _ in 0..steps {
            world.step();
            check::after_step(&world);
        }
        world.settle();
        check::settled(&mut world);
    }));
    if let Err(failure) = played {
        let path = world.write_replay();
        println!(
            "seed {seed} fails after {} steps; every step: {path}",
            world.steps()
        );
        println!("again: ATOME_SIM_FROM={seed} ATOME_SIM_SEEDS=1 ATOME_SIM_STEPS={steps}");
        resume_unwind(failure);
    }
    world.tally
}

#[test]
fn fixed_seeds() {
    let from = setting("ATOME_SIM_FROM", 0);
    let seeds = setting("ATOME_SIM_SEEDS", 200);
    let steps = setting("ATOME_SIM_STEPS", 300);
    let begun = Instant::now();
    let mut tally = Tally::default();
    for seed in from..from + seeds {
        tally.add(&play(seed, steps, false));
    }
    println!(
        "{seeds} worlds of {steps} steps in {:.1} s: {tally:?}",
        begun.elapsed().as_secs_f64()
    );
    if seeds >= 200 && steps >= 300 {
        tally.assert_everything_happened();
    }
}

/// Three accounts that share, by the rule, by policies and by time, with every fault but copied disks.
#[test]
fn worlds_that_share() {
    let from = setting("ATOME_SIM_FROM", 0);
    let seeds = setting("ATOME_SIM_SEEDS", 100);
    let steps = setting("ATOME_SIM_STEPS", 300);
    let begun = Instant::now();
    let mut tally = Tally::default();
    for seed in from..from + seeds {
        tally.add(&play(seed, steps, true));
    }
    println!(
        "{seeds} worlds that share, of {steps} steps, in {:.1} s: {tally:?}",
        begun.elapsed().as_secs_f64()
    );
    assert!(tally.acts > 0 && tally.compared > 0);
}
