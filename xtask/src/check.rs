//! `cargo xtask check`: all that must hold before a change goes in. Continuous integration calls this.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::Outcome;
use crate::cargo::{self, cargo};
use crate::{tidy, torture};

type Step = (&'static str, fn(&Path) -> Outcome);

/// In the order of what they cost.
const STEPS: &[Step] = &[
    ("fmt", fmt),
    ("tidy", tidy::run),
    ("deny", deny),
    ("clippy", clippy),
    ("test", test),
    ("torture", torture::run_shortly),
    ("doc", doc),
];

/// Runs every step, each named and timed; the first that fails ends it.
pub(crate) fn run(root: &Path) -> Outcome {
    let began = Instant::now();
    for (index, (name, step)) in STEPS.iter().enumerate() {
        println!("== {}/{} {name}", index + 1, STEPS.len());
        let step_began = Instant::now();
        step(root).map_err(|why| format!("check stopped at '{name}': {why}"))?;
        println!("== {name}: {:.1} s\n", step_began.elapsed().as_secs_f64());
    }
    println!("== all of it: {:.1} s", began.elapsed().as_secs_f64());
    Ok(())
}

fn fmt(root: &Path) -> Outcome {
    cargo::run(cargo(root, &["fmt", "--all", "--check"]))
}

fn clippy(root: &Path) -> Outcome {
    let arguments = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-Dwarnings",
    ];
    cargo::run(cargo(root, &arguments))
}

/// The very command that the README gives to a newcomer.
fn test(root: &Path) -> Outcome {
    cargo::run(cargo(root, &["test", "--workspace"]))
}

fn doc(root: &Path) -> Outcome {
    let mut command = cargo(root, &["doc", "--workspace", "--no-deps", "--locked"]);
    command.env("RUSTDOCFLAGS", "-Dwarnings");
    cargo::run(command)
}

/// Licences, sources and banned crates, where `cargo-deny` is installed.
fn deny(root: &Path) -> Outcome {
    let there = Command::new("cargo-deny")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !there {
        println!("  skipped: cargo-deny is not installed (`cargo install cargo-deny`)");
        return Ok(());
    }
    cargo::run(cargo(
        root,
        &["deny", "--locked", "check", "bans", "licenses", "sources"],
    ))
}
