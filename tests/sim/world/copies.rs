//! Disks that are copied: to another machine that runs beside the first, or back onto the same one later.

use atome_engine::replica::Input;

use super::World;
use crate::record::Who;

/// How many machines there may be, so that a world stays small.
const MACHINES_MAX: usize = 8;

impl World {
    /// Someone copies the disk of a machine.
    pub(super) fn copy_disk(&mut self) {
        let machine = self.rng.below(self.machines.len());
        match self.rng.below(4) {
            0 if self.machines.len() < MACHINES_MAX => self.copy_machine(machine),
            1 => self.put_back(machine),
            _ => {
                self.note(
                    Who::World,
                    format_args!("the disk of machine {machine} is backed up"),
                );
                let seed = self.rng.next();
                self.machines[machine].back_up(seed);
            }
        }
    }

    /// Someone starts a copy of a machine's disk as a machine of its own.
    fn copy_machine(&mut self, machine: usize) {
        let count = self.machines.len();
        self.note(Who::Machine(machine), format_args!("is copied to {count}"));
        self.tally.copies += 1;
        let seed = self.rng.next();
        let skew_ms = super::clocks::some_skew_ms(&mut self.rng);
        let copy = self.machines[machine].copy(seed, skew_ms);
        self.machines.push(copy);
        self.tell(count, Input::Credentials(true));
    }

    /// Someone puts an old copy of a machine's disk back: the replica has its old numbers again.
    fn put_back(&mut self, machine: usize) {
        if self.machines[machine].backup.is_none() {
            return;
        }
        self.note(
            Who::Machine(machine),
            format_args!("gets its old disk back"),
        );
        self.tally.put_back += 1;
        self.power_off(machine);
        let seed = self.rng.next();
        let now = self.machines[machine].now(self.now);
        let had = self.machines[machine].put_back(seed, now);
        self.give_up(machine, &had.unwrap_or_default());
        self.carry_on(machine);
    }

    /// The disk that had these marks is gone: those that the hub has not taken need not come back.
    pub(super) fn give_up(&mut self, machine: usize, had: &[u64]) {
        let account = self.machines[machine].account;
        let there = crate::check::marks_at_hub(self, account);
        let here = &self.machines[machine].marks;
        let lost = had
            .iter()
            .filter(|mark| !here.contains(mark) && !there.contains_key(mark));
        self.perhaps.extend(lost);
    }
}
