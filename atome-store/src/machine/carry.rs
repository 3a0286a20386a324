//! What a machine store holds and nothing else does, carried into a new one: for a copy beside it, and to save
//! what can be read of one whose file is damaged. The copy of the directory comes again from the hub.

use std::path::Path;

use rusqlite::params;

use super::{MachineDb, MachineView};
use crate::error::{OpenError, StoreError};
use crate::sqlite::transact::{atomically, close};
use crate::sqlite::value::Db;
use crate::sqlite::{self, Durability};

/// What was carried.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// Accounts that are in the new store.
    pub accounts: usize,
    /// What can be read nowhere, in words.
    pub lost: Vec<&'static str>,
}

/// Makes a machine store at `to`, where there is none. Each kind of what is kept comes from the first of `sources`
/// in which all of that kind can be read; they are only read. Blocks.
///
/// # Errors
///
/// [`OpenError`], where the new store cannot be written.
pub fn carry(sources: &[&Path], to: &Path) -> Result<Carried, OpenError> {
    let mut open = vec![];
    for path in sources {
        match sqlite::open_reader(path) {
            Ok(connection) => open.push(connection),
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "nothing of a machine store can be read");
            }
        }
    }
    let views: Vec<MachineView<'_>> = open.iter().map(MachineView).collect();
    let mut carried = Carried::default();
    let lost = &mut carried.lost;
    let removals = first(&views, "accounts to be removed", lost, |view| {
        view.removals()
    });
    let mut accounts = first(&views, "accounts", lost, |view| view.accounts());
    let ties = first(&views, "logins of Unix users", lost, |view| view.all_ties());
    let revocations = first(&views, "sessions to be closed", lost, |view| {
        view.revocations()
    });
    // An older copy may have those that were taken away since.
    accounts.retain(|account| !removals.contains(&account.entry.user_id));
    carried.accounts = accounts.len();

    let mut db = MachineDb::open(to, Durability::Full)?;
    let put = |db: &mut MachineDb| -> Result<(), StoreError> {
        for account in &accounts {
            let id = Db(account.entry.user_id);
            db.create_account(account)?;
            db.execute(
                "UPDATE accounts SET joins = ?2 WHERE account = ?1",
                params![id, account.joins.map(Db)],
            )?;
        }
        for tie in ties {
            match db.tie(tie) {
                Ok(()) | Err(StoreError::NoSuchAccount) => {}
                Err(error) => return Err(error),
            }
        }
        for account in removals {
            db.execute("INSERT INTO removals (account) VALUES (?)", [Db(account)])?;
        }
        for revocation in revocations {
            db.execute(
                "INSERT INTO revocations (account, secret, since_ms) VALUES (?, ?, ?)",
                params![
                    Db(revocation.account),
                    revocation.secret,
                    Db(revocation.since_ms)
                ],
            )?;
        }
        Ok(())
    };
    atomically(&mut db, put).map_err(|error| OpenError::of(to, error.into_fault()))?;
    close(&db.base);
    Ok(carried)
}

/// All of one kind, from the first store in which it can be read; notes that it is lost where there is none.
fn first<T>(
    views: &[MachineView<'_>],
    what: &'static str,
    lost: &mut Vec<&'static str>,
    read: impl Fn(&MachineView<'_>) -> Result<Vec<T>, StoreError>,
) -> Vec<T> {
    let found = views.iter().find_map(|view| read(view).ok());
    found.unwrap_or_else(|| {
        lost.push(what);
        vec![]
    })
}
