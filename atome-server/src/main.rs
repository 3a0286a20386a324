//! `atome-server`: see [`atome_server::cli`].

use std::process::ExitCode;

fn main() -> ExitCode {
    atome_server::cli::main()
}
