//! `atomectl` as a process: what it was asked, what it answered.

use std::ffi::OsStr;
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde::de::DeserializeOwned;

use crate::error::HarnessError;
use crate::process::alone;

/// The command line, pointed at one machine's socket.
#[derive(Clone, Debug)]
pub struct Ctl {
    program: PathBuf,
    socket: PathBuf,
    home: PathBuf,
}

/// What a command answered.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The command line.
    pub command: String,
    /// The exit code; -1 where a signal ended it.
    pub code: i32,
    /// What it printed for programs.
    pub stdout: String,
    /// What it printed for people.
    pub stderr: String,
    /// From its start to its end.
    pub took: Duration,
}

impl Ctl {
    /// Points `program` at `socket`.
    #[must_use]
    pub fn new(program: PathBuf, socket: PathBuf, home: PathBuf) -> Self {
        Self {
            program,
            socket,
            home,
        }
    }

    /// The folder that holds the programs.
    #[must_use]
    pub fn program_folder(&self) -> PathBuf {
        let folder = self.program.parent();
        folder.map_or_else(PathBuf::new, std::path::Path::to_owned)
    }

    /// The command, ready to be started.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--socket").arg(&self.socket).args(arguments);
        alone(&mut command, &self.home);
        command
    }

    /// Runs a command, whatever it answers.
    ///
    /// # Errors
    ///
    /// Where the program cannot be started.
    pub fn ask<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Reply, HarnessError> {
        run(self.command(arguments), &[])
    }

    /// Runs a command with something on its standard input, whatever it answers.
    ///
    /// # Errors
    ///
    /// Where the program cannot be started.
    pub fn ask_with<S: AsRef<OsStr>>(
        &self,
        arguments: &[S],
        input: &[u8],
    ) -> Result<Reply, HarnessError> {
        run(self.command(arguments), input)
    }

    /// Runs a command that must succeed.
    ///
    /// # Errors
    ///
    /// [`HarnessError::ExitCode`].
    pub fn run<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Reply, HarnessError> {
        self.ask(arguments)?.expect_code(0)
    }

    /// Runs a command with something on its standard input; it must succeed.
    ///
    /// # Errors
    ///
    /// [`HarnessError::ExitCode`].
    pub fn run_with<S: AsRef<OsStr>>(
        &self,
        arguments: &[S],
        input: &[u8],
    ) -> Result<Reply, HarnessError> {
        self.ask_with(arguments, input)?.expect_code(0)
    }

    /// Starts a command that goes on, such as `watch`, its output to be read as it comes.
    ///
    /// # Errors
    ///
    /// Where the program cannot be started.
    pub fn start<S: AsRef<OsStr>>(&self, arguments: &[S]) -> Result<Child, HarnessError> {
        self.command(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(HarnessError::io("start atomectl"))
    }
}

impl Reply {
    /// The reply, if it came with this exit code.
    ///
    /// # Errors
    ///
    /// [`HarnessError::ExitCode`].
    pub fn expect_code(self, expected: i32) -> Result<Self, HarnessError> {
        if self.code == expected {
            return Ok(self);
        }
        Err(HarnessError::ExitCode {
            command: self.command,
            code: self.code,
            expected,
            stderr: self.stderr,
            stdout: self.stdout.chars().take(2000).collect(),
        })
    }

    /// What it printed, as one JSON value.
    ///
    /// # Errors
    ///
    /// [`HarnessError::Output`].
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, HarnessError> {
        self.parse(&self.stdout)
    }

    /// What it printed, as JSON lines.
    ///
    /// # Errors
    ///
    /// [`HarnessError::Output`].
    pub fn lines<T: DeserializeOwned>(&self) -> Result<Vec<T>, HarnessError> {
        self.stdout.lines().map(|line| self.parse(line)).collect()
    }

    /// The stable word of the error that it printed with `-o json`.
    ///
    /// # Errors
    ///
    /// [`HarnessError::Output`].
    pub fn error_code(&self) -> Result<String, HarnessError> {
        let begin = self.stderr.find("{\"error\"").unwrap_or_default();
        let text = self.stderr.get(begin..).unwrap_or_default();
        let error: serde_json::Value = self.parse(text.trim_end())?;
        let code = error.pointer("/error/code").and_then(|code| code.as_str());
        code.map(str::to_owned)
            .ok_or_else(|| self.unexpected("no /error/code"))
    }

    fn parse<T: DeserializeOwned>(&self, text: &str) -> Result<T, HarnessError> {
        let shown: String = text.chars().take(400).collect();
        serde_json::from_str(text).map_err(|error| self.unexpected(&format!("{error}: {shown}")))
    }

    /// Says that the output is not what it had to be.
    #[must_use]
    pub fn unexpected(&self, why: &str) -> HarnessError {
        HarnessError::Output {
            command: self.command.clone(),
            why: why.to_owned(),
        }
    }
}

/// Runs a command to its end, with `input` on its standard input.
///
/// # Errors
///
/// Where the program cannot be started or waited for.
pub fn run(mut command: Command, input: &[u8]) -> Result<Reply, HarnessError> {
    let shown = shown(&command);
    let failed = || HarnessError::io(format!("run `{shown}`"));
    let began = Instant::now();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed())?;
    let stdin = child.stdin.take();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || match stdin.map(|mut pipe| pipe.write_all(input)) {
            Some(Err(error)) if error.kind() != ErrorKind::BrokenPipe => Err(error),
            _ => Ok(()),
        });
        child.wait_with_output()
    })
    .map_err(failed())?;
    Ok(Reply {
        command: shown,
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        took: began.elapsed(),
    })
}

fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let words = std::iter::once(name).chain(command.get_args());
    let words: Vec<_> = words.map(OsStr::to_string_lossy).collect();
    words.join(" ")
}
