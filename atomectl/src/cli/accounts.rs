//! Commands about accounts and logins.

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum Accounts {
    /// Make, list and show accounts
    #[command(
        subcommand,
        after_help = "Example:\n  atomectl account create anna\n  atomectl account list"
    )]
    Account(Account),
    /// Log in to an account; one that only the hub knows comes to this machine
    #[command(
        after_help = "Example:\n  atomectl login anna --wait\n  printf '%s' \"$PASSWORD\" | atomectl login anna --password-stdin"
    )]
    Login(Login),
    /// Log out of an account; its data stays, locked
    #[command(
        after_help = "Example:\n  atomectl logout --wait\n  atomectl --account anna logout --keep"
    )]
    Logout(Logout),
    /// Show which accounts this Unix user is tied to; exit 4 when there are none
    #[command(after_help = "Example:\n  atomectl whoami")]
    Whoami,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Account {
    /// Make an account; it works at once, and is registered with the hub when there is one in reach
    #[command(
        after_help = "Example:\n  atomectl account create anna\n  printf '%s' \"$PASSWORD\" | atomectl account create kiosk-12 --private --password-stdin"
    )]
    Create(NewAccount),
    /// List the accounts on this machine that you may see
    #[command(after_help = "Example:\n  atomectl account list")]
    List,
    /// Show one account
    #[command(after_help = "Example:\n  atomectl account show anna")]
    Show {
        /// The account's name or id
        #[arg(value_name = "NAME")]
        name: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct NewAccount {
    /// The account's name, 1 to 64 characters
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Its phone number, such as +41791234567
    #[arg(long, value_name = "NUMBER")]
    pub(crate) phone: Option<String>,
    /// Keep it out of the public directory
    #[arg(long)]
    pub(crate) private: bool,
    #[command(flatten)]
    pub(crate) password: Password,
}

#[derive(Debug, Args)]
pub(crate) struct Login {
    /// The account's name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Then wait until everything is here, as 'sync wait' does
    #[arg(long)]
    pub(crate) wait: bool,
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
