//! `cargo xtask fuzz`: coverage-guided fuzzing of every decoder of bytes from outside.
//!
//! Builds and runs the targets of `fuzz/` one after the other. It installs nothing.

use std::path::Path;
use std::process::{Command, Stdio};

use clap::Args;

use crate::Outcome;
use crate::cargo;

/// Which targets, and for how long.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Minutes for each target.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// The targets; all of them where none is named.
    target: Vec<String>,
}

/// Bytes that one allocation of a target may have, in MiB: a frame read into a buffer that doubles.
const MALLOC_MIB: u32 = 16;
/// The same for seed files, which a person unpacks: zstd's own greatest window and what is around it.
const MALLOC_SEED_FILE_MIB: u32 = 160;

/// Runs the targets; the first that breaks ends the run.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Outcome {
    let folder = root.join("fuzz");
    let all = targets(&folder)?;
    if let Some(strange) = arguments.target.iter().find(|name| !all.contains(name)) {
        return Err(format!(
            "there is no target '{strange}'; there are {}",
            all.join(", ")
        ));
    }
    ready()?;
    let chosen = if arguments.target.is_empty() {
        &all
    } else {
        &arguments.target
    };
    for target in chosen {
        println!("{target}: {} minutes", arguments.minutes);
        cargo::run(command(&folder, target, arguments.minutes)?)?;
    }
    println!("{} targets, nothing found", chosen.len());
    Ok(())
}

/// The targets by name.
fn targets(folder: &Path) -> Result<Vec<String>, String> {
    let folder = folder.join("fuzz_targets");
    let entries = std::fs::read_dir(&folder)
        .map_err(|error| format!("{} cannot be read: {error}", folder.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}

/// Whether what is needed is there.
fn ready() -> Outcome {
    let there = |program: &str, arguments: &[&str]| {
        let mut command = Command::new(program);
        let command = command.args(arguments).stdout(Stdio::null());
        let status = command.stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    if !there("cargo", &["fuzz", "--version"]) {
        return Err("cargo-fuzz is missing; `cargo install cargo-fuzz` installs it".to_owned());
    }
    if !there("c++", &["--version"]) {
        return Err("a C++ compiler is missing, for the fuzzer itself; install g++".to_owned());
    }
    Ok(())
}

fn command(folder: &Path, target: &str, minutes: u64) -> Result<Command, String> {
    let grown = folder.join("target/corpus").join(target);
    std::fs::create_dir_all(&grown)
        .map_err(|error| format!("{} cannot be made: {error}", grown.display()))?;
    let malloc_mib = if target == "seed_file" {
        MALLOC_SEED_FILE_MIB
    } else {
        MALLOC_MIB
    };
    let mut command = Command::new("cargo");
    command
        .current_dir(folder)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("ASAN_OPTIONS", "quarantine_size_mb=16")
        .args(["fuzz", "run", target])
        .arg(grown)
        .arg(folder.join("corpus").join(target))
        .arg("--")
        .arg(format!("-max_total_time={}", minutes.saturating_mul(60)))
        .arg(format!("-malloc_limit_mb={malloc_mib}"))
        .args(["-rss_limit_mb=512", "-timeout=10", "-max_len=16384"])
        .arg("-print_final_stats=1");
    Ok(command)
}
