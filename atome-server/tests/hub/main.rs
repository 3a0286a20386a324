//! The hub from outside: configuration, accounts, TLS, `/ws/sync`, stopping.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

mod accounts;
mod config;
mod direction;
mod program;
mod stop;
mod sync;
mod tls;
mod world;
