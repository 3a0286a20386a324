//! Commands about the past.

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Time {
    /// Show what an atome, or one particle of it, has been
    ///
    /// Where a store began from a snapshot, the past before it is not here, and the answer says
    /// "complete": false.
    #[command(after_help = "Example:\n  atomectl history 0198c0de title")]
    History {
        /// The atome: an id, a unique prefix of one, or key:EXTERNAL-KEY
        #[arg(value_name = "ID")]
        id: String,
        /// Only this particle
        #[arg(value_name = "KEY")]
        key: Option<String>,
    },
}
