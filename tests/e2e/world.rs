//! What the tests share: a temp directory with a hub and machines, an account, questions.

use std::error::Error;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use atome_tests::{Binaries, Hub, Machine, Reply};
use serde_json::Value;
use tempfile::TempDir;

/// The account of the tests.
pub(crate) const NAME: &str = "ada";
/// Its password, as typed.
pub(crate) const PASSWORD: &[u8] = b"correct horse battery staple\n";

/// How long what comes by itself may take: back-off and a busy machine included.
const EVENTUALLY: Duration = Duration::from_secs(90);
/// How often it is asked for.
const ASK_EVERY: Duration = Duration::from_millis(100);

/// One test's surroundings; everything goes with it.
pub(crate) struct World {
    folder: TempDir,
    pub(crate) binaries: Binaries,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("atome-e2e-").tempdir();
        Self {
            folder: folder.must(),
            binaries: Binaries::get().must(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file that holds `text`.
    pub(crate) fn file(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).must();
        path.to_str().unwrap().to_owned()
    }

    /// A hub that runs.
    pub(crate) fn hub(&self) -> Hub {
        Hub::start_new(&self.binaries, &self.path("hub")).must()
    }

    /// A machine that runs, and dials `hub` if there is one.
    pub(crate) fn machine(&self, name: &str, hub: Option<&Hub>) -> Machine {
        let remote = hub.map(Hub::remote);
        Machine::start_new(&self.binaries, &self.path(name), remote.as_ref()).must()
    }

    /// A machine that runs, with the account made on it.
    pub(crate) fn machine_with_account(&self, name: &str, hub: Option<&Hub>) -> Machine {
        let machine = self.machine(name, hub);
        let create = ["account", "create", NAME, "--password-stdin"];
        machine.ctl().run_with(&create, PASSWORD).must();
        machine
    }

    /// A machine that runs, logged in to the account of `hub` and in sync.
    pub(crate) fn machine_logged_in(&self, name: &str, hub: &Hub) -> Machine {
        let machine = self.machine(name, Some(hub));
        let login = ["login", NAME, "--password-stdin"];
        machine.ctl().run_with(&login, PASSWORD).must();
        wait(&machine);
        machine
    }
}

/// Says aloud that a test is not run here; in continuous integration that is a failure.
#[track_caller]
pub(crate) fn skipped(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "skipped: {why}");
    // Past the capture of the test runner, so that it is seen.
    writeln!(std::io::stderr(), "skipped: {why}").unwrap();
}

/// Whether a program that a test needs is not installed; says so aloud, and is a failure where `CI` is set.
#[track_caller]
pub(crate) fn is_missing(programs: &[&str]) -> bool {
    let missing = first_missing(programs);
    if let Some(missing) = missing {
        skipped(&format!("{missing} is not installed"));
    }
    missing.is_some()
}

/// Takes what must be there, and says in words what is there instead.
pub(crate) trait Must<T> {
    fn must(self) -> T;
}

impl<T, E: Error> Must<T> for Result<T, E> {
    #[track_caller]
    fn must(self) -> T {
        match self {
            Ok(value) => value,
            Err(error) => panic!("{error}"),
        }
    }
}

/// What this machine lacks of programs that a test needs, or of the right to use them.
pub(crate) fn lacking(programs: &[&str]) -> Option<String> {
    if let Some(program) = first_missing(programs) {
        return Some(format!("there is no {program} here"));
    }
    let is_root = rustix::process::geteuid().is_root();
    (!is_root).then(|| "this needs root".to_owned())
}

fn first_missing<'a>(programs: &[&'a str]) -> Option<&'a str> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let there = |program: &&&str| std::env::split_paths(&path).any(|f| f.join(program).exists());
    programs.iter().find(|program| !there(program)).copied()
}

/// Runs a command that must succeed.
#[track_caller]
pub(crate) fn run(machine: &Machine, arguments: &[&str]) -> Reply {
    machine.ctl().run(arguments).must()
}

/// Runs a command that must succeed and print one JSON value.
#[track_caller]
pub(crate) fn json(machine: &Machine, arguments: &[&str]) -> Value {
    let arguments = [arguments, &["-o", "json"]].concat();
    run(machine, &arguments).json().must()
}

/// Runs a command that must fail with an exit code and an error code.
#[track_caller]
pub(crate) fn fails(machine: &Machine, arguments: &[&str], exit: i32, code: &str) -> Reply {
    let arguments = [arguments, &["-o", "json"]].concat();
    let reply = machine.ctl().ask(&arguments).must();
    let reply = reply.expect_code(exit).must();
    assert_eq!(reply.error_code().must(), code, "{}", reply.command);
    reply
}

/// Waits until machine and hub have all of each other's.
#[track_caller]
pub(crate) fn wait(machine: &Machine) -> Value {
    json(machine, &["sync", "wait"])
}

/// Asks again and again, until there is an answer: for what comes by itself, and tells nobody.
#[track_caller]
pub(crate) fn eventually<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(began.elapsed() < EVENTUALLY, "it did not come");
        std::thread::sleep(ASK_EVERY);
    }
}

/// A token of the account of the tests, as the hub's operator makes it.
#[track_caller]
pub(crate) fn token(hub: &Hub, ttl: &str) -> String {
    let make = ["token", "create", "--account", NAME, "--ttl", ttl];
    hub.admin(&make).must().expect_code(0).must().stdout
}

/// Whether bytes stand somewhere in others.
pub(crate) fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

/// Everything, as a seed file.
#[track_caller]
pub(crate) fn export(machine: &Machine) -> String {
    run(machine, &["export"]).stdout
}

/// Machine and hub hold the same; gives their digest.
#[track_caller]
pub(crate) fn verified_digest(machine: &Machine) -> String {
    let compared = json(machine, &["sync", "verify"]);
    assert_eq!(compared["equal"], true, "{compared}");
    assert_eq!(compared["local"], compared["hub"], "{compared}");
    compared["local"].as_str().unwrap().to_owned()
}

/// Every file below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).must().flatten() {
        let (path, kind) = (entry.path(), entry.file_type().must());
        if kind.is_dir() {
            found.extend(files(&path));
        } else if kind.is_file() {
            found.push(path);
        }
    }
    found
}
