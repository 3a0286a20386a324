//! The one place that names this machine to itself.
//!
//! What ships has no such name; a hub and daemons on one machine, as tests and the quick start have
//! them, need one.

use std::net::TcpListener;

use crate::error::HarnessError;

/// Where a hub of a test listens, and what its certificate stands for.
pub const ADDRESS: &str = "127.0.0.1";

/// A port that is free now, for a hub that is dialled before it is there.
///
/// # Errors
///
/// Where the system has no port left.
pub fn free_port() -> Result<u16, HarnessError> {
    let listener = TcpListener::bind((ADDRESS, 0)).map_err(HarnessError::io("find a free port"))?;
    let address = listener
        .local_addr()
        .map_err(HarnessError::io("find a free port"))?;
    Ok(address.port())
}
