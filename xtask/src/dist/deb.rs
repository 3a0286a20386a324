//! A Debian package from a tree of files: its control files, its checksums, its changelog.
//!
//! Source: Debian policy, chapters 5 (control files), 6 (maintainer scripts) and 10 (files).

use std::env;
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::tree::Tree;
use crate::cargo;

/// Whom the packages name where `DEBFULLNAME` and `DEBEMAIL` do not say who makes them.
const MAINTAINER: (&str, &str) = ("The Atome contributors", "atome@packages.invalid");

/// What a package says of itself.
pub(super) struct Control<'a> {
    pub(super) package: &'a str,
    /// A line, and a few.
    pub(super) about: (&'a str, &'a str),
    pub(super) depends: Vec<String>,
    pub(super) recommends: Option<&'a str>,
    pub(super) conffile: &'a str,
    pub(super) scripts: &'a [(&'a str, &'a str)],
}

/// Which version, of when, by whom.
pub(super) struct Release {
    version: String,
    /// Seconds since 1970; files of the package are no younger.
    epoch: String,
    /// The same for a changelog.
    date: String,
    maintainer: String,
    architecture: String,
}

impl Release {
    /// This version of the workspace, of the time of its last commit, or of `SOURCE_DATE_EPOCH`.
    pub(super) fn of(root: &Path, revision: u32) -> Result<Self, String> {
        let epoch = match env::var("SOURCE_DATE_EPOCH") {
            Ok(epoch) => epoch,
            Err(_) => {
                let mut git = Command::new("git");
                git.current_dir(root).args(["log", "-1", "--format=%ct"]);
                cargo::output(git).map_err(|error| {
                    format!(
                        "{error}; outside a clone, set SOURCE_DATE_EPOCH to the time of the release"
                    )
                })?
            }
        };
        let epoch = epoch.trim().to_owned();
        let mut date = Command::new("date");
        date.args(["--utc", "--rfc-email", "--date"])
            .arg(format!("@{epoch}"));
        let mut architecture = Command::new("dpkg");
        architecture.arg("--print-architecture");
        let or = |name, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
        let (name, mail) = MAINTAINER;
        Ok(Self {
            version: format!("{}-{revision}", env!("CARGO_PKG_VERSION")),
            date: cargo::output(date)?.trim().to_owned(),
            epoch,
            maintainer: format!("{} <{}>", or("DEBFULLNAME", name), or("DEBEMAIL", mail)),
            architecture: cargo::output(architecture)?.trim().to_owned(),
        })
    }

    /// The changelog of the package itself; what changed in the programs stands in theirs.
    pub(super) fn changelog(&self, package: &str) -> String {
        format!(
            "{package} ({}) stable; urgency=medium\n\n  \
             * Packaged; what changed for users is in changelog.gz.\n\n -- {}  {}\n",
            self.version, self.maintainer, self.date
        )
    }
}

/// Makes the package in `folder`, and gives its path.
pub(super) fn build(
    tree: &Tree,
    control: &Control<'_>,
    release: &Release,
    folder: &Path,
) -> Result<PathBuf, String> {
    describe(tree, control, release).map_err(|error| format!("{}: {error}", control.package))?;
    let name = format!(
        "{}_{}_{}.deb",
        control.package, release.version, release.architecture
    );
    let file = folder.join(name);
    let mut dpkg = Command::new("dpkg-deb");
    dpkg.args(["--root-owner-group", "-Zxz", "-z1", "--build"])
        .arg(&tree.root)
        .arg(&file)
        .env("SOURCE_DATE_EPOCH", &release.epoch);
    cargo::output(dpkg)?;
    Ok(file)
}

fn describe(tree: &Tree, control: &Control<'_>, release: &Release) -> io::Result<()> {
    let files = tree.files()?;
    let mut sums = Command::new("md5sum");
    sums.current_dir(&tree.root);
    // Configuration is compared by other means.
    sums.args(
        files
            .iter()
            .map(|(path, _)| path)
            .filter(|path| *path != control.conffile),
    );
    let sums = cargo::output(sums).map_err(io::Error::other)?;
    let bytes: u64 = files.iter().map(|(_, bytes)| bytes).sum();
    tree.write("DEBIAN/md5sums", sums.as_bytes())?;
    tree.write(
        "DEBIAN/conffiles",
        format!("/{}\n", control.conffile).as_bytes(),
    )?;
    tree.write(
        "DEBIAN/control",
        fields(control, release, bytes.div_ceil(1024)).as_bytes(),
    )?;
    for (name, script) in control.scripts {
        tree.write_program(&format!("DEBIAN/{name}"), script.as_bytes())?;
    }
    Ok(())
}

fn fields(control: &Control<'_>, release: &Release, installed_kib: u64) -> String {
    let (line, lines) = control.about;
    let mut text = format!(
        "Package: {}\nVersion: {}\nArchitecture: {}\nMaintainer: {}\nInstalled-Size: {installed_kib}\n\
         Depends: {}\n",
        control.package,
        release.version,
        release.architecture,
        release.maintainer,
        control.depends.join(", ")
    );
    // Writing to a `String` cannot fail.
    if let Some(recommends) = control.recommends {
        let _ = writeln!(text, "Recommends: {recommends}");
    }
    let _ = write!(
        text,
        "Section: net\nPriority: optional\nDescription: {line}\n"
    );
    for line in lines.lines() {
        let _ = writeln!(text, " {line}");
    }
    text
}
