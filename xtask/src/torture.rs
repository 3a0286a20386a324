//! `cargo xtask torture`: the real programs, written to at full speed while everything befalls them.
//!
//! The run itself is the test target `torture` of `tests/`; this hands it its time, its seed and its fault.

use std::path::Path;

use clap::Args;

use crate::Outcome;
use crate::cargo::{self, cargo};

/// How long, and with what.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Minutes in which things go wrong; the check points come on top.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// What is drawn follows from it; what the system makes of it does not. Another one each time where it is left
    /// out.
    #[arg(long)]
    seed: Option<u64>,
    /// One fault alone: kill, kill-hub, stop, full-disk, read-only, clock, delay, cut, truncate or corrupt.
    #[arg(long, value_name = "FAULT")]
    only: Option<String>,
}

/// What `check` runs: with the check points it takes a minute.
pub(crate) fn run_shortly(root: &Path) -> Outcome {
    let arguments = Arguments {
        minutes: 0.5,
        seed: None,
        only: None,
    };
    run(root, &arguments)
}

/// Builds and runs it; a run that found something has printed what, and where the states are kept.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Outcome {
    let mut command = cargo(root, &["test", "--package", "atome-tests", "--test"]);
    command.args(["torture", "--", "--ignored", "--nocapture", "--exact"]);
    let seconds = (arguments.minutes * 60.0).max(1.0);
    command.arg("torture");
    command.env("ATOME_TORTURE_SECONDS", format!("{seconds:.0}"));
    if let Some(only) = &arguments.only {
        command.env("ATOME_TORTURE_ONLY", only);
    }
    if let Some(seed) = arguments.seed {
        command.env("ATOME_TORTURE_SEED", seed.to_string());
    }
    cargo::run(command)
}
