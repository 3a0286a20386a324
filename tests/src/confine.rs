//! The restrictions of a systemd unit, as far as they can be had without systemd: mounts, namespaces and
//! capabilities by bubblewrap, system calls by a filter made from the unit's own lines.
//!
//! What cannot be had is left out: control groups (`SocketBindDeny=`, `DevicePolicy=`), the narrowed
//! `/proc`, the kernel's tunables.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::HarnessError;

mod filter;
mod unit;

pub use unit::Unit;

/// Hands the listening socket on standard input over as systemd does: file 3, and two words.
const HAND_OVER: &str =
    "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$; export LISTEN_FDS LISTEN_PID; exec \"$@\"";
/// Starts bubblewrap with the filter open as file 9.
const WITH_FILTER: &str = "filter=$1; shift; exec bwrap --seccomp 9 \"$@\" 9<\"$filter\"";

/// A place where a program runs as its unit says.
#[derive(Clone, Debug)]
pub struct Confinement<'a> {
    unit: &'a Unit,
    root: PathBuf,
    /// Files and folders from outside, where they stand inside, and whether they may be written.
    binds: Vec<(PathBuf, PathBuf, bool)>,
    user: Option<String>,
    filter: Option<PathBuf>,
}

impl<'a> Confinement<'a> {
    /// The restrictions of `unit`, over the system whose root is `root`.
    #[must_use]
    pub fn new(unit: &'a Unit, root: &Path) -> Self {
        Self {
            unit,
            root: root.to_owned(),
            binds: Vec::new(),
            user: None,
            filter: None,
        }
    }

    /// Lets `outside` be seen, and written, as `inside`.
    #[must_use]
    pub fn writable(mut self, outside: &Path, inside: &Path) -> Self {
        self.binds
            .push((outside.to_owned(), inside.to_owned(), true));
        self
    }

    /// Lets `outside` be seen as `inside`.
    #[must_use]
    pub fn readable(mut self, outside: &Path, inside: &Path) -> Self {
        self.binds
            .push((outside.to_owned(), inside.to_owned(), false));
        self
    }

    /// Runs the program as the unit's user; for root only, and without the filter of system calls, which
    /// would forbid the change.
    #[must_use]
    pub fn as_user(mut self, user: &str) -> Self {
        self.user = Some(user.to_owned());
        self
    }

    /// Filters system calls as the unit says; the filter is written below `folder`.
    ///
    /// # Errors
    ///
    /// Where `systemd-analyze` or `cc`, which know the names of the calls, do not tell them.
    pub fn filtered(mut self, folder: &Path) -> Result<Self, HarnessError> {
        let path = folder.join("system-calls.bpf");
        let program = filter::program(self.unit)?;
        fs::write(&path, program).map_err(HarnessError::io("write a filter"))?;
        self.filter = Some(path);
        Ok(self)
    }

    /// The command that runs `program` in it, with a listening socket handed in where there is one; the
    /// second part is for its standard input.
    #[must_use]
    pub fn command(&self, program: &[OsString], socket: Option<OwnedFd>) -> (Command, Stdio) {
        let mut command = match &self.filter {
            None => Command::new("bwrap"),
            Some(filter) => {
                let mut command = Command::new("sh");
                command.args(["-c", WITH_FILTER, "sh"]).arg(filter);
                command
            }
        };
        command.args(self.words());
        command.arg("--");
        if socket.is_some() {
            command.args(["sh", "-c", HAND_OVER, "sh"]);
        }
        if let Some(user) = &self.user {
            command.args(["setpriv", "--bounding-set=-all", "--inh-caps=-all"]);
            command.arg(format!("--reuid={user}"));
            command.arg(format!("--regid={user}"));
            command.arg("--init-groups");
        }
        command.args(program);
        let stdin = socket.map_or_else(Stdio::null, |socket| Stdio::from(File::from(socket)));
        (command, stdin)
    }

    /// The unit's lines in bubblewrap's words.
    fn words(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = vec!["--die-with-parent".into()];
        let strict = self.unit.is("ProtectSystem", "strict");
        words.push(if strict { "--ro-bind" } else { "--bind" }.into());
        words.extend([self.root.clone().into(), "/".into()]);
        words.extend(["--proc", "/proc"].map(OsString::from));
        let devices = self.unit.is("PrivateDevices", "yes");
        words.extend(
            if devices {
                &["--dev", "/dev"][..]
            } else {
                &["--dev-bind", "/dev", "/dev"]
            }
            .iter()
            .map(OsString::from),
        );
        for (key, value, means) in [
            (
                "PrivateTmp",
                "yes",
                &["--perms", "1777", "--tmpfs", "/tmp", "--tmpfs", "/var/tmp"][..],
            ),
            (
                "ProtectHome",
                "yes",
                &["--tmpfs", "/home", "--tmpfs", "/root"],
            ),
            ("PrivateNetwork", "yes", &["--unshare-net"]),
            ("PrivateUsers", "yes", &["--unshare-user"]),
            ("PrivateIPC", "yes", &["--unshare-ipc"]),
            ("ProtectHostname", "yes", &["--unshare-uts"]),
        ] {
            if self.unit.is(key, value) {
                words.extend(means.iter().map(OsString::from));
            }
        }
        for (outside, inside, write) in &self.binds {
            // In an empty /tmp: to be passed by every user.
            if let Some(above) = inside.parent() {
                words.extend(["--perms", "0755", "--dir"].map(OsString::from));
                words.push(above.into());
            }
            words.push(if *write { "--bind" } else { "--ro-bind" }.into());
            words.extend([outside.clone().into(), inside.clone().into()]);
        }
        words.extend(["--cap-drop", "ALL"].map(OsString::from));
        if self.user.is_some() {
            // What it takes to become another user and to let go of the rest; gone with that.
            for power in ["CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"] {
                words.extend(["--cap-add", power].map(OsString::from));
            }
        }
        words
    }
}
