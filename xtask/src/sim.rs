//! `cargo xtask sim`: the simulated world on more seeds than the tests run.
//!
//! The world itself is the test target `sim` of `tests/`; this builds it with optimisation and every
//! assertion, and hands it its seeds. `--planted` plants known bugs instead, each of which must be found.

mod planted;

use std::path::Path;
use std::process::Command;

use clap::Args;

use crate::Outcome;
use crate::cargo::{self, cargo};

/// Which worlds to run.
#[derive(Args)]
pub(crate) struct Arguments {
    /// How many worlds, one a seed; 2,000 with --planted.
    #[arg(long)]
    seeds: Option<u64>,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Steps in each world.
    #[arg(long, default_value_t = 300)]
    steps: u64,
    /// Worlds at a time; one a core unless set.
    #[arg(long)]
    jobs: Option<u64>,
    /// Plants each bug of tests/planted.toml, or those whose names hold TEXT, in a copy of the sources: each must be found.
    #[arg(long, value_name = "TEXT", num_args = 0..=1, default_missing_value = "")]
    planted: Option<String>,
}

const SEEDS: u64 = 200;
const SEEDS_PLANTED: u64 = 2_000;

/// Builds and runs the worlds; a failing one has printed its seed, its invariant and its record.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Outcome {
    match &arguments.planted {
        Some(text) => planted::run(root, arguments, text),
        None => cargo::run(command(root, arguments, arguments.seeds.unwrap_or(SEEDS))),
    }
}

/// The command that plays the worlds of a workspace.
fn command(root: &Path, arguments: &Arguments, seeds: u64) -> Command {
    let mut command = cargo(
        root,
        &[
            "test",
            "--quiet",
            "--profile",
            "sim",
            "--package",
            "atome-tests",
            "--test",
            "sim",
        ],
    );
    command
        .args(["--", "--nocapture", "worlds"])
        .env("ATOME_SIM_SEEDS", seeds.to_string())
        .env("ATOME_SIM_FROM", arguments.from.to_string())
        .env("ATOME_SIM_STEPS", arguments.steps.to_string());
    if let Some(jobs) = arguments.jobs {
        command.env("ATOME_SIM_JOBS", jobs.to_string());
    }
    command
}
