//! A folder as a power cut may have left it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::Must as _;
use crate::dice::Dice;
use crate::record::{Act, FileId, Step};

/// A disk writes so many bytes whole, or not at all.
const SECTOR: usize = 512;

/// What a file system promises about names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// As ext4 with its journal: they last in their order, and any sync makes all before it last.
    Ordered,
    /// As little as POSIX says: a name lasts when its folder was synced, each else or not.
    BySync,
}

/// What is left of what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unsynced {
    Nothing,
    Everything,
    /// Any sectors of any writes.
    Some,
}

/// A folder with its files.
#[derive(Debug, Default)]
pub(crate) struct Image {
    folders: BTreeSet<PathBuf>,
    pub(crate) files: BTreeMap<PathBuf, Vec<u8>>,
}

/// What is there after a cut behind these steps.
pub(crate) fn after(steps: &[Step], names: Names, unsynced: Unsynced, dice: &mut Dice) -> Image {
    let mut contents = contents(steps, unsynced, dice);
    let mut image = Image::default();
    for (path, file) in kept_names(steps, names, unsynced, dice) {
        match file {
            None => {
                image.folders.insert(path);
            }
            Some(file) => {
                image
                    .files
                    .insert(path, contents.remove(&file).unwrap_or_default());
            }
        }
    }
    let folders = image.folders.clone();
    let is_reached = |path: &Path| {
        let mut above = path
            .ancestors()
            .skip(1)
            .filter(|path| !path.as_os_str().is_empty());
        above.all(|folder| folders.contains(folder))
    };
    image.folders.retain(|path| is_reached(path));
    image.files.retain(|path, _| is_reached(path));
    image
}

impl Image {
    /// Writes it down, closed to others as a daemon keeps it.
    pub(crate) fn write(&self, to: &Path) {
        let close = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).must();
        };
        fs::create_dir_all(to).must();
        close(to, 0o700);
        for folder in &self.folders {
            fs::create_dir(to.join(folder)).must();
            close(&to.join(folder), 0o700);
        }
        for (path, content) in &self.files {
            fs::write(to.join(path), content).must();
            close(&to.join(path), 0o600);
        }
    }
}

/// What the files hold, by their number.
fn contents(steps: &[Step], unsynced: Unsynced, dice: &mut Dice) -> BTreeMap<FileId, Vec<u8>> {
    let mut durable: BTreeMap<FileId, Vec<u8>> = BTreeMap::new();
    let mut waiting: BTreeMap<FileId, Vec<&Act>> = BTreeMap::new();
    for Step { act, .. } in steps {
        match act {
            Act::Write { file, .. } | Act::Truncate { file, .. } => {
                waiting.entry(*file).or_default().push(act);
            }
            Act::Sync { file } => {
                let content = durable.entry(*file).or_default();
                for act in waiting.remove(file).unwrap_or_default() {
                    apply(act, content, |_| true);
                }
            }
            Act::Create { .. }
            | Act::MakeFolder { .. }
            | Act::Rename { .. }
            | Act::Remove { .. }
            | Act::SyncFolder { .. } => {}
        }
    }
    for (file, acts) in waiting {
        let content = durable.entry(file).or_default();
        for act in acts {
            // A write that is torn, or one that is whole or missing.
            let (is_torn, is_there) = (dice.below(4) == 0, dice.half());
            apply(act, content, |_| match unsynced {
                Unsynced::Nothing => false,
                Unsynced::Everything => true,
                Unsynced::Some if is_torn => dice.half(),
                Unsynced::Some => is_there,
            });
        }
    }
    durable
}

/// Does what was done to a file, in as much as its sectors are there.
fn apply(act: &Act, content: &mut Vec<u8>, mut is_there: impl FnMut(usize) -> bool) {
    match act {
        Act::Write { offset, data, .. } => {
            let (mut at, end) = (*offset, offset + data.len());
            while at < end {
                let sector_end = ((at / SECTOR + 1) * SECTOR).min(end);
                if is_there(at) {
                    content.resize(content.len().max(sector_end), 0);
                    content[at..sector_end]
                        .copy_from_slice(&data[at - offset..sector_end - offset]);
                }
                at = sector_end;
            }
        }
        Act::Truncate { len, .. } if is_there(*len) => content.resize(*len, 0),
        Act::Truncate { .. }
        | Act::Create { .. }
        | Act::MakeFolder { .. }
        | Act::Rename { .. }
        | Act::Remove { .. }
        | Act::Sync { .. }
        | Act::SyncFolder { .. } => {}
    }
}

/// The names that are there: of a file its number, of a folder none.
fn kept_names(
    steps: &[Step],
    names: Names,
    unsynced: Unsynced,
    dice: &mut Dice,
) -> BTreeMap<PathBuf, Option<FileId>> {
    let is_sync = |step: &Step| matches!(step.act, Act::Sync { .. } | Act::SyncFolder { .. });
    let last_sync = steps.iter().rposition(is_sync).unwrap_or(0);
    // Of what came after the last sync, the beginning.
    let lasting = last_sync + dice.below((steps.len() - last_sync) as u64 + 1) as usize;
    let mut synced: BTreeMap<&Path, usize> = BTreeMap::new();
    for (n, step) in steps.iter().enumerate() {
        if let Act::SyncFolder { path } = &step.act {
            synced.insert(path, n);
        }
    }
    let mut lasts = |n: usize, path: &Path| match (names, unsynced) {
        (_, Unsynced::Everything) => true,
        (Names::Ordered, Unsynced::Nothing) => n < last_sync,
        (Names::Ordered, Unsynced::Some) => n < lasting,
        (Names::BySync, _) => {
            let folder = path.parent().unwrap_or(Path::new(""));
            let is_synced = synced.get(folder).is_some_and(|sync| n < *sync);
            is_synced || (unsynced == Unsynced::Some && dice.half())
        }
    };
    let mut truth: BTreeMap<PathBuf, Option<FileId>> = BTreeMap::new();
    let mut kept = BTreeMap::new();
    for (n, step) in steps.iter().enumerate() {
        match &step.act {
            Act::Create { file, path } => {
                truth.insert(path.clone(), Some(*file));
                if lasts(n, path) {
                    kept.insert(path.clone(), Some(*file));
                }
            }
            Act::MakeFolder { path } if !path.as_os_str().is_empty() => {
                truth.insert(path.clone(), None);
                if lasts(n, path) {
                    kept.insert(path.clone(), None);
                }
            }
            Act::Rename { from, to } => {
                let what = truth.remove(from).unwrap_or_default();
                truth.insert(to.clone(), what);
                if lasts(n, to) {
                    kept.remove(from);
                    kept.insert(to.clone(), what);
                }
            }
            Act::Remove { path } => {
                truth.remove(path);
                if lasts(n, path) {
                    kept.remove(path);
                }
            }
            Act::MakeFolder { .. }
            | Act::Write { .. }
            | Act::Truncate { .. }
            | Act::Sync { .. }
            | Act::SyncFolder { .. } => {}
        }
    }
    kept
}
