//! The sync protocol between a client and a hub, by version.

pub mod frame;
pub mod v1;

pub use frame::{BadFrame, Encoding, FrameBytes};
