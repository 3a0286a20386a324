//! What of an atome a reader sees, and states and changes cut to that.

use std::collections::BTreeSet;

use atome_proto::commit::{Change, Key};
use atome_proto::sharing::{Mode, Terms};
use atome_proto::state::AtomeState;
use serde::{Deserialize, Serialize};

use crate::merge::join;

/// The particles that a reader sees. The registers of the envelope are always among them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cut {
    /// All.
    Whole,
    /// These alone.
    Only(BTreeSet<Key>),
}

impl Cut {
    /// Whether it shows a register or particle.
    #[must_use]
    pub fn shows(&self, key: &Key) -> bool {
        match self {
            Self::Whole => true,
            Self::Only(keys) => key.is_reserved() || keys.contains(key),
        }
    }

    /// What either shows.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Only(mut keys), Self::Only(more)) => {
                keys.extend(more);
                Self::Only(keys)
            }
            (Self::Whole, _) | (_, Self::Whole) => Self::Whole,
        }
    }

    /// What both show.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        match (self, other) {
            (Self::Whole, other) => other.clone(),
            (cut, Self::Whole) => cut,
            (Self::Only(keys), Self::Only(of)) => {
                Self::Only(keys.intersection(of).cloned().collect())
            }
        }
    }

    /// Whether it shows something that `other` does not.
    #[must_use]
    pub fn exceeds(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Whole) => false,
            (Self::Whole, Self::Only(_)) => true,
            (Self::Only(keys), Self::Only(of)) => !keys.is_subset(of),
        }
    }

    /// What it shows of a state. When it was altered is told by what is shown.
    #[must_use]
    pub fn state(&self, state: &AtomeState) -> AtomeState {
        let mut shown = state.clone();
        if let Self::Only(_) = self {
            shown.particles.retain(|key, _| self.shows(key));
            let stamps = shown.particles.values().map(|particle| particle.stamp);
            shown.updated = stamps.max().unwrap_or_default().max(shown.created);
        }
        shown
    }

    /// What it shows of a change; `None` where that is nothing.
    #[must_use]
    pub fn change(&self, change: &Change) -> Option<Change> {
        let mut shown = change.clone();
        shown.set.retain(|key, _| self.shows(key));
        shown.unset.retain(|key| self.shows(key));
        shown.add.retain(|key, _| self.shows(key));
        (shown.count() > 0).then_some(shown)
    }
}

/// What of one atome a reader sees as it is now, and what as it was when it was published.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sight {
    /// By grants whose changes come at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<Cut>,
    /// By grants whose changes wait to be published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Cut>,
}

impl Sight {
    /// What some grants show together. They must cover the atome, and count.
    pub fn of<'a>(terms: impl IntoIterator<Item = &'a Terms>) -> Self {
        let mut sight = Self::default();
        for terms in terms {
            let cut = if terms.only.is_empty() {
                Cut::Whole
            } else {
                Cut::Only(terms.only.clone())
            };
            let place = match terms.mode {
                Mode::Linked => &mut sight.live,
                Mode::Manual => &mut sight.held,
                Mode::Copy => continue,
            };
            *place = Some(match place.take() {
                Some(before) => before.or(cut),
                None => cut,
            });
        }
        sight
    }

    /// Whether nothing is seen, whether now or as published.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live.is_none() && self.held.is_none()
    }

    /// What is seen of an atome: of its present state, and of `held`, its state when it was published last.
    #[must_use]
    pub fn view(&self, state: &AtomeState, held: Option<&AtomeState>) -> Option<AtomeState> {
        let live = self.live.as_ref().map(|cut| cut.state(state));
        match (live, held) {
            (Some(live), Some(held)) => Some(join(live, held)),
            (live, held) => live.or_else(|| held.cloned()),
        }
    }

    /// Whether something that it shows, as it is now or as it was published, is not shown so by `other`.
    #[must_use]
    pub fn exceeds(&self, other: &Self) -> bool {
        let more = |mine: &Option<Cut>, theirs: &Option<Cut>| match (mine, theirs) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(mine), Some(theirs)) => mine.exceeds(theirs),
        };
        more(&self.live, &other.live) || more(&self.held, &other.held)
    }

    /// All that may be seen, now or as published.
    #[must_use]
    pub fn whole(&self) -> Cut {
        let cuts = [self.live.clone(), self.held.clone()];
        let all = cuts.into_iter().flatten().reduce(Cut::or);
        all.unwrap_or(Cut::Only(BTreeSet::new()))
    }
}
