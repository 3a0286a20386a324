//! A hub as a process: its folder, its certificate, its port.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

use crate::authority::Authority;
use crate::binaries::Binaries;
use crate::ctl::{Reply, run};
use crate::error::HarnessError;
use crate::loopback;
use crate::machine::Remote;
use crate::process::{Running, alone, under};

/// A hub on this machine; its port stays the same from start to start.
#[derive(Debug)]
pub struct Hub {
    binaries: Binaries,
    folder: PathBuf,
    authority: Option<Authority>,
    port: u16,
    environment: BTreeMap<String, String>,
    /// What stands before the program in its command line.
    under: Vec<String>,
    running: Option<Running>,
}

impl Hub {
    /// Prepares a hub below `folder`, with a certificate authority of its own; it is not started.
    ///
    /// # Errors
    ///
    /// Where a file, a certificate or a port cannot be had.
    pub fn prepare(binaries: &Binaries, folder: &Path) -> Result<Self, HarnessError> {
        fs::create_dir_all(folder).map_err(HarnessError::io("make the hub's folder"))?;
        let authority = Authority::make(folder)?;
        Self::configure(binaries, folder, Some(authority))
    }

    /// Prepares a hub without TLS, for tests that speak to it themselves.
    ///
    /// # Errors
    ///
    /// Where a file or a port cannot be had.
    pub fn prepare_plain(binaries: &Binaries, folder: &Path) -> Result<Self, HarnessError> {
        Self::configure(binaries, folder, None)
    }

    fn configure(
        binaries: &Binaries,
        folder: &Path,
        authority: Option<Authority>,
    ) -> Result<Self, HarnessError> {
        let hub = Self {
            binaries: binaries.clone(),
            folder: folder.to_owned(),
            authority,
            port: loopback::free_port()?,
            environment: BTreeMap::new(),
            under: Vec::new(),
            running: None,
        };
        fs::create_dir_all(folder).map_err(HarnessError::io("make the hub's folder"))?;
        fs::write(hub.config(), hub.config_text())
            .map_err(HarnessError::io("write the hub's configuration"))?;
        Ok(hub)
    }

    fn config_text(&self) -> String {
        let (profile, tls) = match &self.authority {
            Some(Authority {
                cert_file,
                key_file,
                ..
            }) => (
                "production",
                format!("[tls]\ncert_file = {cert_file:?}\nkey_file = {key_file:?}\n\n"),
            ),
            None => ("development", String::new()),
        };
        format!(
            "profile = \"{profile}\"\nstate_dir = {state:?}\nlisten = \"{address}:{port}\"\n\
             sandbox = \"best-effort\"\n\n{tls}[database]\nurl = \"sqlite:\"\n\n\
             [accounts]\nregistration = \"open\"\n",
            state = self.state_dir(),
            address = loopback::ADDRESS,
            port = self.port,
        )
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

    /// Gives it a variable from its next start on; `ATOME_SERVER_GROUP__KEY` sets a key of its
    /// configuration.
    pub fn set_env(&mut self, name: &str, value: &str) {
        self.environment.insert(name.to_owned(), value.to_owned());
    }

    /// Writes `new` for `old` in its configuration, for its next start or reload; the file is replaced, as
    /// editors do it.
    ///
    /// # Errors
    ///
    /// Where the file cannot be written, or `old` does not stand in it.
    pub fn reconfigure(&self, old: &str, new: &str) -> Result<(), HarnessError> {
        let failed = HarnessError::io(format!(
            "write {new:?} for {old:?} in the hub's configuration"
        ));
        let replaced = fs::read_to_string(self.config()).and_then(|text| {
            if !text.contains(old) {
                return Err(std::io::ErrorKind::NotFound.into());
            }
            let fresh = self.config().with_extension("new");
            fs::write(&fresh, text.replace(old, new))?;
            fs::rename(&fresh, self.config())
        });
        replaced.map_err(failed)
    }

    /// Has its next starts go by another program that becomes it: `env`, `ip netns exec`, `strace -D`.
    pub fn set_under(&mut self, words: &[&str]) {
        self.under = words.iter().map(|word| (*word).to_owned()).collect();
    }

    /// Starts it and waits until it is ready.
    ///
    /// # Errors
    ///
    /// [`HarnessError::NotReady`].
    pub fn start(&mut self) -> Result<&Running, HarnessError> {
        let mut command = under(&self.under, &self.binaries.atome_server());
        command.arg("--config").arg(self.config());
        command.envs(&self.environment);
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
        let scheme = if self.authority.is_some() {
            "wss"
        } else {
            "ws"
        };
        Remote {
            endpoint: format!("{scheme}://{}:{}", loopback::ADDRESS, self.port),
            ca_file: self
                .authority
                .as_ref()
                .map(|authority| authority.ca_file.clone()),
        }
    }

    /// The files that its TLS needs; `None` where it has none.
    #[must_use]
    pub fn authority(&self) -> Option<&Authority> {
        self.authority.as_ref()
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
