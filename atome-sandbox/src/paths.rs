//! Which paths a rule must name, so that a file is still seen after it was replaced.

use std::path::{Path, PathBuf};

/// What every program of ours reads of the system: itself, how much of the machine it may use, how memory is
/// given back, randomness for SQLite.
pub(crate) const SYSTEM: &[&str] = &[
    "/proc/self",
    "/proc/meminfo",
    "/proc/sys/vm/overcommit_memory",
    "/sys/fs/cgroup",
    "/dev/urandom",
    "/dev/null",
];

/// The folder of a file, and the folder of what the file is a link to.
///
/// A rule of the kernel holds for the file that is there now. A file that is replaced by a new one, as
/// certificates are, is seen only by a rule for its folder.
#[must_use]
pub fn with_its_target(file: &Path) -> Vec<PathBuf> {
    let target = file.canonicalize().ok();
    let folders = [Some(file), target.as_deref()];
    let folder = |path: &Path| match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        Some(_) | None => PathBuf::from("."),
    };
    let mut folders: Vec<PathBuf> = folders.into_iter().flatten().map(folder).collect();
    folders.dedup();
    folders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_has_two_folders() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().canonicalize().unwrap().join(name);
        for name in ["live", "archive"] {
            std::fs::create_dir(path(name)).unwrap();
        }
        std::fs::write(path("archive/1.pem"), "").unwrap();
        std::os::unix::fs::symlink("../archive/1.pem", path("live/a.pem")).unwrap();
        assert_eq!(
            with_its_target(&path("live/a.pem")),
            [path("live"), path("archive")]
        );
        assert_eq!(with_its_target(&path("archive/1.pem")), [path("archive")]);
        assert_eq!(with_its_target(Path::new("a.pem")), [Path::new(".")]);
    }
}
