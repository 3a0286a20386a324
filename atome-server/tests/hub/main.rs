//! The hub from outside: configuration, accounts, TLS, `/ws/sync`, stopping.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

mod abuse;
mod accounts;
mod admin;
mod config;
mod cookies;
mod direction;
mod directory;
mod fuzz;
mod metrics;
mod openapi;
mod program;
mod reload;
mod sessions;
mod sharing;
mod stop;
mod sync;
mod tables;
mod tls;
mod world;
mod wrong_config;
