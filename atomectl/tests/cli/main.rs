//! The command line as people and scripts see it: the real binary against a daemon of the test's own, and
//! golden files of its help, its output and its errors.
//!
//! `ATOME_BLESS=1` rewrites the golden files.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod accounts;
mod errors;
mod fake;
mod golden;
mod help;
mod output;
mod seeding;
mod streams;
mod terminal;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A person's home, with nothing in it, and a socket that may be served.
struct Home {
    folder: TempDir,
}

impl Home {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// The command with these arguments, in an environment that holds nothing but this home.
    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_atomectl"));
        command
            .args(args)
            .env_clear()
            .env("HOME", self.folder.path())
            .env("XDG_RUNTIME_DIR", self.path("run"))
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs the command against the socket of this home.
    fn run(&self, args: &[&str]) -> Output {
        self.command(args)
            .env("ATOME_SOCKET", self.path("s"))
            .output()
            .unwrap()
    }

    /// The same with something on standard input.
    fn run_with(&self, args: &[&str], input: &str) -> Output {
        let mut child = self
            .command(args)
            .env("ATOME_SOCKET", self.path("s"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that fails early does not read all of it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    }

    /// What a command printed, with this home's path taken out: exit code, standard output, standard error.
    fn told(&self, args: &[&str], output: &Output) -> String {
        let text = format!(
            "$ atomectl {}\n[exit {}]\n{}{}\n",
            args.join(" "),
            output.status.code().unwrap(),
            marked("", &output.stdout),
            marked("! ", &output.stderr),
        );
        text.replace(&self.folder.path().display().to_string(), "HOME")
    }
}

fn marked(mark: &str, bytes: &[u8]) -> String {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    text.lines().map(|line| format!("{mark}{line}\n")).collect()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}
