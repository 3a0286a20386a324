//! Commands about sharing.

use atome_proto::commit::Key;
use atome_proto::sharing::Right;
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Subcommand, ValueEnum};

use crate::arg::moment::Moment;

const ATOME: &str = "The atome: an id, a unique prefix of one, or key:EXTERNAL-KEY";
const WHO: &str = "The account: its name, its phone number with a leading +, or its id";

/// How changes come to the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShareMode {
    /// Every change at once.
    Linked,
    /// As of the last 'publish'.
    Manual,
    /// A tree of the recipient's own, made once, without a link.
    Copy,
}

/// What is done with another account's requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolicyRule {
    /// They wait in the inbox.
    Ask,
    /// They are accepted as they come.
    Always,
    /// They are refused as they come.
    Never,
    /// They never arrive, and their sender does not learn it.
    Block,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Sharing {
    /// Share an atome and all below it with another account
    ///
    /// Works offline: the request goes to the hub when it can. Nothing of the tree leaves before the other
    /// account accepts.
    #[command(
        after_help = "Example:\n  atomectl share 0198c0de --with bob --can read,alter --until 30d --message 'for the trip'"
    )]
    Share(Share),
    /// List what is shared with whom
    ///
    /// After a grant has ended it shows which of the reader's machines have confirmed that they removed what
    /// they may no longer have, and when the others were last seen. That is evidence; it is no promise
    /// against somebody who rules such a machine.
    #[command(after_help = "Example:\n  atomectl shares\n  atomectl shares --with-me")]
    Shares {
        #[arg(value_name = "ID", help = ATOME)]
        id: Option<String>,
        /// What others share with this account
        #[arg(long)]
        with_me: bool,
    },
    /// Take back what is shared, or give back what was
    #[command(
        after_help = "Example:\n  atomectl unshare 0198c0de --with bob\n\nWith one's own name it gives back what one was given."
    )]
    Unshare {
        #[arg(value_name = "ID", help = ATOME)]
        id: String,
        #[arg(long, value_name = "NAME", help = WHO, value_parser = NonEmptyStringValueParser::new())]
        with: String,
    },
    /// See and answer what others want to share
    #[command(
        args_conflicts_with_subcommands = true,
        after_help = "Example:\n  atomectl inbox\n  atomectl inbox accept 0198c0de"
    )]
    Inbox {
        #[command(subcommand)]
        answer: Option<InboxAnswer>,
        /// Those that are answered too
        #[arg(long)]
        all: bool,
    },
    /// See or say what is done with other accounts' requests
    #[command(
        after_help = "Example:\n  atomectl policy\n  atomectl policy bob always --can read,alter"
    )]
    Policy {
        #[arg(value_name = "NAME", help = WHO, requires = "rule", value_parser = NonEmptyStringValueParser::new())]
        name: Option<String>,
        /// What is done
        #[arg(value_name = "RULE", value_enum)]
        rule: Option<PolicyRule>,
        /// With always: the greatest rights that are accepted without asking [default: all]
        #[arg(long, value_name = "RIGHTS", value_delimiter = ',', requires = "rule")]
        can: Vec<Right>,
    },
    /// Let the present state of a tree out to those who read it as it was published
    #[command(after_help = "Example:\n  atomectl publish 0198c0de")]
    Publish {
        #[arg(value_name = "ID", help = ATOME)]
        id: String,
    },
    /// Say whether an account may do something with an atome, and by what right
    ///
    /// Exits with 0 where it may, with 1 where it may not.
    #[command(
        after_help = "Example:\n  atomectl why bob may alter 0198c0de\n  atomectl why bob may read 0198c0de --key salary --at 2026-01-01"
    )]
    Why(WhyMay),
}

#[derive(Debug, Args)]
pub(crate) struct Share {
    #[arg(value_name = "ID", help = ATOME)]
    pub(crate) id: String,
    #[arg(long, value_name = "NAME", help = WHO, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) with: String,
    /// The rights: read, alter, create, delete, share; read is always among them
    #[arg(
        long,
        value_name = "RIGHTS",
        value_delimiter = ',',
        default_value = "read"
    )]
    pub(crate) can: Vec<Right>,
    /// Reading and altering of these particles only; may be repeated
    #[arg(long, value_name = "KEY", value_delimiter = ',', value_parser = particle)]
    pub(crate) only: Vec<Key>,
    /// How changes come to the reader
    #[arg(long, value_enum, default_value = "linked", value_name = "MODE")]
    pub(crate) mode: ShareMode,
    /// When it begins: a time, a date, or a span from now [default: at once]
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<Moment>,
    /// When it ends by itself: a time, a date, or a span from now such as 30d [default: never]
    #[arg(long, value_name = "TIME")]
    pub(crate) until: Option<Moment>,
    /// What to say to the recipient
    #[arg(long, value_name = "TEXT")]
    pub(crate) message: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum InboxAnswer {
    /// Accept requests; what they offer comes with the next sync
    #[command(
        after_help = "Example:\n  atomectl inbox accept 0198c0de\n  atomectl inbox accept 0198c0de --always"
    )]
    Accept(Requests),
    /// Refuse requests
    #[command(after_help = "Example:\n  atomectl inbox refuse 0198c0de")]
    Refuse(Requests),
    /// Refuse requests, and hear nothing of their senders any more; they are not told
    #[command(after_help = "Example:\n  atomectl inbox block 0198c0de")]
    Block(Requests),
}

#[derive(Debug, Args)]
pub(crate) struct Requests {
    /// The requests: ids, or unique prefixes of them, as 'atomectl inbox' lists them
    #[arg(value_name = "GRANT", required = true)]
    pub(crate) grants: Vec<String>,
    /// Say the same to these senders' next requests
    #[arg(long)]
    pub(crate) always: bool,
}

#[derive(Debug, Args)]
pub(crate) struct WhyMay {
    #[arg(value_name = "NAME", help = WHO, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) name: String,
    /// The word 'may'
    #[arg(value_name = "may", value_parser = ["may"], hide_possible_values = true)]
    pub(crate) may: String,
    /// What: read, alter, create, delete or share
    #[arg(value_name = "ACTION")]
    pub(crate) action: Right,
    #[arg(value_name = "ID", help = ATOME)]
    pub(crate) id: String,
    /// With this particle of it
    #[arg(long, value_name = "KEY", value_parser = particle)]
    pub(crate) key: Option<Key>,
    /// At this time, instead of now
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<Moment>,
}

fn particle(name: &str) -> Result<Key, atome_proto::commit::BadKey> {
    Key::of_particle(name)
}
