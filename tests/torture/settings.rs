//! What a run is asked for, in the words of `cargo xtask torture`.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::dice::Dice;

/// What befalls the programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Kill,
    KillHub,
    Stop,
    FullDisk,
    ReadOnly,
    Clock,
    Delay,
    Cut,
    Truncate,
    Corrupt,
}

const NAMES: &[(Fault, &str)] = &[
    (Fault::Kill, "kill"),
    (Fault::KillHub, "kill-hub"),
    (Fault::Stop, "stop"),
    (Fault::FullDisk, "full-disk"),
    (Fault::ReadOnly, "read-only"),
    (Fault::Clock, "clock"),
    (Fault::Delay, "delay"),
    (Fault::Cut, "cut"),
    (Fault::Truncate, "truncate"),
    (Fault::Corrupt, "corrupt"),
];

/// A phase between two check points is no longer than this.
const PHASE_MAX: Duration = Duration::from_secs(60);

/// What to do, and for how long.
pub(crate) struct Settings {
    /// How long faults go on, without the check points.
    pub(crate) time: Duration,
    pub(crate) seed: u64,
    only: Option<Fault>,
}

impl Settings {
    pub(crate) fn of_environment() -> Self {
        let of = |name: &str| std::env::var(name).ok();
        let number = |name: &str| of(name).map(|text| text.parse().expect("a whole number"));
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let only = of("ATOME_TORTURE_ONLY").map(|word| {
            let named = NAMES.iter().find(|(_, name)| *name == word);
            let all: Vec<_> = NAMES.iter().map(|(_, name)| *name).collect();
            named
                .unwrap_or_else(|| {
                    panic!(
                        "there is no '{word}'; there are {}, reconnect",
                        all.join(", ")
                    )
                })
                .0
        });
        Self {
            time: Duration::from_secs(number("ATOME_TORTURE_SECONDS").unwrap_or(40)),
            seed: number("ATOME_TORTURE_SEED")
                .unwrap_or_else(|| now.map_or(0, |now| u64::from(now.subsec_micros()))),
            only,
        }
    }

    /// Whether this may happen in the run.
    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.only.is_none_or(|only| only == fault)
    }

    /// Whether this happens now: once in so many times, each time where nothing else may happen.
    pub(crate) fn draws(&self, fault: Fault, one_in: u64, dice: &mut Dice) -> bool {
        self.has(fault) && (self.only.is_some() || dice.one_in(one_in))
    }

    pub(crate) fn phases(&self) -> u32 {
        self.time.as_millis().div_ceil(PHASE_MAX.as_millis()).max(2) as u32
    }

    pub(crate) fn phase(&self) -> Duration {
        self.time / self.phases()
    }

    /// A run in which programs may stand still for minutes.
    pub(crate) fn is_long(&self) -> bool {
        self.time >= Duration::from_secs(240)
    }
}

impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let only = NAMES.iter().find(|(fault, _)| self.only == Some(*fault));
        write!(
            f,
            "{} s of {}, in {} phases, seed {}",
            self.time.as_secs(),
            only.map_or("everything", |(_, name)| name),
            self.phases(),
            self.seed
        )
    }
}
