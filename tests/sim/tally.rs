//! How often things happened in a world, or in all of them.

/// How often things happened: a world in which nothing goes wrong proves nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) writes: u64,
    pub(crate) refused: u64,
    pub(crate) clamped: u64,
    pub(crate) dropped: u64,
    pub(crate) repeated: u64,
    pub(crate) reordered: u64,
    pub(crate) cuts: u64,
    pub(crate) machine_crashes: u64,
    pub(crate) hub_crashes: u64,
    pub(crate) disk_failures: u64,
    /// Set to happen within a piece of work of a store; those that did are among the crashes.
    pub(crate) power_cuts: u64,
    pub(crate) snapshots: u64,
    pub(crate) waits: u64,
    pub(crate) rings: u64,
    pub(crate) copies: u64,
    pub(crate) forks: u64,
    /// In worlds that share: what people did about it, and replicas that were compared at rest.
    pub(crate) acts: u64,
    pub(crate) compared: u64,
}

impl Tally {
    fn parts(&self) -> [(&'static str, u64); 16] {
        [
            ("writes", self.writes),
            ("refused", self.refused),
            ("clamped", self.clamped),
            ("dropped", self.dropped),
            ("repeated", self.repeated),
            ("reordered", self.reordered),
            ("cuts", self.cuts),
            ("machine crashes", self.machine_crashes),
            ("hub crashes", self.hub_crashes),
            ("disk failures", self.disk_failures),
            ("power cuts", self.power_cuts),
            ("snapshots", self.snapshots),
            ("waits", self.waits),
            ("rings", self.rings),
            ("copies", self.copies),
            ("forks", self.forks),
        ]
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.writes += other.writes;
        self.refused += other.refused;
        self.clamped += other.clamped;
        self.dropped += other.dropped;
        self.repeated += other.repeated;
        self.reordered += other.reordered;
        self.cuts += other.cuts;
        self.machine_crashes += other.machine_crashes;
        self.hub_crashes += other.hub_crashes;
        self.disk_failures += other.disk_failures;
        self.power_cuts += other.power_cuts;
        self.snapshots += other.snapshots;
        self.waits += other.waits;
        self.rings += other.rings;
        self.copies += other.copies;
        self.forks += other.forks;
        self.acts += other.acts;
        self.compared += other.compared;
    }

    pub(crate) fn assert_everything_happened(&self) {
        for (what, times) in self.parts() {
            assert!(times > 0, "in all worlds together there were no {what}");
        }
    }
}
