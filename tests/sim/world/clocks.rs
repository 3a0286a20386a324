//! Clocks that are wrong, and that jump.

use atome_engine::clock::BUILD_TIME_MS;

use super::{Kind, World};
use crate::record::Who;
use crate::rng::Rng;

/// Clocks: right, a little off, an hour ahead, a day behind, in 1970.
const SKEWS_MS: [i64; 6] = [0, 0, 7_000, 3_600_000, -86_400_000, -(BUILD_TIME_MS as i64)];

/// How far a clock is off, in milliseconds.
pub(super) fn some_skew_ms(rng: &mut Rng) -> i64 {
    SKEWS_MS[rng.below(SKEWS_MS.len())]
}

impl World {
    /// Someone, or the network's time, sets the clock of a machine or of the hub.
    pub(super) fn jump_clock(&mut self) {
        let skew_ms = some_skew_ms(&mut self.rng);
        if self.rng.percent(20) {
            self.note(
                Who::World,
                format_args!("the hub's clock is {skew_ms} ms off"),
            );
            self.tally.hub_jumps += u64::from(self.hub.skew_ms != skew_ms);
            self.hub.skew_ms = skew_ms;
            if self.kind == Kind::Sharing {
                self.tell_heads();
            }
            return;
        }
        let machine = self.rng.below(self.machines.len());
        self.note(
            Who::World,
            format_args!("machine {machine}'s clock is {skew_ms} ms off"),
        );
        self.tally.jumps += u64::from(self.machines[machine].skew_ms != skew_ms);
        self.machines[machine].skew_ms = skew_ms;
    }
}
