//! Ending sessions.

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum Sessions {
    /// End sessions: those machines are logged out at the hub, and keep what they have
    #[command(
        after_help = "Example:\n  atomectl sessions revoke 0198c0de\n  atomectl sessions revoke --others"
    )]
    Revoke(Revoke),
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The sessions' ids, or unique prefixes of them, as 'sessions' shows them
    #[arg(value_name = "ID", required_unless_present = "others", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) ids: Vec<String>,
    /// Every session but this machine's
    #[arg(long, conflicts_with = "ids")]
    pub(crate) others: bool,
}
