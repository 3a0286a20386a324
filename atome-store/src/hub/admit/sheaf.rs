//! The states that the commits of one admission touch: each read once, merged in memory, written once.

use std::collections::BTreeMap;

use atome_engine::digest::of_state;
use atome_engine::merge::{Origin, apply};
use atome_proto::commit::{Commit, RawCommit};
use atome_proto::digest::Digest;
use atome_proto::state::AtomeState;
use atome_proto::{AccountId, AtomeId};
use rusqlite::{Connection, params};

use crate::error::HubError;
use crate::hub::states;
use crate::sqlite::value::Db;

/// States that a refusal shows: where a commit touches more, or larger ones, none.
const SHOWN_MAX: usize = 16;
const SHOWN_LEN_MAX: usize = 64 << 10;

struct Leaf {
    state: Option<AtomeState>,
    /// The digest that is in the account's; zero for an atome that is new.
    digest: Digest,
    /// The feed number of the first commit that touches it, where that is among these.
    made: Option<u64>,
    dirty: bool,
}

pub(super) struct Sheaf<'c> {
    connection: &'c Connection,
    account: AccountId,
    leaves: BTreeMap<AtomeId, Leaf>,
}

impl<'c> Sheaf<'c> {
    pub(super) fn new(connection: &'c Connection, account: AccountId) -> Self {
        Self {
            connection,
            account,
            leaves: BTreeMap::new(),
        }
    }

    fn leaf(&mut self, atome: AtomeId) -> Result<&mut Leaf, HubError> {
        use std::collections::btree_map::Entry;
        match self.leaves.entry(atome) {
            Entry::Occupied(leaf) => Ok(leaf.into_mut()),
            Entry::Vacant(place) => {
                let body = states::body(self.connection, self.account, atome)?;
                let state: Option<AtomeState> =
                    body.map(|body| serde_json::from_str(&body)).transpose()?;
                let digest = state.as_ref().map(of_state).unwrap_or_default();
                Ok(place.insert(Leaf {
                    state,
                    digest,
                    made: None,
                    dirty: false,
                }))
            }
        }
    }

    /// The present state of an atome.
    pub(super) fn state(&mut self, atome: AtomeId) -> Result<Option<&AtomeState>, HubError> {
        Ok(self.leaf(atome)?.state.as_ref())
    }

    /// What a refused commit would have touched, for its author to go back to; nothing where that is
    /// much, or where the commit cannot be read.
    pub(super) fn shown(&mut self, raw: &RawCommit) -> Result<Vec<AtomeState>, HubError> {
        let Ok(commit) = raw.decode() else {
            return Ok(vec![]);
        };
        if commit.changes.len() > SHOWN_MAX {
            return Ok(vec![]);
        }
        let mut shown = vec![];
        let mut len = 0;
        for change in &commit.changes {
            if let Some(state) = self.state(change.atome)? {
                len += serde_json::to_string(state)?.len();
                shown.push(state.clone());
            }
        }
        Ok(if len > SHOWN_LEN_MAX { vec![] } else { shown })
    }

    /// Merges a commit that stands in the feed under a number.
    pub(super) fn add(&mut self, commit: &Commit, feed: u64) -> Result<(), HubError> {
        for change in &commit.changes {
            let leaf = self.leaf(change.atome)?;
            leaf.dirty = true;
            let is_new = leaf.state.is_none();
            leaf.state = Some(apply(leaf.state.take(), change, Origin::of(commit)));
            if is_new {
                leaf.made = Some(feed);
            } else {
                self.connection
                    .prepare_cached("INSERT INTO touched (account, atome, feed) VALUES (?, ?, ?)")?
                    .execute(params![Db(self.account), Db(change.atome), Db(feed)])?;
            }
        }
        Ok(())
    }

    /// Writes every state that changed, and what that does to the account's digest.
    pub(super) fn finish(self) -> Result<(), HubError> {
        let mut buckets: BTreeMap<u8, (u64, Digest)> = BTreeMap::new();
        for (atome, leaf) in self.leaves {
            let (true, Some(state)) = (leaf.dirty, leaf.state) else {
                continue;
            };
            let [.., bucket] = *atome.as_bytes();
            let (atomes, sum) = buckets.entry(bucket).or_default();
            *atomes += u64::from(leaf.made.is_some());
            *sum = sum.plus(of_state(&state)).minus(leaf.digest);
            let body = serde_json::to_string(&state)?;
            let (account, atome) = (Db(self.account), Db(atome));
            if let Some(made) = leaf.made {
                self.connection
                    .prepare_cached(
                        "INSERT INTO states (account, atome, made, body) VALUES (?, ?, ?, ?)",
                    )?
                    .execute(params![account, atome, Db(made), body])?;
            } else {
                self.connection
                    .prepare_cached("UPDATE states SET body = ? WHERE account = ? AND atome = ?")?
                    .execute(params![body, account, atome])?;
            }
        }
        for (bucket, (atomes, sum)) in buckets {
            states::add_to_digest(self.connection, self.account, bucket, atomes, sum)?;
        }
        Ok(())
    }
}
