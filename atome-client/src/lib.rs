//! The typed client of the daemon's local API.
//!
//! Speaks HTTP/1.1 and JSON over the daemon's Unix socket, with the requests and replies of
//! [`atome_proto::local::v1`]. It is step 2 of the way of a write: from parsed arguments to a request on
//! the socket. It never looks for a daemon (its caller names the socket), never opens anything but that
//! socket, and never repeats a request that the daemon may have carried out.

mod accounts;
mod atomes;
mod backup;
mod call;
mod client;
mod connection;
mod directory;
mod error;
mod lines;
mod sessions;
mod sharing;
mod sync;

pub use backup::Backup;
pub use client::Client;
pub use error::{ClientError, Why};
pub use lines::Lines;
