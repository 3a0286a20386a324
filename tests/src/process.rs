//! One running program: started, awaited by its own word that it is ready, stopped by its pid.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::error::HarnessError;

/// How long a program may take until it says that it is ready: far above what it takes on a busy machine.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a program may take to stop when asked to.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// How often a silent program is checked for still being there.
const CHECK_EVERY: Duration = Duration::from_millis(200);

/// A running program; it is killed when this is dropped.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
    log: PathBuf,
    /// Where it says how it is.
    words: UnixDatagram,
    /// From the start until it said that it is ready.
    pub ready_after: Duration,
}

impl Running {
    /// Starts `command` and waits until it has sent `READY=1` (`sd_notify`) on a socket below `folder`.
    ///
    /// Its environment is empty but for `PATH`, a home below `folder`, and what `command` itself was given;
    /// what it writes goes to a log there.
    ///
    /// # Errors
    ///
    /// [`HarnessError::NotReady`] with the end of the log.
    pub fn start(command: Command, folder: &Path, name: &str) -> Result<Self, HarnessError> {
        Self::start_with(command, Stdio::null(), folder, name)
    }

    /// As [`Running::start`], with something on its standard input.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn start_with(
        mut command: Command,
        stdin: Stdio,
        folder: &Path,
        name: &str,
    ) -> Result<Self, HarnessError> {
        let began = Instant::now();
        let log = folder.join(format!("{name}.log"));
        let notify = folder.join(format!("{name}.notify"));
        let socket = listen(&notify)?;
        let output = open_log(&log)?;
        let errors = output
            .try_clone()
            .map_err(HarnessError::io("share a log"))?;
        let given: Vec<_> = command
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect();
        alone(&mut command, folder)
            .envs(given)
            .env("NOTIFY_SOCKET", &notify)
            .stdin(stdin)
            .stdout(output)
            .stderr(errors);
        let child = command
            .spawn()
            .map_err(HarnessError::io(format!("start {name}")))?;
        let mut running = Self {
            name: name.to_owned(),
            child,
            log,
            words: socket,
            ready_after: Duration::ZERO,
        };
        running.await_word("READY=1", began)?;
        running.ready_after = began.elapsed();
        Ok(running)
    }

    fn await_word(&mut self, word: &str, began: Instant) -> Result<(), HarnessError> {
        let mut message = [0; 4096];
        while began.elapsed() < READY_TIMEOUT {
            match self.words.recv(&mut message) {
                Ok(len) => {
                    let text = String::from_utf8_lossy(message.get(..len).unwrap_or_default());
                    if text.lines().any(|line| line == word) {
                        return Ok(());
                    }
                }
                Err(error) if is_timeout(&error) => {
                    if let Ok(Some(status)) = self.child.try_wait() {
                        return Err(self.not_ready(format!("it ended ({status})")));
                    }
                }
                Err(error) => return Err(self.not_ready(error.to_string())),
            }
        }
        Err(self.not_ready(format!("silent for {} s", READY_TIMEOUT.as_secs())))
    }

    fn not_ready(&self, why: String) -> HarnessError {
        HarnessError::NotReady {
            program: self.name.clone(),
            why,
            log: self.log_end(),
        }
    }

    /// Has it read its configuration again (`SIGHUP`), and waits until it says that this is over.
    ///
    /// # Errors
    ///
    /// Where it does not say so in time, or has ended.
    pub fn reload(&mut self) -> Result<(), HarnessError> {
        signal(self.pid(), Signal::HUP)?;
        let began = Instant::now();
        self.await_word("RELOADING=1", began)?;
        self.await_word("READY=1", began)
    }

    /// Stops it where it stands (`SIGSTOP`): it neither works nor answers until it is told to go on.
    ///
    /// # Errors
    ///
    /// Where it has ended.
    pub fn freeze(&self) -> Result<(), HarnessError> {
        signal(self.pid(), Signal::STOP)
    }

    /// Has it go on (`SIGCONT`).
    ///
    /// # Errors
    ///
    /// Where it has ended.
    pub fn thaw(&self) -> Result<(), HarnessError> {
        signal(self.pid(), Signal::CONT)
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All that it wrote.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The end of what it wrote.
    #[must_use]
    pub fn log_end(&self) -> String {
        let text = self.log();
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(40);
        lines.get(from..).unwrap_or_default().join("\n")
    }

    /// Asks it to stop (`SIGTERM`) and waits until it has.
    ///
    /// # Errors
    ///
    /// Where it does not stop in time.
    pub fn stop(self) -> Result<ExitStatus, HarnessError> {
        let pid = self.pid();
        self.stop_from(pid)
    }

    /// As [`Running::stop`], where the program is not the process that was started but one that it started.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn stop_from(mut self, pid: u32) -> Result<ExitStatus, HarnessError> {
        signal(pid, Signal::TERM)?;
        let (ended, watchdog) = mpsc::channel::<()>();
        let killer = std::thread::spawn(move || {
            let late = watchdog.recv_timeout(STOP_TIMEOUT) == Err(RecvTimeoutError::Timeout);
            if late {
                // Gone meanwhile is as good.
                let _gone = signal(pid, Signal::KILL);
            }
            late
        });
        let status = self.child.wait();
        drop(ended);
        let late = killer.join().unwrap_or(true);
        let status = status.map_err(HarnessError::io("wait for a program"))?;
        if late {
            let why = format!("it ran on for {} s after `SIGTERM`", STOP_TIMEOUT.as_secs());
            return Err(self.not_ready(why));
        }
        Ok(status)
    }

    /// Ends it at once (`SIGKILL`), whatever it is doing.
    ///
    /// # Errors
    ///
    /// Where it cannot be waited for.
    pub fn kill(mut self) -> Result<(), HarnessError> {
        self.end().map_err(HarnessError::io("kill a program"))
    }

    fn end(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(drop)
    }

    /// Lets it run on after this program has ended.
    pub fn leave_running(self) {
        std::mem::forget(self);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already gone is as good as killed.
        let _gone = self.end();
    }
}

/// A command for `program`, by way of the program that `words` begin with, if there are any.
#[must_use]
pub fn under(words: &[String], program: &Path) -> Command {
    let Some((first, rest)) = words.split_first() else {
        return Command::new(program);
    };
    let mut command = Command::new(first);
    command.args(rest).arg(program);
    command
}

/// Takes everything of this program's surroundings away from a command, but `PATH`.
pub fn alone<'a>(command: &'a mut Command, home: &Path) -> &'a mut Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    command
        .env_clear()
        .env("PATH", path)
        .env("HOME", home)
        .env("RUST_BACKTRACE", "1")
}

fn signal(pid: u32, signal: Signal) -> Result<(), HarnessError> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.map_or(Ok(()), |pid| kill_process(pid, signal))
        .map_err(|error| HarnessError::io("send a signal")(error.into()))
}

fn listen(path: &Path) -> Result<UnixDatagram, HarnessError> {
    let failed = || HarnessError::io(format!("listen on {}", path.display()));
    if path.exists() {
        fs::remove_file(path).map_err(failed())?;
    }
    let socket = UnixDatagram::bind(path).map_err(failed())?;
    // As systemd's: the program may run as another user.
    fs::set_permissions(path, fs::Permissions::from_mode(0o777)).map_err(failed())?;
    socket
        .set_read_timeout(Some(CHECK_EVERY))
        .map_err(failed())?;
    Ok(socket)
}

fn open_log(path: &Path) -> Result<File, HarnessError> {
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(HarnessError::io(format!("open {}", path.display())))
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}
