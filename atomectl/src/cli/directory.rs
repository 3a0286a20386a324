//! Commands about the public directory.

use clap::Subcommand;
use clap::builder::NonEmptyStringValueParser;

#[derive(Debug, Subcommand)]
#[command(
    after_help = "Example:\n  atomectl directory find ann\n  atomectl directory show +41791234567"
)]
pub(crate) enum Directory {
    /// List the accounts that are public
    #[command(
        after_help = "Example:\n  atomectl directory list\n  atomectl directory list --limit 20"
    )]
    List {
        /// At most so many
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
        limit: Option<u64>,
    },
    /// List the public accounts whose name holds a text
    #[command(after_help = "Example:\n  atomectl directory find ann")]
    Find {
        /// What the name holds
        #[arg(value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
        text: String,
    },
    /// Show one account, by its exact name or phone number; a private one by its number only
    #[command(
        after_help = "Example:\n  atomectl directory show anna\n  atomectl directory show +41791234567"
    )]
    Show {
        /// The account's name, or its phone number with a leading +
        #[arg(value_name = "NAME-OR-PHONE", value_parser = NonEmptyStringValueParser::new())]
        who: String,
    },
}
