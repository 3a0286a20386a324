//! `cargo xtask bench`: the whole of it measured, on the real programs.
//!
//! The measuring itself is the benchmark `whole` of `tests/`; this hands it its arguments.

use std::path::Path;

use clap::Args;

use crate::Outcome;
use crate::cargo::{self, cargo};

/// What to measure; the benchmark itself says what there is.
#[derive(Args)]
#[command(disable_help_flag = true)]
pub(crate) struct Arguments {
    /// `--help` tells
    #[arg(allow_hyphen_values = true, trailing_var_arg = true)]
    arguments: Vec<String>,
}

/// Builds with optimisation, and measures.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Outcome {
    let bench = ["bench", "--workspace", "--bench", "whole", "--"];
    let mut command = cargo(root, &bench);
    command.args(&arguments.arguments);
    cargo::run(command)
}
