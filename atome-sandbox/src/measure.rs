//! One thing that the kernel is asked to enforce: its name, its words, and the kernel that it needs.

/// Who enforces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// Landlock, wholly from one version of its interface on, in part from another.
    Landlock { full: u32, part: u32 },
    /// seccomp.
    Seccomp,
}

/// What a kernel can and was made to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Means {
    /// The version of Landlock's interface that is at work; 0 where none is.
    pub(crate) landlock: u32,
    /// Whether the filter of system calls is at work.
    pub(crate) seccomp: bool,
}

/// One thing that the kernel is asked to enforce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Measure {
    name: &'static str,
    what: String,
    pub(crate) by: By,
}

impl Measure {
    pub(crate) fn new(name: &'static str, what: impl Into<String>, by: By) -> Self {
        let what = what.into();
        Self { name, what, by }
    }

    /// Its name, and what is asked for.
    pub(crate) fn asked(&self) -> (String, String) {
        let by = match self.by {
            By::Landlock { .. } => "landlock",
            By::Seccomp => "seccomp",
        };
        (self.name.to_owned(), self.words(by))
    }

    /// Its name, and what is enforced with these means; `None` where nothing of it is.
    pub(crate) fn enforced(&self, means: Means) -> Option<(String, String)> {
        let abi = means.landlock;
        let words = match self.by {
            By::Landlock { full, .. } if abi >= full => {
                self.words(&format!("landlock (ABI {abi})"))
            }
            By::Landlock { part, .. } if abi >= part => {
                self.words(&format!("landlock (ABI {abi}), in part"))
            }
            By::Seccomp if means.seccomp => self.words("seccomp"),
            By::Landlock { .. } | By::Seccomp => return None,
        };
        Some((self.name.to_owned(), words))
    }

    /// What these means lack for it, to be read by a person; `None` where they lack nothing.
    pub(crate) fn lacks(&self, means: Means) -> Option<String> {
        match self.by {
            By::Landlock { full, .. } if means.landlock < full => Some(format!(
                "{} (needs Landlock ABI {full}, Linux {})",
                self.name,
                linux_of(full)
            )),
            By::Seccomp if !means.seccomp => Some(format!("{} (needs seccomp)", self.name)),
            By::Landlock { .. } | By::Seccomp => None,
        }
    }

    fn words(&self, by: &str) -> String {
        let comma = if self.what == "denied" { "" } else { "," };
        format!("{}{comma} by {by}", self.what)
    }
}

/// The Linux that brought a version of Landlock's interface. Source: landlock(7).
fn linux_of(abi: u32) -> &'static str {
    match abi {
        0 | 1 => "5.13",
        2 => "5.19",
        3 => "6.2",
        4 => "6.7",
        5 => "6.10",
        _ => "6.12",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_kernel_enforces_less_and_that_is_told() {
        let files = Measure::new("files", "own only", By::Landlock { full: 3, part: 1 });
        let with = |landlock| Means {
            landlock,
            seccomp: false,
        };
        let words = |landlock| files.enforced(with(landlock)).map(|(_, words)| words);
        assert_eq!(words(7).unwrap(), "own only, by landlock (ABI 7)");
        assert_eq!(words(2).unwrap(), "own only, by landlock (ABI 2), in part");
        assert_eq!(words(0), None);
        let lacks = files.lacks(with(2)).unwrap();
        assert_eq!(lacks, "files (needs Landlock ABI 3, Linux 6.2)");
        assert_eq!(files.lacks(with(3)), None);
        let listen = Measure::new("listen", "denied", By::Seccomp);
        assert_eq!(listen.enforced(with(7)), None);
        assert_eq!(listen.lacks(with(7)).unwrap(), "listen (needs seccomp)");
    }
}
