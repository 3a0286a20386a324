//! Why an account may do something, or may not.

use atome_engine::sharing::{self, Action};
use atome_engine::tree::ancestors;
use atome_proto::code::Code;
use atome_proto::commit::{Key, RawCommit};
use atome_proto::sharing::{Right, Why};
use atome_proto::stamp::Stamp;
use atome_proto::state::AtomeState;
use atome_proto::{AccountId, AtomeId};
use rusqlite::{Connection, params};

use super::grants::{self, party};
use crate::error::{Fault, HubError};
use crate::hub::{Question, states, views};
use crate::sqlite::value::Db;

/// Answers a question of an account that has to do with the atome: its owner, whoever sees it, and who is
/// asked about.
pub(in crate::hub) fn answer(
    connection: &Connection,
    asker: AccountId,
    question: &Question,
) -> Result<Why, HubError> {
    let Question {
        actor,
        right,
        key,
        atome,
        at_ms,
    } = question;
    let not_found = || HubError::Refused {
        code: Code::NotFound,
        message: format!("there is no atome {atome} that this account has to do with"),
    };
    let owner = owner_for(connection, asker, *atome)?.ok_or_else(not_found)?;
    if asker != owner && asker != *actor {
        let mine = line(connection, owner, *atome, *at_ms)?;
        let mine = grants::covering(connection, asker, owner, &mine)?;
        if !sharing::rights(asker, &mine, *at_ms).allow(Action::of(Right::Share, None)) {
            return Err(HubError::Refused {
                code: Code::NotAllowed,
                message: "only the owner, and who may share, ask about others".to_owned(),
            });
        }
    }
    let line = line(connection, owner, *atome, *at_ms)?;
    let covering = grants::covering(connection, *actor, owner, &line)?;
    let covering = covering
        .iter()
        .filter_map(|grant| sharing::told_to(grant, asker))
        .collect();
    let actor = party(connection, *actor)?.ok_or(HubError::NoSuchAccount)?;
    let owner = party(connection, owner)?.ok_or(HubError::NoSuchAccount)?;
    let action = Action::of(*right, key.as_ref());
    Ok(sharing::why(actor, action, *atome, owner, covering, *at_ms))
}

/// Whose an atome is that an account has, sees, or was ever offered.
fn owner_for(
    connection: &Connection,
    asker: AccountId,
    atome: AtomeId,
) -> Result<Option<AccountId>, HubError> {
    if states::body(connection, asker, atome)?.is_some() {
        return Ok(Some(asker));
    }
    if let Some(view) = views::of_reader(connection, asker, atome)? {
        return Ok(Some(view.owner));
    }
    let page = grants::page(connection, asker, None, usize::MAX)?;
    let offered = page.grants.into_iter().find(|grant| grant.atome == atome);
    Ok(offered.map(|grant| grant.owner.id))
}

/// An atome and those above it, as they stood at a time.
fn line(
    connection: &Connection,
    owner: AccountId,
    atome: AtomeId,
    at_ms: u64,
) -> Result<Vec<AtomeId>, HubError> {
    let mut line = vec![atome];
    line.extend(ancestors(atome, |at| {
        parent_at(connection, owner, at, at_ms)
    })?);
    Ok(line)
}

/// The parent of an atome as it was written last before a time.
fn parent_at(
    connection: &Connection,
    owner: AccountId,
    atome: AtomeId,
    at_ms: u64,
) -> Result<Option<(AtomeId, Stamp)>, HubError> {
    let Some(body) = states::body(connection, owner, atome)? else {
        return Ok(None);
    };
    let state: AtomeState = serde_json::from_str(&body)?;
    match state.particles.get(Key::PARENT) {
        None => return Ok(None),
        Some(now) if now.stamp.time.ms() <= at_ms => {
            return Ok(state.parent().map(|parent| (parent, now.stamp)));
        }
        Some(_) => {}
    }
    let mut statement = connection.prepare_cached(
        "SELECT body FROM commits WHERE id IN \
         (SELECT commit_id FROM touched WHERE account = ?1 AND atome = ?2 \
          UNION SELECT made FROM states WHERE account = ?1 AND atome = ?2)",
    )?;
    let mut rows = statement.query(params![Db(owner), Db(atome)])?;
    let mut last: Option<(Option<AtomeId>, Stamp)> = None;
    while let Some(row) = rows.next()? {
        let commit = RawCommit::from_text(row.get(0)?)?
            .decode()
            .map_err(|error| Fault::Corrupt(error.to_string()))?;
        let later = last.is_none_or(|(_, stamp)| stamp < commit.stamp);
        let changes = commit.changes.iter().find(|change| change.atome == atome);
        if let Some(change) = changes
            && later
            && commit.stamp.time.ms() <= at_ms
        {
            if let Some(parent) = change.set.get(Key::PARENT) {
                let parent = parent.to_text().and_then(|text| text.parse().ok());
                last = Some((parent, commit.stamp));
            } else if change.unset.contains(Key::PARENT) {
                last = Some((None, commit.stamp));
            }
        }
    }
    Ok(last.and_then(|(parent, stamp)| Some((parent?, stamp))))
}
