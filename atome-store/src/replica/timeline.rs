//! The timeline: commits as they came, and which of them touch an atome.

use atome_proto::commit::{Commit, RawCommit};
use atome_proto::{AtomeId, ReplicaId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::{Fault, StoreError};
use crate::sqlite::value::Db;

/// A commit as it is kept.
pub(super) struct Kept {
    /// Its place in the local order.
    pub(super) id: u64,
    /// Its replica.
    pub(super) replica: ReplicaId,
    /// Its number there.
    pub(super) number: u64,
    /// Its JSON.
    pub(super) body: String,
}

const COLUMNS: &str = "id, replica, number, body";

impl Kept {
    fn of_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get::<_, Db<_>>(0)?.0,
            replica: row.get::<_, Db<_>>(1)?.0,
            number: row.get::<_, Db<_>>(2)?.0,
            body: row.get(3)?,
        })
    }

    /// The commit. It was checked when it came.
    pub(super) fn commit(&self) -> Result<Commit, StoreError> {
        Ok(serde_json::from_str(&self.body)?)
    }

    /// The commit as it travels.
    pub(super) fn raw(self) -> Result<RawCommit, StoreError> {
        Ok(RawCommit::from_text(self.body)?)
    }
}

/// Adds a commit.
pub(super) fn insert(
    connection: &Connection,
    id: u64,
    commit: &Commit,
    raw: &RawCommit,
    feed: Option<u64>,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "INSERT INTO commits (id, replica, number, feed, body) VALUES (?, ?, ?, ?, ?)",
        )?
        .execute(params![
            Db(id),
            Db(commit.stamp.replica),
            Db(commit.number),
            feed.map(Db),
            raw.as_str()
        ])?;
    Ok(())
}

/// Writes a commit anew: under another stamp, number, replica or account.
pub(super) fn rewrite(
    connection: &Connection,
    id: u64,
    commit: &Commit,
    raw: &RawCommit,
) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE commits SET replica = ?, number = ?, body = ? WHERE id = ?")?
        .execute(params![
            Db(commit.stamp.replica),
            Db(commit.number),
            raw.as_str(),
            Db(id)
        ])?;
    Ok(())
}

/// Takes a commit away, and what says which atomes it touches.
pub(super) fn remove(connection: &Connection, kept: &Kept) -> Result<(), StoreError> {
    for change in &kept.commit()?.changes {
        connection
            .prepare_cached("DELETE FROM touched WHERE atome = ? AND commit_id = ?")?
            .execute(params![Db(change.atome), Db(kept.id)])?;
        connection
            .prepare_cached(
                "UPDATE states SET made = NULL WHERE made = ?2 AND id = \
                 (SELECT state FROM atomes WHERE gen = (SELECT gen FROM replica) AND atome = ?1)",
            )?
            .execute(params![Db(change.atome), Db(kept.id)])?;
    }
    for table in ["commits", "verdicts", "kept", "acts"] {
        connection
            .prepare_cached(&format!("DELETE FROM {table} WHERE id = ?"))?
            .execute([Db(kept.id)])?;
    }
    Ok(())
}

/// The commit of an id.
pub(super) fn by_id(connection: &Connection, id: u64) -> Result<Kept, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM commits WHERE id = ?");
    let mut statement = connection.prepare_cached(&sql)?;
    let found = statement.query_row([Db(id)], Kept::of_row).optional()?;
    found.ok_or_else(|| Fault::Corrupt(format!("commit {id} is missing")).into())
}

/// The commit after an id in the local order, whoever made it.
pub(super) fn next(connection: &Connection, id: u64) -> Result<Option<Kept>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM commits WHERE id > ? ORDER BY id LIMIT 1");
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(statement.query_row([Db(id)], Kept::of_row).optional()?)
}

/// A replica's commit of a number.
pub(super) fn own(
    connection: &Connection,
    replica: ReplicaId,
    number: u64,
) -> Result<Option<Kept>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM commits WHERE replica = ? AND number = ?");
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(statement
        .query_row(params![Db(replica), Db(number)], Kept::of_row)
        .optional()?)
}

/// A replica's commits after a number, in order; each is handed on before the next is read.
pub(super) fn after(
    connection: &Connection,
    replica: ReplicaId,
    number: u64,
    mut take: impl FnMut(Kept) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    let sql =
        format!("SELECT {COLUMNS} FROM commits WHERE replica = ? AND number > ? ORDER BY number");
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(params![Db(replica), Db(number)])?;
    while let Some(row) = rows.next()? {
        if !take(Kept::of_row(row)?)? {
            break;
        }
    }
    Ok(())
}

/// The ids of a replica's commits after a number.
pub(super) fn ids_after(
    connection: &Connection,
    replica: ReplicaId,
    number: u64,
) -> Result<Vec<u64>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id FROM commits WHERE replica = ? AND number > ? ORDER BY number",
    )?;
    let ids = statement.query_map(params![Db(replica), Db(number)], |row| {
        row.get::<_, Db<u64>>(0)
    })?;
    Ok(ids
        .map(|id| id.map(|Db(id)| id))
        .collect::<Result<_, _>>()?)
}

/// The ids of the commits that touch an atome, in their local order.
pub(super) fn touching(connection: &Connection, atome: AtomeId) -> Result<Vec<u64>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT s.made FROM atomes a JOIN states s ON s.id = a.state \
         WHERE a.gen = (SELECT gen FROM replica) AND a.atome = ?1 AND s.made IS NOT NULL \
         UNION SELECT commit_id FROM touched WHERE atome = ?1 ORDER BY 1",
    )?;
    let ids = statement.query_map([Db(atome)], |row| row.get::<_, Db<u64>>(0))?;
    Ok(ids
        .map(|id| id.map(|Db(id)| id))
        .collect::<Result<_, _>>()?)
}
