//! The socket on which the daemon listens: handed in by systemd, or bound where the configuration says.
//!
//! A socket file that a dead daemon left behind is replaced; where a live one answers, the daemon does
//! not start. It is the only listener of the daemon, and no network can reach it.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::os::unix::net::{self, UnixStream};
use std::path::{Path, PathBuf};

use tokio::net::UnixListener;

/// Why the daemon cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another daemon answers there.
    #[error("another daemon answers on {0}; stop it first, or name another socket")]
    Taken(PathBuf),
    /// Something that is no socket stands there.
    #[error("{0} is there and is no socket; move it away, or name another socket")]
    NoSocket(PathBuf),
    /// The system refused.
    #[error("cannot listen on {path}: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// systemd handed in something else than one listening Unix socket.
    #[error("what systemd handed in is no listening Unix socket: {0}")]
    HandedIn(io::Error),
    /// systemd handed in a socket elsewhere than the configuration says.
    #[error(
        "systemd handed in {handed_in}, and the configuration names {named}; remove local.socket, or \
         change the socket unit"
    )]
    Contradiction {
        /// Where the socket unit listens.
        handed_in: PathBuf,
        /// Where the configuration wants to.
        named: PathBuf,
    },
    /// Neither the configuration nor systemd says where to listen.
    #[error(
        "nothing says where to listen: set local.socket, or start the daemon by its socket unit"
    )]
    Nowhere,
}

/// Takes the socket that systemd handed in, if it did; to be called once, before any thread is started.
///
/// # Errors
///
/// [`SocketError::HandedIn`].
pub fn handed_in() -> Result<Option<net::UnixListener>, SocketError> {
    let mut handed_in = listenfd::ListenFd::from_env();
    if handed_in.len() == 0 {
        return Ok(None);
    }
    let taken = handed_in.take_unix_listener(0);
    let socket = taken.and_then(|socket| socket.ok_or_else(|| io::ErrorKind::NotFound.into()));
    socket.map(Some).map_err(SocketError::HandedIn)
}

/// Where a socket is; `None` where it has no path.
#[must_use]
pub fn path_of(socket: &net::UnixListener) -> Option<PathBuf> {
    socket.local_addr().ok()?.as_pathname().map(Path::to_owned)
}

/// Makes the folder of a socket where it is missing; others may go through it, and not look into it.
///
/// # Errors
///
/// Where it cannot be made.
pub fn make_folder(socket: &Path) -> io::Result<()> {
    let Some(folder) = socket.parent() else {
        return Ok(());
    };
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o750).create(folder)
}

/// A listening socket and where it is.
#[derive(Debug)]
pub struct Listening {
    /// The socket.
    pub listener: UnixListener,
    /// Its path.
    pub path: PathBuf,
    owned: bool,
}

impl Listening {
    /// Takes the socket that systemd handed in, else binds the one that the configuration names.
    ///
    /// # Errors
    ///
    /// [`SocketError`].
    pub fn open(
        handed_in: Option<net::UnixListener>,
        named: Option<&Path>,
    ) -> Result<Self, SocketError> {
        match handed_in {
            Some(listener) => Self::handed_in(listener, named),
            None => Self::bind(named.ok_or(SocketError::Nowhere)?),
        }
    }

    fn handed_in(listener: net::UnixListener, named: Option<&Path>) -> Result<Self, SocketError> {
        let path = path_of(&listener).unwrap_or_default();
        if let Some(named) = named.filter(|named| *named != path) {
            return Err(SocketError::Contradiction {
                handed_in: path,
                named: named.to_owned(),
            });
        }
        listener
            .set_nonblocking(true)
            .and_then(|()| UnixListener::from_std(listener))
            .map(|listener| Self {
                listener,
                path,
                owned: false,
            })
            .map_err(SocketError::HandedIn)
    }

    fn bind(path: &Path) -> Result<Self, SocketError> {
        clear(path)?;
        let failed = |source| SocketError::Io {
            path: path.to_owned(),
            source,
        };
        make_folder(path).map_err(failed)?;
        let listener = UnixListener::bind(path).map_err(failed)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o660)).map_err(failed)?;
        Ok(Self {
            listener,
            path: path.to_owned(),
            owned: true,
        })
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        if self.owned {
            // The file may be gone already, with the folder it stood in.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes room for the socket: removes what a dead daemon left, and nothing else.
fn clear(path: &Path) -> Result<(), SocketError> {
    let failed = |source| SocketError::Io {
        path: path.to_owned(),
        source,
    };
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed(error)),
        Ok(found) if !found.file_type().is_socket() => {
            return Err(SocketError::NoSocket(path.to_owned()));
        }
        Ok(_) => {}
    }
    match UnixStream::connect(path) {
        Ok(_) => Err(SocketError::Taken(path.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            tracing::info!(path = %path.display(), "replacing the socket of a dead daemon");
            fs::remove_file(path).map_err(failed)
        }
        Err(error) => Err(failed(error)),
    }
}
