//! Cargo, called from a program that cargo runs.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

/// What cargo tells the program that it runs about that program. Build scripts of some crates look at
/// these: inherited by another cargo, they would be built anew each time.
const ABOUT_US: &[&str] = &[
    "CARGO_BIN_",
    "CARGO_CRATE_",
    "CARGO_MANIFEST_",
    "CARGO_PKG_",
];
/// The same, by their whole names.
const ABOUT_US_TOO: &[&str] = &["CARGO_PRIMARY_PACKAGE", "OUT_DIR"];

/// A cargo command in the workspace `root`, as a person would call it from a shell; the very cargo that
/// runs this program, where one does.
#[must_use]
pub fn cargo(root: &Path, arguments: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.current_dir(root).args(arguments);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let about_us = ABOUT_US.iter().any(|start| text.starts_with(start));
        if about_us || ABOUT_US_TOO.contains(&text.as_ref()) {
            command.env_remove(&name);
        }
    }
    command
}
