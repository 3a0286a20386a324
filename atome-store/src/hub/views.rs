//! What each reader sees of other accounts' atomes: one row for each that it sees at all.

use atome_engine::sharing::Sight;
use atome_proto::state::AtomeState;
use atome_proto::{AccountId, AtomeId};
use rusqlite::{Connection, OptionalExtension, Row, ToSql, params};

use crate::error::HubError;
use crate::sqlite::value::Db;

/// One reader's view of one atome.
#[derive(Clone)]
pub(super) struct View {
    pub(super) id: i64,
    pub(super) reader: AccountId,
    pub(super) owner: AccountId,
    pub(super) sight: Sight,
    /// The state that was published last, cut to what is seen of it.
    pub(super) held: Option<AtomeState>,
}

impl View {
    /// What the reader sees of the atome, whose present state is given.
    pub(super) fn view(&self, state: &AtomeState) -> Option<AtomeState> {
        self.sight.view(state, self.held.as_ref())
    }
}

/// A row as it is kept, its JSON not read.
struct Kept {
    id: i64,
    reader: AccountId,
    owner: AccountId,
    sight: String,
    held: Option<String>,
}

const COLUMNS: &str = "id, reader, owner, sight, held";

impl Kept {
    fn of_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            reader: row.get::<_, Db<_>>(1)?.0,
            owner: row.get::<_, Db<_>>(2)?.0,
            sight: row.get(3)?,
            held: row.get(4)?,
        })
    }

    fn read(self) -> Result<View, HubError> {
        Ok(View {
            id: self.id,
            reader: self.reader,
            owner: self.owner,
            sight: serde_json::from_str(&self.sight)?,
            held: self.held.as_deref().map(serde_json::from_str).transpose()?,
        })
    }
}

/// Whether somebody else may see some of an account's atomes.
pub(super) fn has_readers(connection: &Connection, owner: AccountId) -> Result<bool, HubError> {
    let mut statement =
        connection.prepare_cached("SELECT 1 FROM grants WHERE owner = ? AND counts LIMIT 1")?;
    Ok(statement.exists([Db(owner)])?)
}

/// Whether an account sees some of another's atomes.
pub(super) fn is_reader(connection: &Connection, reader: AccountId) -> Result<bool, HubError> {
    let mut statement =
        connection.prepare_cached("SELECT 1 FROM views WHERE reader = ? LIMIT 1")?;
    Ok(statement.exists([Db(reader)])?)
}

/// A reader's view of an atome.
pub(super) fn of_reader(
    connection: &Connection,
    reader: AccountId,
    atome: AtomeId,
) -> Result<Option<View>, HubError> {
    let sql = format!("SELECT {COLUMNS} FROM views WHERE reader = ? AND atome = ?");
    let found = connection
        .prepare_cached(&sql)?
        .query_row(params![Db(reader), Db(atome)], Kept::of_row)
        .optional()?;
    found.map(Kept::read).transpose()
}

/// Every reader's view of an account's atome.
pub(super) fn of_atome(
    connection: &Connection,
    owner: AccountId,
    atome: AtomeId,
) -> Result<Vec<View>, HubError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM views INDEXED BY views_by_atome WHERE atome = ? AND owner = ?"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params![Db(atome), Db(owner)], Kept::of_row)?;
    rows.map(|row| row?.read()).collect()
}

/// Adds a reader's view of an atome; whether it could be: a reader that has an atome of that id of its
/// own, or sees another's, goes without.
pub(super) fn insert(
    connection: &Connection,
    view: &View,
    atome: AtomeId,
) -> Result<bool, HubError> {
    let added = connection
        .prepare_cached(
            "INSERT INTO views (reader, atome, owner, sight, held) SELECT ?1, ?2, ?3, ?4, ?5 \
             WHERE NOT EXISTS (SELECT 1 FROM states WHERE account = ?1 AND atome = ?2) \
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            Db(view.reader),
            Db(atome),
            Db(view.owner),
            serde_json::to_string(&view.sight)?,
            held(view)?,
        ])?;
    Ok(added > 0)
}

pub(super) fn update(connection: &Connection, view: &View) -> Result<(), HubError> {
    connection
        .prepare_cached("UPDATE views SET sight = ?, held = ? WHERE id = ?")?
        .execute(params![
            serde_json::to_string(&view.sight)?,
            held(view)?,
            view.id
        ])?;
    Ok(())
}

pub(super) fn remove(connection: &Connection, id: i64) -> Result<(), HubError> {
    connection
        .prepare_cached("DELETE FROM views WHERE id = ?")?
        .execute([id])?;
    Ok(())
}

fn held(view: &View) -> Result<impl ToSql + use<>, HubError> {
    Ok(view.held.as_ref().map(serde_json::to_string).transpose()?)
}
