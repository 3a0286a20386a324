//! A machine: a folder with a daemon's configuration, state and socket, and the daemon as a process.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use crate::binaries::Binaries;
use crate::ctl::Ctl;
use crate::error::HarnessError;
use crate::process::{Running, under};

/// The hub that a daemon dials.
#[derive(Clone, Debug)]
pub struct Remote {
    /// Where it is.
    pub endpoint: String,
    /// Whom to trust.
    pub ca_file: Option<PathBuf>,
}

/// One machine.
#[derive(Debug)]
pub struct Machine {
    binaries: Binaries,
    folder: PathBuf,
    environment: BTreeMap<String, String>,
    /// What stands before the program in its command line.
    under: Vec<String>,
    running: Option<Running>,
}

impl Machine {
    /// Prepares a machine below `folder`; with no remote it is fully offline. It is not started.
    ///
    /// # Errors
    ///
    /// Where a file cannot be written.
    pub fn prepare(
        binaries: &Binaries,
        folder: &Path,
        remote: Option<&Remote>,
    ) -> Result<Self, HarnessError> {
        fs::create_dir_all(folder).map_err(HarnessError::io("make a machine's folder"))?;
        let machine = Self {
            binaries: binaries.clone(),
            folder: folder.to_owned(),
            environment: BTreeMap::new(),
            under: Vec::new(),
            running: None,
        };
        fs::write(machine.config(), machine.config_text(remote))
            .map_err(HarnessError::io("write a daemon's configuration"))?;
        Ok(machine)
    }

    /// Prepares and starts one.
    ///
    /// # Errors
    ///
    /// As for preparing and starting.
    pub fn start_new(
        binaries: &Binaries,
        folder: &Path,
        remote: Option<&Remote>,
    ) -> Result<Self, HarnessError> {
        let mut machine = Self::prepare(binaries, folder, remote)?;
        machine.start()?;
        Ok(machine)
    }

    /// A hub on the very machine is refused in production: daemons of tests are for development.
    fn config_text(&self, remote: Option<&Remote>) -> String {
        let mut text = format!(
            "profile = \"development\"\nstate_dir = {:?}\nsandbox = \"best-effort\"\n\n\
             [local]\nsocket = {:?}\n\n[secrets]\nstore = \"file\"\n",
            self.state_dir(),
            self.socket()
        );
        if let Some(remote) = remote {
            // Writing to a `String` cannot fail.
            let _ = write!(text, "\n[remote]\nendpoint = {:?}\n", remote.endpoint);
            if let Some(ca_file) = &remote.ca_file {
                let _ = writeln!(text, "ca_file = {ca_file:?}");
            }
        }
        text
    }

    /// Gives the daemon a variable from its next start on; `ATOMED_GROUP__KEY` sets a key of its
    /// configuration.
    pub fn set_env(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    /// Adds lines to the daemon's configuration, for its next start.
    ///
    /// # Errors
    ///
    /// Where the file cannot be written.
    pub fn configure(&mut self, lines: &str) -> Result<(), HarnessError> {
        let failed = HarnessError::io("write a daemon's configuration");
        let text = fs::read_to_string(self.config())
            .and_then(|text| fs::write(self.config(), format!("{text}\n{lines}\n")));
        text.map_err(failed)
    }

    /// Has its next starts go by another program that becomes it: `env`, `ip netns exec`, `strace -D`.
    pub fn set_under(&mut self, words: &[&str]) {
        self.under = words.iter().map(|word| (*word).to_owned()).collect();
    }

    /// Starts the daemon and waits until it is ready.
    ///
    /// # Errors
    ///
    /// [`HarnessError::NotReady`].
    pub fn start(&mut self) -> Result<&Running, HarnessError> {
        let mut command = under(&self.under, &self.binaries.atomed());
        command.arg("--config").arg(self.config());
        command.envs(&self.environment);
        let running = Running::start(command, &self.folder, "atomed")?;
        Ok(self.running.insert(running))
    }

    /// Stops the daemon as a service manager would.
    ///
    /// # Errors
    ///
    /// Where it does not stop.
    pub fn stop(&mut self) -> Result<Option<ExitStatus>, HarnessError> {
        self.running.take().map(Running::stop).transpose()
    }

    /// Ends the daemon at once, as `kill -9` and a crash do.
    ///
    /// # Errors
    ///
    /// Where it cannot be waited for.
    pub fn kill(&mut self) -> Result<(), HarnessError> {
        self.running.take().map_or(Ok(()), Running::kill)
    }

    /// The command line, pointed at this machine.
    #[must_use]
    pub fn ctl(&self) -> Ctl {
        Ctl::new(self.binaries.atomectl(), self.socket(), self.folder.clone())
    }

    /// The daemon's configuration.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.folder.join("atomed.toml")
    }

    /// The daemon's state directory.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.folder.join("state")
    }

    /// The daemon's socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.folder.join("atomed.sock")
    }

    /// Has a running one read its configuration again, as `systemctl reload` does; waits until it has.
    ///
    /// # Errors
    ///
    /// Where it does not say that it has.
    pub fn reload(&mut self) -> Result<(), HarnessError> {
        self.running.as_mut().map_or(Ok(()), Running::reload)
    }

    /// The process, while it runs.
    #[must_use]
    pub fn running(&self) -> Option<&Running> {
        self.running.as_ref()
    }

    /// Lets it run on after this program has ended.
    pub fn leave_running(mut self) {
        if let Some(running) = self.running.take() {
            running.leave_running();
        }
    }
}
