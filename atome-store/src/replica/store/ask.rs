//! What a replica store is asked; its readers answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use atome_proto::commit::RawCommit;
use atome_proto::digest::Buckets;
use atome_proto::local::v1::{Found, History, RefusedCommit, SetMode};
use atome_proto::sharing::{Policy, Why};
use atome_proto::state::{AtomeState, RawState};
use atome_proto::{AccountId, AtomeId};

use super::ReplicaStore;
use crate::error::StoreError;
use crate::replica::sharing::{self, Question, Shown, Which};
use crate::replica::{
    Changes, Deferred, Part, Recount, Scan, Sifted, Wanted, check, family, history, offer, read,
};

impl ReplicaStore {
    /// As [`crate::ReplicaDb::schedule`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn schedule(&self) -> Result<(SetMode, bool), StoreError> {
        self.readers.run(read::schedule).await
    }

    /// As [`crate::ReplicaDb::pending`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn pending(
        &self,
        after: u64,
        commits_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<RawCommit>, StoreError> {
        self.readers
            .run(move |connection| read::pending(connection, after, commits_max, bytes_max))
            .await
    }

    /// As [`crate::ReplicaDb::offers`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn offers(
        &self,
        bytes_max: usize,
    ) -> Result<(Vec<AtomeId>, Vec<RawState>), StoreError> {
        self.readers
            .run(move |connection| offer::page(connection, bytes_max))
            .await
    }

    /// As [`crate::ReplicaDb::get`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn get(&self, atome: AtomeId) -> Result<Option<AtomeState>, StoreError> {
        self.readers
            .run(move |connection| read::get(connection, atome))
            .await
    }

    /// As [`crate::ReplicaDb::find_prefix`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn find_prefix(
        &self,
        prefix: &str,
        limit: usize,
    ) -> Result<Vec<AtomeId>, StoreError> {
        let prefix = prefix.to_owned();
        self.readers
            .run(move |connection| read::find_prefix(connection, &prefix, limit))
            .await
    }

    /// As [`crate::ReplicaDb::scan`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn scan(&self, scan: Scan) -> Result<Vec<AtomeState>, StoreError> {
        self.readers
            .run(move |connection| read::scan(connection, &scan))
            .await
    }

    /// As [`crate::ReplicaDb::sift`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn sift<T: Send + 'static>(
        &self,
        scan: Scan,
        take: impl FnMut(AtomeId, &str) -> Result<Option<T>, serde_json::Error> + Send + 'static,
    ) -> Result<Sifted<T>, StoreError> {
        self.readers
            .run(move |connection| read::sift(connection, &scan, take))
            .await
    }

    /// The states of atomes, in this order, until a page is full; and how many atomes that are. Those that are
    /// none any more are left out.
    ///
    /// # Errors
    ///
    /// [`StoreError::Fault`].
    pub async fn get_some(
        &self,
        atomes: Vec<AtomeId>,
    ) -> Result<(Vec<AtomeState>, usize), StoreError> {
        self.readers
            .run(move |connection| read::get_some(connection, &atomes))
            .await
    }

    /// As [`crate::ReplicaDb::advance_index`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn advance_index(&self) -> Result<u64, StoreError> {
        let search = Arc::clone(&self.search);
        self.readers
            .run(move |connection| search.advance(connection))
            .await
    }

    /// As [`crate::ReplicaDb::find`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn find(&self, wanted: Wanted) -> Result<Vec<AtomeId>, StoreError> {
        let search = Arc::clone(&self.search);
        self.readers
            .run(move |connection| search.find(connection, &wanted))
            .await
    }

    /// As [`crate::ReplicaDb::children`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn children(&self, parent: Option<AtomeId>) -> Result<Vec<AtomeState>, StoreError> {
        self.readers
            .run(move |connection| family::children(connection, parent))
            .await
    }

    /// As [`crate::ReplicaDb::effective_parent`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn effective_parent(&self, atome: AtomeId) -> Result<Option<AtomeId>, StoreError> {
        self.readers
            .run(move |connection| family::effective_parent(connection, atome))
            .await
    }

    /// As [`crate::ReplicaDb::history`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn history(
        &self,
        atome: AtomeId,
        key: Option<String>,
    ) -> Result<History, StoreError> {
        self.readers
            .run(move |connection| history::history(connection, atome, key.as_deref()))
            .await
    }

    /// As [`crate::ReplicaDb::changes`], and the states of what changed, by id, until a page of them is full.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn changes(
        &self,
        since: u64,
        limit: usize,
    ) -> Result<(Changes, BTreeMap<AtomeId, AtomeState>), StoreError> {
        self.readers
            .run(move |connection| {
                let changes = history::changes(connection, since, limit)?;
                let atomes: BTreeSet<_> = changes.events.iter().map(|event| event.2).collect();
                let atomes: Vec<_> = atomes.into_iter().collect();
                let (states, _) = read::get_some(connection, &atomes)?;
                let by_id = states.into_iter().map(|state| (state.atome, state));
                Ok((changes, by_id.collect()))
            })
            .await
    }

    /// As [`crate::ReplicaDb::digest`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn digest(&self) -> Result<(u64, Buckets), StoreError> {
        self.readers.run(read::digest).await
    }

    /// As [`crate::ReplicaDb::recount`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn recount(&self) -> Result<Recount, StoreError> {
        self.readers.run(check::recount).await
    }

    /// As [`crate::ReplicaDb::compare`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn compare(&self, part: Part) -> Result<Vec<Found>, StoreError> {
        self.readers
            .run(move |connection| check::compare(connection, &part))
            .await
    }

    /// As [`crate::ReplicaDb::refused`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn refused(&self) -> Result<Vec<RefusedCommit>, StoreError> {
        self.readers.run(read::refused).await
    }

    /// As [`crate::ReplicaDb::deferred`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn deferred(&self) -> Result<Vec<Deferred>, StoreError> {
        self.readers.run(read::deferred).await
    }

    /// As [`crate::ReplicaDb::grants`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn grants(&self, which: Which) -> Result<Vec<Shown>, StoreError> {
        self.readers
            .run(move |connection| sharing::grants(connection, which))
            .await
    }

    /// As [`crate::ReplicaDb::policies`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn policies(&self) -> Result<Vec<Policy>, StoreError> {
        self.readers.run(sharing::policies).await
    }

    /// As [`crate::ReplicaDb::why`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn why(&self, question: Question) -> Result<Why, StoreError> {
        self.readers
            .run(move |connection| sharing::why(connection, &question))
            .await
    }

    /// As [`crate::ReplicaDb::owner_below`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn owner_below(&self, parent: Option<AtomeId>) -> Result<AccountId, StoreError> {
        self.readers
            .run(move |connection| sharing::owner_below(connection, parent))
            .await
    }
}
