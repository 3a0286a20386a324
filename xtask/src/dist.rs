//! `cargo xtask dist`: what is shipped, below `dist/`: man pages and completions, made from the definitions
//! that the programs themselves parse by, and two Debian packages.

#[cfg(test)]
mod clean_root;
mod deb;
mod libraries;
mod package;
mod pages;
mod tree;

use std::path::Path;
use std::process::{Command, Stdio};

use atome_tests::Binaries;
use clap::Args;

use crate::Outcome;

/// What to ship.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The packages' own number behind the version: higher where the same version is packaged anew.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    revision: u32,
}

/// Writes everything below `dist/`.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Outcome {
    let folder = root.join("dist");
    let pages =
        pages::Pages::write(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    println!("man pages and completions are in {}", folder.display());
    if !is_there("dpkg-deb") {
        println!("no packages: dpkg-deb is not installed; they are made on Debian and its kin");
        return Ok(());
    }
    let binaries =
        Binaries::build(&root.join("target"), true, false).map_err(|error| error.to_string())?;
    let source = package::Source {
        root,
        programs: &binaries.folder,
        pages: &pages,
        revision: arguments.revision,
    };
    for package in package::PACKAGES {
        println!("{}", package.build(&source, &folder)?.display());
    }
    Ok(())
}

/// Whether a program can be started here.
fn is_there(program: &str) -> bool {
    Command::new(program)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
