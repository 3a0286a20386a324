//! Where the configuration is: the rule of the file's place, and the environment it is read in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::fault::{Fault, Faults, Place};

/// The file's name in each of its places.
const FILE_NAME: &str = "atomed.toml";
/// Where a system service's file is.
const SYSTEM_FILE: &str = "/etc/atome/atomed.toml";

/// The variables that the daemon was started with, taken once.
#[derive(Clone, Debug, Default)]
pub struct Environment(pub BTreeMap<String, String>);

impl Environment {
    /// The variables of this process; those that are not UTF-8 are left out.
    #[must_use]
    pub fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(std::env::vars_os().filter_map(text).collect())
    }

    /// A variable that is set and not empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(String::as_str)
            .filter(|v| !v.is_empty())
    }

    /// The first directory of one of systemd's lists (`STATE_DIRECTORY` may name several).
    #[must_use]
    pub fn directory(&self, name: &str) -> Option<PathBuf> {
        let list = self.get(name)?;
        list.split(':')
            .next()
            .filter(|d| !d.is_empty())
            .map(Into::into)
    }

    /// Whether systemd started the daemon as a service of the system, not of a user.
    fn is_system_service(&self) -> bool {
        self.get("STATE_DIRECTORY").is_some()
            || (self.get("INVOCATION_ID").is_some() && self.get("XDG_RUNTIME_DIR").is_none())
    }
}

/// Finds the file: `--config`, `CONFIGURATION_DIRECTORY`, the system's, the user's; the last three may
/// be absent, when the environment alone must say everything.
pub(super) fn find(
    named: Option<&Path>,
    environment: &Environment,
) -> Result<Option<PathBuf>, Faults> {
    if let Some(path) = named {
        return Ok(Some(path.to_owned()));
    }
    if let Some(dir) = environment.directory("CONFIGURATION_DIRECTORY") {
        return Ok(present(dir.join(FILE_NAME)));
    }
    if environment.is_system_service() {
        return Ok(present(PathBuf::from(SYSTEM_FILE)));
    }
    Ok(directories::ProjectDirs::from("", "", "atome")
        .and_then(|dirs| present(dirs.config_dir().join(FILE_NAME))))
}

fn present(path: PathBuf) -> Option<PathBuf> {
    path.exists().then_some(path)
}

/// Reads the file, whole and of a sensible length.
pub(super) fn read(path: &Path) -> Result<String, Faults> {
    atome_service::config::read(path).map_err(|error| {
        Faults::from(Fault {
            place: Place::Whole(path.to_owned()),
            key: None,
            why: format!("the file cannot be read: {error}"),
            remedy: "name a readable TOML file with --config".to_owned(),
        })
    })
}
