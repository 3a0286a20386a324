//! What the kernel tells about a process: memory, processor time, how often it was woken.

use std::fs;
use std::path::PathBuf;

use crate::failure::{Failure, Tried};

/// What a process has taken since its start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    /// Processor time, in milliseconds.
    pub(crate) processor_ms: f64,
    /// How often one of its threads was given a processor anew.
    pub(crate) switches: u64,
}

/// Resident memory, in KiB.
pub(crate) fn memory_kib(pid: u32) -> Tried<u64> {
    of_status(&read(pid, "status")?, "VmRSS")
}

/// The most resident memory since the last [`forget_peak`], in KiB.
pub(crate) fn peak_kib(pid: u32) -> Tried<u64> {
    of_status(&read(pid, "status")?, "VmHWM")
}

/// Has the peak begin again at what is resident now. Source: proc(5), `clear_refs`.
pub(crate) fn forget_peak(pid: u32) -> Tried {
    Ok(fs::write(path(pid, "clear_refs"), "5")?)
}

/// What all threads that are there have taken.
pub(crate) fn taken(pid: u32) -> Tried<Taken> {
    let mut taken = Taken {
        processor_ms: 0.0,
        switches: 0,
    };
    for thread in fs::read_dir(path(pid, "task"))? {
        let folder = thread?.path();
        let text = fs::read_to_string(folder.join("schedstat"))?;
        let nanoseconds = text.split(' ').next().and_then(|word| word.parse().ok());
        taken.processor_ms += nanoseconds.unwrap_or(0.0) / 1e6;
        let status = fs::read_to_string(folder.join("status"))?;
        taken.switches += of_status(&status, "voluntary_ctxt_switches")?;
        taken.switches += of_status(&status, "nonvoluntary_ctxt_switches")?;
    }
    Ok(taken)
}

fn path(pid: u32, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/{name}"))
}

fn read(pid: u32, name: &str) -> Tried<String> {
    Ok(fs::read_to_string(path(pid, name))?)
}

fn of_status(status: &str, name: &str) -> Tried<u64> {
    let value = status.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        (found == name).then_some(value)?.split_whitespace().next()
    });
    let number = value.and_then(|value| value.parse().ok());
    number.ok_or_else(|| Failure(format!("the kernel does not tell {name}")))
}
