//! Hub tokens at rest: one file an account, readable by the daemon alone.
//!
//! A token that systemd hands in as a credential (named as the account's id) wins over the file, and
//! is never written or removed.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use atome_proto::account::Secret;

/// A token is 64 characters; whatever is much longer is none.
const TOKEN_LEN_MAX: u64 = 4096;

/// A secret that could not be read, kept or removed.
#[derive(Debug, thiserror::Error)]
#[error("the secret file {path} cannot be {done}: {source}")]
pub struct SecretError {
    path: PathBuf,
    done: &'static str,
    source: io::Error,
}

/// The folder of secrets.
#[derive(Clone, Debug)]
pub struct Secrets {
    folder: PathBuf,
    credentials: Option<PathBuf>,
}

impl Secrets {
    /// Opens the folder below the state directory, making it where it is missing.
    ///
    /// # Errors
    ///
    /// [`SecretError`].
    pub fn open(state_dir: &Path, credentials: Option<PathBuf>) -> Result<Self, SecretError> {
        let folder = state_dir.join("secrets");
        private_folder(&folder).map_err(|source| SecretError {
            path: folder.clone(),
            done: "made",
            source,
        })?;
        Ok(Self {
            folder,
            credentials,
        })
    }

    /// The account's hub token, if there is one.
    ///
    /// # Errors
    ///
    /// [`SecretError`] where there is a file that cannot be read.
    pub fn token(&self, name: &str) -> Result<Option<Secret>, SecretError> {
        let credential = self.credentials.iter().map(|folder| folder.join(name));
        for path in credential.chain([self.folder.join(name)]) {
            match read(&path) {
                Ok(token) => return Ok(Some(token)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => {
                    return Err(SecretError {
                        path,
                        done: "read",
                        source,
                    });
                }
            }
        }
        Ok(None)
    }

    /// The credential of a name, where the service manager handed one in.
    ///
    /// # Errors
    ///
    /// [`SecretError`] where it cannot be read.
    pub fn credential(&self, name: &str) -> Result<Option<Secret>, SecretError> {
        let Some(path) = self.credentials.as_ref().map(|folder| folder.join(name)) else {
            return Ok(None);
        };
        match read(&path) {
            Ok(secret) => Ok(Some(secret)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(SecretError {
                path,
                done: "read",
                source,
            }),
        }
    }

    /// Keeps the account's hub token: durable, whole or not at all.
    ///
    /// # Errors
    ///
    /// [`SecretError`].
    pub fn keep(&self, name: &str, token: &Secret) -> Result<(), SecretError> {
        let path = self.folder.join(name);
        replace_file(&path, token.0.as_bytes(), 0o600).map_err(|source| SecretError {
            path,
            done: "written",
            source,
        })
    }

    /// Removes the account's hub token; it is no fault if there is none.
    ///
    /// # Errors
    ///
    /// [`SecretError`].
    pub fn remove(&self, name: &str) -> Result<(), SecretError> {
        let path = self.folder.join(name);
        let removed = match fs::remove_file(&path) {
            Ok(()) => File::open(&self.folder).and_then(|folder| folder.sync_all()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        removed.map_err(|source| SecretError {
            path,
            done: "removed",
            source,
        })
    }
}

fn read(path: &Path) -> io::Result<Secret> {
    let mut text = String::new();
    File::open(path)?
        .take(TOKEN_LEN_MAX)
        .read_to_string(&mut text)?;
    let token = text.trim_end();
    if token.is_empty() {
        return Err(io::ErrorKind::NotFound.into());
    }
    Ok(Secret(token.to_owned()))
}

/// Makes a folder that only the daemon can enter; one that is there is closed to others.
///
/// # Errors
///
/// Where it cannot be made or closed.
pub fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    let held = fs::metadata(path)?.permissions();
    if std::os::unix::fs::PermissionsExt::mode(&held) & 0o077 != 0 {
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    }
    Ok(())
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
    fn a_token_is_kept_for_the_daemon_alone() {
        let dir = tempfile::tempdir().unwrap();
        let secrets = Secrets::open(dir.path(), None).unwrap();
        let account = "0190a5d0";
        assert!(secrets.token(account).unwrap().is_none());
        for token in ["one", "two"] {
            secrets.keep(account, &Secret(token.into())).unwrap();
            assert_eq!(secrets.token(account).unwrap().unwrap().0, token);
        }
        let file = dir.path().join("secrets").join(account);
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let folder = dir.path().join("secrets");
        assert_eq!(
            folder.metadata().unwrap().permissions().mode() & 0o777,
            0o700
        );
        secrets.remove(account).unwrap();
        secrets.remove(account).unwrap();
        assert!(secrets.token(account).unwrap().is_none());
    }
}
