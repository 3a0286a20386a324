//! The daemon's command line as clap has it: `--help`, man page and completions are made from it.

use std::path::PathBuf;

use clap::{CommandFactory, Parser};

/// The Atome daemon: keeps the accounts of this machine, answers on a Unix socket, syncs with one hub.
#[derive(Debug, Parser)]
#[command(name = "atomed", version, after_help = EXAMPLES)]
pub struct Arguments {
    /// The configuration file; without it the service's or the user's own is read.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Checks the configuration, tells all that is wrong with it, and ends.
    #[arg(long)]
    pub check_config: bool,
    /// Prints what the daemon would declare itself to be, as JSON, and ends.
    #[arg(long)]
    pub print_runtime: bool,
}

const EXAMPLES: &str = "\
Examples:
  atomed --config /etc/atome/atomed.toml --check-config
  atomed --config ./atomed.toml

Every key can be overridden by the environment: ATOMED_REMOTE__ENDPOINT is [remote] endpoint.
SIGHUP, or systemctl reload, has a daemon that runs read its configuration again.
Exit codes: 0 stopped as told, 1 could not start, 78 the configuration is wrong.";

/// The command line, for what is made from it.
#[must_use]
pub fn command() -> clap::Command {
    Arguments::command()
}
