//! The rules of the architecture that the compiler cannot see.
//!
//! Each rule is a function from what it looks at to what is wrong, so that its test can feed it a
//! violation. A rule never mends anything.

mod arrows;
mod codes;
mod contract;
mod findings;
mod shape;
mod tree;

use std::path::Path;

use crate::Outcome;
use crate::cargo;
use tree::SourceFile;

/// One thing that a rule found: where, and what.
#[derive(Debug, PartialEq, Eq)]
struct Violation {
    at: String,
    what: String,
}

impl Violation {
    fn new(at: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            at: at.into(),
            what: what.into(),
        }
    }
}

/// Checks every rule, prints what is wrong.
pub(crate) fn run(root: &Path) -> Outcome {
    let files = tree::files(root)?;
    let metadata = cargo::output(cargo::cargo(
        root,
        &["metadata", "--format-version=1", "--no-deps", "--locked"],
    ))?;
    let rules: [(&str, Vec<Violation>); 9] = [
        ("who may depend on whom", arrows::check(&metadata)?),
        ("no loopback name or address", contract::loopback(&files)),
        (
            "the daemon listens on no TCP port",
            contract::daemon_listens(&files),
        ),
        ("the hub dials nobody", contract::hub_dials(&files)),
        ("every file says what it owns", shape::opening(&files)),
        ("no mod.rs", shape::module_files(&files)),
        (
            "every error code is documented",
            codes::documented(&tree::read(root, codes::TABLE)?),
        ),
        (
            "every finding is documented",
            findings::documented(&tree::read(root, findings::TABLE)?),
        ),
        ("Cargo.lock is committed", tree::lock_committed(root)),
    ];
    let (too_long, long) = shape::length(&files);
    for found in &long {
        println!("  note: {}: {}", found.at, found.what);
    }
    let mut wrong = report("files that can be read", &too_long);
    for (rule, found) in &rules {
        wrong += report(rule, found);
    }
    if wrong == 0 {
        println!("  {} rules hold in {} files", rules.len() + 1, files.len());
        Ok(())
    } else {
        Err(format!("tidy: {wrong} violations"))
    }
}

fn report(rule: &str, found: &[Violation]) -> usize {
    for violation in found {
        println!("  {}: {} ({rule})", violation.at, violation.what);
    }
    found.len()
}
