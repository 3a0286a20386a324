//! The locks of a file, as its handles in this process hold them.
//!
//! Source: sqlite3.h, `SQLITE_LOCK_*` and `SQLITE_SHM_*`.

use std::ops::Range;

use rusqlite::ffi;

/// The locks on a database file. A handle keeps the level that it has.
#[derive(Clone, Debug, Default)]
pub(crate) struct FileLocks {
    shared: u32,
    reserved: bool,
    pending: bool,
    exclusive: bool,
}

impl FileLocks {
    /// Raises a handle's level; whether that was possible. It may have come as far as "pending".
    pub(crate) fn raise(&mut self, level: &mut i32, to: i32) -> bool {
        if *level >= to {
            return true;
        }
        match to {
            ffi::SQLITE_LOCK_SHARED => {
                if self.pending || self.exclusive {
                    return false;
                }
                self.shared += 1;
            }
            ffi::SQLITE_LOCK_RESERVED => {
                if self.reserved {
                    return false;
                }
                self.reserved = true;
            }
            _ => {
                if *level < ffi::SQLITE_LOCK_RESERVED && self.reserved {
                    return false;
                }
                (self.reserved, self.pending) = (true, true);
                *level = ffi::SQLITE_LOCK_PENDING;
                if self.shared > 1 {
                    return false;
                }
                self.exclusive = true;
            }
        }
        *level = to;
        true
    }

    /// Lowers a handle's level.
    pub(crate) fn lower(&mut self, level: &mut i32, to: i32) {
        if *level >= ffi::SQLITE_LOCK_RESERVED && to < ffi::SQLITE_LOCK_RESERVED {
            (self.reserved, self.pending, self.exclusive) = (false, false, false);
        }
        if *level >= ffi::SQLITE_LOCK_SHARED && to == ffi::SQLITE_LOCK_NONE {
            self.shared -= 1;
        }
        *level = to.min(*level);
    }

    /// Whether anyone is about to write.
    pub(crate) fn is_reserved(&self) -> bool {
        self.reserved
    }
}

/// Slots of the locks on a WAL's index.
const SLOTS: usize = ffi::SQLITE_SHM_NLOCK as usize;

/// The locks on a WAL's index.
#[derive(Debug, Default)]
pub(crate) struct ShmLocks([Slot; SLOTS]);

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    shared: u32,
    exclusive: bool,
}

/// Which of them a handle holds.
#[derive(Debug, Default)]
pub(crate) struct ShmHeld([Held; SLOTS]);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Held {
    #[default]
    Nothing,
    Shared,
    Exclusive,
}

impl ShmLocks {
    /// Takes slots, all or none, alone or with others; whether that was possible.
    pub(crate) fn take(&mut self, held: &mut ShmHeld, slots: Range<usize>, alone: bool) -> bool {
        let mine = held.0.iter().skip(slots.start).take(slots.len());
        let theirs = self.0.iter().skip(slots.start).take(slots.len());
        let is_free = mine.zip(theirs).all(|(mine, slot)| match mine {
            Held::Exclusive => true,
            Held::Shared => !alone,
            Held::Nothing => !slot.exclusive && (!alone || slot.shared == 0),
        });
        if !is_free {
            return false;
        }
        let mine = held.0.iter_mut().skip(slots.start).take(slots.len());
        let theirs = self.0.iter_mut().skip(slots.start).take(slots.len());
        for (mine, slot) in mine.zip(theirs).filter(|(mine, _)| **mine == Held::Nothing) {
            if alone {
                (slot.exclusive, *mine) = (true, Held::Exclusive);
            } else {
                slot.shared += 1;
                *mine = Held::Shared;
            }
        }
        true
    }

    /// Lets slots go.
    pub(crate) fn let_go(&mut self, held: &mut ShmHeld, slots: Range<usize>) {
        let mine = held.0.iter_mut().skip(slots.start).take(slots.len());
        let theirs = self.0.iter_mut().skip(slots.start).take(slots.len());
        for (mine, slot) in mine.zip(theirs) {
            match std::mem::take(mine) {
                Held::Nothing => {}
                Held::Shared => slot.shared -= 1,
                Held::Exclusive => slot.exclusive = false,
            }
        }
    }

    /// All of them.
    pub(crate) const ALL: Range<usize> = 0..SLOTS;
}

#[cfg(test)]
mod tests {
    use super::*;
    use ffi::{
        SQLITE_LOCK_EXCLUSIVE as EXCLUSIVE, SQLITE_LOCK_NONE as NONE,
        SQLITE_LOCK_RESERVED as RESERVED, SQLITE_LOCK_SHARED as SHARED,
    };

    #[test]
    fn one_writes_when_nobody_reads() {
        let mut locks = FileLocks::default();
        let (mut a, mut b) = (NONE, NONE);
        assert!(locks.raise(&mut a, SHARED) && locks.raise(&mut b, SHARED));
        assert!(locks.raise(&mut a, RESERVED) && locks.is_reserved());
        assert!(!locks.raise(&mut b, RESERVED) && !locks.raise(&mut b, EXCLUSIVE));
        assert!(!locks.raise(&mut a, EXCLUSIVE));
        locks.lower(&mut b, NONE);
        assert!(!locks.raise(&mut b, SHARED), "one who writes is waiting");
        assert!(locks.raise(&mut a, EXCLUSIVE));
        locks.lower(&mut a, SHARED);
        assert!(locks.raise(&mut b, SHARED) && !locks.is_reserved());
    }

    #[test]
    fn slots_are_taken_all_or_none() {
        let mut locks = ShmLocks::default();
        let (mut a, mut b) = (ShmHeld::default(), ShmHeld::default());
        assert!(locks.take(&mut a, 3..4, false) && locks.take(&mut b, 3..4, false));
        assert!(!locks.take(&mut a, 2..5, true));
        assert!(locks.take(&mut b, 4..5, true), "nothing of it was taken");
        locks.let_go(&mut b, ShmLocks::ALL);
        locks.let_go(&mut a, 3..4);
        assert!(locks.take(&mut a, 2..5, true) && !locks.take(&mut b, 4..5, false));
    }
}
