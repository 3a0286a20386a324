//! A daemon with a TCP listener smuggled in: this program, in the very sandbox of the daemon.
//!
//! One test, for what it takes away is gone for the whole process.

#![cfg(test)]

use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::thread;

use atome_sandbox::SandboxError;
use atomed::config::{Config, Environment};
use atomed::{proof, sandbox};

/// This very machine, whatever it is called.
fn own(port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port)
}

fn refused<T>(result: io::Result<T>) -> bool {
    result.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

#[test]
fn a_listener_that_is_smuggled_in_is_stopped_by_the_kernel() {
    let folder = tempfile::tempdir().unwrap();
    let hub = TcpListener::bind(own(0)).unwrap();
    let port = hub.local_addr().unwrap().port();
    let text = format!(
        "profile = \"development\"\nsandbox = \"required\"\nstate_dir = \"{0}/state\"\n\
         [local]\nsocket = \"{0}/run/a.sock\"\n[remote]\nendpoint = \"ws://{1}\"\n",
        folder.path().display(),
        own(port)
    );
    let config = Config::parse(None, &text, &Environment::default()).unwrap();
    // Landlock holds for a thread and those that it starts.
    let daemon = || as_the_daemon(&config, folder.path(), port);
    if let Err(why) = thread::scope(|scope| scope.spawn(daemon).join().unwrap()) {
        assert!(std::env::var_os("CI").is_none(), "{why}");
        // Past the capture of the test runner, so that it is seen.
        writeln!(io::stderr(), "skipped: {why}").unwrap();
    }
}

fn as_the_daemon(config: &Config, folder: &Path, port: u16) -> Result<(), SandboxError> {
    // It works where nobody forbids it.
    drop(TcpListener::bind(own(0)).unwrap());
    let entered = sandbox::enter(config, None)?;
    let socket = UnixListener::bind(config.socket.as_deref().unwrap()).unwrap();
    let cage = entered.seal()?;
    assert!(cage.lacks.is_empty(), "{cage:?}");

    assert!(refused(TcpListener::bind(own(0))));
    assert!(refused(UnixListener::bind(folder.join("run/b.sock"))));
    assert!(refused(std::fs::write(folder.join("beside"), "")));
    for tried in proof::prove(&sandbox::ports(config)) {
        assert!(tried.forbidden, "{tried:?}");
    }

    drop(TcpStream::connect(own(port)).unwrap());
    std::fs::write(folder.join("state/new"), "").unwrap();
    drop(socket);
    Ok(())
}
