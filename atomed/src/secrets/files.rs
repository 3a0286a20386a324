//! Secrets in files: one a name below the state directory, readable by the daemon alone.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use atome_proto::account::Secret;
use rustix::fs::Access;

use super::SecretError;

/// A token is 64 characters; whatever is much longer is none.
const SECRET_LEN_MAX: u64 = 4096;

/// The folder of secrets.
#[derive(Clone, Debug)]
pub(super) struct Files {
    folder: PathBuf,
}

impl Files {
    /// Opens the folder below the state directory, making it where it is missing.
    pub(super) fn open(state_dir: &Path) -> Result<Self, SecretError> {
        let folder = state_dir.join("secrets");
        match private_folder(&folder) {
            Ok(()) => Ok(Self { folder }),
            Err(source) => Err(failed(folder, "made", source)),
        }
    }

    /// Makes sure that files can be made and found here.
    pub(super) fn answer(&self) -> Result<(), SecretError> {
        rustix::fs::access(
            &self.folder,
            Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK,
        )
        .map_err(|error| failed(self.folder.clone(), "used", error.into()))
    }

    pub(super) fn token(&self, name: &str) -> Result<Option<Secret>, SecretError> {
        read(&self.folder, name)
    }

    /// Durable, whole or not at all.
    pub(super) fn keep(&self, name: &str, secret: &Secret) -> Result<(), SecretError> {
        let path = self.folder.join(name);
        replace_file(&path, secret.0.as_bytes(), 0o600)
            .map_err(|source| failed(path, "written", source))
    }

    pub(super) fn remove(&self, name: &str) -> Result<(), SecretError> {
        let path = self.folder.join(name);
        let removed = match fs::remove_file(&path) {
            Ok(()) => File::open(&self.folder).and_then(|folder| folder.sync_all()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        removed.map_err(|source| failed(path, "removed", source))
    }
}

fn failed(path: PathBuf, done: &'static str, source: io::Error) -> SecretError {
    SecretError::File { path, done, source }
}

/// The secret in the file `name` of a folder, if there is one.
pub(super) fn read(folder: &Path, name: &str) -> Result<Option<Secret>, SecretError> {
    let path = folder.join(name);
    let mut text = String::new();
    let read =
        File::open(&path).and_then(|file| file.take(SECRET_LEN_MAX).read_to_string(&mut text));
    match read {
        Ok(_) => {
            let secret = text.trim_end();
            Ok((!secret.is_empty()).then(|| Secret(secret.to_owned())))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(failed(path, "read", source)),
    }
}

/// Makes a folder that only the daemon can enter; one that is there is closed to others.
///
/// A new one lasts: what is synced in it would be lost with its name.
///
/// # Errors
///
/// Where it cannot be made, made lasting or closed.
pub fn private_folder(path: &Path) -> io::Result<()> {
    let is_new = !path.try_exists()?;
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    if is_new {
        sync_above(path)?;
    }
    let held = fs::metadata(path)?.permissions();
    if std::os::unix::fs::PermissionsExt::mode(&held) & 0o077 != 0 {
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    }
    Ok(())
}

/// Has the name of a folder last.
fn sync_above(path: &Path) -> io::Result<()> {
    let above = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    match File::open(above) {
        Ok(folder) => folder.sync_all(),
        // One that may be written and not read: only who it belongs to can sync it.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        Err(error) => Err(error),
    }
}

/// Replaces a file: write new, fsync, rename, fsync the folder.
///
/// # Errors
///
/// Where any of these fails; the old file is then still there.
pub fn replace_file(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let new = path.with_extension("new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&new)?;
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_secret_is_kept_for_the_daemon_alone() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path()).unwrap();
        assert!(files.token("a-1").unwrap().is_none());
        for secret in ["one", "two"] {
            files.keep("a-1", &Secret(secret.into())).unwrap();
            assert_eq!(files.token("a-1").unwrap().unwrap().0, secret);
        }
        let folder = dir.path().join("secrets");
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder.join("a-1")), 0o600);
        assert_eq!(mode(&folder), 0o700);
        files.remove("a-1").unwrap();
        files.remove("a-1").unwrap();
        assert!(files.token("a-1").unwrap().is_none());
    }
}
