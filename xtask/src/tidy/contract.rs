//! The offline and online contract in the source: no loopback name, no TCP listener in the daemon, no
//! dialling in the hub.

use super::{SourceFile, Violation};

/// Words by which source or configuration would name its own machine.
const LOOPBACK: &[&str] = &["localhost", "127.0.0.", "[::1]", "\"::1\""];
/// The constants that would do the same in code; a test of what is refused may name them.
const LOOPBACK_CONSTANT: &str = "Addr::LOCALHOST";
/// What ships and can hold such a word.
const SHIPPED: &[&str] = &["rs", "toml", "service", "socket", "js", "html"];
/// Ways to listen on TCP.
const LISTENING: &[&str] = &["TcpListener", "TcpSocket", "UdpSocket"];
/// The one place that asks for a TCP listener, in this one way, to show that the kernel refuses it: what
/// `GET /v1/prove-direction` answers.
const PROOF: (&str, &str) = (
    "atomed/src/proof.rs",
    "std::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)),",
);
/// Ways to open a connection.
const DIALLING: &[&str] = &[
    "TcpStream::connect",
    "TcpSocket",
    "UdpSocket",
    "UnixStream::connect",
    "hyper::client",
    "hyper_util::client",
    "connect_async",
    "client_async",
    "client_tls",
    "TlsConnector",
    "ClientConfig",
];

/// No loopback name or address in what ships; tests and the quick start (`tests/`, `xtask/`) hold
/// theirs in one place.
pub(super) fn loopback(files: &[SourceFile]) -> Vec<Violation> {
    let ships = |file: &&SourceFile| {
        SHIPPED.iter().any(|extension| file.is(extension))
            && !file.path.starts_with("tests/")
            && !file.path.starts_with("xtask/")
    };
    let mut found = Vec::new();
    for file in files.iter().filter(ships) {
        let mut say = |number: usize, word: &str| {
            found.push(Violation::new(
                format!("{}:{number}", file.path),
                format!("names its own machine ('{word}'): endpoints are always explicit"),
            ));
        };
        for (number, line) in file.code(true) {
            let lower = line.replace(LOOPBACK_CONSTANT, "").to_ascii_lowercase();
            if let Some(word) = LOOPBACK.iter().find(|word| lower.contains(**word)) {
                say(number, word);
            }
        }
        for (number, line) in file.code(false) {
            if line.contains(LOOPBACK_CONSTANT) {
                say(number, LOOPBACK_CONSTANT);
            }
        }
    }
    found
}

/// The daemon has no TCP listener of any kind: it binds Unix sockets only. What it tries to prove that it
/// cannot is known by its file and its line.
pub(super) fn daemon_listens(files: &[SourceFile]) -> Vec<Violation> {
    let binds = |line: &str| {
        let other = line
            .replace("UnixListener::bind(", "")
            .replace("UnixDatagram::bind(", "")
            .replace("Self::bind(", "");
        other.contains("::bind(") || other.contains("bind_tcp")
    };
    lines_with(files, "atomed/src/", |file, line| {
        if (file, line.trim()) == PROOF {
            return None;
        }
        LISTENING
            .iter()
            .find(|word| line.contains(**word))
            .copied()
            .or_else(|| binds(line).then_some("bind"))
    })
}

/// The hub has no code that opens a connection.
pub(super) fn hub_dials(files: &[SourceFile]) -> Vec<Violation> {
    lines_with(files, "atome-server/src/", |_, line| {
        DIALLING.iter().find(|word| line.contains(**word)).copied()
    })
}

fn lines_with(
    files: &[SourceFile],
    folder: &str,
    forbidden: impl Fn(&str, &str) -> Option<&'static str>,
) -> Vec<Violation> {
    let ours = |file: &&SourceFile| {
        file.is("rs") && file.path.starts_with(folder) && !file.path.ends_with("tests.rs")
    };
    let mut found = Vec::new();
    for file in files.iter().filter(ours) {
        for (number, line) in file.code(false) {
            if let Some(word) = forbidden(&file.path, line) {
                let at = format!("{}:{number}", file.path);
                found.push(Violation::new(at, format!("`{word}` has no place here")));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loopback_name_is_found_where_it_ships() {
        for line in [
            "let a = \"LocalHost\";",
            "bind(\"127.0.0.1:1\")",
            "Ipv6Addr::LOCALHOST",
            "ws://[::1]:1",
        ] {
            let code = [SourceFile::new("atomed/src/a.rs", line)];
            assert_eq!(loopback(&code).len(), 1, "{line}");
        }
        let fine = [
            SourceFile::new("atomed/src/a.rs", "// no localhost here"),
            SourceFile::new("tests/src/a.rs", "\"localhost\""),
            SourceFile::new("docs/a.md", "localhost"),
            SourceFile::new("atomed/src/b.rs", "#[cfg(test)]\nIpv4Addr::LOCALHOST"),
        ];
        assert_eq!(loopback(&fine), []);
        let unit = [SourceFile::new(
            "systemd/a.socket",
            "ListenStream=127.0.0.1:80",
        )];
        assert_eq!(loopback(&unit).first().unwrap().at, "systemd/a.socket:1");
    }

    #[test]
    fn a_listening_daemon_is_found() {
        for line in [
            "TcpListener::from_std(a)",
            "Socket::bind(&a)",
            "TcpSocket::new_v4()",
        ] {
            let code = [SourceFile::new("atomed/src/a.rs", line)];
            assert_eq!(daemon_listens(&code).len(), 1, "{line}");
        }
        let (proof, line) = PROOF;
        let elsewhere = [SourceFile::new("atomed/src/a.rs", line)];
        assert_eq!(daemon_listens(&elsewhere).len(), 1);
        let more = [SourceFile::new(proof, "TcpListener::from_std(a)")];
        assert_eq!(daemon_listens(&more).len(), 1);
        assert_eq!(daemon_listens(&[SourceFile::new(proof, line)]), []);
        let unix = [
            SourceFile::new("atomed/src/a.rs", "UnixListener::bind(path)"),
            SourceFile::new("atomed/src/b.rs", "#[cfg(test)]\nTcpListener"),
            SourceFile::new("atome-server/src/a.rs", "TcpListener::bind(a)"),
        ];
        assert_eq!(daemon_listens(&unix), []);
    }

    #[test]
    fn a_dialling_hub_is_found() {
        for line in [
            "TcpStream::connect(a)",
            "hyper::client::conn::http1::handshake(io)",
        ] {
            let code = [SourceFile::new("atome-server/src/a/b.rs", line)];
            assert_eq!(hub_dials(&code).len(), 1, "{line}");
        }
        let daemon = [SourceFile::new("atomed/src/a.rs", "TcpStream::connect(a)")];
        assert_eq!(hub_dials(&daemon), []);
    }
}
