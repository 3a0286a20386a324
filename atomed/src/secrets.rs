//! Secrets at rest, hub tokens above all: in files or in the user's keyring, as the configuration says.
//!
//! A secret that systemd hands in as a credential of its name wins over both, and is never written or
//! removed. The store that the configuration names is the one that is used: where it does not work that
//! is an error, never a move to the other. Everything here blocks.

use std::io;
use std::path::{Path, PathBuf};

use atome_proto::account::Secret;
use atome_proto::{Code, Problem};

use crate::config::SecretStore;

mod files;
mod keyring;

use files::Files;
pub use files::{private_folder, replace_file};
use keyring::Keyring;
pub use keyring::KeyringError;

/// Above what a word and a UUID take; far below what a file's name may have.
const NAME_LEN_MAX: usize = 64;

/// A name under which nothing is ever kept.
const NAME_OF_NONE: &str = "none";

/// A secret that could not be read, kept or removed.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The name is none that a secret may have.
    #[error("'{0}' is no name of a secret: 1 to {NAME_LEN_MAX} of a-z, 0-9 and -")]
    Name(String),
    /// A file or its folder failed.
    #[error("the secret file {path} cannot be {done}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// What was attempted.
        done: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The keyring failed.
    #[error("a secret in the keyring cannot be {done}: {source}")]
    Keyring {
        /// What was attempted.
        done: &'static str,
        /// Why it failed.
        source: KeyringError,
    },
}

impl SecretError {
    /// What a person can do about it.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Name(_) => "this is a defect of the daemon; please report it",
            Self::File { .. } => {
                "the state directory must be the daemon's own, on a disk that works and has room"
            }
            Self::Keyring { .. } => {
                "unlock or start a keyring such as gnome-keyring, and run the daemon in the user's \
                 session (DBUS_SESSION_BUS_ADDRESS names its bus); or set secrets.store = \"file\""
            }
        }
    }
}

impl From<SecretError> for Problem {
    fn from(error: SecretError) -> Self {
        Self::new(Code::Internal, error.to_string()).hint(error.remedy())
    }
}

/// The secrets of one daemon, each under a name of `[a-z0-9-]`: a hub token under its account's id.
#[derive(Clone, Debug)]
pub struct Secrets {
    credentials: Option<PathBuf>,
    store: Store,
}

#[derive(Clone, Debug)]
enum Store {
    Files(Files),
    Keyring(Keyring),
}

impl Secrets {
    /// Opens the store that the configuration names, and makes sure that it works.
    ///
    /// # Errors
    ///
    /// [`SecretError`], where it does not.
    pub fn open(
        store: SecretStore,
        state_dir: &Path,
        credentials: Option<PathBuf>,
    ) -> Result<Self, SecretError> {
        let store = match store {
            SecretStore::File => Store::Files(Files::open(state_dir)?),
            SecretStore::Keyring => Store::Keyring(Keyring::open(state_dir)?),
        };
        Ok(Self { credentials, store })
    }

    /// The secret of a name, if there is one.
    ///
    /// # Errors
    ///
    /// [`SecretError`], where that cannot be told.
    pub fn token(&self, name: &str) -> Result<Option<Secret>, SecretError> {
        check(name)?;
        if let Some(folder) = &self.credentials
            && let Some(secret) = files::read(folder, name)?
        {
            return Ok(Some(secret));
        }
        match &self.store {
            Store::Files(files) => files.token(name),
            Store::Keyring(keyring) => keyring.token(name),
        }
    }

    /// Makes sure that the store still works; nothing in it is read or changed.
    ///
    /// # Errors
    ///
    /// [`SecretError`], where it does not.
    pub fn answer(&self) -> Result<(), SecretError> {
        match &self.store {
            Store::Files(files) => files.answer(),
            Store::Keyring(keyring) => keyring.token(NAME_OF_NONE).map(drop),
        }
    }

    /// The credential of a file's name, where the service manager handed one in.
    ///
    /// # Errors
    ///
    /// [`SecretError`], where it cannot be read.
    pub fn credential(&self, name: &str) -> Result<Option<Secret>, SecretError> {
        match &self.credentials {
            Some(folder) => files::read(folder, name),
            None => Ok(None),
        }
    }

    /// Keeps a secret under a name, instead of one that is there.
    ///
    /// # Errors
    ///
    /// [`SecretError`].
    pub fn keep(&self, name: &str, secret: &Secret) -> Result<(), SecretError> {
        check(name)?;
        match &self.store {
            Store::Files(files) => files.keep(name, secret),
            Store::Keyring(keyring) => keyring.keep(name, secret),
        }
    }

    /// Removes the secret of a name; it is no fault if there is none.
    ///
    /// # Errors
    ///
    /// [`SecretError`].
    pub fn remove(&self, name: &str) -> Result<(), SecretError> {
        check(name)?;
        match &self.store {
            Store::Files(files) => files.remove(name),
            Store::Keyring(keyring) => keyring.remove(name),
        }
    }
}

/// Names become names of files, and are seen by people who open their keyring.
fn check(name: &str) -> Result<(), SecretError> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=NAME_LEN_MAX).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(());
    }
    Err(SecretError::Name(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_files(dir: &Path, credentials: Option<PathBuf>) -> Secrets {
        Secrets::open(SecretStore::File, dir, credentials).unwrap()
    }

    #[test]
    fn a_name_that_could_leave_the_folder_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let secrets = in_files(dir.path(), None);
        let long = "a".repeat(NAME_LEN_MAX + 1);
        for name in ["", "..", "../lock", "A", "a_b", "a.new", "ä", &long] {
            let refused = |result| matches!(result, Err(SecretError::Name(_)));
            assert!(refused(secrets.token(name).map(drop)), "{name}");
            assert!(refused(secrets.keep(name, &Secret("x".into()))), "{name}");
            assert!(refused(secrets.remove(name)), "{name}");
        }
        let name = format!("revoke-{}", uuid::Uuid::from_u128(7));
        secrets.keep(&name, &Secret("x".into())).unwrap();
        assert!(dir.path().join("secrets").join(&name).is_file());
    }

    #[test]
    fn a_credential_wins_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let credentials = dir.path().join("credentials");
        std::fs::create_dir(&credentials).unwrap();
        std::fs::write(credentials.join("a"), "handed in\n").unwrap();
        let secrets = in_files(dir.path(), Some(credentials));
        secrets.keep("a", &Secret("kept".into())).unwrap();
        assert_eq!(secrets.token("a").unwrap().unwrap().0, "handed in");
        secrets.remove("a").unwrap();
        assert_eq!(secrets.token("a").unwrap().unwrap().0, "handed in");
        assert!(secrets.token("b").unwrap().is_none());
    }
}
