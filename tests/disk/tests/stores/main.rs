//! The stores on disks that fail: what they acknowledged is there after every crash, whole.
//!
//! Two replicas and a hub, each the real store on a simulated disk of its own, write, push and pull at random
//! while the power goes at any call of theirs: in the midst of a commit, a checkpoint, a migration, a close.
//! After each crash the store is opened again and compared with what it had acknowledged. `ATOME_DISK_SEEDS`
//! says how many histories, `ATOME_DISK_FROM` from which on.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "a history that cannot go on has failed, and says where; its numbers are small"
)]

mod faults;
mod hub;
mod replica;
mod rig;
mod teeth;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use atome_store::Durability;
use rig::{Rig, Tally};

/// Steps of a history.
const STEPS: u64 = 60;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().expect("a whole number"))
}

/// Plays one history; where it fails, tells which.
fn play(seed: u64, tally: &mut Tally) {
    let played = catch_unwind(AssertUnwindSafe(|| {
        let mut rig = Rig::new(seed, Durability::Full);
        for _ in 0..STEPS {
            rig.step().unwrap_or_else(|loss| panic!("{loss}"));
        }
        rig.settle().unwrap_or_else(|loss| panic!("{loss}"));
        rig.tally
    }));
    match played {
        Ok(done) => tally.add(&done),
        Err(failure) => {
            println!("again: ATOME_DISK_FROM={seed} ATOME_DISK_SEEDS=1");
            resume_unwind(failure);
        }
    }
}

#[test]
fn whatever_the_power_interrupts_what_was_acknowledged_is_there() {
    let from = setting("ATOME_DISK_FROM", 0);
    let seeds = setting("ATOME_DISK_SEEDS", 30);
    let mut tally = Tally::default();
    for seed in from..from + seeds {
        play(seed, &mut tally);
    }
    println!("{seeds} histories: {tally:?}");
    if seeds >= 30 {
        tally.assert_everything_happened();
    }
}
