//! The project's own chores: `cargo xtask demo|check|tidy|fuzz|sim|replay|torture|bench|dist`.
//!
//! Owns what a person or continuous integration runs on the source tree. It is no part of any
//! program that ships.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a chore talks to the person who runs it"
)]

mod bench;
mod cargo;
mod check;
mod demo;
mod dist;
mod fuzz;
mod replay;
mod sim;
mod tidy;
mod torture;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// What a chore answers: done, or what went wrong, for a person.
type Outcome = Result<(), String>;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The project's own chores", version)]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// A hub and two machines, really running: writes offline, syncs, converges, checks itself.
    Demo(demo::Arguments),
    /// Everything that must hold before a change goes in: formatting, lints, tests, docs, tidy, deny.
    Check,
    /// Checks the rules of the architecture that the compiler cannot see.
    Tidy,
    /// Makes what is shipped in `dist/`: man pages, completions, Debian packages.
    Dist(dist::Arguments),
    /// Fuzzes every decoder of bytes from outside, guided by coverage.
    Fuzz(fuzz::Arguments),
    /// Runs the simulated world on more seeds than the tests do, or finds planted bugs with it.
    Sim(sim::Arguments),
    /// Shows the record of a world that failed, step by step.
    Replay(replay::Arguments),
    /// Measures everything beside the limits of this machine; `--help` says what there is.
    Bench(bench::Arguments),
    /// Kills, stops, starves and cuts off the real programs while they are written to; then counts.
    Torture(torture::Arguments),
}

fn main() -> ExitCode {
    let root = workspace_root();
    let outcome = match Arguments::parse().chore {
        Chore::Demo(arguments) => demo::run(&root, &arguments),
        Chore::Check => check::run(&root),
        Chore::Tidy => tidy::run(&root),
        Chore::Dist(arguments) => dist::run(&root, &arguments),
        Chore::Fuzz(arguments) => fuzz::run(&root, &arguments),
        Chore::Sim(arguments) => sim::run(&root, &arguments),
        Chore::Bench(arguments) => bench::run(&root, &arguments),
        Chore::Torture(arguments) => torture::run(&root, &arguments),
        Chore::Replay(arguments) => replay::run(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("\n{message}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace that this program was built from.
fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}
