//! The preview of a local write: what the hub would refuse about other accounts' atomes is refused at once.
//!
//! Where no other account's atome is involved nothing is asked.

use std::collections::{BTreeMap, BTreeSet};

use atome_engine::sharing::{Action, Ask, Rights, asks, rights};
use atome_engine::tree;
use atome_proto::code::Code;
use atome_proto::commit::{Change, Key};
use atome_proto::value::Value;
use atome_proto::{AccountId, AtomeId};
use rusqlite::Connection;

use super::desk::Desk;
use super::line::climb;
use crate::error::StoreError;
use crate::replica::Draft;
use crate::replica::bench::Bench;
use crate::replica::head::Head;

/// The preview of one commit's changes.
pub(in crate::replica) struct Preview<'c> {
    connection: &'c Connection,
    account: AccountId,
    is_reader: bool,
    author: AccountId,
    at_ms: u64,
    desk: Option<Desk<'c>>,
    rights: BTreeMap<(AccountId, AtomeId), Rights>,
    /// What the commit makes below other accounts' atomes.
    made: BTreeSet<AtomeId>,
}

impl<'c> Preview<'c> {
    /// A preview for an author, at a time in milliseconds since 1970.
    pub(in crate::replica) fn new(
        connection: &'c Connection,
        head: &Head,
        author: AccountId,
        at_ms: u64,
    ) -> Self {
        Self {
            connection,
            account: head.account,
            is_reader: head.is_reader,
            author,
            at_ms,
            desk: None,
            rights: BTreeMap::new(),
            made: BTreeSet::new(),
        }
    }

    /// The next commit begins.
    pub(in crate::replica) fn commit_begins(&mut self) {
        self.made.clear();
    }

    /// Whether the commit makes the atome, below one of another account.
    pub(in crate::replica) fn makes(&self, atome: AtomeId) -> bool {
        self.made.contains(&atome)
    }

    /// Makes the change that a draft says; what is made below another account's atome belongs to that one's
    /// owner.
    pub(in crate::replica) fn change(
        &mut self,
        bench: &mut Bench<'_>,
        mut draft: Draft,
    ) -> Result<Change, StoreError> {
        let atome = draft.atome;
        let above = draft.set.get(Key::PARENT).and_then(id_of);
        let owner = self.owner(bench, &mut draft, above)?;
        let state = bench.state(atome)?;
        let change = draft.into_change(state);
        if owner == self.account {
            return Ok(change);
        }
        let before = state.cloned();
        for ask in asks(&change, before.as_ref()) {
            let (place, action) = match ask {
                Ask::PutBelow(Some(parent)) => (parent, Action::Create),
                Ask::Do(action) if before.is_some() => (atome, action),
                // What is in a new atome is seen by whoever sees the one above it.
                Ask::Do(action) => (above.unwrap_or(atome), action),
                Ask::PutBelow(None) => {
                    let message = format!("only its owner may put the atome {atome} at the top");
                    return not_allowed(message);
                }
            };
            self.allow(bench, owner, place, action)?;
        }
        Ok(change)
    }

    /// Whose the atome of a draft is. Where a draft makes it below another account's, the draft says so
    /// afterwards.
    fn owner(
        &mut self,
        bench: &mut Bench<'_>,
        draft: &mut Draft,
        above: Option<AtomeId>,
    ) -> Result<AccountId, StoreError> {
        let atome = draft.atome;
        let owner = bench.state(atome)?.map(|state| state.owner);
        if owner.is_some_and(|owner| owner != self.account) {
            return Ok(owner.unwrap_or(self.account));
        }
        let named = draft.create.as_ref().and_then(|create| create.owner);
        let above = match above.filter(|_| self.is_reader) {
            Some(above) if self.made.contains(&above) => {
                return not_allowed(format!(
                    "the atome {above} is made in the same commit and belongs to another account; \
                     make it first, and what is below it then"
                ));
            }
            Some(above) => bench.state(above)?.map(|above| above.owner),
            None => None,
        };
        let above = above.filter(|above| *above != self.account);
        match (&mut draft.create, above) {
            (None, Some(_)) => not_allowed(format!(
                "the atome {atome} cannot be put below one of another account; make a new one there"
            )),
            (Some(create), Some(owner)) if named.is_none_or(|named| named == owner) => {
                let keyed = create.key.as_ref();
                if keyed.is_some_and(|key| AtomeId::from_key(owner, key) != atome) {
                    return Err(StoreError::Refused {
                        code: Code::BadData,
                        message:
                            "an atome below one of another account belongs to that account, and \
                                  takes its id from that account and the external key"
                                .to_owned(),
                    });
                }
                create.owner = Some(owner);
                self.made.insert(atome);
                Ok(owner)
            }
            (Some(_), Some(owner)) => not_allowed(format!(
                "the atome {atome} would be below one of the account {owner}, and must belong to it"
            )),
            (_, None) => Ok(named.unwrap_or(self.account)),
        }
    }

    fn allow(
        &mut self,
        bench: &mut Bench<'_>,
        owner: AccountId,
        place: AtomeId,
        action: Action<'_>,
    ) -> Result<(), StoreError> {
        if !self.rights_on(bench, owner, place)?.allow(action) {
            return not_allowed(format!("this account may not {action} {place}"));
        }
        Ok(())
    }

    fn rights_on(
        &mut self,
        bench: &mut Bench<'_>,
        owner: AccountId,
        place: AtomeId,
    ) -> Result<&Rights, StoreError> {
        use std::collections::btree_map::Entry;
        Ok(match self.rights.entry((owner, place)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(slot) => {
                // What this operation has moved or made is on the bench only.
                let line = climb(place, |at| {
                    tree::effective_parent(at, |at| parent(bench, at))
                })?;
                let desk = match &mut self.desk {
                    Some(desk) => desk,
                    none => none.insert(Desk::open(self.connection)?),
                };
                let covering = desk.covering(self.author, owner, &line)?;
                slot.insert(rights(self.author, &covering, self.at_ms))
            }
        })
    }
}

/// The parent of an atome as it stands on a bench.
fn parent(bench: &mut Bench<'_>, atome: AtomeId) -> Result<Option<tree::Parent>, StoreError> {
    let state = bench.state(atome)?;
    Ok(state.and_then(|state| {
        let parent = state.parent()?;
        Some((parent, state.particles.get(Key::PARENT)?.stamp))
    }))
}

fn id_of(value: &Value) -> Option<AtomeId> {
    value.to_text()?.parse().ok()
}

fn not_allowed<T>(message: String) -> Result<T, StoreError> {
    let code = Code::NotAllowed;
    Err(StoreError::Refused { code, message })
}
