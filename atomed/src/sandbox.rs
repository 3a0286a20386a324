//! What the daemon needs of the kernel: its files, its hub's port, the resolver. The rest is refused to it.
//!
//! It never needs to bind a TCP port. What the kernel cannot be asked: UDP goes anywhere as long as there is
//! a hub, for the names of hubs are asked for by UDP; and a port is a port at any address.

use std::net::IpAddr;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use atome_sandbox::{Entered, Mode, Plan, SandboxError, with_its_target};

use crate::config::{Config, Remote};
use crate::secrets::private_folder;
use crate::socket;

/// Where DNS answers over TCP what is too long for UDP.
const DNS_PORT: u16 = 53;
/// Certificate roots, by distribution, and the users that `[[access]]` may name.
const READ: &[&str] = &[
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/share/pki",
    "/usr/local/share/ca-certificates",
    "/etc/passwd",
    "/etc/group",
];
/// What the C library reads to resolve a name, the modules that it loads included.
const RESOLVER: &[&str] = &[
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/ld.so.cache",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
];
/// Where the resolver's servers stand.
const RESOLV_CONF: &str = "/etc/resolv.conf";

/// Has the kernel refuse what this daemon does not need; to be called before any thread is started.
///
/// # Errors
///
/// [`SandboxError`], where the configuration requires what the kernel cannot do.
pub fn enter(config: &Config, handed_in: Option<&UnixListener>) -> Result<Entered, SandboxError> {
    // A rule is for what is there. Where these cannot be made, the start fails right after, and says why.
    if config.sandbox != Mode::Off {
        let _ = private_folder(&config.state_dir);
        let _ = config.socket.as_deref().map(socket::make_folder);
    }
    plan(config, handed_in).enter()
}

/// What this daemon needs, with the socket that it was handed or without.
#[must_use]
pub fn plan(config: &Config, handed_in: Option<&UnixListener>) -> Plan {
    Plan {
        mode: config.sandbox,
        bind_ports: Vec::new(),
        connect_ports: ports(config),
        // The service manager, and a keyring, on Unix sockets.
        dials: true,
        abstract_sockets: names_an_abstract_socket(),
        own: own(config, handed_in),
        read: read(config),
    }
}

/// The TCP ports that the daemon may connect to: its hub's or its proxy's, and the resolver's.
#[must_use]
pub fn ports(config: &Config) -> Vec<u16> {
    let Some(remote) = &config.remote else {
        return Vec::new();
    };
    let (_, port) = remote.dialled();
    if resolves(remote) {
        vec![port, DNS_PORT]
    } else {
        vec![port]
    }
}

fn resolves(remote: &Remote) -> bool {
    remote.dialled().0.parse::<IpAddr>().is_err()
}

fn own(config: &Config, handed_in: Option<&UnixListener>) -> Vec<PathBuf> {
    let socket = handed_in.and_then(socket::path_of);
    let socket = socket.or_else(|| config.socket.clone());
    let beside_socket = socket.as_deref().and_then(Path::parent);
    [
        Some(config.state_dir.as_path()),
        config.runtime_dir.as_deref(),
        beside_socket,
    ]
    .into_iter()
    .flatten()
    .map(Path::to_owned)
    .collect()
}

fn read(config: &Config) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = READ.iter().map(PathBuf::from).collect();
    paths.extend(config.file.as_deref().into_iter().flat_map(with_its_target));
    paths.extend(config.credentials_dir.clone());
    let Some(remote) = &config.remote else {
        return paths;
    };
    paths.extend(
        remote
            .ca_file
            .as_deref()
            .into_iter()
            .flat_map(with_its_target),
    );
    // Source: openssl-env(7).
    let roots = ["SSL_CERT_FILE", "SSL_CERT_DIR"].map(std::env::var_os);
    paths.extend(roots.into_iter().flatten().map(PathBuf::from));
    if resolves(remote) {
        paths.extend(RESOLVER.iter().map(PathBuf::from));
        // Replaced when the machine changes networks, so that its folder must be seen. Where it is no link
        // to a folder of its own, that is /etc.
        paths.extend(with_its_target(Path::new(RESOLV_CONF)).pop());
    }
    paths
}

/// Whether the environment names an abstract Unix socket: systemd's, or the session bus with the keyring.
fn names_an_abstract_socket() -> bool {
    let names = |variable: &str, sign: &str| {
        std::env::var(variable).is_ok_and(|address| address.contains(sign))
    };
    names("NOTIFY_SOCKET", "@") || names("DBUS_SESSION_BUS_ADDRESS", "abstract=")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Environment;

    fn ports_with(more: &str, variables: &[(&str, &str)]) -> Vec<u16> {
        let text = format!("state_dir = \"/s\"\n[local]\nsocket = \"/r/a.sock\"\n{more}");
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let environment = Environment(variables.iter().map(own).collect());
        ports(&Config::parse(None, &text, &environment).unwrap())
    }

    #[test]
    fn the_hub_is_all_that_is_connected_to() {
        let hub = |endpoint: &str| format!("[remote]\nendpoint = \"{endpoint}\"\n");
        assert!(ports_with("", &[]).is_empty());
        assert_eq!(ports_with(&hub("wss://hub.example.org"), &[]), [443, 53]);
        assert_eq!(ports_with(&hub("wss://192.0.2.1:8443"), &[]), [8443]);
        let proxy = [("HTTPS_PROXY", "http://192.0.2.9:3128")];
        assert_eq!(ports_with(&hub("wss://hub.example.org"), &proxy), [3128]);
    }

    #[test]
    fn only_its_own_folders_are_written_to() {
        let text = "state_dir = \"/s\"\n[local]\nsocket = \"/r/a.sock\"\n";
        let config = Config::parse(None, text, &Environment::default()).unwrap();
        assert_eq!(
            plan(&config, None).own,
            [PathBuf::from("/s"), PathBuf::from("/r")]
        );
    }
}
