//! The command line of the Atome daemon: parse, ask, print, show progress.
//!
//! It is step 1 of the way of a write: arguments are parsed and checked here, and the daemon is asked through
//! [`atome_client`]. It never opens a store, never decides a merge, and never looks for a daemon anywhere but
//! where it was told to. Data goes to standard output, everything else to standard error.

mod arg;
mod cli;
mod cmd;
mod confirm;
mod context;
mod discover;
mod exit;
mod fault;
mod out;
mod password;
mod progress;
mod run;
mod say;
mod seedfile;
mod token;

pub use cli::command;
pub use exit::Exit;
pub use run::run;
pub use seedfile::seed_lines;
