//! Logging in and out.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Login {
    /// The account's name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Then wait until everything is here, as 'sync wait' does
    #[arg(long)]
    pub(crate) wait: bool,
    /// Log in with the token in this file, which the hub's operator made; - is standard input
    #[arg(long, value_name = "FILE", conflicts_with = "password_stdin")]
    pub(crate) token_file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) password: Password,
}

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Password {
    /// Read the password from the first line of standard input, and ask nobody
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Logout {
    /// First wait until the hub has everything, as 'sync wait' does
    #[arg(long, conflicts_with_all = ["keep", "discard"])]
    pub(crate) wait: bool,
    /// Keep what the hub does not have yet for the next login
    #[arg(long, conflicts_with = "discard")]
    pub(crate) keep: bool,
    /// Throw away what the hub does not have yet
    #[arg(long)]
    pub(crate) discard: bool,
}
