//! What the hub needs of the kernel: its folder, its certificate, the ports to listen at. The rest is refused.
//!
//! Once it listens it connects to nothing, and makes no socket but Unix ones; every connection that it has
//! was opened by the other end.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;

use atome_sandbox::{Entered, Mode, Plan, SandboxError, with_its_target};

use crate::config::Config;
use crate::listener::{self, Purpose};

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
    let named = [
        (Purpose::Clients, config.listen),
        (Purpose::Metrics, config.metrics),
    ];
    let bound = named
        .iter()
        .filter(|(purpose, _)| !listener::is_handed_in(*purpose));
    let ports = bound.filter_map(|(_, address)| Some(address.as_ref()?.port()));
    let tls = config.tls.iter();
    let files = tls.flat_map(|tls| [tls.cert_file.as_path(), tls.key_file.as_path()]);
    let files = files.chain(config.file.as_deref());
    let notified = std::env::var("NOTIFY_SOCKET");
    Plan {
        mode: config.sandbox,
        bind_ports: ports.collect(),
        connect_ports: Vec::new(),
        dials: false,
        abstract_sockets: notified.is_ok_and(|socket| socket.starts_with('@')),
        own: vec![config.state_dir.clone()],
        read: files.flat_map(with_its_target).collect(),
    }
}
