//! Grants as they are kept, and telling of them.

use std::collections::BTreeSet;

use atome_engine::sharing::{begins, is_live, told_to};
use atome_proto::sharing::{Eviction, Grant, GrantState, Mode, Moment, Party};
use atome_proto::{AccountId, AtomeId, GrantId};
use rusqlite::{Connection, OptionalExtension, Params, params};

use super::policies;
use crate::error::HubError;
use crate::hub::ledger::Ledger;
use crate::hub::{GrantPage, accounts};
use crate::sqlite::value::Db;

/// A grant as it is kept.
pub(super) struct Kept {
    pub(super) grant: Grant,
    /// Whether it has come to count.
    pub(super) counts: bool,
    /// The feed number of the eviction that its end brought to its grantee.
    pub(super) lost: Option<u64>,
}

fn query(
    connection: &Connection,
    condition: &str,
    values: impl Params,
) -> Result<Vec<Kept>, HubError> {
    let sql = format!("SELECT body, counts, lost FROM grants WHERE {condition}");
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(values, |row| {
        let lost = row.get::<_, Option<Db<u64>>>(2)?;
        Ok((row.get::<_, String>(0)?, row.get(1)?, lost))
    })?;
    rows.map(|row| {
        let (body, counts, lost) = row?;
        Ok(Kept {
            grant: serde_json::from_str(&body)?,
            counts,
            lost: lost.map(|Db(lost)| lost),
        })
    })
    .collect()
}

fn grants(kept: Vec<Kept>) -> Vec<Grant> {
    kept.into_iter().map(|kept| kept.grant).collect()
}

/// A grant.
pub(super) fn load(connection: &Connection, id: GrantId) -> Result<Option<Kept>, HubError> {
    Ok(query(connection, "grant_id = ?", [Db(id)])?.pop())
}

/// The grants on an account's atomes that count.
pub(in crate::hub) fn counting_of(
    connection: &Connection,
    owner: AccountId,
) -> Result<Vec<Grant>, HubError> {
    Ok(grants(query(
        connection,
        "owner = ? AND counts",
        [Db(owner)],
    )?))
}

/// The grants on an atome that count.
pub(super) fn counting_on(connection: &Connection, atome: AtomeId) -> Result<Vec<Kept>, HubError> {
    query(connection, "atome = ? AND counts", [Db(atome)])
}

/// The grants to an account on an owner's atomes, in the order of these.
pub(in crate::hub) fn covering(
    connection: &Connection,
    grantee: AccountId,
    owner: AccountId,
    line: &[AtomeId],
) -> Result<Vec<Grant>, HubError> {
    let values = params![Db(grantee), Db(owner)];
    let found = query(connection, "grantee = ? AND owner = ?", values)?;
    Ok(in_line(grants(found), line))
}

/// Those of them that count.
pub(in crate::hub) fn counting(
    connection: &Connection,
    grantee: AccountId,
    owner: AccountId,
    line: &[AtomeId],
) -> Result<Vec<Grant>, HubError> {
    let values = params![Db(grantee), Db(owner)];
    let found = query(connection, "grantee = ? AND owner = ? AND counts", values)?;
    Ok(in_line(grants(found), line))
}

/// The grants on some atomes, in the order of these.
fn in_line(mut grants: Vec<Grant>, line: &[AtomeId]) -> Vec<Grant> {
    let place = |grant: &Grant| line.iter().position(|atome| *atome == grant.atome);
    grants.retain(|grant| place(grant).is_some());
    grants.sort_by_key(place);
    grants
}

/// The grants to an account that may come to count.
pub(in crate::hub) fn to_come(
    connection: &Connection,
    grantee: AccountId,
) -> Result<Vec<Grant>, HubError> {
    let mut found = grants(query(
        connection,
        "grantee = ? AND NOT counts",
        [Db(grantee)],
    )?);
    found.retain(|grant| matches!(grant.state(), GrantState::Requested | GrantState::Accepted));
    Ok(found)
}

/// The grants that an account has to do with and that have not ended.
pub(super) fn standing(connection: &Connection, account: AccountId) -> Result<Vec<Kept>, HubError> {
    let mut found = query(
        connection,
        "grant_id IN (SELECT grant_id FROM parties WHERE account = ?)",
        [Db(account)],
    )?;
    found.retain(|kept| {
        matches!(
            kept.grant.state(),
            GrantState::Requested | GrantState::Accepted | GrantState::Blocked
        )
    });
    Ok(found)
}

/// The grants on which time has an effect by now, a number of them.
pub(super) fn due(connection: &Connection, now_ms: u64) -> Result<Vec<Kept>, HubError> {
    query(
        connection,
        "due_ms <= ? ORDER BY due_ms LIMIT 100",
        [Db(now_ms)],
    )
}

/// When time next has an effect on a grant, in milliseconds since 1970.
pub(in crate::hub) fn next_due(connection: &Connection) -> Result<Option<u64>, HubError> {
    let mut statement =
        connection.prepare_cached("SELECT min(due_ms) FROM grants WHERE due_ms IS NOT NULL")?;
    let due = statement.query_row([], |row| row.get::<_, Option<Db<u64>>>(0))?;
    Ok(due.map(|Db(due)| due))
}

/// An account as grants name it.
pub(super) fn party(connection: &Connection, id: AccountId) -> Result<Option<Party>, HubError> {
    let record = accounts::by_id(connection, id)?;
    Ok(record.map(|record| Party {
        id,
        name: record.entry.username,
    }))
}

/// When time will have an effect on a grant, which may have come to count.
fn due_ms(grant: &Grant, counts: bool, now_ms: u64) -> Option<u64> {
    let until = grant.terms.until_ms;
    match grant.state() {
        GrantState::Requested | GrantState::Blocked => until,
        GrantState::Accepted => match grant.terms.from_ms {
            Some(from) if now_ms < from && !counts => Some(from),
            Some(_) | None => until.filter(|_| grant.terms.mode != Mode::Copy),
        },
        GrantState::Refused | GrantState::Withdrawn | GrantState::Expired | GrantState::Revoked => {
            None
        }
    }
}

/// What became of the grantee's replicas after an eviction.
fn evictions(connection: &Connection, kept: &Kept) -> Result<Vec<Eviction>, HubError> {
    let Some(lost) = kept.lost else {
        return Ok(vec![]);
    };
    let mut statement = connection.prepare_cached(
        "SELECT replica, evicted, seen_at_ms FROM replicas WHERE account = ? ORDER BY replica",
    )?;
    let rows = statement.query_map([Db(kept.grant.grantee.id)], |row| {
        Ok(Eviction {
            replica: row.get::<_, Db<_>>(0)?.0,
            confirmed: row.get::<_, Db<u64>>(1)?.0 >= lost,
            seen_at_ms: row.get::<_, Db<u64>>(2)?.0,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Keeps a grant as it is now, and tells whom it looks different to.
pub(super) fn keep(
    ledger: &mut Ledger<'_>,
    mut kept: Kept,
    before: Option<&Grant>,
) -> Result<(), HubError> {
    let connection = ledger.connection;
    kept.grant.evictions = evictions(connection, &kept)?;
    let Kept {
        grant,
        counts: counted,
        lost,
    } = kept;
    let goes_on = counted && grant.state() == GrantState::Accepted;
    let counts = is_live(&grant.terms) && (goes_on || begins(&grant, ledger.now_ms));
    connection
        .prepare_cached(
            "INSERT INTO grants (grant_id, owner, atome, grantee, counts, due_ms, lost, body) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (grant_id) DO UPDATE SET \
             counts = excluded.counts, due_ms = excluded.due_ms, lost = excluded.lost, \
             body = excluded.body",
        )?
        .execute(params![
            Db(grant.id),
            Db(grant.owner.id),
            Db(grant.atome),
            Db(grant.grantee.id),
            counts,
            due_ms(&grant, counts, ledger.now_ms).map(Db),
            lost.map(Db),
            serde_json::to_string(&grant)?,
        ])?;
    ledger.sharing_changed();
    let parties = [grant.owner.id, grant.by.id, grant.grantee.id];
    for party in BTreeSet::from(parties) {
        let told = told_to(&grant, party);
        if let Some(told) = told
            && before.and_then(|before| told_to(before, party)).as_ref() != Some(&told)
        {
            connection
                .prepare_cached(
                    "INSERT INTO parties (account, grant_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
                )?
                .execute(params![Db(party), Db(grant.id)])?;
            ledger.feeds.tell_grant(party, &told)?;
        }
    }
    Ok(())
}

/// Brings a grant to a state, and what readers see with it. `by` is absent for time itself.
pub(super) fn bring(
    ledger: &mut Ledger<'_>,
    kept: Kept,
    state: GrantState,
    by: Option<AccountId>,
    at_ms: u64,
) -> Result<(), HubError> {
    let before = kept.grant.clone();
    let mut after = kept;
    after.grant.moments.push(Moment { state, by, at_ms });
    let grant = after.grant.clone();
    let counted = is_live(&before.terms) && before.state() == GrantState::Accepted;
    keep(ledger, after, Some(&before))?;
    if begins(&grant, ledger.now_ms) {
        return begin(ledger, &grant);
    }
    if counted {
        end(ledger, &grant)?;
    }
    Ok(())
}

/// Lets the grantee in, or makes its copy; commits that waited for it are decided.
pub(super) fn begin(ledger: &mut Ledger<'_>, grant: &Grant) -> Result<(), HubError> {
    match grant.terms.mode {
        Mode::Linked | Mode::Manual => {
            ledger.refresh(grant.owner.id, grant.atome, None)?;
            super::deferred::decide(ledger, grant.grantee.id)
        }
        Mode::Copy => super::copy::make(ledger, grant),
    }
}

/// Takes away what the grantee sees by this grant alone.
fn end(ledger: &mut Ledger<'_>, grant: &Grant) -> Result<(), HubError> {
    let reader = grant.grantee.id;
    let head = ledger.feeds.head(reader)?;
    ledger.refresh(grant.owner.id, grant.atome, None)?;
    let last = ledger.feeds.head(reader)?;
    if last > head {
        let before = grant.clone();
        let kept = Kept {
            grant: before.clone(),
            counts: false,
            lost: Some(last),
        };
        keep(ledger, kept, Some(&before))?;
    }
    Ok(())
}

/// Tells again of grants whose end a replica has confirmed: those lost after one feed number, up to another.
pub(super) fn confirmed(
    ledger: &mut Ledger<'_>,
    grantee: AccountId,
    after: u64,
    through: u64,
) -> Result<(), HubError> {
    let lost = query(
        ledger.connection,
        "grantee = ? AND lost > ? AND lost <= ?",
        params![Db(grantee), Db(after), Db(through)],
    )?;
    for kept in lost {
        let before = kept.grant.clone();
        keep(ledger, kept, Some(&before))?;
    }
    Ok(())
}

/// Grants that an account has to do with, as it is told of them, by id, and its policies behind the last.
pub(in crate::hub) fn page(
    connection: &Connection,
    account: AccountId,
    after: Option<GrantId>,
    max_bytes: usize,
) -> Result<GrantPage, HubError> {
    let mut page = GrantPage {
        grants: vec![],
        policies: vec![],
        last: None,
    };
    let mut statement = connection.prepare_cached(
        "SELECT g.body FROM parties p JOIN grants g ON g.grant_id = p.grant_id \
         WHERE p.account = ? AND p.grant_id > coalesce(?, x'') ORDER BY p.grant_id",
    )?;
    let mut rows = statement.query(params![Db(account), after.map(Db)])?;
    let mut len = 0;
    while let Some(row) = rows.next()? {
        if len >= max_bytes {
            page.last = page.grants.last().map(|grant| grant.id);
            return Ok(page);
        }
        let body: String = row.get(0)?;
        len += body.len();
        page.grants
            .extend(told_to(&serde_json::from_str(&body)?, account));
    }
    page.policies = policies::all(connection, account)?;
    Ok(page)
}

/// One grant, as an account is told of it.
pub(in crate::hub) fn one(
    connection: &Connection,
    account: AccountId,
    id: GrantId,
) -> Result<Option<Grant>, HubError> {
    let found: Option<String> = connection
        .prepare_cached("SELECT body FROM grants WHERE grant_id = ?")?
        .query_row([Db(id)], |row| row.get(0))
        .optional()?;
    let Some(body) = found else {
        return Ok(None);
    };
    Ok(told_to(&serde_json::from_str(&body)?, account))
}
