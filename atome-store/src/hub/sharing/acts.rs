//! Carrying out what an account does about sharing. The engine decides; here it is looked up and written.

use std::collections::BTreeSet;

use atome_engine::sharing::{
    Offer, Rights, after_block, answered, begins, ended, may_publish, offered, share_ends,
};
use atome_proto::code::Code;
use atome_proto::sharing::{Act, Answer, Grant, GrantState, Policy, Right, Rule, Terms};
use atome_proto::{AccountId, AtomeId, GrantId};

use super::grants::{self, Kept, bring, keep, party};
use super::policies;
use crate::error::HubError;
use crate::hub::ledger::Ledger;
use crate::hub::ledger::rules::Why;

/// Carries out acts in their order, all or none.
pub(in crate::hub) fn all(
    ledger: &mut Ledger<'_>,
    actor: AccountId,
    acts: &[Act],
) -> Result<Result<(), Why>, HubError> {
    if acts.is_empty() {
        return Ok(Ok(()));
    }
    let memory = ledger.memory()?;
    let connection = ledger.connection;
    connection.prepare_cached("SAVEPOINT acts")?.execute([])?;
    for act in acts {
        if let Err(why) = carry_out(ledger, actor, act)? {
            connection.prepare_cached("ROLLBACK TO acts")?.execute([])?;
            connection.prepare_cached("RELEASE acts")?.execute([])?;
            ledger.restore(memory);
            return Ok(Err(why));
        }
    }
    connection.prepare_cached("RELEASE acts")?.execute([])?;
    Ok(Ok(()))
}

fn carry_out(
    ledger: &mut Ledger<'_>,
    actor: AccountId,
    act: &Act,
) -> Result<Result<(), Why>, HubError> {
    match act {
        Act::Share {
            grant,
            atome,
            grantee,
            terms,
        } => share(ledger, actor, *grant, *atome, *grantee, terms),
        Act::Answer {
            grant,
            answer,
            always,
        } => say(ledger, actor, *grant, *answer, *always),
        Act::End { grant } => {
            let Some(kept) = grants::load(ledger.connection, *grant)? else {
                return Ok(no_such(*grant));
            };
            match ended(&kept.grant, actor) {
                Ok(Some(state)) => {
                    bring(ledger, kept, state, Some(actor), ledger.now_ms)?;
                    Ok(Ok(()))
                }
                Ok(None) => Ok(Ok(())),
                Err(why) => Ok(Err(why)),
            }
        }
        Act::Policy { sender, rule, can } => set_policy(ledger, actor, *sender, *rule, can.clone()),
        Act::Publish { atome } => publish(ledger, actor, *atome),
    }
}

fn no_such(grant: GrantId) -> Result<(), Why> {
    let message = format!("there is no grant {grant} that this account has to do with");
    Err((Code::NotFound, message))
}

fn share(
    ledger: &mut Ledger<'_>,
    actor: AccountId,
    id: GrantId,
    atome: AtomeId,
    grantee: AccountId,
    terms: &Terms,
) -> Result<Result<(), Why>, HubError> {
    let connection = ledger.connection;
    if let Some(Kept { grant, .. }) = grants::load(connection, id)? {
        let same = (grant.by.id, grant.atome, grant.grantee.id) == (actor, atome, grantee)
            && grant.terms == *terms;
        let taken = || {
            (
                Code::Conflict,
                format!("the grant {id} is another one already"),
            )
        };
        return Ok(same.then_some(()).ok_or_else(taken));
    }
    let Some(owner) = ledger.owner_seen_by(actor, atome)? else {
        let message = format!("there is no atome {atome} to share");
        return Ok(Err((Code::NotFound, message)));
    };
    let Some(for_whom) = party(connection, grantee)? else {
        let message = format!("there is no account {grantee} to share with");
        return Ok(Err((Code::NotFound, message)));
    };
    let now_ms = ledger.now_ms;
    let mine = if owner == actor {
        vec![]
    } else {
        ledger.counting(actor, owner, atome)?
    };
    let rights = Rights::of(mine.iter().map(|grant| &grant.terms));
    let decided = offered(Offer {
        actor,
        owner,
        grantee,
        terms,
        rights: &rights,
        rights_until_ms: share_ends(mine.iter().map(|grant| &grant.terms)),
        policy: policies::load(connection, grantee, actor)?.as_ref(),
        now_ms,
    });
    let moments = match decided {
        Ok(moments) => moments,
        Err(why) => return Ok(Err(why)),
    };
    let known = |account| -> Result<_, HubError> {
        party(connection, account)?.ok_or(HubError::NoSuchAccount)
    };
    let grant = Grant {
        id,
        atome,
        owner: known(owner)?,
        by: known(actor)?,
        grantee: for_whom,
        terms: terms.clone(),
        moments,
        published_at_ms: None,
        evictions: vec![],
    };
    let kept = Kept {
        grant: grant.clone(),
        counts: false,
        lost: None,
    };
    keep(ledger, kept, None)?;
    if begins(&grant, now_ms) {
        grants::begin(ledger, &grant)?;
    }
    Ok(Ok(()))
}

fn say(
    ledger: &mut Ledger<'_>,
    actor: AccountId,
    id: GrantId,
    answer: Answer,
    always: bool,
) -> Result<Result<(), Why>, HubError> {
    let Some(kept) = grants::load(ledger.connection, id)? else {
        return Ok(no_such(id));
    };
    let (sender, can) = (kept.grant.by.id, kept.grant.terms.can.clone());
    match answered(&kept.grant, actor, answer, ledger.now_ms) {
        Ok(Some(state)) => bring(ledger, kept, state, Some(actor), ledger.now_ms)?,
        Ok(None) => {}
        Err(why) => return Ok(Err(why)),
    }
    let policy = match answer {
        Answer::Block => Some((Rule::Block, BTreeSet::new())),
        Answer::Accept if always => Some((Rule::Always, can)),
        Answer::Refuse if always => Some((Rule::Never, BTreeSet::new())),
        Answer::Accept | Answer::Refuse => None,
    };
    match policy {
        Some((rule, can)) => set_policy(ledger, actor, sender, rule, can),
        None => Ok(Ok(())),
    }
}

fn set_policy(
    ledger: &mut Ledger<'_>,
    actor: AccountId,
    sender: AccountId,
    rule: Rule,
    can: BTreeSet<Right>,
) -> Result<Result<(), Why>, HubError> {
    if sender == actor {
        let message = "an account has no policy about itself".to_owned();
        return Ok(Err((Code::BadRequest, message)));
    }
    let Some(sender) = party(ledger.connection, sender)? else {
        let message = format!("there is no account {sender}");
        return Ok(Err((Code::NotFound, message)));
    };
    policies::keep(ledger, actor, &Policy { sender, rule, can })?;
    Ok(Ok(()))
}

/// Takes away what a sender has waiting in an account's inbox; the sender is not told.
pub(super) fn clear(
    ledger: &mut Ledger<'_>,
    account: AccountId,
    sender: AccountId,
) -> Result<(), HubError> {
    for kept in grants::standing(ledger.connection, account)? {
        if after_block(&kept.grant, account, sender) {
            let now_ms = ledger.now_ms;
            bring(ledger, kept, GrantState::Blocked, Some(account), now_ms)?;
        }
    }
    Ok(())
}

fn publish(
    ledger: &mut Ledger<'_>,
    actor: AccountId,
    atome: AtomeId,
) -> Result<Result<(), Why>, HubError> {
    let now_ms = ledger.now_ms;
    let mut waiting = grants::counting_on(ledger.connection, atome)?;
    waiting.retain(|kept| may_publish(&kept.grant, actor));
    if waiting.is_empty() {
        let message = format!("nothing that this account may publish waits on the atome {atome}");
        return Ok(Err((Code::NotAllowed, message)));
    }
    for mut kept in waiting {
        let before = kept.grant.clone();
        let reader = before.grantee.id;
        ledger.refresh(before.owner.id, atome, Some(reader))?;
        kept.grant.published_at_ms = Some(now_ms);
        keep(ledger, kept, Some(&before))?;
        super::deferred::decide(ledger, reader)?;
    }
    Ok(Ok(()))
}
