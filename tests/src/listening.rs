//! What a process listens on, as the kernel tells it.

use std::collections::BTreeSet;
use std::fs;

use crate::error::HarnessError;

/// The state of a listening socket in `/proc/net/tcp`. Source: `TCP_LISTEN` in Linux's `tcp_states.h`.
const LISTEN: &str = "0A";

/// The local addresses, as the kernel spells them, on which process `pid` listens for TCP.
///
/// # Errors
///
/// Where the process is gone or not ours to look at.
pub fn tcp_listeners(pid: u32) -> Result<Vec<String>, HarnessError> {
    let sockets = socket_inodes(pid)?;
    let mut found = Vec::new();
    for table in ["tcp", "tcp6"] {
        let path = format!("/proc/{pid}/net/{table}");
        // A kernel without IPv6 has no table for it.
        let text = fs::read_to_string(path).unwrap_or_default();
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [_, local, _, state, _, _, _, _, _, inode, ..] = fields.as_slice() else {
                continue;
            };
            if *state == LISTEN && sockets.contains(*inode) {
                found.push((*local).to_owned());
            }
        }
    }
    Ok(found)
}

fn socket_inodes(pid: u32) -> Result<BTreeSet<String>, HarnessError> {
    let folder = format!("/proc/{pid}/fd");
    let entries = fs::read_dir(&folder).map_err(HarnessError::io(format!("look into {folder}")))?;
    let mut inodes = BTreeSet::new();
    for entry in entries.flatten() {
        // A file that was closed meanwhile is none.
        let Ok(target) = fs::read_link(entry.path()) else {
            continue;
        };
        let target = target.to_string_lossy();
        if let Some(inode) = target
            .strip_prefix("socket:[")
            .and_then(|rest| rest.strip_suffix(']'))
        {
            inodes.insert(inode.to_owned());
        }
    }
    Ok(inodes)
}
