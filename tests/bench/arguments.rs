//! What was asked for: which workloads, how much, printed how.

use clap::{Parser, ValueEnum};

/// Measures Atome's programs on this machine, each workload beside the limit of the machine itself.
///
/// docs/performance.md says what each workload is. Progress goes to standard error, the table to standard output.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench")]
pub(crate) struct Arguments {
    /// Only these, with commas between [default: all]
    #[arg(long, value_delimiter = ',', ignore_case = true)]
    pub(crate) only: Vec<Workload>,
    /// One JSON object with every sample, in the place of the table
    #[arg(long)]
    pub(crate) json: bool,
    /// Records of the workloads that say no number of their own
    #[arg(long, default_value = "100k")]
    pub(crate) scale: Scale,
    /// Idle connections of W5
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    pub(crate) connections: u32,
    /// What cargo says to a benchmark
    #[arg(long, hide = true)]
    pub(crate) bench: bool,
}

/// A workload by its name in docs/performance.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "verbatim")]
pub(crate) enum Workload {
    /// One durable local write after another
    W1,
    /// The same, 32 clients at once
    W1c,
    /// `seed`
    W1b,
    /// Push, pull and both at once, of records that were written one commit each
    W2,
    /// The same, of records as `seed` commits them
    W2b,
    /// From a write until another machine's watcher sees it
    W3,
    /// A restart until the machine knows that it is up to date
    W4,
    /// Thousands of idle machines
    W5,
    /// An idle daemon
    W6,
    /// Questions to many records
    W7,
    /// How costs grow with the number of records
    W8,
}

/// How many records.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Scale {
    /// 10,000
    #[value(name = "10k")]
    Ten,
    /// 100,000
    #[value(name = "100k")]
    Hundred,
    /// 1,000,000
    #[value(name = "1m")]
    Million,
}

impl Arguments {
    /// Whether a workload is to be run.
    pub(crate) fn has(&self, workload: Workload) -> bool {
        self.only.is_empty() || self.only.contains(&workload)
    }
}

impl Scale {
    /// The number of records.
    pub(crate) fn records(self) -> u64 {
        match self {
            Self::Ten => 10_000,
            Self::Hundred => 100_000,
            Self::Million => 1_000_000,
        }
    }

    /// Numbers of records to compare, from the first to this one, each ten times the one before.
    pub(crate) fn sizes(self) -> Vec<u64> {
        match self {
            Self::Ten => vec![1_000, 10_000],
            Self::Hundred => vec![10_000, 100_000],
            Self::Million => vec![10_000, 100_000, 1_000_000],
        }
    }
}
