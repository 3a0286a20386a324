//! The files that tidy looks at: what git tracks, and what is new and not ignored.

use std::path::Path;
use std::process::Command;

use super::Violation;
use crate::cargo;

/// A text file of the project.
pub(super) struct SourceFile {
    /// Its path below the root, with `/`.
    pub(super) path: String,
    /// What it holds.
    pub(super) text: String,
}

impl SourceFile {
    #[cfg(test)]
    pub(super) fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    /// Whether its name ends so.
    pub(super) fn is(&self, extension: &str) -> bool {
        Path::new(&self.path)
            .extension()
            .is_some_and(|found| found == extension)
    }

    /// Its lines with their numbers, comments left out; inline tests too where asked.
    pub(super) fn code(&self, with_tests: bool) -> impl Iterator<Item = (usize, &str)> {
        let comment = if self.is("rs") { "//" } else { "#" };
        self.text
            .lines()
            .take_while(move |line| with_tests || !line.starts_with("#[cfg(test)]"))
            .enumerate()
            .filter(move |(_, line)| !line.trim_start().starts_with(comment))
            .map(|(index, line)| (index + 1, line))
    }
}

/// Every text file below the root that is, or would be, committed.
pub(super) fn files(root: &Path) -> Result<Vec<SourceFile>, String> {
    let mut git = Command::new("git");
    git.current_dir(root).args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]);
    let listed = cargo::output(git)?;
    let mut files = Vec::new();
    for path in listed.split('\0').filter(|path| !path.is_empty()) {
        // Not there: deleted and not committed yet. Not UTF-8: not a source.
        if let Ok(text) = std::fs::read_to_string(root.join(path)) {
            let path = path.to_owned();
            files.push(SourceFile { path, text });
        }
    }
    Ok(files)
}

/// One file that must be there.
pub(super) fn read(root: &Path, path: &str) -> Result<String, String> {
    std::fs::read_to_string(root.join(path)).map_err(|error| format!("{path}: {error}"))
}

/// `Cargo.lock` is tracked, so that every build takes the same dependencies.
pub(super) fn lock_committed(root: &Path) -> Vec<Violation> {
    let mut git = Command::new("git");
    git.current_dir(root)
        .args(["ls-files", "--error-unmatch", "Cargo.lock"]);
    match cargo::output(git) {
        Ok(_) => Vec::new(),
        Err(_) => vec![Violation::new("Cargo.lock", "commit it")],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_committed_lock_is_found() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(lock_committed(folder.path()).len(), 1);
        assert!(lock_committed(&crate::workspace_root()).is_empty());
    }

    #[test]
    fn comments_and_inline_tests_are_not_code() {
        let file = SourceFile::new(
            "a.rs",
            "//! x\nlet a;\n  // y\n#[cfg(test)]\nmod tests {}\n",
        );
        assert_eq!(file.code(false).collect::<Vec<_>>(), [(2, "let a;")]);
        assert_eq!(file.code(true).count(), 3);
        let config = SourceFile::new("a.toml", "# x\na = 1\n");
        assert_eq!(config.code(true).collect::<Vec<_>>(), [(2, "a = 1")]);
    }
}
