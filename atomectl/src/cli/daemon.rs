//! Commands about the daemon itself.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Daemon {
    /// Show how the daemon and its accounts are
    #[command(after_help = "Example:\n  atomectl status\n  atomectl status -o json")]
    Status,
    /// Show what the daemon declares itself to be: its endpoints and profile
    #[command(after_help = "Example:\n  atomectl runtime -o json")]
    Runtime,
    /// Check everything that a person would check, and say what to do about it
    ///
    /// Looks at the daemon and how it was found, its socket, the stores, disk, clock, files, secrets, the name,
    /// certificate and version of the hub, the sandbox, and what waits for the hub. Each finding has a stable
    /// code, a severity and a remedy. Ends with 0 where no finding is an error, with 1 where one is, with 6
    /// where there is no daemon.
    #[command(
        after_help = "Example:\n  atomectl doctor\n  atomectl doctor -o json\n  atomectl doctor --bundle atome.json\n  atomectl doctor --prove-direction"
    )]
    Doctor(Doctor),
    /// Show the versions of this command and of the daemon
    #[command(after_help = "Example:\n  atomectl version")]
    Version,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    /// Have the daemon try to listen and to connect where it must not; exit 1 unless the kernel forbids it all
    #[arg(long, conflicts_with = "bundle")]
    pub(crate) prove_direction: bool,
    /// Write the findings to a new file for support, with versions, settings, sizes and figures
    ///
    /// One JSON document, readable by you alone (mode 0600), that you can look through before you give it away.
    /// No value of a particle, no secret, no name and no phone number is in it: accounts stand in it by id.
    /// Ends with 0 once the file is written, whatever was found.
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,
}
