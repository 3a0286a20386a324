//! The kernel itself, asked for what a sealed program must not get.
//!
//! One test, for what it takes away is gone for the whole process.

#![cfg(test)]

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::thread;

use atome_sandbox::{Mode, Plan, SandboxError};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, Protocol, SendFlags, SocketType, ipproto, listen, sendto, socket,
};

const EPERM: i32 = 1;
const EACCES: i32 = 13;

fn errno<T>(result: Result<T, impl Into<io::Error>>) -> Option<i32> {
    result.err()?.into().raw_os_error()
}

/// This very machine, whatever it is called.
fn own(port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, port)
}

fn stream(protocol: Option<Protocol>) -> Result<OwnedFd, Errno> {
    socket(AddressFamily::INET, SocketType::STREAM, protocol)
}

#[test]
fn a_sealed_program_gets_what_it_needs_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let outside = tempfile::NamedTempFile::new().unwrap();
    let hub = TcpListener::bind(own(0)).unwrap();
    let other = TcpListener::bind(own(0)).unwrap();
    let ports = [&hub, &other].map(|listener| listener.local_addr().unwrap().port());
    let daemon = Plan {
        mode: Mode::Required,
        connect_ports: vec![ports[0]],
        dials: true,
        own: vec![folder.path().to_owned()],
        ..Plan::default()
    };
    if let Some(why) = lacking(&daemon) {
        assert!(std::env::var_os("CI").is_none(), "{why}");
        // Past the capture of the test runner, so that it is seen.
        writeln!(io::stderr(), "skipped: {why}").unwrap();
        return;
    }
    within_a_thread(|| as_a_daemon(daemon.clone(), folder.path(), outside.path(), ports));
    // The filter holds in this thread too, where Landlock was never asked for.
    assert_eq!(errno(TcpListener::bind(own(0))), Some(EPERM));
    let hub = Plan {
        dials: false,
        connect_ports: Vec::new(),
        ..daemon
    };
    within_a_thread(|| as_a_hub(hub));
}

/// What this kernel cannot do, if it cannot do all.
fn lacking(plan: &Plan) -> Option<SandboxError> {
    let plan = plan.clone();
    let entered = thread::spawn(|| plan.enter().map(drop)).join().unwrap();
    entered.err()
}

/// Landlock holds for a thread and those that it starts.
fn within_a_thread(work: impl FnOnce() + Send) {
    thread::scope(|scope| scope.spawn(work).join().unwrap());
}

fn as_a_daemon(plan: Plan, folder: &Path, outside: &Path, [hub, other]: [u16; 2]) {
    // All that is refused below works before.
    drop(TcpListener::bind(own(0)).unwrap());
    drop(TcpStream::connect(own(other)).unwrap());
    drop(File::open(outside).unwrap());

    let entered = plan.enter().unwrap();
    assert_eq!(errno(TcpListener::bind(own(0))), Some(EACCES));
    assert_eq!(errno(TcpStream::connect(own(other))), Some(EACCES));
    assert_eq!(errno(File::open(outside)), Some(EACCES));
    assert_eq!(errno(File::create(outside)), Some(EACCES));
    assert_eq!(errno(fs::read_dir("/")), Some(EACCES));
    assert_eq!(
        errno(std::process::Command::new("/bin/true").spawn()),
        Some(EACCES)
    );
    let listener = UnixListener::bind(folder.join("a.sock")).unwrap();

    let cage = entered.seal().unwrap();
    assert_eq!((cage.lacks.len(), cage.why.len()), (0, 0), "{cage:?}");
    let listening = &cage.enforced["tcpListen"];
    assert!(
        listening.starts_with("denied by landlock (ABI "),
        "{listening}"
    );
    assert_eq!(cage.enforced["listen"], "denied by seccomp");

    let unbound = stream(None).unwrap();
    assert_eq!(errno(listen(&unbound, 1)), Some(EPERM));
    assert_eq!(
        errno(UnixListener::bind(folder.join("b.sock"))),
        Some(EPERM)
    );
    let fast = SendFlags::from_bits_retain(0x2000_0000);
    let sent = sendto(&unbound, b"x", fast, &own(other));
    assert_eq!(errno(sent), Some(EPERM));
    assert_eq!(errno(stream(Some(ipproto::MPTCP))), Some(EPERM));
    assert_eq!(errno(stream(Some(ipproto::SCTP))), Some(EPERM));
    let packet = socket(AddressFamily::PACKET, SocketType::DGRAM, None);
    assert_eq!(errno(packet), Some(EPERM));

    // What it needs: its hub, its clients, the resolver, its files.
    TcpStream::connect(own(hub)).unwrap();
    UdpSocket::bind(own(0)).unwrap();
    socket(AddressFamily::NETLINK, SocketType::RAW, None).unwrap();
    let dialled = std::os::unix::net::UnixStream::connect(folder.join("a.sock")).unwrap();
    drop((listener.accept().unwrap(), dialled));
    fs::write(folder.join("new"), "x").unwrap();
    fs::rename(folder.join("new"), folder.join("old")).unwrap();
}

fn as_a_hub(plan: Plan) {
    let cage = plan.enter().unwrap().seal().unwrap();
    assert_eq!(cage.enforced["connect"], "denied by seccomp");
    assert_eq!(errno(stream(None)), Some(EPERM));
    assert_eq!(errno(UdpSocket::bind(own(0))), Some(EPERM));
    let here = UnixDatagram::unbound().unwrap();
    assert_eq!(errno(here.connect("/nowhere")), Some(EPERM));
    // The service manager is told by sending, which needs no connection.
    let sent = here.send_to(b"READY=1", "/nowhere");
    assert_eq!(sent.unwrap_err().kind(), io::ErrorKind::NotFound);
}
