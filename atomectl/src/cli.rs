//! The command line as clap has it: man pages, completions and `--help` are made from these definitions.

mod accounts;
mod atomes;
mod daemon;
mod data;
mod directory;
mod login;
mod sessions;
mod sharing;
mod sync;
mod time;

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

pub(crate) use accounts::{Account, Accounts, NewAccount, NewPassword, Removal, Resolution};
pub(crate) use atomes::{Atomes, Create, Find, List, Place, Proof};
pub(crate) use daemon::{Daemon, Doctor};
pub(crate) use data::{BackupFile, Data, Export, Seed, Verify};
pub(crate) use directory::Directory;
pub(crate) use login::{Login, Logout};
pub(crate) use sessions::{Revoke, Sessions};
pub(crate) use sharing::{InboxAnswer, PolicyRule, Requests, Share, ShareMode, Sharing, WhyMay};
pub(crate) use sync::{Mode, Refused, SetMode, Sync};
pub(crate) use time::Time;

use crate::arg::span::Span;
use crate::exit::Exit;

/// The command line of the Atome daemon.
///
/// Everything is written on this machine first, with or without a network, and the daemon brings it to the
/// hub and to your other machines.
///
/// Data goes to standard output, everything else to standard error.
#[derive(Debug, Parser)]
#[command(name = "atomectl", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// The daemon's socket; else atomectl.toml's, else a running daemon's
    #[arg(
        long,
        global = true,
        env = "ATOME_SOCKET",
        value_name = "PATH",
        hide_env_values = true
    )]
    pub(crate) socket: Option<PathBuf>,
    /// The account, by name or id; needed where this user has several
    #[arg(
        long,
        global = true,
        env = "ATOME_ACCOUNT",
        value_name = "NAME",
        hide_env_values = true
    )]
    pub(crate) account: Option<String>,
    /// How data is printed: table on a terminal, else jsonl, unless given
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        hide_possible_values = true
    )]
    #[arg(
        help = "How data is printed: table, json or jsonl [default: table on a terminal, else jsonl]"
    )]
    pub(crate) output: Option<Format>,
    /// Say nothing but data and errors
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Draw no progress bars
    #[arg(long, global = true)]
    pub(crate) no_progress: bool,
    /// How long to wait for an answer: 500ms, 30s, 5m, 1h; 0 for ever [default: 60s]
    #[arg(long, global = true, value_name = "DURATION")]
    pub(crate) timeout: Option<Span>,
    /// When to use colours: auto, always or never; NO_COLOR is respected
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "auto",
        value_name = "WHEN",
        hide_possible_values = true
    )]
    pub(crate) color: Colour,
}

/// How data is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Table,
    /// One JSON document.
    Json,
    /// One JSON object a line.
    Jsonl,
}

/// When colours are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// All commands, by group.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    #[command(flatten)]
    Daemon(Daemon),
    #[command(flatten)]
    Accounts(Accounts),
    #[command(subcommand, about = "See who has an account at the hub")]
    Directory(Directory),
    #[command(flatten)]
    Atomes(Atomes),
    #[command(flatten)]
    Time(Time),
    #[command(flatten)]
    Sharing(Sharing),
    #[command(subcommand, about = "See and steer how an account syncs with the hub")]
    Sync(Sync),
    #[command(flatten)]
    Data(Data),
}

/// The command line's definition.
///
/// Man pages and completions are made from it, so that they say what `--help` says.
#[must_use]
pub fn command() -> clap::Command {
    Cli::command().after_help(exit_codes())
}

fn exit_codes() -> String {
    let mut text = String::from(
        "Example:\n  atomectl account create anna\n  atomectl create task title='Call Bob' done=false\n\nExit codes:\n",
    );
    for (exit, meaning) in Exit::TABLE {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "  {:>3}  {meaning}", exit.number());
    }
    text.truncate(text.trim_end().len());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        command().debug_assert();
    }

    #[test]
    fn every_command_has_help_with_an_example() {
        fn look(command: &clap::Command, path: &str) {
            let mut whole = command.clone();
            let help = whole.render_long_help().to_string();
            assert!(help.contains("Example:\n  atomectl "), "{path}");
            assert!(command.get_about().is_some(), "{path}");
            for each in command.get_subcommands() {
                look(each, &format!("{path} {}", each.get_name()));
            }
        }
        look(&command(), "atomectl");
    }
}
