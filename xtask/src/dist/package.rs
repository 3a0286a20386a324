//! The two packages: what each brings, and where it stands.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::deb::{self, Control};
use super::libraries;
use super::pages::Pages;
use super::tree::Tree;
use crate::cargo;

/// What the packages are made of.
pub(super) struct Source<'a> {
    /// The folder of the workspace.
    pub(super) root: &'a Path,
    /// The folder of the programs.
    pub(super) programs: &'a Path,
    /// The pages.
    pub(super) pages: &'a Pages,
    /// The packages' own number behind the version.
    pub(super) revision: u32,
}

/// One package.
pub(super) struct Package {
    name: &'static str,
    /// What it is, in a line and in a few.
    about: (&'static str, &'static str),
    programs: &'static [&'static str],
    /// Files of the source tree, and the folder where each stands.
    files: &'static [(&'static str, &'static str)],
    /// Files that an operator changes, and an upgrade leaves alone.
    conffile: (&'static str, &'static str),
    recommends: Option<&'static str>,
    scripts: &'static [(&'static str, &'static str)],
}

const UNITS: &str = "usr/lib/systemd/system";
const USER_UNITS: &str = "usr/lib/systemd/user";
const SYSUSERS: &str = "usr/lib/sysusers.d";
const TMPFILES: &str = "usr/lib/tmpfiles.d";

/// What makes users and folders, with systemd or without.
const MAKES_USERS: &[&str] = &[
    "systemd | systemd-standalone-sysusers | systemd-sysusers",
    "systemd | systemd-standalone-tmpfiles | systemd-tmpfiles",
];

pub(super) const PACKAGES: &[Package] = &[
    Package {
        name: "atome",
        about: (
            "offline-first data runtime: daemon and command line",
            "Keeps accounts and their data on this machine, complete and writable with no\n\
             network, and brings machines together through a hub when there is one. It\n\
             listens on no network port, and dials no hub until one is configured.",
        ),
        programs: &["atomed", "atomectl"],
        files: &[
            ("systemd/atomed.service", UNITS),
            ("systemd/atomed.socket", UNITS),
            ("systemd/user/atomed.service", USER_UNITS),
            ("systemd/user/atomed.socket", USER_UNITS),
            ("systemd/sysusers.d/atome.conf", SYSUSERS),
            ("systemd/tmpfiles.d/atome.conf", TMPFILES),
        ],
        conffile: ("config/atomed.toml", "etc/atome/atomed.toml"),
        // The roots by which a hub's certificate is checked.
        recommends: Some("ca-certificates"),
        scripts: &[
            ("postinst", include_str!("../../debian/atome.postinst")),
            ("prerm", include_str!("../../debian/atome.prerm")),
            ("postrm", include_str!("../../debian/atome.postrm")),
        ],
    },
    Package {
        name: "atome-server",
        about: (
            "offline-first data runtime: hub",
            "Takes what the daemons of many machines push, and hands it to each account's\n\
             other machines. It waits for connections and opens none. It is not started\n\
             before its certificate is configured.",
        ),
        programs: &["atome-server"],
        files: &[
            ("systemd/atome-server.service", UNITS),
            ("systemd/atome-server.socket", UNITS),
            ("systemd/sysusers.d/atome-server.conf", SYSUSERS),
            ("systemd/tmpfiles.d/atome-server.conf", TMPFILES),
        ],
        conffile: ("config/atome-server.toml", "etc/atome/atome-server.toml"),
        recommends: None,
        scripts: &[
            (
                "postinst",
                include_str!("../../debian/atome-server.postinst"),
            ),
            ("prerm", include_str!("../../debian/atome-server.prerm")),
            ("postrm", include_str!("../../debian/atome-server.postrm")),
        ],
    },
];

impl Package {
    /// Makes the package in `folder`, and gives its path.
    pub(super) fn build(&self, source: &Source<'_>, folder: &Path) -> Result<PathBuf, String> {
        let stage = tempfile::tempdir().map_err(|error| format!("no temp folder: {error}"))?;
        let tree = Tree {
            root: stage.path().join("root"),
        };
        let release = deb::Release::of(source.root, source.revision)?;
        self.lay_out(source, &release, &tree)
            .map_err(|error| format!("{}: {error}", self.name))?;
        let programs = self.staged_programs(&tree);
        for program in &programs {
            let mut strip = Command::new("strip");
            cargo::run({
                strip.arg("--strip-unneeded").arg(program);
                strip
            })?;
        }
        let mut depends = libraries::needed(programs.iter().map(PathBuf::as_path))?;
        depends.extend(MAKES_USERS.iter().map(|package| (*package).to_owned()));
        let control = Control {
            package: self.name,
            about: self.about,
            depends,
            recommends: self.recommends,
            conffile: self.conffile.1,
            scripts: self.scripts,
        };
        deb::build(&tree, &control, &release, folder)
    }

    fn staged_programs(&self, tree: &Tree) -> Vec<PathBuf> {
        let path = |name: &&str| tree.root.join("usr/bin").join(name);
        self.programs.iter().map(path).collect()
    }

    /// Puts everything where it stands.
    fn lay_out(
        &self,
        source: &Source<'_>,
        release: &deb::Release,
        tree: &Tree,
    ) -> std::io::Result<()> {
        let read = |path: &str| fs::read(source.root.join(path));
        for program in self.programs {
            let bytes = fs::read(source.programs.join(program))?;
            tree.write_program(&format!("usr/bin/{program}"), &bytes)?;
            lay_out_pages(source.pages, program, tree)?;
        }
        for (path, folder) in self.files {
            let name = path.rsplit('/').next().unwrap_or(path);
            tree.write(&format!("{folder}/{name}"), &read(path)?)?;
        }
        let (path, place) = self.conffile;
        tree.write(place, &read(path)?)?;
        let doc = format!("usr/share/doc/{}", self.name);
        tree.write(
            &format!("{doc}/copyright"),
            &read("xtask/debian/copyright")?,
        )?;
        tree.write_gz(&format!("{doc}/changelog"), &read("CHANGELOG.md")?)?;
        for page in ["install.md", "operation.md"] {
            tree.write_gz(&format!("{doc}/{page}"), &read(&format!("docs/{page}"))?)?;
        }
        let changes = release.changelog(self.name);
        tree.write_gz(&format!("{doc}/changelog.Debian"), changes.as_bytes())
    }
}

/// A program's man pages, those of its commands, and its completions.
fn lay_out_pages(pages: &Pages, program: &str, tree: &Tree) -> std::io::Result<()> {
    for entry in fs::read_dir(&pages.man)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let rest = name.strip_prefix(program).unwrap_or_default();
        if rest.starts_with('.') || rest.starts_with('-') {
            tree.write_gz(
                &format!("usr/share/man/man1/{name}"),
                &fs::read(entry.path())?,
            )?;
        }
    }
    for (name, place) in [
        (
            format!("{program}.bash"),
            format!("bash-completion/completions/{program}"),
        ),
        (
            format!("_{program}"),
            format!("zsh/vendor-completions/_{program}"),
        ),
        (
            format!("{program}.fish"),
            format!("fish/vendor_completions.d/{program}.fish"),
        ),
    ] {
        let bytes = fs::read(pages.completions.join(name))?;
        tree.write(&format!("usr/share/{place}"), &bytes)?;
    }
    Ok(())
}
