//! Commands about the daemon itself.

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Daemon {
    /// Show how the daemon and its accounts are
    #[command(after_help = "Example:\n  atomectl status\n  atomectl status -o json")]
    Status,
    /// Show what the daemon declares itself to be: its endpoints and profile
    #[command(after_help = "Example:\n  atomectl runtime -o json")]
    Runtime,
    /// Show the versions of this command and of the daemon
    #[command(after_help = "Example:\n  atomectl version")]
    Version,
}
