//! A hub with a dial smuggled in: this program, in the very sandbox of the hub.
//!
//! One test, for what it takes away is gone for the whole process.

#![cfg(test)]

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::thread;

use atome_sandbox::SandboxError;
use atome_server::config::{Config, Environment};
use atome_server::sandbox;

/// This very machine, whatever it is called.
fn own(port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port)
}

fn refused<T>(result: io::Result<T>) -> bool {
    result.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

#[test]
fn a_dial_that_is_smuggled_in_is_stopped_by_the_kernel() {
    let folder = tempfile::tempdir().unwrap();
    // A port that is free, and stays so as nobody asks for it by number.
    let port = TcpListener::bind(own(0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let daemon = TcpListener::bind(own(0)).unwrap();
    let daemon = daemon.local_addr().unwrap().port();
    let file = folder.path().join("hub.toml");
    let text = format!(
        "profile = \"development\"\nsandbox = \"required\"\nstate_dir = \"state\"\nlisten = \"{}\"\n",
        own(port)
    );
    std::fs::write(&file, text).unwrap();
    let config = Config::load(Some(&file), &Environment::default()).unwrap();
    // Landlock holds for a thread and those that it starts.
    let hub = || as_the_hub(&config, folder.path(), daemon);
    if let Err(why) = thread::scope(|scope| scope.spawn(hub).join().unwrap()) {
        assert!(std::env::var_os("CI").is_none(), "{why}");
        // Past the capture of the test runner, so that it is seen.
        writeln!(io::stderr(), "skipped: {why}").unwrap();
    }
}

fn as_the_hub(config: &Config, folder: &Path, daemon: u16) -> Result<(), SandboxError> {
    let listen = config.listen.unwrap();
    // It works where nobody forbids it.
    drop(TcpStream::connect(own(daemon)).unwrap());
    let entered = sandbox::enter(config)?;
    assert!(refused(TcpListener::bind(own(0))), "any port but its own");
    assert!(refused(TcpStream::connect(own(daemon))), "while it starts");
    let listener = TcpListener::bind(listen).unwrap();
    let cage = entered.seal()?;
    assert!(cage.lacks.is_empty(), "{cage:?}");

    assert!(refused(TcpStream::connect(own(daemon))), "a machine");
    assert!(refused(UdpSocket::bind(own(0))));
    assert!(refused(UnixStream::connect(folder.join("any.sock"))));
    assert!(refused(std::fs::write(folder.join("beside"), "")));
    let mut text = String::new();
    let mut config_file = std::fs::File::open(folder.join("hub.toml")).unwrap();
    config_file.read_to_string(&mut text).unwrap();
    std::fs::write(folder.join("state/new"), text).unwrap();
    drop(listener);
    Ok(())
}
