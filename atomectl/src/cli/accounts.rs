//! Commands about accounts.

use clap::builder::NonEmptyStringValueParser;
use clap::{ArgGroup, Args, Subcommand};

use crate::cli::login::{Login, Logout, Password};
use crate::cli::sessions::Sessions;

#[derive(Debug, Subcommand)]
pub(crate) enum Accounts {
    /// Make, list, show, change and delete accounts
    #[command(
        subcommand,
        after_help = "Example:\n  atomectl account create anna\n  atomectl account list"
    )]
    Account(Account),
    /// Log in to an account; one that only the hub knows comes to this machine
    #[command(
        after_help = "Example:\n  atomectl login anna --wait\n  printf '%s' \"$PASSWORD\" | atomectl login anna --password-stdin\n  atomectl login kiosk-12 --token-file /etc/atome/kiosk-12.token"
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
    /// Show the account's sessions at the hub, one a machine, or end some
    #[command(
        after_help = "Example:\n  atomectl sessions\n  atomectl sessions revoke 0198c0de\n  atomectl sessions revoke --others"
    )]
    Sessions {
        #[command(subcommand)]
        what: Option<Sessions>,
    },
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
    /// Give your account another password; needs the hub, where the account is registered there
    #[command(
        after_help = "Example:\n  atomectl account passwd\n  printf '%s\\n%s\\n' \"$OLD\" \"$NEW\" | atomectl --account anna account passwd --revoke-others --password-stdin"
    )]
    Passwd(NewPassword),
    /// Delete an account everywhere and for good, or only this machine's copy of it
    ///
    /// Without --local-only everything of the account goes: its data and its sessions on the hub, and its
    /// copy on every machine. On a terminal it asks for the account's name first.
    #[command(
        after_help = "Example:\n  atomectl account delete anna\n  atomectl account delete anna --local-only --discard"
    )]
    Delete(Removal),
    /// Lead an account out of a registration that the hub did not take
    ///
    /// Where the account of that name at the hub is yours, --join makes the two one. Else it is registered
    /// again with what is changed; several changes may be given together.
    #[command(
        after_help = "Example:\n  atomectl account resolve anna --join\n  atomectl account resolve anna --name anna-b\n  atomectl account resolve anna --no-phone --invite 7Q2M-K4XD"
    )]
    Resolve(Resolution),
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
    /// The invitation, where the hub asks for one
    #[arg(long, value_name = "CODE", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) invite: Option<String>,
    #[command(flatten)]
    pub(crate) password: Password,
}

#[derive(Debug, Args)]
pub(crate) struct NewPassword {
    /// Log every other machine out
    #[arg(long)]
    pub(crate) revoke_others: bool,
    /// Read the present password and the new one from the first two lines of standard input
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Removal {
    /// The account's name or id
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Delete this machine's copy only; the hub and other machines keep theirs
    #[arg(long)]
    pub(crate) local_only: bool,
    /// Throw away with that copy what the hub does not have yet
    #[arg(long)]
    pub(crate) discard: bool,
    /// Do not ask; needed where there is no terminal
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) password: Password,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("way").required(true).multiple(true).args(["new_name", "phone", "no_phone", "invite", "join"]))]
pub(crate) struct Resolution {
    /// The account's present name, or its id
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Register it under another name
    #[arg(long = "name", value_name = "NEW", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) new_name: Option<String>,
    /// Register it with another phone number
    #[arg(long, value_name = "NUMBER", value_parser = NonEmptyStringValueParser::new(), conflicts_with = "no_phone")]
    pub(crate) phone: Option<String>,
    /// Register it with no phone number
    #[arg(long)]
    pub(crate) no_phone: bool,
    /// Register it with this invitation
    #[arg(long, value_name = "CODE", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) invite: Option<String>,
    /// Make it one with the account of that name at the hub, whose password is asked for
    #[arg(long, conflicts_with_all = ["new_name", "phone", "no_phone", "invite"])]
    pub(crate) join: bool,
    /// For --join: read the password from the first line of standard input, and ask nobody
    #[arg(long, conflicts_with_all = ["new_name", "phone", "no_phone", "invite"])]
    pub(crate) password_stdin: bool,
}
