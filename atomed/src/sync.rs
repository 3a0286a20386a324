//! Sync: one driver an account, the link that carries its frames, the dialling below.
//!
//! What to do next is decided by the engine; this room carries it out. Everything here is opened by
//! the daemon towards its hub; nothing listens.

pub mod dial;
pub mod driver;
mod handle;
pub mod link;
pub mod news;
mod view;

pub use handle::{Handle, Waited, stopping};
pub use view::View;
