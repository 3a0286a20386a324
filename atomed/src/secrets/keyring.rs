//! Secrets in the user's keyring: the Secret Service (gnome-keyring, KWallet, KeePassXC) on the session bus.
//!
//! One item a name, told apart from those of other daemons by the state directory. Each call opens a
//! connection of its own, so that a keyring that was started anew is found again.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use atome_proto::account::Secret;
use keyring_core::api::CredentialStoreApi;
use keyring_core::{Entry, Error};
use zbus_secret_service_keyring_store::Store;

use super::SecretError;

/// The name of the item that shows that the keyring works.
const PROBE: &str = "probe";
/// Time to type a password at a keyring's prompt; less than the 90 s that systemd gives a start.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Why the keyring did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// There is no session bus, or no keyring on it.
    #[error("no Secret Service answers on the session bus: {0}")]
    NoService(#[source] Error),
    /// It is locked and was not unlocked, or it holds no keyring yet.
    #[error("the keyring is locked, or there is none yet: {0}")]
    Locked(#[source] Error),
    /// It said nothing.
    #[error("the keyring gave no answer for {} s; it may be asking for its password", ANSWER_TIMEOUT.as_secs())]
    Silent,
    /// It refused, or went away meanwhile.
    #[error("the keyring did not do it: {0}")]
    Failed(#[source] Error),
    /// It does not give back what it was given.
    #[error("the keyring holds something else than what was kept in it")]
    Differs,
    /// The system gives no thread to ask from.
    #[error("no thread can be started: {0}")]
    NoThread(#[source] io::Error),
}

impl From<Error> for KeyringError {
    fn from(error: Error) -> Self {
        if matches!(error, Error::BadEncoding(_) | Error::BadDataFormat(..)) {
            // Not the cause: it holds the bytes.
            Self::Differs
        } else if matches!(error, Error::NoStorageAccess(_)) {
            Self::Locked(error)
        } else {
            Self::Failed(error)
        }
    }
}

/// The items of one daemon.
#[derive(Clone, Debug)]
pub(super) struct Keyring {
    /// Attribute `service` of every item.
    service: String,
}

impl Keyring {
    /// Keeps, reads and removes an item, so that a keyring that is missing or locked is noticed now.
    pub(super) fn open(state_dir: &Path) -> Result<Self, SecretError> {
        let keyring = Self {
            service: format!("atome:{}", state_dir.display()),
        };
        let secret = Secret(PROBE.to_owned());
        keyring.keep(PROBE, &secret)?;
        let back = keyring.token(PROBE)?;
        keyring.remove(PROBE)?;
        if back.is_none_or(|back| back.0 != secret.0) {
            let source = KeyringError::Differs;
            return Err(SecretError::Keyring {
                done: "read back",
                source,
            });
        }
        Ok(keyring)
    }

    pub(super) fn token(&self, name: &str) -> Result<Option<Secret>, SecretError> {
        self.ask(name, "read", |item| match item.get_password() {
            Ok(secret) => Ok(Some(Secret(secret))),
            Err(Error::NoEntry) => Ok(None),
            Err(error) => Err(error),
        })
    }

    pub(super) fn keep(&self, name: &str, secret: &Secret) -> Result<(), SecretError> {
        let secret = secret.clone();
        self.ask(name, "kept", move |item| item.set_password(&secret.0))
    }

    pub(super) fn remove(&self, name: &str) -> Result<(), SecretError> {
        self.ask(name, "removed", |item| match item.delete_credential() {
            Ok(()) | Err(Error::NoEntry) => Ok(()),
            Err(error) => Err(error),
        })
    }

    /// Asks the keyring from a thread of its own: a prompt that nobody answers holds up that thread for
    /// as long as it stands, and the asker no longer than [`ANSWER_TIMEOUT`].
    fn ask<T: Send + 'static>(
        &self,
        name: &str,
        done: &'static str,
        ask: impl FnOnce(&Entry) -> keyring_core::Result<T> + Send + 'static,
    ) -> Result<T, SecretError> {
        let (service, name) = (self.service.clone(), name.to_owned());
        let (answer, answered) = mpsc::sync_channel(1);
        let asking = thread::Builder::new()
            .name("keyring".to_owned())
            .spawn(move || {
                let told = item(&service, &name).and_then(|item| Ok(ask(&item)?));
                // Whoever asked may have given up.
                let _ = answer.send(told);
            });
        let told = match asking {
            Ok(_) => answered
                .recv_timeout(ANSWER_TIMEOUT)
                .unwrap_or(Err(KeyringError::Silent)),
            Err(error) => Err(KeyringError::NoThread(error)),
        };
        told.map_err(|source| SecretError::Keyring { done, source })
    }
}

/// The item of a name, be it there or not, by a new connection.
fn item(service: &str, name: &str) -> Result<Entry, KeyringError> {
    let store = Store::new().map_err(KeyringError::NoService)?;
    let label = format!("Atome secret {name} ({service})");
    let label = HashMap::from([("label", label.as_str())]);
    Ok(store.build(service, name, Some(&label))?)
}
