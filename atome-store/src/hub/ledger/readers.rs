//! A commit that concerns more accounts than its author: each gets an entry in its feed, cut to what it may
//! see. What a commit costs grows with the readers of what it touches.

use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};

use atome_engine::merge::{Origin, apply};
use atome_engine::sharing::{Cut, Sight};
use atome_proto::commit::{Change, Commit};
use atome_proto::digest::Digest;
use atome_proto::state::AtomeState;
use atome_proto::{AccountId, AtomeId};

use super::feeds::Kind;
use super::refresh::parent_of;
use super::{Ledger, sums};
use crate::error::{Fault, HubError};
use crate::hub::views::{self, View};

/// One change, and whose atome it is.
struct Touch<'a> {
    owner: AccountId,
    change: &'a Change,
}

/// What an account sees of a commit: its own atomes whole, of another's what the cut shows.
type Parts = BTreeMap<AtomeId, Option<Cut>>;

impl Ledger<'_> {
    pub(super) fn take_shared(&mut self, commit: &Commit, id: i64) -> Result<(), HubError> {
        self.touched.clear();
        self.renewed.clear();
        let mut numbers = BTreeMap::new();
        let mut entries = BTreeMap::from([(commit.author, Parts::new())]);
        let mut touches = Vec::with_capacity(commit.changes.len());
        for change in &commit.changes {
            let owner = self.owner_of(commit.author, change)?;
            if let Entry::Vacant(first) = numbers.entry(owner) {
                first.insert(self.feeds.append(owner, Kind::Commit, id, None)?);
            }
            entries.entry(owner).or_default().insert(change.atome, None);
            let before = self.sheaf.state(owner, change.atome)?.cloned();
            self.touched.insert((owner, change.atome), before);
            self.sheaf.add(owner, change, Origin::of(commit), id)?;
            touches.push(Touch { owner, change });
        }
        self.restructure(commit.author, &touches)?;
        for touch in &touches {
            if self.shared(touch.owner)?.has_readers {
                self.tell_readers(commit, touch, &mut entries)?;
            }
        }
        self.touched.clear();
        for (account, parts) in entries {
            let whole = parts.len() == commit.changes.len() && parts.values().all(Option::is_none);
            let cut = (!whole)
                .then(|| serde_json::to_string(&parts))
                .transpose()?;
            match (numbers.get(&account), cut) {
                (Some(number), Some(cut)) => self.feeds.cut(account, *number, &cut)?,
                (Some(_), None) => {}
                (None, cut) => {
                    self.feeds
                        .append(account, Kind::Commit, id, cut.as_deref())?;
                }
            }
        }
        Ok(())
    }

    /// Shows readers what they see of a state that was joined to an atome; `before` is the atome without it.
    pub(super) fn show_joined(
        &mut self,
        owner: AccountId,
        before: Option<&AtomeState>,
        state: &AtomeState,
    ) -> Result<(), HubError> {
        let atome = state.atome;
        let after = self.sheaf.state(owner, atome)?.cloned();
        let after = after.ok_or_else(|| Fault::Defect("a state that was joined is gone".into()))?;
        self.renewed.clear();
        self.touched = BTreeMap::from([((owner, atome), before.cloned())]);
        if before.map(parent_of) != Some(parent_of(&after)) {
            self.refresh(owner, atome, None)?;
        }
        self.touched.clear();
        for view in views::of_atome(self.connection, owner, atome)? {
            let saw = before.and_then(|before| view.view(before));
            let turn = Turn::between(saw.as_ref(), view.view(&after).as_ref());
            if turn.before != turn.after && !self.renewed.contains(&(view.reader, atome)) {
                self.sums.turn(view.reader, atome, turn.before, turn.after);
                self.show(&view, atome, state)?;
            }
        }
        Ok(())
    }

    /// Whose atome a change of an account that may make it touches.
    fn owner_of(&mut self, author: AccountId, change: &Change) -> Result<AccountId, HubError> {
        if let Some(owner) = self.owner_seen_by(author, change.atome)? {
            return Ok(owner);
        }
        let create = change.create.as_ref();
        Ok(create.and_then(|create| create.owner).unwrap_or(author))
    }

    /// Sees to it that whoever sees a place sees what a commit puts there, and nobody what it takes away.
    fn restructure(&mut self, author: AccountId, touches: &[Touch<'_>]) -> Result<(), HubError> {
        let mut born: BTreeMap<AtomeId, &Touch<'_>> = BTreeMap::new();
        for touch in touches {
            if !self.shared(touch.owner)?.has_readers {
                continue;
            }
            let atome = touch.change.atome;
            let after = self.sheaf.state(touch.owner, atome)?;
            match self.touched.get(&(touch.owner, atome)) {
                Some(Some(before)) => {
                    // To the same place once more counts too: it may cut a ring of parents elsewhere.
                    if parent_of(before) != after.and_then(parent_of) {
                        self.refresh(touch.owner, atome, None)?;
                    }
                }
                Some(None) | None => {
                    born.insert(atome, touch);
                }
            }
        }
        let mut done = BTreeSet::new();
        for atome in born.keys().copied() {
            // Those that are born above it first.
            let mut line = vec![];
            let mut at = Some(atome);
            while let Some(touch) = at.and_then(|at| born.get(&at))
                && done.insert(touch.change.atome)
            {
                line.push(*touch);
                let state = self.sheaf.state(touch.owner, touch.change.atome)?;
                at = state.and_then(AtomeState::parent);
            }
            for touch in line.into_iter().rev() {
                self.admit_to_readers(touch, author)?;
            }
        }
        Ok(())
    }

    /// Shows a new atome to the readers of the one above it.
    fn admit_to_readers(&mut self, touch: &Touch<'_>, author: AccountId) -> Result<(), HubError> {
        let (owner, atome) = (touch.owner, touch.change.atome);
        if self.sheaf.has_children(owner, atome)? {
            return self.refresh(owner, atome, None);
        }
        let state = self.sheaf.state(owner, atome)?;
        let Some(parent) = state.and_then(AtomeState::parent) else {
            return Ok(());
        };
        for above in views::of_atome(self.connection, owner, parent)? {
            // What waits to be published is not there yet, but for who made it.
            if above.sight.live.is_none() && above.reader != author {
                continue;
            }
            let view = View {
                held: None,
                ..above
            };
            views::insert(self.connection, &view, atome)?;
        }
        Ok(())
    }

    /// Adds what the readers of one atome see of a change to it.
    fn tell_readers(
        &mut self,
        commit: &Commit,
        touch: &Touch<'_>,
        entries: &mut BTreeMap<AccountId, Parts>,
    ) -> Result<(), HubError> {
        let (owner, atome) = (touch.owner, touch.change.atome);
        let after = self.sheaf.state(owner, atome)?.cloned();
        let after = after.ok_or_else(|| Fault::Defect("a state that was merged is gone".into()))?;
        // Most readers see the same: what that is, is computed once for all of them.
        let past = self.touched.get(&(owner, atome)).cloned().flatten();
        let mut alike: BTreeMap<Cut, Turn> = BTreeMap::new();
        for mut view in views::of_atome(self.connection, owner, atome)? {
            if self.renewed.contains(&(view.reader, atome)) {
                continue;
            }
            let own = view.reader == commit.author;
            let turn = match &view.sight {
                Sight {
                    live: Some(cut),
                    held: None,
                } => {
                    let turn = alike.entry(cut.clone()).or_insert_with(|| {
                        let shown = |state: &AtomeState| cut.state(state);
                        Turn::between(past.as_ref().map(shown).as_ref(), Some(&shown(&after)))
                            .showing(cut, touch.change)
                    });
                    turn.clone()
                }
                _ => {
                    let before = past.as_ref().and_then(|state| view.view(state));
                    if own && let Some(change) = view.sight.whole().change(touch.change) {
                        // What one writes oneself does not wait to be published.
                        let held = view.held.take().unwrap_or_else(|| bare(&after));
                        view.held = Some(apply(Some(held), &change, Origin::of(commit)));
                        views::update(self.connection, &view)?;
                    }
                    let cut = match &view.sight.live {
                        _ if own => Some(view.sight.whole()),
                        live => live.clone(),
                    };
                    let turn = Turn::between(before.as_ref(), view.view(&after).as_ref());
                    match cut {
                        Some(cut) => turn.showing(&cut, touch.change),
                        None => turn,
                    }
                }
            };
            self.sums.turn(view.reader, atome, turn.before, turn.after);
            match turn.shows {
                Some(cut) => {
                    let parts = entries.entry(view.reader).or_default();
                    parts.insert(atome, Some(cut));
                }
                // Not what the change says, but that the atome is older than was known.
                None if turn.before != turn.after => self.show(&view, atome, &after)?,
                None => {}
            }
        }
        Ok(())
    }
}

/// An atome of which nothing is seen but whose it is and since when.
fn bare(state: &AtomeState) -> AtomeState {
    AtomeState {
        updated: state.created,
        particles: [].into(),
        ..state.clone()
    }
}

/// What a change is to a reader.
#[derive(Clone)]
struct Turn {
    before: Option<Digest>,
    after: Option<Digest>,
    /// What is seen of the change, where something is.
    shows: Option<Cut>,
}

impl Turn {
    fn between(before: Option<&AtomeState>, after: Option<&AtomeState>) -> Self {
        Self {
            before: sums::of(before),
            after: sums::of(after),
            shows: None,
        }
    }

    fn showing(self, cut: &Cut, change: &Change) -> Self {
        let shows = cut.change(change).map(|_| cut.clone());
        Self { shows, ..self }
    }
}
