//! The local API between a command and its daemon, by version.

pub mod v1;
