//! The local API, asked over its socket as any program would: HTTP and JSON, a daemon in full offline mode
//! or with a hub that is out of reach.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests: what goes wrong in them fails the test"
)]

mod accounts;
mod atomes;
mod junk;
mod life;
mod machine;
mod metrics;
mod seed;
mod sync;
mod tables;
mod watch;
