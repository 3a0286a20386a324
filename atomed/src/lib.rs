//! The Atome daemon: the part of Atome that runs on a machine and works without a network.
//!
//! Owns the wiring: the local API on a Unix socket, the accounts with their stores, one sync driver an
//! account. What is decided is decided by the engine; what is kept is kept by the store. It opens
//! connections to the one hub of its configuration and listens on nothing but its Unix socket.

pub mod accounts;
pub mod api;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod declaration;
pub mod doctor;
pub mod hashing;
pub mod hub_client;
pub mod proof;
pub mod random;
pub mod reload;
pub mod room;
pub mod sandbox;
pub mod secrets;
pub mod socket;
pub mod stop;
pub mod store_problem;
pub mod sync;
pub mod watchdog;
