//! Commands about sync.

use atome_proto::receipt::Receipt;
use clap::{Args, Subcommand, ValueEnum};

use crate::arg::span::Span;
use crate::arg::window::Window;

#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  atomectl sync status\n  atomectl sync wait --timeout 5m")]
pub(crate) enum Sync {
    /// Show where sync stands
    #[command(after_help = "Example:\n  atomectl sync status -o json")]
    Status,
    /// Sync at once, whatever the mode, and do not wait for it
    #[command(after_help = "Example:\n  atomectl sync now")]
    Now,
    /// Wait until the hub has all that was pending here, and all that it had is here; print the proof
    ///
    /// Waits for 60s unless --timeout says otherwise. With the hub out of reach it keeps trying until then
    /// (exit 8); with no hub in the daemon's configuration it says so at once (exit 7).
    #[command(
        after_help = "Example:\n  atomectl sync wait --timeout 5m\n  atomectl sync wait --receipt \"$RECEIPT\" --timeout 0"
    )]
    Wait {
        /// Wait for the one write that printed this receipt, here or elsewhere: until the hub has it, and what of it
        /// may be seen here is here
        #[arg(long, value_name = "RECEIPT")]
        receipt: Option<Receipt>,
    },
    /// Stop syncing until 'sync resume'; writing goes on
    #[command(after_help = "Example:\n  atomectl sync pause")]
    Pause,
    /// Sync again after 'sync pause'
    #[command(after_help = "Example:\n  atomectl sync resume")]
    Resume,
    /// Set when the account syncs
    #[command(
        after_help = "Example:\n  atomectl sync mode live\n  atomectl sync mode interval --every 15m --window 22:00-06:00"
    )]
    Mode(SetMode),
    /// Show the commits that the hub refused, or settle one
    #[command(after_help = "Example:\n  atomectl sync refused\n  atomectl sync refused retry 17")]
    Refused {
        #[command(subcommand)]
        what: Option<Refused>,
    },
    /// Count what is here anew and compare it with the hub; exit 1 when they differ
    ///
    /// Where they differ, the atomes are named. --repair puts the hub's state in the place of what is damaged
    /// here; what only this machine has is never taken away, and where neither is damaged nothing is changed.
    #[command(after_help = "Example:\n  atomectl sync verify\n  atomectl sync verify --repair")]
    Verify {
        /// Mend what is damaged here from the hub
        #[arg(long)]
        repair: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct SetMode {
    /// live: always connected; interval: every so often; manual: when asked to; off: never
    #[arg(value_enum, value_name = "MODE", hide_possible_values = true)]
    pub(crate) mode: Mode,
    /// For interval: how often, in whole minutes [default: 15m]
    #[arg(long, value_name = "DURATION")]
    pub(crate) every: Option<Span>,
    /// For interval: only within this part of the day, in UTC
    #[arg(long, value_name = "HH:MM-HH:MM")]
    pub(crate) window: Option<Window>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    Live,
    Interval,
    Manual,
    Off,
}

#[derive(Clone, Copy, Debug, Subcommand)]
pub(crate) enum Refused {
    /// Write what a refused commit said again, as a new commit
    #[command(after_help = "Example:\n  atomectl sync refused retry 17")]
    Retry {
        /// The commit's number, as 'sync refused' shows it
        #[arg(value_name = "N")]
        number: u64,
    },
    /// Throw a refused commit away
    #[command(after_help = "Example:\n  atomectl sync refused discard 17")]
    Discard {
        /// The commit's number, as 'sync refused' shows it
        #[arg(value_name = "N")]
        number: u64,
    },
}
