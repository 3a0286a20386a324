//! The doors: every place where bytes from outside become something that the programs act on.
//!
//! A door is a function of bytes that hands them to one decoder and asserts what must hold of all that
//! it takes: it is within the documented limits, and written and read again it is the same. The fuzz
//! targets (`fuzz/`) and the replay of their corpora (`tests/`) open the same doors. A door may refuse
//! and may not panic: a panic is what both look for.
#![expect(
    clippy::panic,
    clippy::expect_used,
    reason = "a door panics where what it was handed breaks a promise"
)]

mod commit;
mod config;
mod frame;
mod request;
mod seed;
mod state;
mod text;
mod value;
mod words;

pub use commit::commit;
pub use config::{daemon_config, hub_config};
pub use frame::{client_frame, hub_frame};
pub use request::{hub_body, local_body, query, session_headers};
pub use seed::{seed_file, seed_line};
pub use state::state;
pub use value::value;
pub use words::words;

/// A decoder, and what must hold of all that it takes.
#[derive(Clone, Copy)]
pub struct Door {
    /// The name of its fuzz target and of its corpus.
    pub name: &'static str,
    /// Hands it bytes.
    pub open: fn(&[u8]),
}

/// Every door.
pub const DOORS: &[Door] = &[
    door("client_frame", client_frame),
    door("hub_frame", hub_frame),
    door("commit", commit),
    door("state", state),
    door("value", value),
    door("words", words),
    door("seed_line", seed_line),
    door("seed_file", seed_file),
    door("daemon_config", daemon_config),
    door("hub_config", hub_config),
    door("local_body", local_body),
    door("hub_body", hub_body),
    door("query", query),
    door("session_headers", session_headers),
];

const fn door(name: &'static str, open: fn(&[u8])) -> Door {
    Door { name, open }
}
