//! The floor below which no new writes are taken: what is left of the disk is for what the hub has decided,
//! for what it brings, and for taking things away. Step 3 of the way of a write.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use atome_proto::{Code, Problem};
use rustix::fs::statvfs;

/// The floor of a disk that is not small, in bytes.
const FLOOR_MAX: u64 = 64 << 20;
/// A small disk keeps one part in so many.
const PARTS: u64 = 50;
/// How long it counts that there was room: at full speed a disk does not fill from the floor in that time.
const COUNTS_FOR: Duration = Duration::from_secs(1);

/// The room on the disk of the state directory.
#[derive(Debug)]
pub struct Room {
    state_dir: PathBuf,
    /// Until when there is room without asking again.
    until: Mutex<Option<Instant>>,
}

impl Room {
    /// The room on the disk of `state_dir`.
    #[must_use]
    pub fn of(state_dir: &Path) -> Self {
        Self {
            state_dir: state_dir.to_owned(),
            until: Mutex::new(None),
        }
    }

    /// Whether a new write may be taken.
    ///
    /// # Errors
    ///
    /// [`Code::LowSpace`] below the floor; the next one is looked at anew. A disk that cannot be asked has
    /// room: the write itself tells.
    pub fn for_writes(&self) -> Result<(), Problem> {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if until.is_some_and(|until| now < until) {
            return Ok(());
        }
        *until = None;
        if let Ok(disk) = statvfs(&self.state_dir) {
            let of_blocks = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
            check(of_blocks(disk.f_bavail), of_blocks(disk.f_blocks))?;
        }
        *until = Some(now + COUNTS_FOR);
        Ok(())
    }
}

/// Compares the bytes that are free with the floor of a disk of so many.
fn check(free: u64, size: u64) -> Result<(), Problem> {
    let floor = (size / PARTS).min(FLOOR_MAX);
    if free >= floor {
        return Ok(());
    }
    let detail = format!(
        "the disk of the state directory has {} KiB of room; new writes need {} KiB",
        free >> 10,
        floor >> 10
    );
    Err(Problem::new(Code::LowSpace, detail)
        .hint("nothing is lost; free some space and do it again. Reading and syncing go on"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_disk_has_a_small_floor() {
        for (size, floor) in [(1 << 40, FLOOR_MAX), (100 << 20, 2 << 20), (0, 0)] {
            assert_eq!(check(floor, size), Ok(()), "{size}");
            if floor > 0 {
                assert_eq!(check(floor - 1, size).unwrap_err().code, Code::LowSpace);
            }
        }
    }

    #[test]
    fn a_disk_that_cannot_be_asked_has_room() {
        assert_eq!(Room::of(Path::new("/nowhere/at/all")).for_writes(), Ok(()));
    }
}
