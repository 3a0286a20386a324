//! How often things happened in a world, or in all of them.

use std::fmt;

/// Makes a tally of named counts, and the words by which each is told.
macro_rules! tally {
    ($($name:ident: $words:literal,)+) => {
        /// How often things happened: a world in which nothing goes wrong proves nothing.
        #[derive(Clone, Debug, Default)]
        pub(crate) struct Tally {
            $(pub(crate) $name: u64,)+
        }

        impl Tally {
            fn parts(&self) -> Vec<(&'static str, u64)> {
                vec![$(($words, self.$name)),+]
            }

            pub(crate) fn add(&mut self, other: &Self) {
                $(self.$name += other.$name;)+
            }
        }
    };
}

tally! {
    writes: "writes",
    acts: "acts of sharing",
    refused: "refused commits",
    deferred: "deferred commits",
    clamped: "clamped commits",
    dropped: "frames dropped",
    repeated: "frames repeated",
    reordered: "frames reordered",
    cuts: "connections cut",
    machine_crashes: "crashes of machines",
    hub_crashes: "crashes of the hub",
    disk_failures: "disks that were full or failed to sync",
    power_cuts: "power cuts set to happen within the work of a store",
    compacted: "feeds that let go of entries",
    snapshots: "snapshots",
    copies: "machines cloned while running",
    put_back: "machines put back from old backups",
    restores: "hubs restored from a backup",
    setbacks: "hubs whose old disk was put back by hand",
    forks: "forks",
    jumps: "jumps of machines' clocks",
    hub_jumps: "jumps of the hub's clock",
    logins: "logins",
    logouts: "logouts",
    revocations: "sessions revoked",
    returns: "accounts taken from a machine that came again",
    waits: "waits that ended",
    rings: "rings of parents",
    compared: "replicas of sharing accounts compared at rest",
}

impl Tally {
    pub(crate) fn assert_everything_happened(&self) {
        for (what, times) in self.parts() {
            assert!(times > 0, "in all worlds together there were no {what}");
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, times) in self.parts() {
            writeln!(f, "{times:>10}  {what}")?;
        }
        Ok(())
    }
}
