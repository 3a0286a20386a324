//! Sharing: what this account does about it, what is kept of what the hub says, and what of both is shown.
//!
//! The hub decides; the same pure rule answers early here, from what is kept. Nothing that is shown is more
//! than the hub would show: what only stands here is marked as pending.

mod desk;
pub(super) mod kept;
mod line;
pub(super) mod pending;
pub(super) mod preview;

use std::collections::BTreeSet;

use atome_engine::clock::Now;
use atome_engine::sharing::{self, Action};
use atome_proto::code::Code;
use atome_proto::commit::{Commit, Key};
use atome_proto::sharing::{Act, Grant, GrantState, Party, Policy, Right, Why};
use atome_proto::stamp::Stamp;
use atome_proto::{AccountId, AtomeId};
use rusqlite::Connection;

use self::desk::Desk;
use super::write::encode;
use super::{ReplicaDb, Written, read, timeline};
use crate::error::StoreError;

pub(super) use pending::{open_again, settle};

/// A grant as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The grant, with what this account did about it.
    pub grant: Grant,
    /// Whether some of that stands here only, and the hub has not said so yet.
    pub pending: bool,
}

/// Which grants to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// All that the account has to do with.
    All,
    /// Those on one atome.
    Of(AtomeId),
    /// Those that let others have a part in something: made by this account, or on what it owns.
    ToOthers,
    /// Those that let this account have a part in something, whatever they came to.
    WithMe,
    /// Requests to this account that it has not answered.
    Inbox,
}

impl Which {
    fn includes(self, grant: &Grant, account: AccountId) -> bool {
        let to_me = grant.grantee.id == account;
        match self {
            Self::All => true,
            Self::Of(atome) => grant.atome == atome,
            Self::ToOthers => !to_me,
            Self::WithMe => to_me,
            Self::Inbox => to_me && grant.state() == GrantState::Requested,
        }
    }
}

/// What [`ReplicaDb::why`] is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Who is asked about.
    pub actor: AccountId,
    /// What it wants to do.
    pub right: Right,
    /// With which particle, where that matters.
    pub key: Option<Key>,
    /// With which atome.
    pub atome: AtomeId,
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
}

impl ReplicaDb {
    /// Writes one commit that does something about sharing. When this returns it is durable here
    /// (`local-first`); the hub decides on it as on any commit.
    ///
    /// # Errors
    ///
    /// [`StoreError::Refused`] where the hub would refuse it, as far as is known here: `not_allowed`,
    /// `not_found`, `conflict`, `bad_request` or `bad_data`; [`StoreError::BadData`] beyond a limit.
    pub fn act(
        &mut self,
        author: AccountId,
        acts: Vec<Act>,
        now: Now,
    ) -> Result<Written, StoreError> {
        self.step(|db| db.write_acts(author, acts, now))
    }

    /// The same within an operation.
    pub(super) fn write_acts(
        &mut self,
        author: AccountId,
        acts: Vec<Act>,
        now: Now,
    ) -> Result<Written, StoreError> {
        let stamp = Stamp {
            time: self.clock.tick(now),
            replica: self.head.replica,
        };
        let commit = Commit {
            number: self.head.number + 1,
            author,
            stamp,
            claimed: None,
            changes: vec![],
            acts,
        };
        let at_ms = stamp.time.ms();
        let raw = encode(&commit)?;
        let connection = &self.base.connection;
        let mut desk = Desk::open(connection)?;
        for act in &commit.acts {
            desk.lay(author, act, at_ms)?.map_err(refused)?;
        }
        let change = self.head.next_change();
        self.head.number = commit.number;
        timeline::insert(connection, change, &commit, &raw, None)?;
        pending::note(connection, change)?;
        Ok(Written {
            replica: self.head.replica,
            number: commit.number,
            stamp,
            change,
        })
    }

    /// Takes note, within an operation, that what is kept of grants and policies is another now; `told` are
    /// accounts whose policy the hub has just told.
    pub(super) fn shares_changed(&mut self, told: &BTreeSet<AccountId>) -> Result<(), StoreError> {
        let connection = &self.base.connection;
        self.head.is_reader = kept::is_reader(connection, self.head.account)?;
        settle(connection, &self.head, told)
    }

    /// The grants that the account has to do with, by id; with what it did about them and the hub has not
    /// said yet.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn grants(&self, which: Which) -> Result<Vec<Shown>, StoreError> {
        grants(&self.base.connection, which)
    }

    /// What the account does with the requests of others, by sender; the same.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn policies(&self) -> Result<Vec<Policy>, StoreError> {
        policies(&self.base.connection)
    }

    /// Why an account may do something with an atome, or may not, by what the hub has said. The parents of a
    /// past moment are known as far as the timeline here goes.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`] where the account has nothing to do with the atome;
    /// [`StoreError::Refused`] where it may not ask about others.
    pub fn why(&self, question: &Question) -> Result<Why, StoreError> {
        why(&self.base.connection, question)
    }

    /// The account that an atome belongs to that is made below `parent`: the parent's owner, or this account.
    /// Under an external key it takes its id from that account and the key.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub fn owner_below(&self, parent: Option<AtomeId>) -> Result<AccountId, StoreError> {
        owner_below(&self.base.connection, parent)
    }
}

pub(super) fn refused((code, message): sharing::Refused) -> StoreError {
    StoreError::Refused { code, message }
}

pub(super) fn grants(connection: &Connection, which: Which) -> Result<Vec<Shown>, StoreError> {
    let mut desk = Desk::open(connection)?;
    desk.load(which)?;
    let account = desk.account();
    let shown = desk.into_grants();
    Ok(shown
        .filter(|shown| which.includes(&shown.grant, account))
        .collect())
}

pub(super) fn policies(connection: &Connection) -> Result<Vec<Policy>, StoreError> {
    let mut desk = Desk::open(connection)?;
    desk.load_policies()?;
    Ok(desk.into_policies().collect())
}

pub(super) fn owner_below(
    connection: &Connection,
    parent: Option<AtomeId>,
) -> Result<AccountId, StoreError> {
    let above = match parent {
        Some(parent) => read::get(connection, parent)?,
        None => None,
    };
    match above {
        Some(above) => Ok(above.owner),
        None => kept::account(connection),
    }
}

pub(super) fn why(connection: &Connection, question: &Question) -> Result<Why, StoreError> {
    let Question {
        actor,
        right,
        key,
        atome,
        at_ms,
    } = question;
    let asker = kept::account(connection)?;
    let owner = owner_of(connection, *atome)?.ok_or(StoreError::NotFound(*atome))?;
    let line = line::at(connection, *atome, *at_ms)?;
    if asker != owner.id && asker != *actor {
        let mine = kept::covering(connection, asker, owner.id, &line)?;
        let share = Action::of(Right::Share, None);
        if !sharing::rights(asker, &mine, *at_ms).allow(share) {
            return Err(StoreError::Refused {
                code: Code::NotAllowed,
                message: "only the owner, and who may share, ask about others".to_owned(),
            });
        }
    }
    let covering = kept::covering(connection, *actor, owner.id, &line)?;
    let owner = covering.first().map_or(owner, |grant| grant.owner.clone());
    let actor = match covering.first() {
        Some(grant) => grant.grantee.clone(),
        None if *actor == owner.id => owner.clone(),
        None => nameless(*actor),
    };
    let action = Action::of(*right, key.as_ref());
    Ok(sharing::why(actor, action, *atome, owner, covering, *at_ms))
}

/// Whose an atome is that is here, or that a grant is about.
fn owner_of(connection: &Connection, atome: AtomeId) -> Result<Option<Party>, StoreError> {
    let known = kept::on(connection, atome)?.into_iter().next();
    let state = read::get(connection, atome)?;
    Ok(match (known, state) {
        (Some(grant), None) => Some(grant.owner),
        (Some(grant), Some(state)) if grant.owner.id == state.owner => Some(grant.owner),
        (_, state) => state.map(|state| nameless(state.owner)),
    })
}

/// An account whose name nothing here tells.
fn nameless(id: AccountId) -> Party {
    let name = String::new();
    Party { id, name }
}
