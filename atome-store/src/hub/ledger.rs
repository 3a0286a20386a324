//! What one transaction writes of atomes: their states, the feeds of all whom that concerns, what readers
//! see, digests. It is gathered here, and written when the transaction ends.

use std::collections::{BTreeMap, BTreeSet};

use atome_engine::merge::Origin;
use atome_proto::commit::{Commit, RawCommit};
use atome_proto::digest::Digest;
use atome_proto::state::AtomeState;
use atome_proto::{AccountId, AtomeId};
use rusqlite::Connection;

use self::feeds::{Feeds, Kind};
use self::sheaf::Sheaf;
use self::sums::Sums;
use super::fanout::News;
use super::{states, views};
use crate::error::HubError;
use crate::parts::parts;

pub(super) mod feeds;
mod readers;
mod refresh;
pub(super) mod rules;
mod sheaf;
mod sums;

/// Everything that a transaction has to write.
pub(super) struct Ledger<'c> {
    pub(super) connection: &'c Connection,
    pub(super) now_ms: u64,
    pub(super) feeds: Feeds<'c>,
    sheaf: Sheaf<'c>,
    sums: Sums,
    /// What the commit that is being taken touches, as it was before it.
    touched: BTreeMap<(AccountId, AtomeId), Option<AtomeState>>,
    /// What of whom was told anew since, whole: digests know of it already.
    renewed: BTreeSet<(AccountId, AtomeId)>,
    /// Whether accounts have readers, and whether they are readers, as far as it was asked.
    shared: BTreeMap<AccountId, Shared>,
}

/// What an account has to do with sharing.
#[derive(Clone, Copy)]
struct Shared {
    has_readers: bool,
    is_reader: bool,
}

/// What a ledger holds in memory when nothing waits to be written of its states.
pub(super) struct Memory {
    heads: feeds::Heads,
    sums: Sums,
}

impl<'c> Ledger<'c> {
    pub(super) fn new(connection: &'c Connection, now_ms: u64) -> Self {
        Self {
            connection,
            now_ms,
            feeds: Feeds::new(connection, now_ms),
            sheaf: Sheaf::new(connection),
            sums: Sums::default(),
            touched: BTreeMap::new(),
            renewed: BTreeSet::new(),
            shared: BTreeMap::new(),
        }
    }

    /// Takes a commit that may be made, and that stands in the table of commits under an id: merges it, and
    /// tells all who may see some of it.
    pub(super) fn take(&mut self, commit: &Commit, id: i64) -> Result<(), HubError> {
        let author = commit.author;
        let shared = self.shared(author)?;
        let owners = commit
            .changes
            .iter()
            .filter_map(|change| change.create.as_ref()?.owner);
        if shared.has_readers || shared.is_reader || owners.into_iter().any(|it| it != author) {
            return self.take_shared(commit, id);
        }
        self.feeds.append(author, Kind::Commit, id, None)?;
        for change in &commit.changes {
            self.sheaf.add(author, change, Origin::of(commit), id)?;
        }
        Ok(())
    }

    /// Joins a state to an account's own atome, and tells all who see it.
    pub(super) fn join(&mut self, owner: AccountId, state: &AtomeState) -> Result<(), HubError> {
        let atome = state.atome;
        let before = self.sheaf.state(owner, atome)?.cloned();
        if !self.sheaf.join(owner, state)? {
            return Ok(());
        }
        for part in parts(serde_json::to_string(state)?)? {
            self.feeds.tell_state(owner, owner, atome, &part)?;
        }
        if self.shared(owner)?.has_readers {
            self.show_joined(owner, before.as_ref(), state)?;
        }
        Ok(())
    }

    fn shared(&mut self, account: AccountId) -> Result<Shared, HubError> {
        if let Some(shared) = self.shared.get(&account) {
            return Ok(*shared);
        }
        let shared = Shared {
            has_readers: views::has_readers(self.connection, account)?,
            is_reader: views::is_reader(self.connection, account)?,
        };
        self.shared.insert(account, shared);
        Ok(shared)
    }

    /// What was known of who shares with whom is no longer so.
    pub(super) fn sharing_changed(&mut self) {
        self.shared.clear();
    }

    /// The owner of an atome that an account sees: the account itself, or another that lets it.
    pub(super) fn owner_seen_by(
        &mut self,
        account: AccountId,
        atome: AtomeId,
    ) -> Result<Option<AccountId>, HubError> {
        if self.sheaf.state(account, atome)?.is_some() {
            return Ok(Some(account));
        }
        if !self.shared(account)?.is_reader {
            return Ok(None);
        }
        let row = views::of_reader(self.connection, account, atome)?;
        Ok(row.map(|row| row.owner))
    }

    /// Whether something stands below an account's own atome, or below the id of one that is missing.
    fn has_children(&self, owner: AccountId, atome: AtomeId) -> Result<bool, HubError> {
        self.sheaf.has_children(owner, atome)
    }

    /// The present state of an account's own atome.
    pub(super) fn state(
        &mut self,
        owner: AccountId,
        atome: AtomeId,
    ) -> Result<Option<&AtomeState>, HubError> {
        self.sheaf.state(owner, atome)
    }

    /// What a refused commit would have touched, as its author may see it, for the author to go back to;
    /// nothing where that is much, or where the commit cannot be read.
    pub(super) fn shown(
        &mut self,
        author: AccountId,
        raw: &RawCommit,
    ) -> Result<Vec<AtomeState>, HubError> {
        /// States that a refusal shows: where a commit touches more, or larger ones, none.
        const SHOWN_MAX: usize = 16;
        const SHOWN_LEN_MAX: usize = 64 << 10;
        let Ok(commit) = raw.decode() else {
            return Ok(vec![]);
        };
        if commit.changes.len() > SHOWN_MAX {
            return Ok(vec![]);
        }
        let mut shown = vec![];
        let mut len = 0;
        for change in &commit.changes {
            if let Some(state) = self.seen(author, change.atome)? {
                len += serde_json::to_string(&state)?.len();
                shown.push(state);
            }
        }
        Ok(if len > SHOWN_LEN_MAX { vec![] } else { shown })
    }

    /// The present state of an atome as an account may see it.
    fn seen(&mut self, account: AccountId, atome: AtomeId) -> Result<Option<AtomeState>, HubError> {
        match self.owner_seen_by(account, atome)? {
            None => Ok(None),
            Some(owner) if owner == account => Ok(self.sheaf.state(owner, atome)?.cloned()),
            Some(owner) => {
                let row = views::of_reader(self.connection, account, atome)?;
                let state = self.sheaf.state(owner, atome)?;
                Ok(row.zip(state).and_then(|(row, state)| row.view(state)))
            }
        }
    }

    /// An account has an atome more, which no commit of its own made.
    pub(super) fn appeared(&mut self, account: AccountId, atome: AtomeId, digest: Digest) {
        self.sums.turn(account, atome, None, Some(digest));
        self.sheaf.appeared(account);
    }

    /// Writes every state that changed.
    pub(super) fn flush(&mut self) -> Result<(), HubError> {
        self.sheaf.flush(&mut self.sums)
    }

    /// What is to be put back where what follows is undone.
    pub(super) fn memory(&mut self) -> Result<Memory, HubError> {
        self.flush()?;
        Ok(Memory {
            heads: self.feeds.heads(),
            sums: self.sums.clone(),
        })
    }

    /// Puts back what was in memory; what was read since is forgotten.
    pub(super) fn restore(&mut self, memory: Memory) {
        self.feeds.restore(memory.heads);
        self.sums = memory.sums;
        self.sheaf = Sheaf::new(self.connection);
        self.shared.clear();
    }

    /// Writes all that is left to write; who has something new in their feed.
    pub(super) fn finish(mut self) -> Result<Vec<News>, HubError> {
        self.flush()?;
        for (account, bucket, sum) in self.sums.take() {
            states::add_to_digest(self.connection, account, bucket, sum.atomes, sum.digest)?;
        }
        self.feeds.finish()
    }
}
