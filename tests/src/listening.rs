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
    let ours = |(_, inode): &(String, String)| sockets.contains(inode);
    let listening = listening_near(pid).into_iter().filter(ours);
    Ok(listening.map(|(local, _)| local).collect())
}

/// How many sockets of whichever process listen for TCP in the network of process `pid`.
#[must_use]
pub fn all_tcp_listeners(pid: u32) -> usize {
    listening_near(pid).len()
}

/// The address and the inode of each listening socket in the network of a process.
fn listening_near(pid: u32) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for table in ["tcp", "tcp6"] {
        let path = format!("/proc/{pid}/net/{table}");
        // A kernel without IPv6 has no table for it.
        let text = fs::read_to_string(path).unwrap_or_default();
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            if let [_, local, _, LISTEN, _, _, _, _, _, inode, ..] = fields.as_slice() {
                found.push(((*local).to_owned(), (*inode).to_owned()));
            }
        }
    }
    found
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
