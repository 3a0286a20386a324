//! The states that a transaction touches: each read once, merged in memory, written once.

use std::collections::{BTreeMap, BTreeSet};

use atome_engine::digest::of_state;
use atome_engine::merge::{Origin, apply, join};
use atome_proto::commit::Change;
use atome_proto::digest::Digest;
use atome_proto::state::AtomeState;
use atome_proto::{AccountId, AtomeId};
use rusqlite::{Connection, params};

use super::sums::Sums;
use crate::error::HubError;
use crate::hub::states;
use crate::sqlite::gap::Gap;
use crate::sqlite::value::Db;

struct Leaf {
    state: Option<AtomeState>,
    /// The digest that is in the owner's; absent for an atome that is new.
    digest: Option<Digest>,
    /// The id of the first commit that touches it, where that is not written yet.
    made: Option<i64>,
    dirty: bool,
}

pub(super) struct Sheaf<'c> {
    connection: &'c Connection,
    leaves: BTreeMap<(AccountId, AtomeId), Leaf>,
    /// Ids that owners do not have.
    gaps: BTreeMap<AccountId, Option<Gap>>,
    /// Atomes below which something was put that is not written yet.
    parents: BTreeSet<(AccountId, AtomeId)>,
}

impl<'c> Sheaf<'c> {
    pub(super) fn new(connection: &'c Connection) -> Self {
        Self {
            connection,
            leaves: BTreeMap::new(),
            gaps: BTreeMap::new(),
            parents: BTreeSet::new(),
        }
    }

    fn leaf(&mut self, owner: AccountId, atome: AtomeId) -> Result<&mut Leaf, HubError> {
        use std::collections::btree_map::Entry;
        match self.leaves.entry((owner, atome)) {
            Entry::Occupied(leaf) => Ok(leaf.into_mut()),
            Entry::Vacant(place) => {
                let next = || states::next(self.connection, owner, atome);
                let body = if Gap::has(self.gaps.entry(owner).or_default(), atome, next)? {
                    None
                } else {
                    states::body(self.connection, owner, atome)?
                };
                let state: Option<AtomeState> =
                    body.map(|body| serde_json::from_str(&body)).transpose()?;
                let digest = state.as_ref().map(of_state);
                Ok(place.insert(Leaf {
                    state,
                    digest,
                    made: None,
                    dirty: false,
                }))
            }
        }
    }

    /// An account has an atome more, which was not put here.
    pub(super) fn appeared(&mut self, owner: AccountId) {
        self.gaps.remove(&owner);
    }

    /// The present state of an account's own atome.
    pub(super) fn state(
        &mut self,
        owner: AccountId,
        atome: AtomeId,
    ) -> Result<Option<&AtomeState>, HubError> {
        Ok(self.leaf(owner, atome)?.state.as_ref())
    }

    /// Whether something stands below an atome.
    pub(super) fn has_children(&self, owner: AccountId, atome: AtomeId) -> Result<bool, HubError> {
        Ok(self.parents.contains(&(owner, atome))
            || states::has_children(self.connection, owner, atome)?)
    }

    /// Merges a change of the commit that stands in the table of commits under an id.
    pub(super) fn add(
        &mut self,
        owner: AccountId,
        change: &Change,
        origin: Origin,
        commit: i64,
    ) -> Result<(), HubError> {
        let leaf = self.leaf(owner, change.atome)?;
        leaf.dirty = true;
        let is_new = leaf.state.is_none();
        let state = apply(leaf.state.take(), change, origin);
        let parent = state.parent();
        leaf.state = Some(state);
        if is_new {
            leaf.made = Some(commit);
        }
        self.parents.extend(parent.map(|parent| (owner, parent)));
        if !is_new {
            self.connection
                .prepare_cached("INSERT INTO touched (account, atome, commit_id) VALUES (?, ?, ?)")?
                .execute(params![Db(owner), Db(change.atome), commit])?;
        }
        Ok(())
    }

    /// Joins a state to what is here, and no commit with it; whether that altered something.
    pub(super) fn join(&mut self, owner: AccountId, state: &AtomeState) -> Result<bool, HubError> {
        let leaf = self.leaf(owner, state.atome)?;
        let joined = match leaf.state.clone() {
            Some(here) => join(here, state),
            None => state.clone(),
        };
        if leaf.state.as_ref() == Some(&joined) {
            return Ok(false);
        }
        if leaf.state.is_none() {
            leaf.made = Some(0);
        }
        let parent = joined.parent();
        leaf.state = Some(joined);
        leaf.dirty = true;
        self.parents.extend(parent.map(|parent| (owner, parent)));
        Ok(true)
    }

    /// Writes every state that changed, and gathers what that does to the owners' digests.
    pub(super) fn flush(&mut self, sums: &mut Sums) -> Result<(), HubError> {
        self.parents.clear();
        for ((owner, atome), leaf) in &mut self.leaves {
            let (true, Some(state)) = (std::mem::take(&mut leaf.dirty), &leaf.state) else {
                continue;
            };
            let digest = Some(of_state(state));
            sums.turn(*owner, *atome, leaf.digest, digest);
            leaf.digest = digest;
            let body = serde_json::to_string(state)?;
            let parent = state.parent();
            match leaf.made.take() {
                Some(made) => states::insert(self.connection, *owner, *atome, made, &body, parent)?,
                None => states::update(self.connection, *owner, *atome, &body, parent)?,
            }
        }
        Ok(())
    }
}
