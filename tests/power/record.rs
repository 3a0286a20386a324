//! The record that `shim.c` writes, as steps.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use crate::Must as _;

/// Bytes of a record's head. Source: `struct record` in `shim.c`.
const HEAD_LEN: usize = 32;

/// A file, by the order of their making: the numbers of the system are used again.
pub(crate) type FileId = usize;

/// What was done. Paths are relative to the folder; its own is empty.
#[derive(Debug)]
pub(crate) enum Act {
    Create {
        file: FileId,
        path: PathBuf,
    },
    MakeFolder {
        path: PathBuf,
    },
    Write {
        file: FileId,
        offset: usize,
        data: Vec<u8>,
    },
    Truncate {
        file: FileId,
        len: usize,
    },
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Remove {
        path: PathBuf,
    },
    Sync {
        file: FileId,
    },
    SyncFolder {
        path: PathBuf,
    },
}

/// One record, and where it ends in the file of all.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) end: u64,
    pub(crate) act: Act,
}

/// Reads all whole records about what is below `root`.
pub(crate) fn read(log: &Path, root: &Path) -> Vec<Step> {
    let bytes = std::fs::read(log).must();
    let mut rest = bytes.as_slice();
    let mut files: BTreeMap<u64, FileId> = BTreeMap::new();
    let mut made = 0;
    let mut steps = Vec::new();
    while rest.len() >= HEAD_LEN {
        let word = |at: usize| u32::from_ne_bytes(rest[at..at + 4].try_into().must());
        let long = |at: usize| u64::from_ne_bytes(rest[at..at + 8].try_into().must());
        let (kind, path_len) = (word(0), word(4) as usize);
        let (inode, offset, data_len) = (long(8), long(16) as usize, long(24) as usize);
        let path = below(root, &rest[HEAD_LEN..HEAD_LEN + path_len]);
        let data = &rest[HEAD_LEN + path_len..HEAD_LEN + path_len + data_len];
        if kind == 1 {
            made += 1;
            files.insert(inode, made);
        }
        let file = files.get(&inode).copied().unwrap_or_default();
        let act = match kind {
            1 => Act::Create { file, path },
            2 => Act::MakeFolder { path },
            3 => Act::Write {
                file,
                offset,
                data: data.to_vec(),
            },
            4 => Act::Truncate { file, len: offset },
            5 => Act::Rename {
                from: below(root, data),
                to: path,
            },
            6 => Act::Remove { path },
            7 => Act::Sync { file },
            8 => Act::SyncFolder { path },
            _ => panic!("no record is of kind {kind}"),
        };
        rest = &rest[HEAD_LEN + path_len + data_len..];
        steps.push(Step {
            end: (bytes.len() - rest.len()) as u64,
            act,
        });
    }
    assert!(rest.is_empty(), "the record ends within a step");
    steps
}

fn below(root: &Path, path: &[u8]) -> PathBuf {
    let path = Path::new(std::ffi::OsStr::from_bytes(path));
    path.strip_prefix(root)
        .map(Path::to_owned)
        .unwrap_or_default()
}
