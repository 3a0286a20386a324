//! The three programs: built with the workspace, found beside what was built with them.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::cargo::cargo;
use crate::error::HarnessError;

/// Where the programs are.
#[derive(Clone, Debug)]
pub struct Binaries {
    /// The folder that holds them.
    pub folder: PathBuf,
}

impl Binaries {
    /// Builds the programs as the running program was built (folder and profile), and finds them.
    ///
    /// Once a process; in a folder that is up to date this takes a moment. `ATOME_BIN_DIR` names a folder
    /// of ready programs instead.
    ///
    /// # Errors
    ///
    /// [`HarnessError::Build`].
    pub fn get() -> Result<Self, HarnessError> {
        static BUILT: OnceLock<Result<Binaries, String>> = OnceLock::new();
        BUILT
            .get_or_init(|| Self::find().map_err(|error| error.to_string()))
            .clone()
            .map_err(HarnessError::Build)
    }

    fn find() -> Result<Self, HarnessError> {
        if let Some(folder) = std::env::var_os("ATOME_BIN_DIR") {
            let folder = PathBuf::from(folder);
            return Ok(Self { folder });
        }
        let here = std::env::current_exe().map_err(HarnessError::io("find this program"))?;
        let lost = || HarnessError::Build(format!("{} is in no target folder", here.display()));
        let mut folder = here.parent().ok_or_else(lost)?;
        if folder.ends_with("deps") {
            folder = folder.parent().ok_or_else(lost)?;
        }
        let release = folder.ends_with("release");
        let target = folder.parent().ok_or_else(lost)?;
        Self::build(target, release, true)
    }

    /// Builds the programs into a target folder.
    ///
    /// The whole workspace's programs are asked for, so that dependencies are built with the features
    /// that its tests are built with, and once.
    ///
    /// # Errors
    ///
    /// [`HarnessError::Build`].
    pub fn build(target: &Path, release: bool, quiet: bool) -> Result<Self, HarnessError> {
        let arguments = ["build", "--workspace", "--bins", "--target-dir"];
        let mut cargo = cargo(&workspace_root(), &arguments);
        cargo.arg(target);
        if release {
            cargo.arg("--release");
        }
        if quiet {
            cargo.arg("--quiet");
        }
        let status = cargo.status().map_err(HarnessError::io("start cargo"))?;
        if !status.success() {
            return Err(HarnessError::Build(format!("cargo build: {status}")));
        }
        let folder = target.join(if release { "release" } else { "debug" });
        Ok(Self { folder })
    }

    /// The daemon.
    #[must_use]
    pub fn atomed(&self) -> PathBuf {
        self.folder.join("atomed")
    }

    /// The hub.
    #[must_use]
    pub fn atome_server(&self) -> PathBuf {
        self.folder.join("atome-server")
    }

    /// The command line.
    #[must_use]
    pub fn atomectl(&self) -> PathBuf {
        self.folder.join("atomectl")
    }
}

/// The folder of the workspace.
#[must_use]
pub fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// The bundled sample: 252 countries as a seed file.
#[must_use]
pub fn sample() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/countries.jsonl")
}
