//! How the daemon and the hub stand as services of their machine.
//!
//! Owns what both have alike: the words to the service manager, the log, the text of figures, how
//! much of a configuration's file is read. What is said, configured, logged or counted is not known here; nothing here opens a connection or listens.

pub mod config;
pub mod log;
pub mod metrics;
pub mod notify;
