//! What the kernel tells about a process: memory, processor time, how often it was woken.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use crate::failure::{Failure, Tried, differs};

/// What the threads of a process have taken since their start, by their ids: processor time in nanoseconds, and
/// how often they were given a processor anew.
pub(crate) type Taken = BTreeMap<OsString, (u64, u64)>;

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

/// What each thread that is there has taken.
pub(crate) fn taken(pid: u32) -> Tried<Taken> {
    let mut taken = Taken::new();
    for thread in fs::read_dir(path(pid, "task"))? {
        let thread = thread?;
        let folder = thread.path();
        let text = fs::read_to_string(folder.join("schedstat"))?;
        let nanoseconds = text.split(' ').next().and_then(|word| word.parse().ok());
        let nanoseconds =
            nanoseconds.ok_or_else(|| Failure("no schedstat of a thread".to_owned()))?;
        let status = fs::read_to_string(folder.join("status"))?;
        let switches = of_status(&status, "voluntary_ctxt_switches")?
            + of_status(&status, "nonvoluntary_ctxt_switches")?;
        taken.insert(thread.file_name(), (nanoseconds, switches));
    }
    Ok(taken)
}

/// Milliseconds of processor time and wake-ups between two looks; what a thread that has ended meanwhile took
/// is not known, and so nothing is.
pub(crate) fn between(before: &Taken, after: &Taken) -> Tried<(f64, u64)> {
    if before.keys().any(|thread| !after.contains_key(thread)) {
        return differs("a thread ended while the process was watched");
    }
    let (mut nanoseconds, mut switches) = (0, 0);
    for (thread, (time, times)) in after {
        let (time_before, times_before) = before.get(thread).copied().unwrap_or_default();
        nanoseconds += time - time_before;
        switches += times - times_before;
    }
    Ok((nanoseconds as f64 / 1e6, switches))
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
