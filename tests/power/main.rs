//! Power cuts on the real programs: what was acknowledged is on the disk, whatever of the rest is not.
//!
//! A small library (`shim.c`, built here with `cc`) is preloaded into a daemon or a hub, and records what it does
//! to its files. From the record, the folder is made as a cut at some moment may have left it: with all that was
//! synced, and any part of what was not, torn at sectors. The real program is then started on it.

#![cfg(test)]
#![expect(
    clippy::cast_possible_truncation,
    reason = "lengths and places of a record, which fit into memory"
)]

mod cut;
mod daemon;
mod dice;
mod hub;
mod record;
mod recorder;

use std::error::Error;

/// Takes what must be there, and says in words what is there instead.
trait Must<T> {
    fn must(self) -> T;
}

impl<T, E: Error> Must<T> for Result<T, E> {
    #[track_caller]
    fn must(self) -> T {
        self.unwrap_or_else(|error| panic!("{error}"))
    }
}
