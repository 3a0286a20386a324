//! The real programs under everything that can befall them, while they are written to at full speed.
//!
//! A hub and machines with several accounts each; daemons and hub are killed, stopped and started, their
//! disks fill and turn read-only, clocks leap, the lines between them delay, cut, truncate and corrupt.
//! Writers note what was acknowledged. At each check point all faults end, and then every acknowledged write
//! must be there, once, everywhere, and on a machine that logs in anew. `cargo xtask torture` runs it.

#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a run that cannot go on has failed, and says where; its numbers are small"
)]

mod check;
mod counts;
mod dice;
mod fate;
mod ledger;
mod must;
mod reconnect;
mod settings;
mod stage;
mod writer;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use counts::Counts;
use settings::Settings;
use stage::Stage;

#[test]
#[ignore = "it takes minutes: cargo xtask torture"]
fn torture() {
    let settings = Settings::of_environment();
    let counts = Counts::default();
    let began = Instant::now();
    println!("torture: {settings}");
    let mut stage = Stage::set(&settings);
    // Whatever fails, in whichever thread: the state is kept, and the figures are told.
    let played = catch_unwind(AssertUnwindSafe(|| {
        for phase in 1..=settings.phases() {
            fate::play(&stage, &settings, &counts, phase, began);
            check::everything(&mut stage, &counts, phase);
        }
    }));
    println!("\n{}", counts.table(began.elapsed()));
    if played.is_err() || counts.failures() > 0 {
        let kept = stage.keep();
        println!(
            "seed {}; states and logs: {}",
            settings.seed,
            kept.display()
        );
        panic!("the torture found something");
    }
}
