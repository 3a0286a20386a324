//! Reading the current state of what an account sees, for snapshots and digests.

use std::collections::BTreeSet;

use atome_engine::sharing::{Cut, Sight};
use atome_proto::commit::RawCommit;
use atome_proto::digest::{Buckets, Digest};
use atome_proto::state::AtomeState;
use atome_proto::sync::v1::{AskStates, States};
use atome_proto::{AccountId, AtomeId, ReplicaId};
use rusqlite::{Connection, OptionalExtension, params};

use super::ledger::feeds::Kind;
use super::{ChangedPage, StatePage, feed};
use crate::error::{Fault, HubError};
use crate::parts::parts;
use crate::sqlite::value::Db;

/// What an account sees after an id, by id.
const PAGE: &str = "SELECT atome, body, NULL, NULL FROM states \
     WHERE account = ?1 AND atome > coalesce(?2, x'') \
     UNION ALL \
     SELECT v.atome, s.body, v.sight, v.held \
     FROM views v CROSS JOIN states s ON s.account = v.owner AND s.atome = v.atome \
     WHERE v.reader = ?1 AND v.atome > coalesce(?2, x'') ORDER BY 1";

pub(super) fn page(
    connection: &Connection,
    account: AccountId,
    after: Option<AtomeId>,
    max_bytes: usize,
) -> Result<StatePage, HubError> {
    let mut page = StatePage {
        states: vec![],
        last: None,
        total: total(connection, account)?,
    };
    let mut statement = connection.prepare_cached(PAGE)?;
    let mut rows = statement.query(params![Db(account), after.map(Db)])?;
    let (mut len, mut last) = (0, None);
    while let Some(row) = rows.next()? {
        if len >= max_bytes {
            page.last = last;
            break;
        }
        last = Some(row.get::<_, Db<AtomeId>>(0)?.0);
        let Some(body) = seen(
            row.get(1)?,
            row.get(2)?,
            row.get::<_, Option<String>>(3)?.as_deref(),
        )?
        else {
            continue;
        };
        len += body.len();
        page.states.extend(parts(body)?);
    }
    Ok(page)
}

/// The states that an account sees of some buckets of its digest, a page of them, and the feed number that they
/// are of.
pub(super) fn in_buckets(
    connection: &Connection,
    account: AccountId,
    ask: &AskStates,
    max_bytes: usize,
) -> Result<States, HubError> {
    let (feed, _) = feed::head(connection, account)?;
    let mut page = States {
        ask: ask.ask,
        feed,
        states: vec![],
        last: None,
    };
    let mut statement = connection.prepare_cached(PAGE)?;
    let mut rows = statement.query(params![Db(account), ask.after.map(Db)])?;
    let (mut len, mut last) = (0, None);
    while let Some(row) = rows.next()? {
        let atome = row.get::<_, Db<AtomeId>>(0)?.0;
        let [.., bucket] = *atome.as_bytes();
        if !ask.buckets.contains(&bucket) {
            continue;
        }
        if len >= max_bytes {
            page.last = last;
            break;
        }
        last = Some(atome);
        let held: Option<String> = row.get(3)?;
        if let Some(body) = seen(row.get(1)?, row.get(2)?, held.as_deref())? {
            len += body.len();
            page.states.extend(parts(body)?);
        }
    }
    Ok(page)
}

fn total(connection: &Connection, account: AccountId) -> Result<u64, HubError> {
    let mut statement = connection
        .prepare_cached("SELECT coalesce(sum(atomes), 0) FROM digests WHERE account = ?")?;
    let total = statement.query_row([Db(account)], |row| row.get::<_, Db<u64>>(0))?;
    Ok(total.0)
}

/// What is seen of a state: all of one's own, of another's what the view shows.
fn seen(
    body: String,
    sight: Option<String>,
    held: Option<&str>,
) -> Result<Option<String>, HubError> {
    let Some(sight) = sight else {
        return Ok(Some(body));
    };
    let sight: Sight = serde_json::from_str(&sight)?;
    if sight.live == Some(Cut::Whole) && held.is_none() {
        return Ok(Some(body));
    }
    let held: Option<AtomeState> = held.map(serde_json::from_str).transpose()?;
    let view = sight.view(&serde_json::from_str(&body)?, held.as_ref());
    Ok(view.map(|view| serde_json::to_string(&view)).transpose()?)
}

pub(super) fn changed(
    connection: &Connection,
    account: AccountId,
    replica: ReplicaId,
    since: u64,
    max_bytes: usize,
) -> Result<ChangedPage, HubError> {
    let position = feed::position(connection, account, replica)?;
    let mut page = ChangedPage {
        states: vec![],
        gone: vec![],
        grants: vec![],
        policies: vec![],
        through: since.min(position.head),
        complete: false,
        number: position.number,
        overtaken: since.saturating_add(1) < position.oldest,
    };
    if page.overtaken {
        page.through = position.head;
        return Ok(page);
    }
    let mut statement = connection.prepare_cached(
        "SELECT f.number, f.kind, coalesce(c.body, b.body), b.atome FROM feed f \
         LEFT JOIN commits c ON f.kind = 0 AND c.id = f.item \
         LEFT JOIN bodies b ON f.kind <> 0 AND b.id = f.item \
         WHERE f.account = ? AND f.number > ? ORDER BY f.number",
    )?;
    let mut rows = statement.query(params![Db(account), Db(since)])?;
    let (mut atomes, mut gone, mut len) = (BTreeSet::new(), BTreeSet::new(), 0);
    while len < max_bytes {
        let Some(row) = rows.next()? else { break };
        page.through = row.get::<_, Db<u64>>(0)?.0;
        let Some(body) = row.get::<_, Option<String>>(2)? else {
            // It went with the account that it was of.
            continue;
        };
        let kind = feed::kind(row.get(1)?)?;
        if !matches!(kind, Kind::Commit | Kind::State) {
            len += body.len();
        }
        let touched = match kind {
            Kind::Commit => {
                let commit = RawCommit::from_text(body)?
                    .decode()
                    .map_err(|error| Fault::Corrupt(error.to_string()))?;
                commit.changes.iter().map(|change| change.atome).collect()
            }
            Kind::State => vec![row.get::<_, Db<AtomeId>>(3)?.0],
            Kind::Evict => serde_json::from_str(&body)?,
            Kind::Grant => {
                page.grants.push(serde_json::from_str(&body)?);
                vec![]
            }
            Kind::Policy => {
                page.policies.push(serde_json::from_str(&body)?);
                vec![]
            }
        };
        for atome in touched {
            // An eviction tells of what was seen once. What may be seen of it still comes after that.
            if kind == Kind::Evict && gone.insert(atome) {
                page.gone.push(atome);
            }
            // Of others not even that there is more is told.
            if !atomes.contains(&atome)
                && let Some(body) = view(connection, account, atome)?
            {
                atomes.insert(atome);
                len += body.len();
                page.states.extend(parts(body)?);
            }
        }
    }
    page.complete = page.through == position.head;
    Ok(page)
}

/// What an account sees of an atome, its own or another's.
pub(super) fn view(
    connection: &Connection,
    account: AccountId,
    atome: AtomeId,
) -> Result<Option<String>, HubError> {
    if let Some(own) = body(connection, account, atome)? {
        return Ok(Some(own));
    }
    let mut statement = connection.prepare_cached(
        "SELECT s.body, v.sight, v.held FROM views v \
         JOIN states s ON s.account = v.owner AND s.atome = v.atome \
         WHERE v.reader = ? AND v.atome = ?",
    )?;
    let found = statement
        .query_row(params![Db(account), Db(atome)], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get::<_, Option<String>>(2)?))
        })
        .optional()?;
    match found {
        Some((body, sight, held)) => seen(body, sight, held.as_deref()),
        None => Ok(None),
    }
}

/// Adds a state; `made` is the id of the first commit that touches it, 0 for a copy, which none made.
pub(super) fn insert(
    connection: &Connection,
    account: AccountId,
    atome: AtomeId,
    made: i64,
    body: &str,
    parent: Option<AtomeId>,
) -> Result<(), HubError> {
    connection
        .prepare_cached(
            "INSERT INTO states (account, atome, made, body, parent) VALUES (?, ?, ?, ?, ?)",
        )?
        .execute(params![Db(account), Db(atome), made, body, parent.map(Db)])?;
    Ok(())
}

/// Writes a state that is there.
pub(super) fn update(
    connection: &Connection,
    account: AccountId,
    atome: AtomeId,
    body: &str,
    parent: Option<AtomeId>,
) -> Result<(), HubError> {
    connection
        .prepare_cached("UPDATE states SET body = ?, parent = ? WHERE account = ? AND atome = ?")?
        .execute(params![body, parent.map(Db), Db(account), Db(atome)])?;
    Ok(())
}

/// The atomes right below an atome.
pub(super) fn children(
    connection: &Connection,
    account: AccountId,
    atome: AtomeId,
) -> Result<Vec<AtomeId>, HubError> {
    let mut statement =
        connection.prepare_cached("SELECT atome FROM states WHERE account = ? AND parent = ?")?;
    let rows = statement.query_map(params![Db(account), Db(atome)], |row| {
        Ok(row.get::<_, Db<AtomeId>>(0)?.0)
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether something stands below an atome.
pub(super) fn has_children(
    connection: &Connection,
    account: AccountId,
    atome: AtomeId,
) -> Result<bool, HubError> {
    let mut statement =
        connection.prepare_cached("SELECT 1 FROM states WHERE account = ? AND parent = ?")?;
    Ok(statement.exists(params![Db(account), Db(atome)])?)
}

/// The least id of an account's own atomes from one on.
pub(super) fn next(
    connection: &Connection,
    account: AccountId,
    atome: AtomeId,
) -> Result<Option<AtomeId>, HubError> {
    let mut statement = connection.prepare_cached(
        "SELECT atome FROM states WHERE account = ? AND atome >= ? ORDER BY atome LIMIT 1",
    )?;
    let found = statement.query_row(params![Db(account), Db(atome)], |row| {
        Ok(row.get::<_, Db<AtomeId>>(0)?.0)
    });
    Ok(found.optional()?)
}

/// The body of one state.
pub(super) fn body(
    connection: &Connection,
    account: AccountId,
    atome: AtomeId,
) -> Result<Option<String>, HubError> {
    let mut statement =
        connection.prepare_cached("SELECT body FROM states WHERE account = ? AND atome = ?")?;
    let found = statement.query_row(params![Db(account), Db(atome)], |row| row.get(0));
    Ok(found.optional()?)
}

pub(super) fn digest(
    connection: &Connection,
    account: AccountId,
) -> Result<(u64, Buckets), HubError> {
    let (head, _) = feed::head(connection, account)?;
    let mut statement =
        connection.prepare_cached("SELECT bucket, digest FROM digests WHERE account = ?")?;
    let rows = statement.query_map([Db(account)], |row| {
        Ok((row.get::<_, u8>(0)?, row.get::<_, Db<Digest>>(1)?.0))
    })?;
    let mut buckets = Buckets::default();
    for row in rows {
        let (bucket, digest) = row?;
        buckets.add(bucket, digest);
    }
    Ok((head, buckets))
}

/// Adds to a bucket of an account's digest: how many atomes it grows by, and what the sum does.
pub(super) fn add_to_digest(
    connection: &Connection,
    account: AccountId,
    bucket: u8,
    new: i64,
    grows: Digest,
) -> Result<(), HubError> {
    let (atomes, sum) = connection
        .prepare_cached("SELECT atomes, digest FROM digests WHERE account = ? AND bucket = ?")?
        .query_row(params![Db(account), bucket], |row| {
            Ok((row.get::<_, Db<u64>>(0)?.0, row.get::<_, Db<Digest>>(1)?.0))
        })
        .optional()?
        .unwrap_or_default();
    connection
        .prepare_cached(
            "INSERT INTO digests (account, bucket, atomes, digest) VALUES (?, ?, ?, ?) \
             ON CONFLICT DO UPDATE SET atomes = excluded.atomes, digest = excluded.digest",
        )?
        .execute(params![
            Db(account),
            bucket,
            Db(atomes.saturating_add_signed(new)),
            Db(sum.plus(grows))
        ])?;
    Ok(())
}
