//! Keeping what a program holds out of core files, and from other processes of the same user.

use std::io;

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// Leaves no core file of this process, in which passwords and tokens would be, and lets no process that is
/// not root's look into it.
///
/// # Errors
///
/// Where the system does not allow even that; the program may go on all the same.
pub fn leave_no_core() -> io::Result<()> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    setrlimit(Resource::Core, none)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}
