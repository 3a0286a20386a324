//! Real programs for tests and for the demo: built, configured, started, asked, stopped.
//!
//! Owns what stands around the three programs: their build, a certificate authority, a temp directory a
//! machine, readiness, signals. It knows them only from outside, as a script would, and never looks
//! into a store. The one loopback address of all tests and of the quick start stands in [`loopback`].

pub mod authority;
pub mod binaries;
pub mod cargo;
pub mod confine;
pub mod ctl;
pub mod error;
pub mod faketime;
pub mod hub;
pub mod listening;
pub mod loopback;
pub mod machine;
pub mod process;
pub mod proxy;
pub mod small_disk;

pub use binaries::Binaries;
pub use confine::{Confinement, Unit};
pub use ctl::{Ctl, Reply};
pub use error::HarnessError;
pub use hub::Hub;
pub use machine::{Machine, Remote};
pub use proxy::{LineFault, Proxy};
pub use small_disk::SmallDisk;
