//! Making an account: it works at once, and waits for the hub with a pending registration.

use atome_engine::name::{fold, is_e164};
use atome_proto::account::{DirectoryEntry, Secret};
use atome_proto::local::v1::CreateAccount;
use atome_proto::{AccountId, Code, Problem};
use atome_store::StoreError;
use atome_store::machine::{MachineAccount, Tie};

use super::select::Selected;
use super::{Account, Accounts};
use crate::api::Peer;
use crate::random;
use crate::store_problem::problem;

/// Longest password, in bytes: long enough for any phrase, short enough to hash at once.
const PASSWORD_LEN_MAX: usize = 1024;

impl Accounts {
    /// Makes an account with no hub in reach or in sight, and ties the asker to it.
    ///
    /// # Errors
    ///
    /// [`Code::BadRequest`] for a name, phone number or password that cannot be; [`Code::Conflict`] where
    /// the name is taken here; [`Code::Busy`].
    pub async fn create(&self, peer: Peer, new: CreateAccount) -> Result<Selected, Problem> {
        fold(&new.name).map_err(|error| bad(error.to_string()))?;
        if let Some(phone) = &new.phone {
            check_phone(phone)?;
        }
        check_password(&new.password)?;
        if self.row_of(&new.name).await?.is_some() {
            return Err(taken(&new.name));
        }
        let password_hash = self.0.hashing.hash(new.password).await?;
        let now = Self::wall_ms();
        let row = MachineAccount {
            entry: DirectoryEntry {
                user_id: random::account_id(now)?,
                username: new.name,
                phone: new.phone,
                visibility: new.visibility,
            },
            password_hash: Some(password_hash),
            registered: false,
            conflict: false,
            retry_secret: Some(Secret(random::secret()?)),
            invite: new.invite,
            session: None,
            joins: None,
            created_at_ms: now,
        };
        let account = self.add(&row).await?;
        self.tie(peer, row.entry.user_id).await?;
        self.keep_now();
        tracing::info!(account = %row.entry.user_id, uid = peer.uid, "account made");
        Ok(Selected { account, row })
    }

    /// Adds an account to the machine and opens it; nothing of it is kept where that fails, but for files that
    /// were there before.
    pub(super) async fn add(&self, row: &MachineAccount) -> Result<Account, Problem> {
        let _making = self.0.making.lock().await;
        let id = row.entry.user_id;
        let had_files = self.folder(id).exists();
        self.add_row(row).await?;
        match self.start(row).await {
            Ok(account) => Ok(account),
            Err(why) => {
                if let Err(error) = self.withdraw(id, had_files).await {
                    tracing::error!(account = %id, %error, "half an account is left");
                }
                Err(why)
            }
        }
    }

    /// Takes an account away that could not be added. Files that were there before, of a machine store that was
    /// lost, stay for another try.
    pub(super) async fn withdraw(&self, id: AccountId, had_files: bool) -> Result<(), Problem> {
        if !had_files {
            return self.remove_held(id).await;
        }
        self.stop(id).await;
        self.write(move |db| db.forget_account(id)).await?;
        self.keep_copy().await;
        Ok(())
    }

    /// Adds an account to the machine, without its store.
    pub(super) async fn add_row(&self, row: &MachineAccount) -> Result<(), Problem> {
        let new = row.clone();
        match self
            .0
            .machine
            .write(move |db| db.create_account(&new))
            .await
        {
            Ok(()) => {
                self.keep_copy().await;
                Ok(())
            }
            Err(StoreError::AccountExists) => Err(taken(&row.entry.username)),
            Err(error) => Err(problem(&error)),
        }
    }

    /// Ties the asker to an account.
    pub(super) async fn tie(&self, peer: Peer, account: AccountId) -> Result<(), Problem> {
        let tie = Tie {
            uid: peer.uid,
            account,
            since_ms: Self::wall_ms(),
        };
        self.write(move |db| db.tie(tie)).await?;
        self.keep_copy().await;
        Ok(())
    }
}

pub(super) fn bad(detail: impl Into<String>) -> Problem {
    Problem::new(Code::BadRequest, detail)
}

pub(super) fn taken(name: &str) -> Problem {
    Problem::new(
        Code::Conflict,
        format!("there is an account '{name}' on this machine already"),
    )
    .hint(format!(
        "log in with 'atomectl login {name}', or choose another name"
    ))
}

/// Refuses what no password can be; how good one is, is for its owner to judge.
pub(super) fn check_password(password: &Secret) -> Result<(), Problem> {
    match password.0.len() {
        0 => Err(bad("a password must not be empty")),
        1..=PASSWORD_LEN_MAX => Ok(()),
        len => Err(bad(format!(
            "a password has at most {PASSWORD_LEN_MAX} bytes; this one has {len}"
        ))),
    }
}

/// Checks a phone number.
pub(super) fn check_phone(phone: &str) -> Result<(), Problem> {
    if is_e164(phone) {
        return Ok(());
    }
    Err(bad(format!("'{phone}' is no phone number in E.164 form"))
        .hint("write a plus sign, the country code and the number, such as +41791234567"))
}
