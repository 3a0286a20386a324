//! The copy of the public directory: public fields, and nothing else, by type.

use atome_engine::name::fold;
use atome_proto::AccountId;
use atome_proto::account::DirectoryEntry;
use atome_proto::directory::{DirectoryChange, DirectoryEvent};
use rusqlite::{OptionalExtension, Row, params};

use super::read::visibility;
use super::{DirectoryCursor, MachineDb, MachineView};
use crate::error::StoreError;
use crate::sqlite::transact::atomically;
use crate::sqlite::value::Db;

const COLUMNS: &str = "account, name, phone, visibility";

impl MachineDb {
    /// Applies changes, and moves the cursor with them. The copy of another hub, or of another life of its
    /// database, gives way to this one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn apply_directory(
        &mut self,
        changes: &[DirectoryChange],
        cursor: DirectoryCursor,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        atomically(self, |db| {
            let before = db.view().directory_cursor()?;
            if before.is_some_and(|at| (at.hub, at.epoch) != (cursor.hub, cursor.epoch)) {
                db.execute("DELETE FROM directory", [])?;
            }
            for change in changes {
                match &change.change {
                    DirectoryEvent::Created(entry) => db.keep_entry(entry, now_ms)?,
                    DirectoryEvent::Deleted(account) => db.forget_entry(*account)?,
                }
            }
            db.execute(
                "INSERT INTO directory_cursor (one, hub, epoch, number, true_ms) \
                 VALUES (1, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET hub = excluded.hub, \
                 epoch = excluded.epoch, number = excluded.number, true_ms = iif( \
                 hub = excluded.hub AND epoch = excluded.epoch, \
                 max(true_ms, excluded.true_ms), excluded.true_ms)",
                params![
                    Db(cursor.hub),
                    Db(cursor.epoch),
                    Db(cursor.number),
                    Db(cursor.true_ms)
                ],
            )?;
            Ok(())
        })
    }

    /// Keeps one entry, in the place of an older one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn keep_entry(&mut self, entry: &DirectoryEntry, now_ms: u64) -> Result<(), StoreError> {
        // A name that this program cannot fold is found as it is written.
        let folded = fold(&entry.username).unwrap_or_else(|_| entry.username.clone());
        self.execute(
            "INSERT OR REPLACE INTO directory \
             (account, name, name_folded, phone, visibility, kept_ms) VALUES (?, ?, ?, ?, ?, ?)",
            params![
                Db(entry.user_id),
                entry.username,
                folded,
                entry.phone,
                serde_json::to_string(&entry.visibility)?,
                Db(now_ms)
            ],
        )?;
        Ok(())
    }

    /// Forgets one entry.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn forget_entry(&mut self, account: AccountId) -> Result<(), StoreError> {
        self.execute("DELETE FROM directory WHERE account = ?", [Db(account)])?;
        Ok(())
    }
}

impl MachineDb {
    /// Forgets the copy.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn clear_directory(&mut self) -> Result<(), StoreError> {
        atomically(self, |db| {
            db.execute("DELETE FROM directory", [])?;
            db.execute("DELETE FROM directory_cursor", [])?;
            Ok(())
        })
    }
}

impl MachineView<'_> {
    /// When the oldest entry of the copy was kept, in milliseconds since 1970.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn directory_kept_ms(&self) -> Result<Option<u64>, StoreError> {
        let mut statement = self
            .0
            .prepare_cached("SELECT min(kept_ms) FROM directory")?;
        let kept = statement.query_row([], |row| row.get::<_, Option<Db<u64>>>(0))?;
        Ok(kept.map(|Db(ms)| ms))
    }

    /// Where the copy stands; `None` before there is one.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn directory_cursor(&self) -> Result<Option<DirectoryCursor>, StoreError> {
        let mut statement = self
            .0
            .prepare_cached("SELECT hub, epoch, number, true_ms FROM directory_cursor")?;
        let cursor = statement.query_row([], |row| {
            Ok(DirectoryCursor {
                hub: row.get::<_, Db<_>>(0)?.0,
                epoch: row.get::<_, Db<_>>(1)?.0,
                number: row.get::<_, Db<_>>(2)?.0,
                true_ms: row.get::<_, Db<_>>(3)?.0,
            })
        });
        Ok(cursor.optional()?)
    }

    /// Entries whose folded name holds `find` and comes after `after`, in its order.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn directory_page(
        &self,
        find: &str,
        after: &str,
        limit: u32,
    ) -> Result<Vec<DirectoryEntry>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM directory WHERE name_folded > ?1 AND instr(name_folded, ?2) > 0 \
             ORDER BY name_folded, account LIMIT ?3"
        );
        let mut statement = self.0.prepare_cached(&sql)?;
        let entries = statement.query_map(params![after, find, limit], read)?;
        Ok(entries.collect::<Result<_, _>>()?)
    }

    /// The entry of a folded name.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn directory_by_name(&self, folded: &str) -> Result<Option<DirectoryEntry>, StoreError> {
        self.one_entry("name_folded", folded)
    }

    /// The entry of a phone number.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn directory_by_phone(&self, phone: &str) -> Result<Option<DirectoryEntry>, StoreError> {
        self.one_entry("phone", phone)
    }

    fn one_entry(&self, column: &str, value: &str) -> Result<Option<DirectoryEntry>, StoreError> {
        let sql = format!("SELECT {COLUMNS} FROM directory WHERE {column} = ?");
        let mut statement = self.0.prepare_cached(&sql)?;
        Ok(statement.query_row([value], read).optional()?)
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<DirectoryEntry> {
    Ok(DirectoryEntry {
        user_id: row.get::<_, Db<_>>(0)?.0,
        username: row.get(1)?,
        phone: row.get(2)?,
        visibility: visibility(row.get_ref(3)?.as_str()?),
    })
}
