//! What the kernel is asked to refuse to a program of ours, and what it really refuses.
//!
//! Owns the two means, Landlock and seccomp, and the words for them. A program says in a [`Plan`] what it
//! needs; [`Plan::enter`] takes the rest away before any thread starts, [`Entered::seal`] takes away what
//! only the start needed. What a program needs is not known here, and nothing is ever given back.

mod calls;
mod core;
mod enter;
mod measure;
mod paths;
mod plan;

pub use self::core::leave_no_core;
pub use enter::{Cage, Entered, SandboxError};
pub use paths::with_its_target;
pub use plan::{Mode, Plan};
