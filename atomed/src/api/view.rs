//! Atomes as people and scripts see them.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use atome_engine::tree::{self, effective_parent};
use atome_proto::commit::Key;
use atome_proto::local::v1::AtomeView;
use atome_proto::state::AtomeState;
use atome_proto::time::to_rfc3339;
use atome_proto::{AtomeId, Problem};
use atome_store::ReplicaStore;

use super::reply::{Cut, Lines};
use crate::store_problem::problem;

/// Atomes whose parents are remembered while a list is made: a few megabytes at most.
const KNOWN_MAX: usize = 20_000;

/// Atomes that are read at once to be shown.
const SHOWN_AT_ONCE: usize = 256;

/// What is remembered of an atome above another.
#[derive(Clone, Debug, Default)]
struct Above {
    parent: Option<tree::Parent>,
    key: Option<String>,
}

/// Makes views, and remembers the atomes above: most of a list stand below a few.
pub(super) struct Viewer<'a> {
    store: &'a ReplicaStore,
    known: BTreeMap<AtomeId, Above>,
}

impl<'a> Viewer<'a> {
    pub(super) fn of(store: &'a ReplicaStore) -> Self {
        Self {
            store,
            known: BTreeMap::new(),
        }
    }

    /// The view of a state; where its parents form a ring, it may be the one that counts as a root.
    pub(super) async fn view(&mut self, state: &AtomeState) -> Result<AtomeView, Problem> {
        let parent = self.parent(state).await?;
        Ok(AtomeView {
            id: state.atome,
            key: state.key.clone(),
            type_name: state.type_name(),
            kind: state.kind(),
            parent,
            owner: state.owner,
            creator: state.creator,
            copied_from: state.copied_from(),
            created_at: to_rfc3339(state.created.time.ms()),
            updated_at: to_rfc3339(state.updated.time.ms()),
            deleted: state.is_deleted(),
            properties: state
                .properties()
                .map(|(key, value)| (key.clone(), value))
                .collect(),
        })
    }

    /// The parent under which an atome stands, rings being cut.
    async fn parent(&mut self, state: &AtomeState) -> Result<Option<AtomeId>, Problem> {
        if self.known.len() > KNOWN_MAX {
            self.known.clear();
        }
        let own = written(state);
        let mut seen = BTreeSet::from([state.atome]);
        let mut above = own.map(|(parent, _)| parent);
        while let Some(atome) = above.filter(|atome| seen.insert(*atome)) {
            above = self.above(atome).await?.parent.map(|(parent, _)| parent);
        }
        let parent = effective_parent(state.atome, |atome| {
            Ok::<_, Infallible>(if atome == state.atome {
                own
            } else {
                self.known.get(&atome).and_then(|above| above.parent)
            })
        });
        Ok(parent.unwrap_or_else(|never| match never {}))
    }

    /// The external key of an atome's parent as it was written, where that has one.
    pub(super) async fn parent_key(
        &mut self,
        state: &AtomeState,
    ) -> Result<Option<String>, Problem> {
        if self.known.len() > KNOWN_MAX {
            self.known.clear();
        }
        match state.parent() {
            Some(parent) => Ok(self.above(parent).await?.key),
            None => Ok(None),
        }
    }

    async fn above(&mut self, atome: AtomeId) -> Result<Above, Problem> {
        if let Some(known) = self.known.get(&atome) {
            return Ok(known.clone());
        }
        let state = self.store.get(atome).await.map_err(|e| problem(&e))?;
        let above = state.map_or_else(Above::default, |state| Above {
            parent: written(&state),
            key: state.key,
        });
        self.known.insert(atome, above.clone());
        Ok(above)
    }
}

/// Writes the views of atomes, in this order; what is none any more is left out, and what is deleted, unless it is
/// wanted.
pub(super) async fn show(
    store: &ReplicaStore,
    mut atomes: &[AtomeId],
    deleted: bool,
    lines: &mut Lines,
) -> Result<(), Cut> {
    let mut viewer = Viewer::of(store);
    while !atomes.is_empty() {
        let next = atomes.iter().copied().take(SHOWN_AT_ONCE).collect();
        let read = store.get_some(next).await;
        let (states, count) = read.map_err(|e| problem(&e))?;
        for state in &states {
            if deleted || !state.is_deleted() {
                lines.push(&viewer.view(state).await?).await?;
            }
        }
        atomes = atomes.get(count..).unwrap_or_default();
    }
    lines.flush().await
}

/// The parent as it was written, and when.
fn written(state: &AtomeState) -> Option<tree::Parent> {
    let stamp = state.particles.get(Key::PARENT)?.stamp;
    Some((state.parent()?, stamp))
}
