//! What the hub needs of the kernel: its folder, its certificate, one port to listen at. The rest is refused.
//!
//! Once it listens it connects to nothing, and makes no socket but Unix ones; every connection that it has
//! was opened by the other end.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;

use atome_sandbox::{Entered, Mode, Plan, SandboxError, with_its_target};

use crate::config::Config;
use crate::listener;

/// Has the kernel refuse what this hub does not need; to be called before any thread is started.
///
/// # Errors
///
/// [`SandboxError`], where the configuration requires what the kernel cannot do.
pub fn enter(config: &Config) -> Result<Entered, SandboxError> {
    // A rule is for what is there. Where it cannot be made, the start fails right after, and says why.
    if config.sandbox != Mode::Off {
        let mut builder = DirBuilder::new();
        let _ = builder
            .recursive(true)
            .mode(0o700)
            .create(&config.state_dir);
    }
    plan(config).enter()
}

/// What this hub needs.
#[must_use]
pub fn plan(config: &Config) -> Plan {
    let bound = config.listen.filter(|_| !listener::is_handed_in());
    let tls = config.tls.iter();
    let files = tls.flat_map(|tls| [tls.cert_file.as_path(), tls.key_file.as_path()]);
    let files = files.chain(config.file.as_deref());
    let notified = std::env::var("NOTIFY_SOCKET");
    Plan {
        mode: config.sandbox,
        bind_ports: bound.iter().map(std::net::SocketAddr::port).collect(),
        connect_ports: Vec::new(),
        dials: false,
        abstract_sockets: notified.is_ok_and(|socket| socket.starts_with('@')),
        own: vec![config.state_dir.clone()],
        read: files.flat_map(with_its_target).collect(),
    }
}
