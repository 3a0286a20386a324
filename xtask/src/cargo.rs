//! Runs cargo and other programs on the workspace, and says which command failed.

use std::path::Path;
use std::process::Command;

pub(crate) use atome_tests::cargo::cargo;

use crate::Outcome;

/// Runs a command to its end, its output on ours.
pub(crate) fn run(mut command: Command) -> Outcome {
    let shown = shown(&command);
    let status = command
        .status()
        .map_err(|error| format!("`{shown}` could not be started: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`{shown}` failed ({status})"))
    }
}

/// Runs a command to its end and gives what it printed.
pub(crate) fn output(mut command: Command) -> Result<String, String> {
    let shown = shown(&command);
    let output = command
        .output()
        .map_err(|error| format!("`{shown}` could not be started: {error}"))?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`{shown}` failed ({}): {why}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("`{shown}` printed no UTF-8: {error}"))
}

/// The command as a person would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let words = std::iter::once(name).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}
