//! The command line of the Atome daemon: everything is in the library, for tests, man pages and completions.

use std::process::ExitCode;

fn main() -> ExitCode {
    atomectl::run(std::env::args_os())
}
