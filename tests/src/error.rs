//! What can go wrong around the programs, for a person to read.

use std::io;

/// Something around the programs went wrong, or one of them answered otherwise than it had to.
#[derive(Debug, thiserror::Error)]
pub enum HarnessError {
    /// A file, a process or a socket could not be had.
    #[error("could not {what}: {source}")]
    Io {
        /// What was attempted.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The programs could not be built.
    #[error("the programs could not be built: {0}")]
    Build(String),
    /// A certificate could not be made.
    #[error("a certificate could not be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A program ended, or said nothing, before it was ready.
    #[error("{program} did not become ready: {why}\n--- what it wrote:\n{log}")]
    NotReady {
        /// Which.
        program: String,
        /// What happened instead.
        why: String,
        /// The end of its log.
        log: String,
    },
    /// A command answered with another exit code than it had to.
    #[error(
        "`{command}` ended with exit code {code} instead of {expected}\n--- stderr:\n{stderr}\n--- stdout:\n{stdout}"
    )]
    ExitCode {
        /// The command line.
        command: String,
        /// What came.
        code: i32,
        /// What had to come.
        expected: i32,
        /// What it printed for people.
        stderr: String,
        /// The beginning of what it printed for programs.
        stdout: String,
    },
    /// A command printed something that is not what it had to be.
    #[error("`{command}` printed something unexpected: {why}")]
    Output {
        /// The command line.
        command: String,
        /// What is wrong with it.
        why: String,
    },
}

impl HarnessError {
    /// Names what was attempted, for `map_err`.
    pub fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
