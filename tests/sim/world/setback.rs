//! A hub whose disk is put back to what it was: by `restore`, or by someone who copies files.

use super::World;
use crate::record::Who;

impl World {
    /// Someone copies the disk of the hub, or puts the copy back.
    pub(super) fn hub_goes_back(&mut self) {
        if !self.hub.has_backup() || self.rng.percent(30) {
            self.note(Who::World, format_args!("the hub's disk is backed up"));
            let seed = self.rng.next();
            return self.hub.back_up(seed);
        }
        let is_restored = self.rng.percent(50);
        self.note(
            Who::World,
            format_args!("the hub gets its old disk back, by restore: {is_restored}"),
        );
        if is_restored {
            self.tally.restores += 1;
        } else {
            self.tally.setbacks += 1;
        }
        self.hub.put_back(is_restored);
        self.disconnect_all();
        // What they were told was true of the disk that is gone.
        for machine in &mut self.machines {
            machine.waits.clear();
        }
    }
}
