//! Where the daemon's socket is: as it was said, or as a running daemon declares it. Nothing else is tried.
//!
//! Source: design, section 5, "Runtime declaration".

use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use atome_proto::runtime::RuntimeDeclaration;
use atome_proto::{Code, Problem};
use directories::{BaseDirs, ProjectDirs};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use serde::Deserialize;

/// What a daemon writes beside its socket.
const DECLARATION: &str = "atome/atomed.json";

/// Where this user's configuration and the declarations of daemons may be.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// `atomectl.toml`.
    pub(crate) configuration: Option<PathBuf>,
    /// Declarations, the user's own daemon first.
    pub(crate) declarations: Vec<PathBuf>,
}

impl Places {
    /// The places of the user that runs the command.
    pub(crate) fn of_this_user() -> Self {
        let own = BaseDirs::new().and_then(|dirs| dirs.runtime_dir().map(Path::to_owned));
        let folders = own.into_iter().chain([PathBuf::from("/run")]);
        Self {
            configuration: ProjectDirs::from("", "", "atome")
                .map(|dirs| dirs.config_dir().join("atomectl.toml")),
            declarations: folders.map(|folder| folder.join(DECLARATION)).collect(),
        }
    }
}

/// A socket, who named it, and what was noticed on the way to it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) socket: PathBuf,
    pub(crate) by: By,
    pub(crate) notes: Vec<String>,
}

/// Who named a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// `--socket` or `ATOME_SOCKET`.
    Said,
    /// `atomectl.toml`.
    Configured,
    /// A daemon that is there.
    Declared,
}

impl By {
    /// The same for a person.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Said => "named by --socket or ATOME_SOCKET",
            Self::Configured => "named by atomectl.toml",
            Self::Declared => "declared by the daemon",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Configuration {
    socket: Option<PathBuf>,
}

/// Finds the socket: the one that was said, else the configuration's, else that of a daemon that is there.
///
/// # Errors
///
/// `bad_request` for a configuration that is wrong, `no_daemon` where no socket is known.
pub(crate) fn find_socket(said: Option<PathBuf>, places: &Places) -> Result<Found, Problem> {
    let mut notes = Vec::new();
    let said = said.filter(|path| !path.as_os_str().is_empty());
    let found = |socket, by, notes| Ok(Found { socket, by, notes });
    if let Some(socket) = said {
        return found(socket, By::Said, notes);
    }
    if let Some(path) = &places.configuration
        && let Some(socket) = configured(path)?
    {
        return found(socket, By::Configured, notes);
    }
    for path in &places.declarations {
        match declared(path) {
            Ok(Some(socket)) => return found(socket, By::Declared, notes),
            Ok(None) => {}
            Err(why) => notes.push(why),
        }
    }
    Err(nothing_found(&notes, places))
}

fn nothing_found(notes: &[String], places: &Places) -> Problem {
    let mut message = String::from("no daemon was found: no socket is configured");
    if notes.is_empty() {
        message.push_str(" and no running daemon has declared one");
    }
    for note in notes {
        message.push_str("; ");
        message.push_str(note);
    }
    let configuration = places
        .configuration
        .as_ref()
        .map_or_else(String::new, |path| {
            format!(", or as socket = \"…\" in {}", path.display())
        });
    let start = if notes.is_empty() {
        "start atomed"
    } else {
        "start atomed again: it replaces what was left over"
    };
    Problem::new(Code::NoDaemon, message).hint(format!(
        "{start}, or name its socket with --socket or ATOME_SOCKET{configuration}"
    ))
}

fn configured(path: &Path) -> Result<Option<PathBuf>, Problem> {
    let wrong = |why: String| {
        let message = format!("{}: {why}", path.display());
        Problem::new(Code::BadRequest, message.trim_end())
    };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(wrong(error.to_string())),
    };
    let configuration: Configuration =
        toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    match configuration.socket {
        Some(socket) if !socket.is_absolute() => Err(wrong(format!(
            "socket = \"{}\" is not an absolute path",
            socket.display()
        ))),
        socket => Ok(socket),
    }
}

/// Reads a declaration: the socket of a daemon that lives, or none where nothing is declared.
fn declared(path: &Path) -> Result<Option<PathBuf>, String> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("{} cannot be read: {error}", path.display())),
    };
    let declaration: RuntimeDeclaration = serde_json::from_str(&text)
        .map_err(|error| format!("{} is no declaration: {error}", path.display()))?;
    if let Some(pid) = declaration.pid.filter(|pid| !is_alive(*pid)) {
        return Err(format!(
            "{} is left over from a daemon that is gone (process {pid})",
            path.display()
        ));
    }
    let socket = declaration
        .local_endpoint
        .as_deref()
        .and_then(|endpoint| endpoint.strip_prefix("unix://"))
        .map(PathBuf::from)
        .ok_or_else(|| format!("{} declares no Unix socket", path.display()))?;
    if is_abandoned(&socket) {
        // The number of a process comes again, after a restart of the machine above all.
        return Err(format!(
            "{} is left over from a daemon that is gone: nobody listens on {}{}",
            path.display(),
            socket.display(),
            declaration.pid.map_or_else(String::new, |pid| format!(
                "; process {pid} is another program by now, or lost its socket"
            ))
        ));
    }
    Ok(Some(socket))
}

/// Whether a socket is gone, or nobody listens on it any more. Whoever may not open it cannot tell.
fn is_abandoned(socket: &Path) -> bool {
    let gone = [ErrorKind::NotFound, ErrorKind::ConnectionRefused];
    UnixStream::connect(socket).is_err_and(|error| gone.contains(&error.kind()))
}

/// Whether a process is there, be it another user's.
fn is_alive(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return false;
    };
    matches!(test_kill_process(pid), Ok(()) | Err(Errno::PERM))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;
    use tempfile::TempDir;

    /// Above the greatest process number that Linux gives.
    const NOBODY: u32 = 1 << 23;

    struct World {
        folder: TempDir,
        places: Places,
    }

    fn world() -> World {
        let folder = tempfile::tempdir().unwrap();
        let places = Places {
            configuration: Some(folder.path().join("atomectl.toml")),
            declarations: vec![folder.path().join("1.json"), folder.path().join("2.json")],
        };
        World { folder, places }
    }

    impl World {
        fn write(&self, name: &str, text: &str) {
            std::fs::write(self.folder.path().join(name), text).unwrap();
        }

        fn declare(&self, name: &str, pid: u32, endpoint: &str) {
            self.write(
                name,
                &format!(
                    r#"{{"runtimeType":"daemon","hasLocalServer":true,"localEndpoint":"{endpoint}",
                        "remoteEndpoint":null,"profile":"production","pid":{pid}}}"#
                ),
            );
        }

        /// A declaration of this process, with a socket that is listened on.
        fn declare_live(&self, name: &str) -> (UnixListener, String) {
            let path = self.folder.path().join(format!("{name}.sock"));
            let listener = UnixListener::bind(&path).unwrap();
            let path = path.to_str().unwrap().to_owned();
            self.declare(name, std::process::id(), &format!("unix://{path}"));
            (listener, path)
        }

        fn find(&self) -> Result<Found, Problem> {
            find_socket(None, &self.places)
        }
    }

    fn socket(found: Result<Found, Problem>) -> String {
        found.unwrap().socket.display().to_string()
    }

    #[test]
    fn what_is_said_comes_first_then_the_configuration_then_a_declaration() {
        let world = world();
        let (_listener, declared) = world.declare_live("1.json");
        assert_eq!(socket(world.find()), declared);
        world.write("atomectl.toml", "socket = \"/configured\"");
        assert_eq!(socket(world.find()), "/configured");
        let said = find_socket(Some("/said".into()), &world.places);
        assert_eq!(socket(said), "/said");
        let empty = find_socket(Some("".into()), &world.places);
        assert_eq!(socket(empty), "/configured");
    }

    #[test]
    fn a_declaration_of_the_dead_is_stale() {
        let world = world();
        world.declare("1.json", NOBODY, "unix:///dead");
        let problem = world.find().unwrap_err();
        assert_eq!(problem.code, Code::NoDaemon);
        assert!(
            problem
                .detail
                .contains("a daemon that is gone (process 8388608)")
        );
        let hint = problem.hint.unwrap();
        assert!(hint.starts_with("start atomed again"), "{hint}");
        let (_listener, alive) = world.declare_live("2.json");
        let found = world.find().unwrap();
        assert_eq!(found.socket, Path::new(&alive));
        assert_eq!((found.by, found.notes.len()), (By::Declared, 1));
    }

    #[test]
    fn a_declaration_whose_process_number_is_anothers_now_is_stale() {
        let world = world();
        world.declare("1.json", std::process::id(), "unix:///no/such/socket");
        let detail = world.find().unwrap_err().detail;
        assert!(
            detail.contains("nobody listens on /no/such/socket"),
            "{detail}"
        );
        assert!(detail.contains("is another program by now"), "{detail}");
        // A daemon that was killed leaves its socket too.
        let (listener, socket) = world.declare_live("1.json");
        drop(listener);
        let detail = world.find().unwrap_err().detail;
        assert!(
            detail.contains(&format!("nobody listens on {socket}")),
            "{detail}"
        );
    }

    #[test]
    fn without_any_it_says_what_was_tried() {
        let world = world();
        let problem = world.find().unwrap_err();
        assert_eq!(
            problem.detail,
            "no daemon was found: no socket is configured and no running daemon has declared one"
        );
        assert!(problem.hint.unwrap().contains("atomectl.toml"));
    }

    #[test]
    fn a_declaration_that_is_none_is_told() {
        let world = world();
        world.write("1.json", "{");
        world.declare("2.json", std::process::id(), "ws://elsewhere");
        let detail = world.find().unwrap_err().detail;
        assert!(detail.contains("1.json is no declaration"), "{detail}");
        assert!(
            detail.contains("2.json declares no Unix socket"),
            "{detail}"
        );
    }

    #[test]
    fn a_wrong_configuration_is_refused() {
        let world = world();
        for text in ["socket = 1", "sokket = \"/x\"", "socket = \"x\"", "socket"] {
            world.write("atomectl.toml", text);
            let problem = world.find().unwrap_err();
            assert_eq!(problem.code, Code::BadRequest, "{text}");
            assert!(problem.detail.contains("atomectl.toml"), "{text}");
        }
    }
}
