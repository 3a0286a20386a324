//! Local writes. Step 6 of the way of a write: stamp, merge, keep, in one transaction.

use atome_engine::clock::Now;
use atome_proto::AccountId;
use atome_proto::commit::{BadCommit, Change, Commit, RawCommit};
use atome_proto::limit::COMMIT_LEN_MAX;
use atome_proto::stamp::Stamp;

use super::bench::Bench;
use super::sharing::preview::Preview;
use super::{Draft, ReplicaDb, Written, timeline};
use crate::error::StoreError;

/// Room that a commit leaves for the stamp that it claims, should the hub give it another.
const CLAIM_LEN: usize = 64;

impl ReplicaDb {
    /// Writes one commit. When this returns it is durable here (`local-first`).
    ///
    /// An addition names the version that it is made to: the present one.
    ///
    /// # Errors
    ///
    /// [`StoreError::NotFound`] where an atome that is not there is altered, [`StoreError::Exists`] where
    /// one that is there is made, [`StoreError::BadData`] beyond a limit; [`StoreError::Refused`] where the
    /// author may not do so with an atome of another account, as far as is known here.
    pub fn write(
        &mut self,
        author: AccountId,
        drafts: Vec<Draft>,
        now: Now,
    ) -> Result<Written, StoreError> {
        self.step(|db| db.write_drafts(author, drafts, now))
    }

    /// The same within an operation.
    pub(super) fn write_drafts(
        &mut self,
        author: AccountId,
        drafts: Vec<Draft>,
        now: Now,
    ) -> Result<Written, StoreError> {
        let mut bench = Bench::new(&self.base.connection, self.head.generation);
        let at_ms = self.clock.physical_ms(now);
        let mut preview = Preview::new(&self.base.connection, &self.head, author, at_ms);
        let mut changes = Vec::with_capacity(drafts.len());
        for draft in drafts {
            let atome = draft.atome;
            match (bench.state(atome)?.is_some(), draft.create.is_some()) {
                (false, false) => return Err(StoreError::NotFound(atome)),
                (true, true) => return Err(StoreError::Exists(atome)),
                (true, false) | (false, true) => {
                    changes.push(preview.change(&mut bench, draft)?);
                }
            }
        }
        let stamp = Stamp {
            time: self.clock.tick(now),
            replica: self.head.replica,
        };
        let commit = Commit {
            number: self.head.number + 1,
            author,
            stamp,
            claimed: None,
            changes,
            acts: vec![],
        };
        let raw = encode(&commit)?;
        let change = self.head.next_change();
        self.head.number = commit.number;
        timeline::insert(&self.base.connection, change, &commit, &raw, None)?;
        bench.add(&commit, change)?;
        bench.finish()?;
        Ok(Written {
            replica: self.head.replica,
            number: commit.number,
            stamp,
            change,
        })
    }
}

/// Checks and writes a commit of this replica.
pub(super) fn encode(commit: &Commit) -> Result<RawCommit, StoreError> {
    commit.check()?;
    let raw = RawCommit::encode(commit)?;
    let len = raw.as_str().len();
    if len > COMMIT_LEN_MAX - CLAIM_LEN {
        return Err(BadCommit::TooLong(len).into());
    }
    Ok(raw)
}

/// About how many bytes a change has in a commit; keys that need escapes may take more.
pub(super) fn len_of(change: &Change) -> usize {
    const ATOME_LEN: usize = 120;
    const ENTRY_LEN: usize = 8;
    const ADD_LEN: usize = 96;
    let create = change
        .create
        .as_ref()
        .and_then(|create| create.key.as_ref());
    let set = change
        .set
        .iter()
        .map(|(key, value)| key.as_str().len() + value.as_str().len() + ENTRY_LEN);
    let unset = change
        .unset
        .iter()
        .map(|key| key.as_str().len() + ENTRY_LEN);
    let add = change.add.keys().map(|key| key.as_str().len() + ADD_LEN);
    ATOME_LEN
        + create.map_or(0, String::len)
        + set.sum::<usize>()
        + unset.sum::<usize>()
        + add.sum::<usize>()
}
