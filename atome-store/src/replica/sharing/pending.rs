//! Acts of this account that what the hub has said does not show yet.

use std::collections::BTreeSet;

use atome_proto::AccountId;
use atome_proto::commit::Commit;
use atome_proto::sharing::{Act, Answer, GrantState, Policy};
use rusqlite::{Connection, params};

use super::kept;
use crate::error::StoreError;
use crate::replica::head::Head;
use crate::replica::timeline;
use crate::sqlite::value::Db;

/// Notes that a commit has acts.
pub(in crate::replica) fn note(connection: &Connection, id: u64) -> Result<(), StoreError> {
    connection
        .prepare_cached("INSERT INTO acts (id, settled) VALUES (?, FALSE)")?
        .execute([Db(id)])?;
    Ok(())
}

/// The commits whose acts are not settled and were not refused, in their order, with their ids.
///
/// Nothing of a refused one shows; that it is settled then too keeps what is read here short.
pub(super) fn open(connection: &Connection) -> Result<Vec<(u64, Commit)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT id FROM acts WHERE NOT settled AND NOT EXISTS \
         (SELECT 1 FROM verdicts v WHERE v.id = acts.id AND v.refused) ORDER BY id",
    )?;
    let ids = statement.query_map([], |row| row.get::<_, Db<u64>>(0))?;
    ids.map(|id| {
        let Db(id) = id?;
        Ok((id, timeline::by_id(connection, id)?.commit()?))
    })
    .collect()
}

/// Settles the acts that the hub has decided and that show in what it says by now. `told` are accounts whose
/// policy it has just told.
pub(in crate::replica) fn settle(
    connection: &Connection,
    head: &Head,
    told: &BTreeSet<AccountId>,
) -> Result<(), StoreError> {
    connection
        .prepare_cached(
            "UPDATE acts SET settled = TRUE WHERE NOT settled AND EXISTS \
             (SELECT 1 FROM verdicts v WHERE v.id = acts.id AND v.refused)",
        )?
        .execute([])?;
    for (id, commit) in open(connection)? {
        let decided = commit.stamp.replica != head.replica || commit.number <= head.acked;
        if !decided {
            continue;
        }
        let mut shows = true;
        for act in &commit.acts {
            shows &= is_shown(connection, act, told)?;
        }
        if shows {
            set(connection, id, true)?;
        }
    }
    Ok(())
}

/// The acts of a commit are pending again: the hub has lost it.
pub(in crate::replica) fn open_again(connection: &Connection, id: u64) -> Result<(), StoreError> {
    set(connection, id, false)
}

fn set(connection: &Connection, id: u64, settled: bool) -> Result<(), StoreError> {
    connection
        .prepare_cached("UPDATE acts SET settled = ? WHERE id = ?")?
        .execute(params![settled, Db(id)])?;
    Ok(())
}

/// Whether what the hub has said shows what an act came to.
fn is_shown(
    connection: &Connection,
    act: &Act,
    told: &BTreeSet<AccountId>,
) -> Result<bool, StoreError> {
    let policy_shows = |sender: AccountId, is: &dyn Fn(&Policy) -> bool| {
        let kept = kept::policy(connection, sender)?;
        Ok(told.contains(&sender) || kept.as_ref().is_some_and(is))
    };
    match act {
        Act::Share { grant, .. } => Ok(kept::load(connection, *grant)?.is_some()),
        Act::Answer {
            grant,
            answer,
            always,
        } => {
            let Some(kept) = kept::load(connection, *grant)? else {
                return Ok(true);
            };
            if kept.state() == GrantState::Requested {
                return Ok(false);
            }
            if *always || *answer == Answer::Block {
                let rule = super::desk::rule_after(*answer);
                return policy_shows(kept.by.id, &|policy| policy.rule == rule);
            }
            Ok(true)
        }
        Act::End { grant } => {
            let kept = kept::load(connection, *grant)?;
            let stands = |state| matches!(state, GrantState::Requested | GrantState::Accepted);
            Ok(!kept.is_some_and(|grant| stands(grant.state())))
        }
        Act::Policy { sender, rule, can } => policy_shows(*sender, &|policy| {
            (policy.rule, &policy.can) == (*rule, can)
        }),
        Act::Publish { .. } => Ok(true),
    }
}
