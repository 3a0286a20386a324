//! What the figures stand on: the kind of machine, the commit, the time, what else the machine did.

use std::fmt::{self, Display};
use std::fs;
use std::path::Path;
use std::process::Command;

use atome_tests::binaries::workspace_root;
use serde::Serialize;

/// What the figures stand on.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Ground {
    processor: String,
    cores: usize,
    memory_mib: u64,
    kernel: String,
    filesystem: String,
    commit: String,
    date: String,
    /// Processes that wished to run in the minute before, on the average.
    load_before: String,
    records: u64,
}

impl Ground {
    /// Looks at this machine, and at the file system that `folder` is on.
    pub(crate) fn look(folder: &Path, records: u64) -> Self {
        let kernel = read("/proc/sys/kernel/osrelease");
        let load = read("/proc/loadavg");
        Self {
            processor: field(&read("/proc/cpuinfo"), "model name"),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_mib: field(&read("/proc/meminfo"), "MemTotal")
                .split(' ')
                .next()
                .and_then(|kib| kib.parse::<u64>().ok())
                .unwrap_or_default()
                / 1024,
            kernel: format!("Linux {}", kernel.trim()),
            filesystem: filesystem(folder),
            commit: commit(),
            date: jiff::Timestamp::now().strftime("%F %R UTC").to_string(),
            load_before: load.split(' ').next().unwrap_or_default().to_owned(),
            records,
        }
    }

    /// Whether what is written here goes to no disk.
    pub(crate) fn is_memory(&self) -> bool {
        self.filesystem == "tmpfs" || self.filesystem == "ramfs"
    }
}

impl Display for Ground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} cores of {}, {} MiB, {}, {}; commit {}, {}; load before: {}; {} records",
            self.cores,
            self.processor,
            self.memory_mib,
            self.filesystem,
            self.kernel,
            self.commit,
            self.date,
            self.load_before,
            self.records
        )
    }
}

/// A file of the system; empty where this system has none.
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn field(text: &str, name: &str) -> String {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let value = line.and_then(|line| line.split_once(':'));
    value.map_or_else(
        || "unknown".to_owned(),
        |(_, value)| value.trim().to_owned(),
    )
}

/// The kind of the file system that `folder` is on: the longest mount point that leads to it.
fn filesystem(folder: &Path) -> String {
    let mounts = read("/proc/self/mounts");
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (point, kind) = (words.next()?, words.next()?);
        folder.starts_with(point).then_some((point.len(), kind))
    });
    mounts
        .max_by_key(|(len, _)| *len)
        .map_or_else(|| "unknown".to_owned(), |(_, kind)| kind.to_owned())
}

/// The commit of the sources, and whether they were altered since.
fn commit() -> String {
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        let output = command
            .current_dir(workspace_root())
            .args(arguments)
            .output()
            .ok()?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = git(&["rev-parse", "--short=10", "HEAD"]).unwrap_or_default();
    let altered = git(&["status", "--porcelain", "--untracked-files=no"]).unwrap_or_default();
    let altered = if altered.is_empty() { "" } else { ", altered" };
    format!("{commit}{altered}")
}
