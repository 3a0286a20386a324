//! `cargo xtask sim`: the simulated world on more seeds than the tests run.
//!
//! The world itself is the test target `sim` of `tests/`; this hands it its seeds.

use std::path::Path;

use clap::Args;

use crate::Outcome;
use crate::cargo::{self, cargo};

/// Which worlds to run.
#[derive(Args)]
pub(crate) struct Arguments {
    /// How many worlds, one a seed.
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Steps in each world.
    #[arg(long, default_value_t = 300)]
    steps: u64,
    /// Builds without optimisation, as the tests do.
    #[arg(long)]
    dev: bool,
}

/// Builds and runs the worlds; a failing one has printed its seed and its replay file.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Outcome {
    let mut command = cargo(root, &["test", "--package", "atome-tests", "--test", "sim"]);
    if !arguments.dev {
        command.arg("--release");
    }
    command
        .args(["--", "--nocapture", "fixed_seeds"])
        .env("ATOME_SIM_SEEDS", arguments.seeds.to_string())
        .env("ATOME_SIM_FROM", arguments.from.to_string())
        .env("ATOME_SIM_STEPS", arguments.steps.to_string());
    cargo::run(command)
}
