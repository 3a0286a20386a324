//! A desktop's session in a folder: a message bus and a gnome-keyring, each with a life of its own.
//!
//! The bus starts nothing by itself, and there is no prompter: what asks a person is dismissed at once.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use atome_tests::process::alone;

/// What a session is made of, and looked into with.
const PROGRAMS: &[&str] = &[
    "dbus-daemon",
    "dbus-monitor",
    "gnome-keyring-daemon",
    "secret-tool",
];
/// A bus without service files.
const BUS: &str = r#"<busconfig>
  <type>session</type>
  <listen>unix:path=BUS</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"#;

/// The first program of a session that is not installed.
pub(crate) fn missing() -> Option<&'static str> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there =
        |program: &&&str| std::env::split_paths(&path).any(|f| f.join(program).is_file());
    PROGRAMS.iter().find(|p| !is_there(p)).copied()
}

/// A session; it ends when this is dropped.
pub(crate) struct Desktop {
    folder: PathBuf,
    _bus: Process,
    keyring: Option<Process>,
}

impl Desktop {
    /// A session's bus, with no keyring on it.
    pub(crate) fn start(folder: &Path) -> Self {
        let runtime = folder.join("run");
        fs::create_dir_all(&runtime).unwrap();
        fs::set_permissions(&runtime, fs::Permissions::from_mode(0o700)).unwrap();
        let config = folder.join("bus.conf");
        let socket = folder.join("bus");
        fs::write(&config, BUS.replace("BUS", socket.to_str().unwrap())).unwrap();
        let mut command = Command::new("dbus-daemon");
        command.arg("--config-file").arg(&config);
        command.args(["--nofork", "--print-address=1"]);
        alone(&mut command, folder);
        let bus = Process::start(command, b"", "unix:");
        Self {
            folder: folder.to_owned(),
            _bus: bus,
            keyring: None,
        }
    }

    /// Where the bus is.
    pub(crate) fn address(&self) -> String {
        format!("unix:path={}", self.folder.join("bus").display())
    }

    /// Starts the keyring and waits until it is on the bus: with a password unlocked (and made, where
    /// there is none yet), without one locked.
    pub(crate) fn start_keyring(&mut self, password: Option<&str>) {
        let mut monitor = self.command("dbus-monitor");
        monitor.arg("type='signal',member='NameOwnerChanged',arg0='org.freedesktop.secrets'");
        // It watches from when it has lost its own name.
        let mut monitor = Process::start(monitor, b"", "NameLost");
        let mut keyring = self.command("gnome-keyring-daemon");
        keyring.args(["--foreground", "--components=secrets"]);
        if password.is_some() {
            keyring.arg("--unlock");
        }
        let password = password.unwrap_or_default().as_bytes();
        self.keyring = Some(Process::start(keyring, password, ""));
        monitor.wait_for("string \"org.freedesktop.secrets\"");
    }

    /// Ends the keyring, and with it what was unlocked.
    pub(crate) fn end_keyring(&mut self) {
        self.keyring = None;
    }

    /// The secret that another program of the session finds under a service and a name.
    pub(crate) fn lookup(&self, service: &str, name: &str) -> String {
        self.secret_tool(&["lookup", "service", service, "username", name])
    }

    /// What `secret-tool` prints of all items of a service.
    pub(crate) fn search(&self, service: &str) -> String {
        self.secret_tool(&["search", "--all", "service", service])
    }

    fn secret_tool(&self, arguments: &[&str]) -> String {
        let mut command = self.command("secret-tool");
        let output = command.args(arguments).output().unwrap();
        // It prints the attributes on stderr.
        [output.stdout, output.stderr]
            .map(|text| String::from_utf8(text).unwrap())
            .concat()
    }

    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        alone(&mut command, &self.folder)
            .env("XDG_RUNTIME_DIR", self.folder.join("run"))
            .env("DBUS_SESSION_BUS_ADDRESS", self.address());
        command
    }
}

/// A process that is killed when this is dropped.
struct Process {
    child: Child,
    output: Box<dyn BufRead>,
}

impl Process {
    /// Starts a command, gives it its whole input, and waits for a line that holds `ready`, if anything.
    fn start(mut command: Command, input: &[u8], ready: &str) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let output = Box::new(BufReader::new(child.stdout.take().unwrap()));
        let mut process = Self { child, output };
        let stdin = process.child.stdin.take();
        stdin.unwrap().write_all(input).unwrap();
        if !ready.is_empty() {
            process.wait_for(ready);
        }
        process
    }

    fn wait_for(&mut self, part: &str) {
        let mut line = String::new();
        while !line.contains(part) {
            line.clear();
            let len = self.output.read_line(&mut line).unwrap();
            assert!(len > 0, "{part} did not come: {:?}", self.child.wait());
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Already gone is as good as killed.
        let _gone = self.child.kill().and_then(|()| self.child.wait());
    }
}
