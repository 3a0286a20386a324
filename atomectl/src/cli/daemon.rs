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
    /// Have the daemon show that it cannot do what it must not
    #[command(after_help = "Example:\n  atomectl doctor --prove-direction")]
    Doctor(Doctor),
    /// Show the versions of this command and of the daemon
    #[command(after_help = "Example:\n  atomectl version")]
    Version,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    /// Have the daemon try to listen and to connect where it must not; exit 1 unless the kernel forbids it all
    #[arg(long, required = true)]
    pub(crate) prove_direction: bool,
}
