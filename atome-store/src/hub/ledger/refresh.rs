//! What readers see of a tree, computed anew: after a grant began or ended, after a move.
//!
//! What is lost is evicted, and what is gained is told, by the feed, in the transaction that brought it.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use atome_engine::sharing::Sight;
use atome_engine::tree::{Parent, ancestors};
use atome_proto::commit::Key;
use atome_proto::sharing::Terms;
use atome_proto::state::AtomeState;
use atome_proto::{AccountId, AtomeId};

use super::{Ledger, sums};
use crate::error::HubError;
use crate::hub::sharing::grants;
use crate::hub::states;
use crate::hub::views::{self, View};
use crate::parts::parts;

/// The grants that cover a place, by reader.
type Covering = Rc<BTreeMap<AccountId, Vec<Rc<Terms>>>>;

/// The grants of an owner that count, by the atome that they are on.
struct Given(BTreeMap<AtomeId, Vec<(AccountId, Rc<Terms>)>>);

impl Given {
    /// Adds those on one atome to those above it.
    fn on(&self, atome: AtomeId, above: &Covering) -> Covering {
        let Some(more) = self.0.get(&atome) else {
            return Rc::clone(above);
        };
        let mut all = BTreeMap::clone(above);
        for (reader, terms) in more {
            all.entry(*reader).or_default().push(Rc::clone(terms));
        }
        Rc::new(all)
    }

    fn on_all(&self, line: &[AtomeId]) -> Covering {
        let none = Covering::default();
        line.iter()
            .rev()
            .fold(none, |above, atome| self.on(*atome, &above))
    }
}

/// The parent of an atome as it was written.
pub(in crate::hub) fn parent_of(state: &AtomeState) -> Option<Parent> {
    let stamp = state.particles.get(Key::PARENT)?.stamp;
    Some((state.parent()?, stamp))
}

impl Ledger<'_> {
    /// The atomes above one, the nearest first.
    pub(in crate::hub) fn above(
        &mut self,
        owner: AccountId,
        atome: AtomeId,
    ) -> Result<Vec<AtomeId>, HubError> {
        ancestors(atome, |at| {
            Ok(self.sheaf.state(owner, at)?.and_then(parent_of))
        })
    }

    /// Computes anew what readers see of an atome and all below it. `publish` names the reader whose view of
    /// what waits to be published is brought up to the present.
    pub(in crate::hub) fn refresh(
        &mut self,
        owner: AccountId,
        root: AtomeId,
        publish: Option<AccountId>,
    ) -> Result<(), HubError> {
        self.flush()?;
        self.sharing_changed();
        let mut given = Given(BTreeMap::new());
        for grant in grants::counting_of(self.connection, owner)? {
            let on = given.0.entry(grant.atome).or_default();
            on.push((grant.grantee.id, Rc::new(grant.terms)));
        }
        let above_root = self.above(owner, root)?;
        let mut walk = Walk {
            publish,
            lost: BTreeMap::new(),
            gained: vec![],
        };
        let mut seen = BTreeSet::from([root]);
        let mut stack = vec![(root, given.on_all(&above_root))];
        while let Some((atome, above)) = stack.pop() {
            let covering = given.on(atome, &above);
            self.turn(owner, atome, &covering, &mut walk)?;
            for child in states::children(self.connection, owner, atome)? {
                if !seen.insert(child) {
                    continue;
                }
                // Below the root, and above it: a ring of parents, which is cut somewhere.
                let above_child = if above_root.contains(&child) {
                    let line = self.above(owner, child)?;
                    given.on_all(&line)
                } else {
                    Rc::clone(&covering)
                };
                stack.push((child, above_child));
            }
        }
        self.tell(owner, &walk)
    }

    /// Compares what readers saw of an atome with what they shall see.
    fn turn(
        &mut self,
        owner: AccountId,
        atome: AtomeId,
        covering: &Covering,
        walk: &mut Walk,
    ) -> Result<(), HubError> {
        let mut before: BTreeMap<AccountId, View> = BTreeMap::new();
        for view in views::of_atome(self.connection, owner, atome)? {
            before.insert(view.reader, view);
        }
        if before.is_empty() && covering.is_empty() {
            return Ok(());
        }
        let Some(body) = states::body(self.connection, owner, atome)? else {
            return Ok(());
        };
        let state: AtomeState = serde_json::from_str(&body)?;
        let readers: BTreeSet<AccountId> = before.keys().chain(covering.keys()).copied().collect();
        for reader in readers {
            let terms = covering.get(&reader).map_or(&[][..], Vec::as_slice);
            let sight = Sight::of(terms.iter().map(Rc::as_ref));
            let old = before.remove(&reader);
            let held = sight.held.as_ref().and_then(|cut| {
                if walk.publish == Some(reader) {
                    return Some(cut.state(&state));
                }
                let held = old.as_ref().and_then(|view| view.held.as_ref());
                held.map(|held| cut.state(held))
            });
            let new = View {
                id: old.as_ref().map_or(0, |view| view.id),
                reader,
                owner,
                sight,
                held,
            };
            self.put(atome, &state, old.as_ref(), &new, walk)?;
        }
        Ok(())
    }

    /// Puts a view in the place of another, or of none.
    fn put(
        &mut self,
        atome: AtomeId,
        state: &AtomeState,
        old: Option<&View>,
        new: &View,
        walk: &mut Walk,
    ) -> Result<(), HubError> {
        let reader = new.reader;
        let saw = old.and_then(|view| {
            let touched = self.touched.get(&(new.owner, atome));
            match touched.filter(|_| !self.renewed.contains(&(reader, atome))) {
                Some(before) => view.view(before.as_ref()?),
                None => view.view(state),
            }
        });
        let sees = new.view(state);
        let lose = |walk: &mut Walk| walk.lost.entry(reader).or_default().push(atome);
        match (old, &sees) {
            (None, None) => return Ok(()),
            (None, Some(_)) => {
                if !views::insert(self.connection, new, atome)? {
                    return Ok(());
                }
                walk.gained.push((atome, reader));
            }
            (Some(old), None) => {
                views::remove(self.connection, old.id)?;
                lose(walk);
            }
            (Some(old), Some(_)) => {
                if old.sight == new.sight && old.held == new.held {
                    return Ok(());
                }
                views::update(self.connection, new)?;
                if old.sight.exceeds(&new.sight) {
                    lose(walk);
                }
                walk.gained.push((atome, reader));
            }
        }
        self.renewed.insert((reader, atome));
        self.sums.turn(
            reader,
            atome,
            sums::of(saw.as_ref()),
            sums::of(sees.as_ref()),
        );
        Ok(())
    }

    /// Tells what was lost, and then what was gained, some of which was lost before.
    fn tell(&mut self, owner: AccountId, walk: &Walk) -> Result<(), HubError> {
        for (reader, atomes) in &walk.lost {
            self.feeds.tell_evicted(*reader, atomes)?;
        }
        for (atome, reader) in &walk.gained {
            let body = states::body(self.connection, owner, *atome)?;
            let view = views::of_reader(self.connection, *reader, *atome)?;
            let (Some(body), Some(view)) = (body, view) else {
                continue;
            };
            self.show(&view, *atome, &serde_json::from_str(&body)?)?;
        }
        Ok(())
    }

    /// Tells a reader what it sees of an atome.
    pub(super) fn show(
        &mut self,
        view: &View,
        atome: AtomeId,
        state: &AtomeState,
    ) -> Result<(), HubError> {
        if let Some(seen) = view.view(state) {
            for part in parts(serde_json::to_string(&seen)?)? {
                self.feeds
                    .tell_state(view.reader, view.owner, atome, &part)?;
            }
        }
        Ok(())
    }
}

/// What is found on the way down a tree.
struct Walk {
    publish: Option<AccountId>,
    lost: BTreeMap<AccountId, Vec<AtomeId>>,
    gained: Vec<(AtomeId, AccountId)>,
}
