//! `cargo xtask torture`: the real programs, written to at full speed while everything befalls them.
//!
//! The run itself is the test target `torture` of `tests/`; this hands it its time, its seed and its fault.

use std::path::Path;

use clap::Args;

use crate::Outcome;
use crate::cargo::{self, cargo};

const EXAMPLES: &str = "\
Examples:
  cargo xtask torture --minutes 1
  cargo xtask torture --minutes 3 --only full-disk
  cargo xtask torture --only reconnect --daemons 100

It ends with a table: what befell the programs, the writes that they acknowledged, and how many of
those are lost, doubled or differ between machines. Any of these fails the run; the states and logs
are then kept, and it says where, and with which seed. Full and read-only disks need root, clocks
libfaketime; without them they are skipped, and it says so.";

/// How long, and with what.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// Minutes in which things go wrong; the check points come on top.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// What is drawn follows from it; what the system makes of it does not. Another one each time where it is left
    /// out.
    #[arg(long)]
    seed: Option<u64>,
    /// One fault alone: kill, kill-hub, stop, full-disk, read-only, clock, delay, cut, truncate or corrupt; or
    /// reconnect: many daemons with writes that wait come back to a hub that was stopped, then killed (once each, so
    /// without --minutes and --seed; takes some 5 MB of memory and 2 MB of disk for each daemon).
    #[arg(long, value_name = "FAULT")]
    only: Option<String>,
    /// How many daemons come back in reconnect.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..))]
    daemons: u32,
}

/// The word for the run that is a test of its own.
const RECONNECT: &str = "reconnect";

/// What `check` runs: with its start and the check points at most a minute, also on a busy machine of two cores.
pub(crate) fn run_shortly(root: &Path) -> Outcome {
    let arguments = Arguments {
        minutes: 0.4,
        seed: None,
        only: None,
        daemons: 0,
    };
    run(root, &arguments)
}

/// Builds and runs it; a run that found something has printed what, and where the states are kept.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Outcome {
    let mut command = cargo(root, &["test", "--package", "atome-tests", "--test"]);
    command.args(["torture", "--", "--ignored", "--nocapture", "--exact"]);
    if arguments.only.as_deref() == Some(RECONNECT) {
        command.arg("reconnect::reconnect");
        command.env("ATOME_TORTURE_DAEMONS", arguments.daemons.to_string());
        return cargo::run(command);
    }
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
