//! The Atome hub.
//!
//! Owns the far end of every connection: TLS, HTTP, the WebSocket gateway, sessions, administration by
//! command. It takes connections and opens none; what to answer on `/ws/sync` is decided by the
//! engine, what is kept by the store.

pub mod admin;
pub mod api;
pub mod auth;
pub mod cli;
pub mod config;
pub mod gateway;
pub mod guard;
pub mod hashing;
pub mod housekeeping;
pub mod http;
pub mod hub;
pub mod listen;
pub mod listener;
pub mod metrics;
pub mod places;
pub mod reload;
pub mod run;
pub mod sandbox;
pub mod source;
pub mod stop;
pub mod tls;
pub mod watchdog;
