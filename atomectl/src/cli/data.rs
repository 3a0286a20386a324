//! Commands that move much data.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::arg::clause::Clause;

#[derive(Debug, Subcommand)]
pub(crate) enum Data {
    /// Bring the store to what files of records say
    ///
    /// A file holds one JSON record a line: key or id (or neither, for a new atome each time), type, and
    /// optionally kind, parent (id or key), deleted, properties. It may be compressed with gzip or zstd. The
    /// order of records does not matter. What is already so makes no commit, so seeding twice does no harm.
    ///
    /// Every line of every file is checked first: with a bad one, each is told with its file and number,
    /// nothing is written, and the exit code is 10.
    #[command(
        after_help = "Example:\n  atomectl seed countries.jsonl cities.jsonl.gz --wait\n  generate-records | atomectl seed - --dry-run"
    )]
    Seed(Seed),
    /// Compare the store with what files of records say; exit 1 when they differ
    ///
    /// What a record names is compared: its type, that it is (or is not) deleted, and its kind, parent and
    /// properties. Each difference is one JSON line on standard output.
    #[command(after_help = "Example:\n  atomectl verify countries.jsonl cities.jsonl --strict")]
    Verify(Verify),
    /// Print the store as a file of records that 'seed' and 'verify' read
    ///
    /// Equal stores give equal bytes: sorted by id, keys sorted, nothing volatile.
    #[command(
        after_help = "Example:\n  atomectl export > all.jsonl\n  atomectl export --type place.city --where 'population>1000000' | zstd > big.jsonl.zst"
    )]
    Export(Export),
    /// Write the whole account, as it is now, to a file that 'restore-backup' reads
    ///
    /// The daemon goes on meanwhile. The file holds everything: values, their past, what waits for the hub; of
    /// an account that no hub knows also the hash of its password. Only you may read it (mode 0600). A file that
    /// is there already is not overwritten.
    #[command(after_help = "Example:\n  atomectl backup anna-2026-11-26.atome")]
    Backup(BackupFile),
    /// Bring an account back from a file that 'backup' has written
    ///
    /// For a machine that lost its data: do this before 'login'. The account is on this machine again, and what
    /// was pending in the backup is sent to the hub as far as the hub does not have it. An account that has data
    /// here is left as it is. Where a hub knows the account, log in afterwards.
    #[command(
        after_help = "Example:\n  atomectl restore-backup anna-2026-11-26.atome\n  atomectl login anna"
    )]
    RestoreBackup(BackupFile),
}

#[derive(Debug, Args)]
pub(crate) struct BackupFile {
    /// The file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Seed {
    /// The files; '-' is standard input
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Count what would be written, and write nothing
    #[arg(long, conflicts_with = "wait")]
    pub(crate) dry_run: bool,
    /// Write the good lines where there are bad ones; the exit code is 10 all the same
    #[arg(long)]
    pub(crate) keep_going: bool,
    /// Then wait until the hub has everything, as 'sync wait' does
    #[arg(long)]
    pub(crate) wait: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The files; '-' is standard input
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Object to what no record names, too: atomes, and what an atome has beyond its record
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Only atomes of this type
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) type_name: Option<String>,
    /// Only where this holds, such as 'population>1000000'; repeat for and
    #[arg(long = "where", value_name = "EXPR")]
    pub(crate) wheres: Vec<Clause>,
}
