//! What was done, and what was found.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The figures of a run.
#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) kills: AtomicU64,
    pub(crate) hub_kills: AtomicU64,
    pub(crate) stops: AtomicU64,
    pub(crate) full_disks: AtomicU64,
    pub(crate) read_onlys: AtomicU64,
    pub(crate) clocks: AtomicU64,
    pub(crate) line_delays: AtomicU64,
    pub(crate) line_cuts: AtomicU64,
    pub(crate) line_truncations: AtomicU64,
    pub(crate) line_corruptions: AtomicU64,
    pub(crate) acknowledged: AtomicU64,
    pub(crate) unanswered: AtomicU64,
    pub(crate) checked: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) doubled: AtomicU64,
    pub(crate) diverged: AtomicU64,
    pub(crate) other: AtomicU64,
    /// Writes that were refused, by the code of the refusal.
    pub(crate) refused: Mutex<BTreeMap<String, u64>>,
}

/// Counts one more.
pub(crate) fn up(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn of(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

impl Counts {
    pub(crate) fn refuse(&self, code: &str) {
        let mut refused = self.refused.lock().expect("no one panics here");
        *refused.entry(code.to_owned()).or_default() += 1;
    }

    /// Findings of any kind.
    pub(crate) fn failures(&self) -> u64 {
        of(&self.lost) + of(&self.doubled) + of(&self.diverged) + of(&self.other)
    }

    /// One line on how far it is.
    pub(crate) fn line(&self) -> String {
        format!(
            "{} writes acknowledged; killed: {} daemons, {} hubs; stopped {}; full {}; lines: {} cut, {} truncated, \
             {} corrupted",
            of(&self.acknowledged),
            of(&self.kills),
            of(&self.hub_kills),
            of(&self.stops),
            of(&self.full_disks),
            of(&self.line_cuts),
            of(&self.line_truncations),
            of(&self.line_corruptions),
        )
    }

    /// All figures, those of what was found last.
    pub(crate) fn table(&self, took: Duration) -> String {
        let rows = [
            ("daemons killed (SIGKILL)", &self.kills),
            ("hubs killed (SIGKILL)", &self.hub_kills),
            ("programs stopped (SIGSTOP)", &self.stops),
            ("disks full", &self.full_disks),
            ("disks read-only at a start", &self.read_onlys),
            ("clocks set elsewhere", &self.clocks),
            ("parts delayed on a line", &self.line_delays),
            ("connections cut", &self.line_cuts),
            ("connections truncated", &self.line_truncations),
            ("bits corrupted", &self.line_corruptions),
            ("writes acknowledged", &self.acknowledged),
            ("writes whose answer was cut off", &self.unanswered),
        ];
        let mut table = lines(&rows);
        for (code, times) in self.refused.lock().expect("no one panics here").iter() {
            let what = format!("writes refused: {code}");
            let _ = writeln!(table, "{what:<34} {times:>9}");
        }
        table + &self.findings(took)
    }

    /// What was found, and how long it took in all.
    pub(crate) fn findings(&self, took: Duration) -> String {
        let mut table = lines(&[
            ("replicas checked", &self.checked),
            ("acknowledged writes lost", &self.lost),
            ("writes doubled", &self.doubled),
            ("replicas diverged", &self.diverged),
            ("other findings", &self.other),
        ]);
        let _ = writeln!(
            table,
            "{:<34} {:>9.1}",
            "seconds in all",
            took.as_secs_f64()
        );
        table
    }
}

fn lines(rows: &[(&str, &AtomicU64)]) -> String {
    let mut lines = String::new();
    for (what, counter) in rows {
        // Writing to a `String` cannot fail.
        let _ = writeln!(lines, "{what:<34} {:>9}", of(counter));
    }
    lines
}
