//! What a program needs, and in words what that leaves for the kernel to refuse.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::measure::{By, Measure};

/// How much the kernel is asked to enforce.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Nothing.
    Off,
    /// What it can; the rest is told.
    #[default]
    BestEffort,
    /// Everything, or the program does not start.
    Required,
}

impl Mode {
    /// The words of the configuration.
    pub const WORDS: &[(&str, Self)] = &[
        ("required", Self::Required),
        ("best-effort", Self::BestEffort),
        ("off", Self::Off),
    ];
}

/// What a program needs; everything else is to be refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// How much the kernel is asked to enforce.
    pub mode: Mode,
    /// The TCP ports that it binds, 0 for one that the system chooses.
    pub bind_ports: Vec<u16>,
    /// The TCP ports that it connects to. With none, it makes no network socket once it is sealed.
    pub connect_ports: Vec<u16>,
    /// Whether it opens connections once it is sealed, were it on a Unix socket only.
    pub dials: bool,
    /// Whether it speaks to abstract Unix sockets of other programs.
    pub abstract_sockets: bool,
    /// Files and folders that are its own.
    pub own: Vec<PathBuf>,
    /// Files and folders that it reads; those that are not there are passed over.
    pub read: Vec<PathBuf>,
}

impl Plan {
    /// What is asked of the kernel, in words by name.
    #[must_use]
    pub fn asked(&self) -> BTreeMap<String, String> {
        let measures = self.measures();
        measures.into_iter().map(|each| each.asked()).collect()
    }

    /// All that is asked of the kernel; nothing where the sandbox is off.
    pub(crate) fn measures(&self) -> Vec<Measure> {
        if self.mode == Mode::Off {
            return Vec::new();
        }
        let landlock = |full| By::Landlock { full, part: full };
        let mut all = vec![
            Measure::new("tcpListen", only(&self.bind_ports), landlock(4)),
            Measure::new("tcpConnect", only(&self.connect_ports), landlock(4)),
            Measure::new(
                "files",
                "only its own and, to read, what it needs of the system",
                // Before its third version Landlock did not see that a file is truncated.
                By::Landlock { full: 3, part: 1 },
            ),
            Measure::new("signals", "to itself only", landlock(6)),
            Measure::new("listen", "denied", By::Seccomp),
            Measure::new("sockets", self.sockets(), By::Seccomp),
        ];
        if !self.abstract_sockets {
            all.push(Measure::new("abstractSockets", "its own only", landlock(6)));
        }
        if !self.dials {
            all.push(Measure::new("bind", "denied", By::Seccomp));
            all.push(Measure::new("connect", "denied", By::Seccomp));
        }
        all
    }

    fn sockets(&self) -> &'static str {
        if self.connect_ports.is_empty() {
            "Unix only"
        } else {
            "Unix, TCP, UDP and netlink only"
        }
    }
}

fn only(ports: &[u16]) -> String {
    let ports: Vec<String> = ports
        .iter()
        .map(|port| match port {
            0 => "a port of the system's choice".to_owned(),
            port => port.to_string(),
        })
        .collect();
    if ports.is_empty() {
        "denied".to_owned()
    } else {
        format!("{} only", ports.join(" and "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_told_in_words() {
        let plan = Plan {
            connect_ports: vec![443, 53],
            dials: true,
            ..Plan::default()
        };
        let asked = plan.asked();
        let of = |name: &str| asked.get(name).map(String::as_str);
        assert_eq!(of("tcpListen"), Some("denied by landlock"));
        assert_eq!(of("tcpConnect"), Some("443 and 53 only, by landlock"));
        assert_eq!(of("listen"), Some("denied by seccomp"));
        assert_eq!(of("connect"), None);
        let hub = Plan {
            bind_ports: vec![443],
            ..Plan::default()
        };
        let asked = hub.asked();
        let of = |name: &str| asked.get(name).map(String::as_str);
        assert_eq!(of("tcpListen"), Some("443 only, by landlock"));
        assert_eq!(of("connect"), Some("denied by seccomp"));
        assert_eq!(of("sockets"), Some("Unix only, by seccomp"));
        let off = Plan {
            mode: Mode::Off,
            ..Plan::default()
        };
        assert!(off.asked().is_empty());
    }
}
