//! Offers: what another hub, or life of its database, gave of this account's own atomes, and the present one lacks.
//!
//! Own commits that the hub has not decided are no part of that: they are pushed.

use std::collections::BTreeSet;

use atome_engine::merge::join;
use atome_engine::replica::Position;
use atome_proto::AtomeId;
use atome_proto::state::{AtomeState, RawState};
use rusqlite::{Connection, params};

use super::head::Head;
use super::recompute::without;
use super::{ReplicaDb, ack};
use crate::error::StoreError;
use crate::parts::parts;
use crate::sqlite::value::Db;

impl ReplicaDb {
    /// The first of the atomes that are to be offered to the hub, and their states as it can have them.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn offers(&self, bytes_max: usize) -> Result<(Vec<AtomeId>, Vec<RawState>), StoreError> {
        page(&self.base.connection, bytes_max)
    }

    /// Takes note that the hub has all that is here of some atomes.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn offered(&mut self, atomes: &[AtomeId]) -> Result<Position, StoreError> {
        self.step(|db| {
            let mut statement = db
                .base
                .connection
                .prepare_cached("DELETE FROM offers WHERE atome = ?")?;
            for atome in atomes {
                statement.execute([Db(*atome)])?;
            }
            db.head.offers = count(&db.base.connection)?;
            db.position()
        })
    }
}

/// Finds what is to be offered, by a snapshot that is staged; how much it is.
pub(super) fn find(connection: &Connection, head: &Head) -> Result<u64, StoreError> {
    let deferred = ack::deferred_ids(connection)?;
    // What is alike to the last byte lacks nothing.
    let mut statement = connection.prepare_cached(
        "SELECT a.atome, t.body FROM atomes a JOIN states s ON s.id = a.state \
         LEFT JOIN atomes b ON b.gen = ?1 + 1 AND b.atome = a.atome \
         LEFT JOIN states t ON t.id = b.state \
         WHERE a.gen = ?1 AND (t.body IS NULL OR t.body <> s.body)",
    )?;
    let mut rows = statement.query([head.generation])?;
    while let Some(row) = rows.next()? {
        let atome = row.get::<_, Db<AtomeId>>(0)?.0;
        let Some(here) = given(connection, head, atome, &deferred)? else {
            continue;
        };
        let there: Option<String> = row.get(1)?;
        let there: Option<AtomeState> =
            there.map(|body| serde_json::from_str(&body)).transpose()?;
        let is_lacking = there.is_none_or(|there| join(there.clone(), &here) != there);
        if is_lacking {
            connection
                .prepare_cached("INSERT INTO offers (atome) VALUES (?) ON CONFLICT DO NOTHING")?
                .execute([Db(atome)])?;
        }
    }
    count(connection)
}

/// What hubs have given of an atome of this account.
fn given(
    connection: &Connection,
    head: &Head,
    atome: AtomeId,
    deferred: &BTreeSet<u64>,
) -> Result<Option<AtomeState>, StoreError> {
    let state = without(connection, head, atome, |kept| {
        let is_pending = kept.replica == head.replica && kept.number > head.acked;
        is_pending || deferred.contains(&kept.id)
    })?;
    Ok(state.filter(|state| state.owner == head.account))
}

pub(super) fn page(
    connection: &Connection,
    bytes_max: usize,
) -> Result<(Vec<AtomeId>, Vec<RawState>), StoreError> {
    let head = Head::read(connection)?;
    let deferred = ack::deferred_ids(connection)?;
    let mut statement = connection.prepare_cached("SELECT atome FROM offers ORDER BY atome")?;
    let mut rows = statement.query(params![])?;
    let (mut atomes, mut states, mut len) = (vec![], vec![], 0);
    while len < bytes_max
        && let Some(row) = rows.next()?
    {
        let atome = row.get::<_, Db<AtomeId>>(0)?.0;
        atomes.push(atome);
        if let Some(state) = given(connection, &head, atome, &deferred)? {
            let body = serde_json::to_string(&state)?;
            len += body.len();
            states.extend(parts(body)?);
        }
    }
    Ok((atomes, states))
}

fn count(connection: &Connection) -> Result<u64, StoreError> {
    let mut statement = connection.prepare_cached("SELECT count(*) FROM offers")?;
    Ok(statement.query_row([], |row| row.get::<_, Db<u64>>(0))?.0)
}
