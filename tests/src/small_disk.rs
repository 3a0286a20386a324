//! A disk of a test's own, in memory, that can be full or read-only; for root.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::ctl::run;
use crate::error::HarnessError;

/// How large it is: more than any test writes.
const LEN: u64 = 4 << 30;
/// How long a change waits for files that are still open.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// A mounted disk; unmounted when this is dropped.
#[derive(Debug)]
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts an empty one on a folder, which is made where it is missing; only its user sees into it.
    ///
    /// # Errors
    ///
    /// Where this is not root, or the kernel refuses.
    pub fn mount(folder: &Path) -> Result<Self, HarnessError> {
        std::fs::create_dir_all(folder).map_err(HarnessError::io("make a folder for a disk"))?;
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &format!("size={LEN},mode=0700")]);
        command.arg("atome-test").arg(folder);
        run(command, &[])?.expect_code(0)?;
        Ok(Self(folder.to_owned()))
    }

    /// Leaves this much room, in bytes, and no more: the disk shrinks to what is on it.
    ///
    /// # Errors
    ///
    /// Where the kernel refuses.
    pub fn leave(&self, room: u64) -> Result<(), HarnessError> {
        let began = Instant::now();
        loop {
            let done = self.remount(&format!("size={}", self.used()? + room));
            // What was written since it was measured is more than the new size.
            if done.is_ok() || began.elapsed() > BUSY_TIMEOUT {
                return done;
            }
        }
    }

    /// Gives all of its room back.
    ///
    /// # Errors
    ///
    /// Where the kernel refuses.
    pub fn give_back(&self) -> Result<(), HarnessError> {
        self.remount(&format!("size={LEN}"))
    }

    /// Has everything on it be readable only, once nobody has it open for writing any more.
    ///
    /// # Errors
    ///
    /// Where somebody still has.
    pub fn read_only(&self) -> Result<(), HarnessError> {
        let began = Instant::now();
        loop {
            let done = self.remount("ro");
            if done.is_ok() || began.elapsed() > BUSY_TIMEOUT {
                return done;
            }
        }
    }

    /// Lets it be written again.
    ///
    /// # Errors
    ///
    /// Where the kernel refuses.
    pub fn writable(&self) -> Result<(), HarnessError> {
        self.remount("rw")
    }

    fn remount(&self, options: &str) -> Result<(), HarnessError> {
        let mut command = Command::new("mount");
        command.args(["-o", &format!("remount,{options}")]);
        command.arg(&self.0);
        run(command, &[])?.expect_code(0).map(drop)
    }

    fn used(&self) -> Result<u64, HarnessError> {
        let disk = rustix::fs::statvfs(&self.0)
            .map_err(|error| HarnessError::io("measure a disk")(error.into()))?;
        Ok((disk.f_blocks - disk.f_bfree) * disk.f_frsize)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let mut command = Command::new("umount");
        command.arg("--lazy").arg(&self.0);
        // A mount that stays is seen by whoever removes the folder.
        let _gone = run(command, &[]);
    }
}
