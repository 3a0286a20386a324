//! Reading the machine store.

use atome_engine::name::fold;
use atome_proto::AccountId;
use atome_proto::account::{DirectoryEntry, Secret, Visibility};
use rusqlite::{Connection, OptionalExtension, Params, Row, ToSql};

use super::{MachineAccount, Revocation, SessionTerm, Tie};
use crate::error::StoreError;
use crate::sqlite::value::Db;

const COLUMNS: &str = "account, name, phone, visibility, password_hash, registered, conflict, \
                       retry_secret, invite, session_expires_at_ms, session_life_ms, joins, \
                       created_at_ms";

/// What is in a machine store, at one moment.
#[derive(Clone, Copy)]
pub struct MachineView<'c>(pub(super) &'c Connection);

/// Every method fails with [`StoreError::Fault`] where the disk or database does.
#[expect(
    clippy::missing_errors_doc,
    reason = "they all fail alike, as the block says"
)]
impl MachineView<'_> {
    /// The accounts that a Unix user may use, by id.
    pub fn ties_of(&self, uid: u32) -> Result<Vec<Tie>, StoreError> {
        self.ties("uid = ?", [uid])
    }

    /// The Unix users that may use an account.
    pub fn ties_to(&self, account: AccountId) -> Result<Vec<Tie>, StoreError> {
        self.ties("account = ?", [Db(account)])
    }

    /// Which Unix users may use which accounts, all of them.
    pub fn all_ties(&self) -> Result<Vec<Tie>, StoreError> {
        self.ties("TRUE", [])
    }

    fn ties(&self, which: &str, with: impl Params) -> Result<Vec<Tie>, StoreError> {
        let sql = format!("SELECT uid, account, since_ms FROM ties WHERE {which}");
        let mut statement = self.0.prepare_cached(&sql)?;
        let ties = statement.query_map(with, |row| {
            Ok(Tie {
                uid: row.get(0)?,
                account: row.get::<_, Db<_>>(1)?.0,
                since_ms: row.get::<_, Db<_>>(2)?.0,
            })
        })?;
        Ok(ties.collect::<Result<_, _>>()?)
    }

    /// The account of an id.
    pub fn account(&self, account: AccountId) -> Result<Option<MachineAccount>, StoreError> {
        self.one("account = ?", &Db(account))
    }

    /// The account of a name, in whatever spelling.
    pub fn account_by_name(&self, name: &str) -> Result<Option<MachineAccount>, StoreError> {
        match fold(name) {
            Ok(folded) => self.one("name_folded = ?", &folded),
            // What cannot be a name is nobody's.
            Err(_) => Ok(None),
        }
    }

    /// Every account, by name.
    pub fn accounts(&self) -> Result<Vec<MachineAccount>, StoreError> {
        self.several("TRUE")
    }

    /// The accounts whose registration waits for the hub, the oldest first.
    pub fn pending_registrations(&self) -> Result<Vec<MachineAccount>, StoreError> {
        let mut pending =
            self.several("retry_secret IS NOT NULL AND NOT registered AND NOT conflict")?;
        pending.sort_by_key(|account| account.created_at_ms);
        Ok(pending)
    }

    /// The sessions that the hub is to be told to close, in the order in which that was asked for.
    pub fn revocations(&self) -> Result<Vec<Revocation>, StoreError> {
        let mut statement = self
            .0
            .prepare_cached("SELECT id, account, secret, since_ms FROM revocations ORDER BY id")?;
        let revocations = statement.query_map([], |row| {
            Ok(Revocation {
                id: row.get(0)?,
                account: row.get::<_, Db<_>>(1)?.0,
                secret: row.get(2)?,
                since_ms: row.get::<_, Db<_>>(3)?.0,
            })
        })?;
        Ok(revocations.collect::<Result<_, _>>()?)
    }

    /// The accounts that were taken away and whose files may still be there.
    pub fn removals(&self) -> Result<Vec<AccountId>, StoreError> {
        let mut statement = self.0.prepare_cached("SELECT account FROM removals")?;
        let accounts = statement.query_map([], |row| row.get::<_, Db<_>>(0).map(|Db(id)| id))?;
        Ok(accounts.collect::<Result<_, _>>()?)
    }

    fn one(&self, is: &str, value: &dyn ToSql) -> Result<Option<MachineAccount>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM accounts WHERE {is}");
        let mut statement = self.0.prepare_cached(&sql)?;
        Ok(statement.query_row([value], read_account).optional()?)
    }

    fn several(&self, which: &str) -> Result<Vec<MachineAccount>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM accounts WHERE {which} ORDER BY name_folded");
        let mut statement = self.0.prepare_cached(&sql)?;
        let accounts = statement.query_map([], read_account)?;
        Ok(accounts.collect::<Result<_, _>>()?)
    }
}

fn read_account(row: &Row<'_>) -> rusqlite::Result<MachineAccount> {
    let secret = |column| -> rusqlite::Result<Option<Secret>> {
        let text: Option<String> = row.get(column)?;
        Ok(text.filter(|text| !text.is_empty()).map(Secret))
    };
    let number = |column| -> rusqlite::Result<Option<u64>> {
        Ok(row.get::<_, Option<Db<u64>>>(column)?.map(|Db(n)| n))
    };
    Ok(MachineAccount {
        entry: DirectoryEntry {
            user_id: row.get::<_, Db<_>>(0)?.0,
            username: row.get(1)?,
            phone: row.get(2)?,
            visibility: visibility(row.get_ref(3)?.as_str()?),
        },
        password_hash: secret(4)?,
        registered: row.get(5)?,
        conflict: row.get(6)?,
        retry_secret: secret(7)?,
        invite: secret(8)?,
        session: number(9)?.map(|expires_at_ms| term(expires_at_ms, number(10).ok().flatten())),
        joins: row.get::<_, Option<Db<_>>>(11)?.map(|Db(id)| id),
        created_at_ms: row.get::<_, Db<u64>>(12)?.0,
    })
}

/// A store of an older program does not say how long a session lives: then it is to be used at once.
fn term(expires_at_ms: u64, life_ms: Option<u64>) -> SessionTerm {
    SessionTerm {
        expires_at_ms,
        life_ms: life_ms.unwrap_or(u64::MAX),
    }
}

/// Reads the visibility of an account. A word of a newer program: rather hidden than shown.
pub(super) fn visibility(text: &str) -> Visibility {
    serde_json::from_str(text).unwrap_or(Visibility::Private)
}
