//! The commands of administration: their arguments, and what they print.
//!
//! Standard output carries what was asked for and nothing else, so that it can go into a file.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use uuid::Uuid;

use crate::admin::{self, AdminError, Format};
use crate::config::Config;

/// Longest life of a token or an invitation: ten years.
const TTL_MAX: Duration = Duration::from_secs(3_650 * 86_400);

#[derive(Debug, Subcommand)]
pub(super) enum AdminCommand {
    /// Looks after accounts, on the hub's own machine; the hub may run meanwhile
    #[command(subcommand)]
    Account(AccountCommand),
    /// Prints codes, each good for one registration; they are shown once and kept as hashes
    #[command(after_help = "Examples:\n  \
        atome-server invite\n  \
        atome-server invite --ttl 30d --count 20 > codes.txt")]
    Invite {
        /// How long a code is good: a number and s, m, h, d or w
        #[arg(long, value_name = "TIME", default_value = "7d", value_parser = ttl)]
        ttl: Duration,
        /// How many codes
        #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        count: u32,
    },
    /// Makes tokens for machines that know no password
    #[command(subcommand)]
    Token(TokenCommand),
    /// Copies the database, as it is at one moment, into a new file; the hub may run meanwhile
    #[command(after_help = "Example:\n  \
        atome-server backup /var/backups/atome/hub-$(date +%F).db\n\n\
        Whoever reads the copy reads all that the hub keeps: it is made for its user only (mode 0600).")]
    Backup {
        /// The file to make; one that is there is not written over
        file: PathBuf,
    },
    /// Makes a copy the database of a hub that is stopped and has none
    #[command(after_help = "Example:\n  \
        systemctl stop atome-server\n  \
        mv /var/lib/atome-server/hub.db* /var/lib/atome-server.broken/\n  \
        atome-server restore /var/backups/atome/hub-2026-01-31.db\n  \
        systemctl start atome-server\n\n\
        Another life of the database begins (its epoch): every machine sends again what the copy does not have. \
        Never put a copy in its place by hand, for then machines cannot all tell that the hub went back.")]
    Restore {
        /// The copy; it stays as it is
        file: PathBuf,
    },
    /// Looks for all that is wrong with the database; the hub may run meanwhile
    #[command(after_help = "Examples:\n  \
        atome-server check\n  \
        atome-server check --accept\n\n\
        It reads all of the database: the file, whether feeds and commits are without a gap, whether digests are \
        those of what accounts see. What is wrong is printed, a line each, and the exit code is 1.")]
    Check {
        /// Accepts that the database went back, as machines have shown: purging and compaction go on
        #[arg(long)]
        accept: bool,
    },
    /// Has feeds let go of entries older than feed_days, as a running hub does by itself
    #[command(after_help = "Examples:\n  \
        atome-server compact\n  \
        atome-server compact --older-than 30d\n\n\
        Atomes, their history and what was decided stay. A machine that was away for longer starts again from the \
        present state. The file does not shrink: the room in it is used again (free_bytes of: atome-server stats).")]
    Compact {
        /// Other than feed_days of the configuration: a number and s, m, h, d or w
        #[arg(long, value_name = "TIME", value_parser = ttl)]
        older_than: Option<Duration>,
    },
    /// Prints how much the database keeps
    #[command(after_help = "Examples:\n  atome-server stats\n  atome-server stats -o json")]
    Stats {
        /// How it is written
        #[arg(short, long, value_name = "FORMAT", default_value = "table")]
        output: StatsFormat,
    },
}

/// How figures are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum StatsFormat {
    /// A line each, for people.
    Table,
    /// One JSON object.
    Json,
}

#[derive(Debug, Subcommand)]
pub(super) enum AccountCommand {
    /// Lists every account, in the order of their ids
    #[command(after_help = "Example:\n  atome-server account list -o json")]
    List {
        #[command(flatten)]
        output: Output,
    },
    /// Closes an account: its sessions are refused, its open connections end within a second
    #[command(after_help = "Example:\n  atome-server account disable ada")]
    Disable {
        /// The account's name or id
        name: String,
    },
    /// Opens an account that was closed; its sessions stand again
    #[command(after_help = "Example:\n  atome-server account enable ada")]
    Enable {
        /// The account's name or id
        name: String,
    },
    /// Deletes an account with all that it has, here and on every machine, for good
    #[command(after_help = "Examples:\n  \
        atome-server account delete ada\n  \
        atome-server account delete 0190a5d0-0000-7000-8000-000000000001 --yes")]
    Delete {
        /// The account's name or id
        name: String,
        /// Does not ask whether it is meant
        #[arg(long)]
        yes: bool,
    },
    /// Lists the sessions of an account, the newest first
    #[command(after_help = "Example:\n  atome-server account sessions ada")]
    Sessions {
        /// The account's name or id
        name: String,
        #[command(flatten)]
        output: Output,
    },
    /// Closes a session of an account; an open connection ends within a second
    #[command(
        after_help = "Example:\n  atome-server account revoke ada 0190a5d0-0000-7000-8000-000000000002"
    )]
    Revoke {
        /// The account's name or id
        name: String,
        /// The session's id
        session: Uuid,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Opens a session and prints its token, once
    #[command(after_help = "Example:\n  \
        atome-server token create --account kiosk-12 --ttl 365d --device \"kiosk at the door\" > token\n  \
        atomectl login kiosk-12 --token-file token")]
    Create {
        /// The account's name or id
        #[arg(long, value_name = "NAME")]
        account: String,
        /// How long it lives without being used: a number and s, m, h, d or w
        #[arg(long, value_name = "TIME", value_parser = ttl)]
        ttl: Duration,
        /// The name of the machine, for the list of sessions
        #[arg(long, value_name = "TEXT", default_value = "token")]
        device: String,
    },
}

#[derive(Args, Debug)]
pub(super) struct Output {
    /// How the list is written [default: table on a terminal, else jsonl]
    #[arg(short, long, value_name = "FORMAT")]
    output: Option<Format>,
}

impl Output {
    fn format(&self) -> Format {
        self.output.unwrap_or_else(Format::fitting)
    }
}

/// Carries out a command, prints what it gives.
pub(super) async fn carry_out(config: &Config, command: AdminCommand) -> Result<(), AdminError> {
    match command {
        AdminCommand::Account(command) => account(config, command).await,
        AdminCommand::Invite { ttl, count } => {
            let mut out = io::stdout();
            for code in admin::invite(config, count, ttl).await? {
                writeln!(out, "{}", code.0)?;
            }
            out.flush()?;
            say(format_args!("each code is good for one registration"));
            Ok(())
        }
        AdminCommand::Token(TokenCommand::Create {
            account,
            ttl,
            device,
        }) => {
            let token = admin::create_token(config, &account, &device, ttl).await?;
            let mut out = io::stdout();
            writeln!(out, "{}", token.0)?;
            out.flush()?;
            say(format_args!("the token is not shown again; keep it secret"));
            Ok(())
        }
        AdminCommand::Backup { file } => {
            admin::back_up(config, &file)?;
            say(format_args!("{} is written", file.display()));
            Ok(())
        }
        AdminCommand::Restore { file } => {
            let epoch = admin::restore(config, &file)?;
            say(format_args!(
                "the database is put back; its epoch is {epoch} now"
            ));
            Ok(())
        }
        AdminCommand::Check { accept } => check(config, accept).await,
        AdminCommand::Compact { older_than } => {
            let gone = admin::compact(config, older_than).await?;
            say(format_args!("{gone} entries of feeds are gone"));
            Ok(())
        }
        AdminCommand::Stats { output } => {
            admin::stats(config, output == StatsFormat::Json, &mut io::stdout())
        }
    }
}

async fn check(config: &Config, accept: bool) -> Result<(), AdminError> {
    let checked = admin::check(config, accept, &mut io::stdout()).await;
    if let Ok(accepted) = &checked {
        say(format_args!("nothing is wrong"));
        if *accepted > 0 {
            say(format_args!(
                "it is accepted that the database went back, of {accepted} accounts"
            ));
        }
    }
    checked.map(drop)
}

async fn account(config: &Config, command: AccountCommand) -> Result<(), AdminError> {
    let mut out = BufWriter::new(io::stdout());
    match command {
        AccountCommand::List { output } => {
            admin::list_accounts(config, output.format(), &mut out).await
        }
        AccountCommand::Sessions { name, output } => {
            admin::list_sessions(config, &name, output.format(), &mut out).await
        }
        AccountCommand::Disable { name } => {
            let name = admin::set_disabled(config, &name, true).await?;
            say(format_args!("{name} is disabled"));
            Ok(())
        }
        AccountCommand::Enable { name } => {
            let name = admin::set_disabled(config, &name, false).await?;
            say(format_args!("{name} is enabled"));
            Ok(())
        }
        AccountCommand::Delete { name, yes } => {
            let name = admin::delete(config, &name, |name| yes || is_meant(name)).await?;
            say(format_args!("{name} is deleted"));
            Ok(())
        }
        AccountCommand::Revoke { name, session } => {
            admin::close_session(config, &name, session).await?;
            say(format_args!("the session is closed"));
            Ok(())
        }
    }
}

/// Asks at the terminal whether an account is meant to be deleted; without one nobody can say so.
fn is_meant(name: &str) -> bool {
    if !io::stdin().is_terminal() {
        return false;
    }
    say(format_args!(
        "this deletes {name} and all that it has, on every machine, for good; write the name to go on"
    ));
    let mut line = String::new();
    io::stdin().read_line(&mut line).is_ok() && line.trim() == name
}

/// Says to a person what was done.
fn say(what: std::fmt::Arguments<'_>) {
    // Where standard error is gone, nobody is left to be told.
    drop(writeln!(io::stderr(), "atome-server: {what}"));
}

/// Reads a time: a whole number and its unit.
fn ttl(text: &str) -> Result<Duration, String> {
    let unit_s = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3_600,
        Some('d') => 86_400,
        Some('w') => 7 * 86_400,
        _ => 0,
    };
    let number = text.strip_suffix(|unit: char| unit.is_ascii_lowercase());
    let time = number
        .and_then(|number| number.parse::<u64>().ok())
        .and_then(|number| number.checked_mul(unit_s))
        .map(Duration::from_secs);
    time.filter(|time| !time.is_zero() && *time <= TTL_MAX)
        .ok_or_else(|| "write a number and s, m, h, d or w, such as 7d; at most 3650d".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        for (text, seconds) in [("90s", 90), ("2m", 120), ("7d", 604_800), ("2w", 1_209_600)] {
            assert_eq!(ttl(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "7",
            "d",
            "0d",
            "-1d",
            "1.5d",
            "7y",
            "7 d",
            "3651d",
            "99999999999999999999w",
            "é",
        ] {
            assert!(ttl(text).is_err(), "{text}");
        }
    }
}
