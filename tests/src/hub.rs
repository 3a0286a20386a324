//! A hub as a process: its folder, its certificate, its port.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use crate::authority::Authority;
use crate::binaries::Binaries;
use crate::ctl::{Reply, run};
use crate::error::HarnessError;
use crate::loopback;
use crate::machine::Remote;
use crate::process::{Running, alone};

/// A hub on this machine; its port stays the same from start to start.
#[derive(Debug)]
pub struct Hub {
    binaries: Binaries,
    folder: PathBuf,
    authority: Authority,
    port: u16,
    running: Option<Running>,
}

impl Hub {
    /// Prepares a hub below `folder`, with a certificate authority of its own; it is not started.
    ///
    /// # Errors
    ///
    /// Where a file, a certificate or a port cannot be had.
    pub fn prepare(binaries: &Binaries, folder: &Path) -> Result<Self, HarnessError> {
        let state = folder.join("state");
        fs::create_dir_all(&state).map_err(HarnessError::io("make the hub's folder"))?;
        let authority = Authority::make(folder)?;
        let port = loopback::free_port()?;
        let config = format!(
            "profile = \"production\"\nstate_dir = {state:?}\nlisten = \"{address}:{port}\"\n\
             sandbox = \"best-effort\"\n\n[tls]\ncert_file = {cert:?}\nkey_file = {key:?}\n\n\
             [database]\nurl = \"sqlite:\"\n\n[accounts]\nregistration = \"open\"\n",
            address = loopback::ADDRESS,
            cert = authority.cert_file,
            key = authority.key_file,
        );
        fs::write(folder.join("atome-server.toml"), config)
            .map_err(HarnessError::io("write the hub's configuration"))?;
        Ok(Self {
            binaries: binaries.clone(),
            folder: folder.to_owned(),
            authority,
            port,
            running: None,
        })
    }

    /// Prepares and starts one.
    ///
    /// # Errors
    ///
    /// As for preparing and starting.
    pub fn start_new(binaries: &Binaries, folder: &Path) -> Result<Self, HarnessError> {
        let mut hub = Self::prepare(binaries, folder)?;
        hub.start()?;
        Ok(hub)
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    ///
    /// [`HarnessError::NotReady`].
    pub fn start(&mut self) -> Result<&Running, HarnessError> {
        let mut command = Command::new(self.binaries.atome_server());
        command.arg("--config").arg(self.config());
        let running = Running::start(command, &self.folder, "atome-server")?;
        Ok(self.running.insert(running))
    }

    /// Stops it as a service manager would.
    ///
    /// # Errors
    ///
    /// Where it does not stop.
    pub fn stop(&mut self) -> Result<Option<ExitStatus>, HarnessError> {
        self.running.take().map(Running::stop).transpose()
    }

    /// Ends it at once.
    ///
    /// # Errors
    ///
    /// Where it cannot be waited for.
    pub fn kill(&mut self) -> Result<(), HarnessError> {
        self.running.take().map_or(Ok(()), Running::kill)
    }

    /// Runs a command of its operator, such as `account list`.
    ///
    /// # Errors
    ///
    /// Where the program cannot be started.
    pub fn admin(&self, arguments: &[&str]) -> Result<Reply, HarnessError> {
        let mut command = Command::new(self.binaries.atome_server());
        command.arg("--config").arg(self.config()).args(arguments);
        alone(&mut command, &self.folder);
        run(command, &[])
    }

    /// What a daemon needs to dial it.
    #[must_use]
    pub fn remote(&self) -> Remote {
        Remote {
            endpoint: format!("wss://{}:{}", loopback::ADDRESS, self.port),
            ca_file: Some(self.authority.ca_file.clone()),
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> (&'static str, u16) {
        (loopback::ADDRESS, self.port)
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.folder.join("atome-server.toml")
    }

    /// Its state directory.
    #[must_use]
    pub fn state_dir(&self) -> PathBuf {
        self.folder.join("state")
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
