//! `cargo xtask sim --planted`: bugs that a reviewer would choose, each planted in a copy of the sources; the
//! simulation must find every one.
//!
//! The bugs are data (`tests/planted.toml`): a text of a file, and what stands in its place. A test keeps them
//! true to the sources. The copy lies below `target/`, with a target folder of its own, so that only what
//! a bug alters is built anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use serde::Deserialize;

use super::{Arguments, SEEDS_PLANTED, command};
use crate::Outcome;
use crate::cargo::output;

/// How much of a failure is told, in characters.
const BY_LEN_MAX: usize = 120;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bugs {
    bug: Vec<Bug>,
}

/// One bug.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bug {
    /// What it does wrong, in a few words.
    name: String,
    /// The file that it is in.
    file: PathBuf,
    /// The right text, once in the file.
    find: String,
    /// The wrong text.
    replace: String,
}

impl Bug {
    /// The text of its file, with the bug in it.
    fn planted_in(&self, text: &str) -> Result<String, String> {
        let times = text.matches(&self.find).count();
        if times == 1 {
            return Ok(text.replacen(&self.find, &self.replace, 1));
        }
        let (name, file) = (&self.name, self.file.display());
        Err(format!(
            "planted bug '{name}': its text stands {times} times in {file}, and must stand there once; \
             correct tests/planted.toml"
        ))
    }
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn write(path: &Path, text: &str) -> Outcome {
    let written = match path.parent() {
        Some(folder) => fs::create_dir_all(folder).and_then(|()| fs::write(path, text)),
        None => fs::write(path, text),
    };
    written.map_err(|error| format!("{}: {error}", path.display()))
}

fn bugs(root: &Path) -> Result<Vec<Bug>, String> {
    let text = read(&root.join("tests/planted.toml"))?;
    let bugs: Bugs =
        toml::from_str(&text).map_err(|error| format!("tests/planted.toml: {error}"))?;
    Ok(bugs.bug)
}

/// Plants each bug whose name holds `text`, and sees whether it is found.
pub(super) fn run(root: &Path, arguments: &Arguments, text: &str) -> Outcome {
    let copy = root.join("target/planted");
    copy_sources(root, &copy)?;
    let mut missed = vec![];
    println!("| bug | seed | found by |\n|---|---|---|");
    for bug in bugs(root)?
        .into_iter()
        .filter(|bug| bug.name.contains(text))
    {
        let path = copy.join(&bug.file);
        let right = read(&root.join(&bug.file))?;
        write(&path, &bug.planted_in(&right)?)?;
        let begun = Instant::now();
        let found = hunt(&copy, arguments);
        write(&path, &right)?;
        match found? {
            Some((seed, by)) => println!("| {} | {seed} | {by} |", bug.name),
            None => {
                println!("| {} | | NOT FOUND |", bug.name);
                missed.push(bug.name);
            }
        }
        eprintln!("  ({} s)", begun.elapsed().as_secs());
    }
    if missed.is_empty() {
        return Ok(());
    }
    Err(format!(
        "not found by the simulation: {}",
        missed.join(", ")
    ))
}

/// Brings the copy to what the sources are; what is the same is not written, so that it is not built anew.
fn copy_sources(root: &Path, copy: &Path) -> Outcome {
    let mut list = Command::new("git");
    list.current_dir(root).args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    for name in output(list)?.split_terminator('\0') {
        let bytes = match fs::read(root.join(name)) {
            Ok(bytes) => bytes,
            // Listed, and deleted since.
            Err(_) if !root.join(name).exists() => continue,
            Err(error) => return Err(format!("{name}: {error}")),
        };
        let to = copy.join(name);
        if fs::read(&to).is_ok_and(|there| there == bytes) {
            continue;
        }
        let folder = to.parent().unwrap_or(copy);
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&to, bytes))
            .map_err(|error| format!("{}: {error}", to.display()))?;
    }
    Ok(())
}

/// Plays worlds in the copy until one fails: its seed, and what it broke.
fn hunt(copy: &Path, arguments: &Arguments) -> Result<Option<(u64, String)>, String> {
    let mut command = command(copy, arguments, arguments.seeds.unwrap_or(SEEDS_PLANTED));
    command.env("CARGO_TARGET_DIR", copy.join("target"));
    let played = command
        .output()
        .map_err(|error| format!("cargo could not be started: {error}"))?;
    if played.status.success() {
        return Ok(None);
    }
    let said = String::from_utf8_lossy(&played.stdout);
    let found = said.lines().find_map(failure);
    found.map(Some).ok_or_else(|| {
        let why = String::from_utf8_lossy(&played.stderr);
        format!("the simulation does not run with the bug in it:\n{why}")
    })
}

/// Reads `seed 17 fails at step 123: merge-order-free: …`.
fn failure(line: &str) -> Option<(u64, String)> {
    let (seed, rest) = line.strip_prefix("seed ")?.split_once(" fails at step ")?;
    let (_, by) = rest.split_once(": ")?;
    // The invariant, and not all that breaks it.
    let by: String = by.chars().take(BY_LEN_MAX).collect();
    Some((seed.parse().ok()?, by.replace('|', "\\|")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bug_can_be_planted() {
        let root = crate::workspace_root();
        let bugs = bugs(&root).unwrap();
        assert!(bugs.len() >= 10);
        for bug in bugs {
            let text = read(&root.join(&bug.file)).unwrap();
            let planted = bug.planted_in(&text).unwrap();
            assert_ne!(planted, text, "{}", bug.name);
        }
    }

    #[test]
    fn a_failure_is_read() {
        let line = "seed 17 fails at step 123: evict: of an atome";
        assert_eq!(failure(line), Some((17, "evict: of an atome".to_owned())));
        assert_eq!(failure("10 of 20 worlds, 3 s"), None);
    }
}
