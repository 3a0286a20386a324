//! The real program, as a person starts and stops it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_atome-server");

/// A hub that runs in a process of its own.
pub(crate) struct Program {
    child: Ended,
    log: JoinHandle<Vec<String>>,
    /// Where it says that it listens.
    pub(crate) running_file: PathBuf,
    pub(crate) listen: SocketAddr,
}

impl Program {
    /// Starts the program and waits until its log says that it is ready.
    pub(crate) fn start(config: &Path) -> Self {
        let mut child = command(config).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut log = Vec::new();
        while !log
            .iter()
            .any(|line: &String| line.contains("the hub is ready"))
        {
            log.push(lines.next().unwrap().unwrap());
        }
        let running_file = config.with_file_name("state").join("atome-server.json");
        let running: Value =
            serde_json::from_slice(&std::fs::read(&running_file).unwrap()).unwrap();
        assert_eq!(running["pid"], child.id());
        Self {
            child: Ended(child),
            log: std::thread::spawn(move || {
                log.extend(lines.map(Result::unwrap));
                log
            }),
            running_file,
            listen: running["listen"].as_str().unwrap().parse().unwrap(),
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child.0), signal).unwrap();
    }

    /// Waits until it has ended; gives its exit code and its log.
    pub(crate) fn wait(mut self) -> (Option<i32>, Vec<String>) {
        let code = self.child.0.wait().unwrap().code();
        (code, self.log.join().unwrap())
    }
}

/// A process that does not outlive a test that fails.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn command(config: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(["--config".as_ref(), config.as_os_str()]);
    command.env_clear();
    command
}

/// Runs the program to its end; gives its exit code, standard output and standard error.
pub(crate) fn run(config: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let done = command(config).args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (done.status.code(), text(done.stdout), text(done.stderr))
}
