//! How far an index reaches, and bringing it further.
//!
//! A new one reads every state, in the order of their ids, and takes note first of the last local change: what
//! changes meanwhile is read again after it. From then on it follows the changes.

use std::collections::BTreeSet;

use atome_proto::state::Glance;
use atome_proto::{AccountId, AtomeId};
use rusqlite::{Connection, OptionalExtension, params};

use super::words::add_texts;
use crate::error::StoreError;
use crate::replica::history;
use crate::sqlite::value::Db;

/// States that are read at once, and bytes of them: some 30 ms of work.
const STATES_AT_ONCE: usize = 2_000;
const LEN_AT_ONCE: usize = 1 << 20;
/// Changes that are followed at once.
const CHANGES_AT_ONCE: usize = 1_000;
/// So many are always followed, however few states there are.
const FOLLOWED_MIN: u64 = 1_000;

/// Where the store stands.
struct Now {
    account: AccountId,
    generation: i64,
    change: u64,
    last_state: i64,
}

impl Now {
    fn of(store: &Connection) -> Result<Self, StoreError> {
        let mut statement = store.prepare_cached(
            "SELECT account, gen, max(change, coalesce((SELECT max(id) FROM commits), 0)), \
             coalesce((SELECT max(id) FROM states), 0) FROM replica",
        )?;
        Ok(statement.query_row([], |row| {
            Ok(Self {
                account: row.get::<_, Db<_>>(0)?.0,
                generation: row.get(1)?,
                change: row.get::<_, Db<_>>(2)?.0,
                last_state: row.get(3)?,
            })
        })?)
    }
}

/// What of a store an index has.
struct Reach {
    account: AccountId,
    /// Changes up to this one.
    through: u64,
    seal: Vec<u8>,
    /// While all states are read: those up to this id.
    scanned: Option<i64>,
}

impl Reach {
    /// That of an index that has nothing yet.
    fn begin(now: &Now) -> Self {
        Self {
            account: now.account,
            through: now.change,
            seal: vec![],
            scanned: Some(0),
        }
    }

    fn read(index: &Connection) -> Result<Option<Self>, StoreError> {
        let mut statement =
            index.prepare_cached("SELECT account, through, seal, scanned FROM reach")?;
        let found = statement.query_row([], |row| {
            Ok(Self {
                account: row.get::<_, Db<_>>(0)?.0,
                through: row.get::<_, Db<_>>(1)?.0,
                seal: row.get(2)?,
                scanned: row.get(3)?,
            })
        });
        Ok(found.optional()?)
    }

    fn save(&self, index: &Connection, store: &Connection) -> Result<(), StoreError> {
        index
            .prepare_cached("INSERT OR REPLACE INTO reach VALUES (1, ?, ?, ?, ?)")?
            .execute(params![
                Db(self.account),
                Db(self.through),
                seal(store, self.through)?,
                self.scanned
            ])?;
        Ok(())
    }

    /// Whether the store is the one that was read, and what changed since is listed and not more than all of it.
    fn fits(&self, store: &Connection, now: &Now) -> Result<bool, StoreError> {
        let behind = now.change.checked_sub(self.through);
        let most = now.last_state.unsigned_abs().max(FOLLOWED_MIN);
        let few = |behind| self.scanned.is_some() || behind <= most;
        Ok(self.account == now.account
            && behind.is_some_and(few)
            && self.seal == seal(store, self.through)?
            && history::reset_after(store, self.through)?.is_none())
    }

    fn left(&self, now: &Now) -> u64 {
        match self.scanned {
            // One for the end, which is seen only once there is nothing more.
            Some(id) => 1 + now.last_state.saturating_sub(id).unsigned_abs(),
            None => now.change.saturating_sub(self.through),
        }
    }
}

/// What tells one timeline from another, should the store's file be replaced by an older one and go on from there:
/// the stamp of the last commit up to a change, with which its text begins.
fn seal(store: &Connection, through: u64) -> Result<Vec<u8>, StoreError> {
    let mut statement = store.prepare_cached(
        "SELECT substr(body, 1, 160) FROM commits WHERE id <= ? ORDER BY id DESC LIMIT 1",
    )?;
    let last: Option<String> = statement
        .query_row([Db(through)], |row| row.get(0))
        .optional()?;
    let hash = blake3::hash(last.unwrap_or_default().as_bytes());
    Ok(hash.as_bytes().to_vec())
}

/// Reads a part of what an index does not have; how much is left then, 0 where it has all. `None` where it does
/// not fit the store.
pub(super) fn advance(
    index: &mut Connection,
    store: &Connection,
) -> Result<Option<u64>, StoreError> {
    let now = Now::of(store)?;
    let mut reach = match Reach::read(index)? {
        Some(reach) if reach.fits(store, &now)? => reach,
        Some(_) => return Ok(None),
        None => Reach::begin(&now),
    };
    if reach.left(&now) > 0 {
        let transaction = index.transaction()?;
        match reach.scanned {
            Some(after) => reach.scanned = scan(&transaction, store, &now, after)?,
            None => reach.through = follow(&transaction, store, &now, reach.through)?,
        }
        reach.save(&transaction, store)?;
        transaction.commit()?;
    }
    Ok(Some(reach.left(&now)))
}

/// Reads states after an id; the last one that was read, `None` where there are no more.
fn scan(
    index: &Connection,
    store: &Connection,
    now: &Now,
    after: i64,
) -> Result<Option<i64>, StoreError> {
    let mut states =
        store.prepare_cached("SELECT id, body FROM states WHERE id > ? ORDER BY id")?;
    // What is gathered of a snapshot does not count yet.
    let mut counts = store.prepare_cached(
        "SELECT 1 FROM atomes WHERE gen = ? AND atome = ? AND state = ? AND NOT deleted AND type <> ''",
    )?;
    let mut rows = states.query([after])?;
    let (mut last, mut count, mut len) = (after, 0, 0);
    while count < STATES_AT_ONCE && len < LEN_AT_ONCE {
        let Some(row) = rows.next()? else {
            return Ok(None);
        };
        last = row.get(0)?;
        let body = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
        (count, len) = (count + 1, len + body.len());
        let state = Glance::of(body)?;
        if counts.exists(params![now.generation, Db(state.atome), last])? {
            put(index, last, &state)?;
        }
    }
    Ok(Some(last))
}

/// Reads the atomes that changed after a local change, as they are now; the last change that is read so.
fn follow(
    index: &Connection,
    store: &Connection,
    now: &Now,
    since: u64,
) -> Result<u64, StoreError> {
    let changes = history::changes(store, since, CHANGES_AT_ONCE)?;
    let atomes: BTreeSet<AtomeId> = changes.events.iter().map(|(.., atome)| *atome).collect();
    let mut kept = store.prepare_cached(
        "SELECT state, NOT deleted AND type <> '' FROM atomes WHERE gen = ? AND atome = ?",
    )?;
    let mut states: Vec<(i64, bool)> = vec![];
    for atome in atomes {
        let found = kept.query_row(params![now.generation, Db(atome)], |row| {
            Ok((row.get(0)?, row.get(1)?))
        });
        states.extend(found.optional()?);
    }
    // In the order of their ids: FTS5 gathers what comes in order, and writes it at once.
    states.sort_unstable();
    let mut bodies = store.prepare_cached("SELECT body FROM states WHERE id = ?")?;
    for (id, shown) in states {
        if shown {
            let body: String = bodies.query_row([id], |row| row.get(0))?;
            put(index, id, &Glance::of(&body)?)?;
        } else {
            remove(index, id)?;
        }
    }
    let all = changes.events.len() < CHANGES_AT_ONCE;
    Ok(if all { now.change } else { changes.through })
}

/// Writes the texts of a state in the place of those that it had.
fn put(index: &Connection, id: i64, state: &Glance<'_>) -> Result<(), StoreError> {
    let mut texts = String::new();
    for value in state.properties() {
        add_texts(&value?, &mut texts);
    }
    if texts.is_empty() {
        return remove(index, id);
    }
    index
        .prepare_cached(
            "INSERT OR REPLACE INTO words (rowid, texts, atome, updated) VALUES (?, ?, ?, ?)",
        )?
        .execute(params![id, texts, Db(state.atome), Db(state.updated.time)])?;
    Ok(())
}

fn remove(index: &Connection, id: i64) -> Result<(), StoreError> {
    index
        .prepare_cached("DELETE FROM words WHERE rowid = ?")?
        .execute([id])?;
    Ok(())
}
