//! Grants and policies with acts laid over them: what an act comes to, as far as is known here.

use std::collections::{BTreeMap, BTreeSet};

use atome_engine::sharing::{
    Offer, Refused, Rights, after_block, answered, counts, ended, may_publish, offered, share_ends,
};
use atome_proto::code::Code;
use atome_proto::sharing::{Act, Answer, Grant, GrantState, Moment, Policy, Right, Rule, Terms};
use atome_proto::{AccountId, AtomeId, GrantId};
use rusqlite::Connection;

use super::{Shown, Which, kept, line, nameless, pending};
use crate::error::StoreError;
use crate::replica::read;

/// Grants and policies, read as they are asked for, with acts laid over them.
pub(super) struct Desk<'c> {
    connection: &'c Connection,
    account: AccountId,
    grants: BTreeMap<GrantId, Option<Shown>>,
    policies: BTreeMap<AccountId, Option<Policy>>,
}

/// What an act comes to.
type Laid = Result<(), Refused>;

/// What is done with a sender's next requests after an answer that says so.
pub(super) fn rule_after(answer: Answer) -> Rule {
    match answer {
        Answer::Accept => Rule::Always,
        Answer::Refuse => Rule::Never,
        Answer::Block => Rule::Block,
    }
}

impl<'c> Desk<'c> {
    /// With every act laid over that the hub has not settled.
    pub(super) fn open(connection: &'c Connection) -> Result<Self, StoreError> {
        let mut desk = Self {
            connection,
            account: kept::account(connection)?,
            grants: BTreeMap::new(),
            policies: BTreeMap::new(),
        };
        for (_, commit) in pending::open(connection)? {
            for act in &commit.acts {
                // What the hub will refuse shows nowhere until it has.
                let _ = desk.lay(commit.author, act, commit.stamp.time.ms())?;
            }
        }
        Ok(desk)
    }

    pub(super) fn account(&self) -> AccountId {
        self.account
    }

    /// Reads the grants that may be among what is asked for.
    pub(super) fn load(&mut self, which: Which) -> Result<(), StoreError> {
        let some = kept::some(self.connection, which, self.account)?;
        self.take(some);
        Ok(())
    }

    pub(super) fn load_policies(&mut self) -> Result<(), StoreError> {
        for sender in kept::senders(self.connection)? {
            self.policy(sender)?;
        }
        Ok(())
    }

    pub(super) fn into_grants(self) -> impl Iterator<Item = Shown> {
        self.grants.into_values().flatten()
    }

    pub(super) fn into_policies(self) -> impl Iterator<Item = Policy> {
        self.policies.into_values().flatten()
    }

    fn take(&mut self, grants: Vec<Grant>) {
        for grant in grants {
            let pending = false;
            let shown = |grant| Some(Shown { grant, pending });
            self.grants.entry(grant.id).or_insert_with(|| shown(grant));
        }
    }

    fn grant(&mut self, id: GrantId) -> Result<Option<&mut Shown>, StoreError> {
        use std::collections::btree_map::Entry;
        let slot = match self.grants.entry(id) {
            Entry::Occupied(slot) => slot.into_mut(),
            Entry::Vacant(place) => {
                let pending = false;
                let kept = kept::load(self.connection, id)?;
                place.insert(kept.map(|grant| Shown { grant, pending }))
            }
        };
        Ok(slot.as_mut())
    }

    fn policy(&mut self, sender: AccountId) -> Result<&mut Option<Policy>, StoreError> {
        use std::collections::btree_map::Entry;
        Ok(match self.policies.entry(sender) {
            Entry::Occupied(slot) => slot.into_mut(),
            Entry::Vacant(place) => place.insert(kept::policy(self.connection, sender)?),
        })
    }

    /// The grants to an account on atomes of another, in the order of the atomes.
    pub(super) fn covering(
        &mut self,
        grantee: AccountId,
        owner: AccountId,
        line: &[AtomeId],
    ) -> Result<Vec<Grant>, StoreError> {
        let mut covering = vec![];
        for grant in kept::covering(self.connection, grantee, owner, line)? {
            let shown = self.grant(grant.id)?;
            covering.extend(shown.map(|shown| shown.grant.clone()));
        }
        Ok(covering)
    }

    /// Lays an act of an account over what is here, at a time in milliseconds since 1970.
    pub(super) fn lay(
        &mut self,
        actor: AccountId,
        act: &Act,
        at_ms: u64,
    ) -> Result<Laid, StoreError> {
        match act {
            Act::Share {
                grant,
                atome,
                grantee,
                terms,
            } => self.share(actor, (*grant, *atome, *grantee), terms, at_ms),
            Act::Answer {
                grant,
                answer,
                always,
            } => self.answer(actor, *grant, (*answer, *always), at_ms),
            Act::End { grant } => {
                let Some(shown) = self.grant(*grant)? else {
                    return Ok(no_such(*grant));
                };
                Ok(ended(&shown.grant, actor).map(|state| {
                    if let Some(state) = state {
                        bring(shown, state, actor, at_ms);
                    }
                }))
            }
            Act::Policy { sender, rule, can } => {
                self.set_policy(actor, *sender, (*rule, can), at_ms)
            }
            Act::Publish { atome } => self.publish(actor, *atome, at_ms),
        }
    }

    fn share(
        &mut self,
        actor: AccountId,
        (id, atome, grantee): (GrantId, AtomeId, AccountId),
        terms: &Terms,
        at_ms: u64,
    ) -> Result<Laid, StoreError> {
        if let Some(Shown { grant, .. }) = self.grant(id)? {
            let same = (grant.by.id, grant.atome, grant.grantee.id) == (actor, atome, grantee)
                && grant.terms == *terms;
            let message = format!("the grant {id} is another one already");
            return Ok(same.then_some(()).ok_or((Code::Conflict, message)));
        }
        let Some(state) = read::get(self.connection, atome)? else {
            let message = format!("there is no atome {atome} to share");
            return Ok(Err((Code::NotFound, message)));
        };
        let owner = state.owner;
        let mut mine = vec![];
        if owner != actor {
            let line = line::now(self.connection, atome)?;
            mine = self.covering(actor, owner, &line)?;
            mine.retain(|grant| counts(grant, at_ms));
        }
        let decided = offered(Offer {
            actor,
            owner,
            grantee,
            terms,
            rights: &Rights::of(mine.iter().map(|grant| &grant.terms)),
            rights_until_ms: share_ends(mine.iter().map(|grant| &grant.terms)),
            policy: None,
            now_ms: at_ms,
        });
        Ok(decided.map(|moments| {
            let grant = Grant {
                id,
                atome,
                owner: mine
                    .first()
                    .map_or_else(|| nameless(owner), |grant| grant.owner.clone()),
                by: mine
                    .first()
                    .map_or_else(|| nameless(actor), |grant| grant.grantee.clone()),
                grantee: nameless(grantee),
                terms: terms.clone(),
                moments,
                published_at_ms: None,
                evictions: vec![],
            };
            let pending = true;
            self.grants.insert(id, Some(Shown { grant, pending }));
        }))
    }

    fn answer(
        &mut self,
        actor: AccountId,
        id: GrantId,
        (answer, always): (Answer, bool),
        at_ms: u64,
    ) -> Result<Laid, StoreError> {
        let Some(shown) = self.grant(id)? else {
            return Ok(no_such(id));
        };
        match answered(&shown.grant, actor, answer, at_ms) {
            Ok(Some(state)) => bring(shown, state, actor, at_ms),
            Ok(None) => {}
            Err(why) => return Ok(Err(why)),
        }
        let can = match answer {
            Answer::Accept => shown.grant.terms.can.clone(),
            Answer::Refuse | Answer::Block => BTreeSet::new(),
        };
        let sender = shown.grant.by.id;
        if always || answer == Answer::Block {
            return self.set_policy(actor, sender, (rule_after(answer), &can), at_ms);
        }
        Ok(Ok(()))
    }

    fn set_policy(
        &mut self,
        actor: AccountId,
        sender: AccountId,
        (rule, can): (Rule, &BTreeSet<Right>),
        at_ms: u64,
    ) -> Result<Laid, StoreError> {
        if sender == actor {
            let message = "an account has no policy about itself".to_owned();
            return Ok(Err((Code::BadRequest, message)));
        }
        let slot = self.policy(sender)?;
        let known = slot.take().map(|policy| policy.sender);
        *slot = Some(Policy {
            sender: known.unwrap_or_else(|| nameless(sender)),
            rule,
            can: can.clone(),
        });
        if rule == Rule::Block {
            self.take(kept::to(self.connection, actor)?);
            for shown in self.grants.values_mut().flatten() {
                if after_block(&shown.grant, actor, sender) {
                    bring(shown, GrantState::Blocked, actor, at_ms);
                }
            }
        }
        Ok(Ok(()))
    }

    fn publish(
        &mut self,
        actor: AccountId,
        atome: AtomeId,
        at_ms: u64,
    ) -> Result<Laid, StoreError> {
        self.take(kept::on(self.connection, atome)?);
        let mut published = false;
        for shown in self.grants.values_mut().flatten() {
            let waits = shown.grant.atome == atome && counts(&shown.grant, at_ms);
            if waits && may_publish(&shown.grant, actor) {
                published = true;
                shown.grant.published_at_ms = Some(at_ms);
                shown.pending = true;
            }
        }
        let message = format!("nothing that this account may publish waits on the atome {atome}");
        Ok(published.then_some(()).ok_or((Code::NotAllowed, message)))
    }
}

/// Brings a grant to a state that the hub has not said.
fn bring(shown: &mut Shown, state: GrantState, by: AccountId, at_ms: u64) {
    let by = Some(by);
    shown.grant.moments.push(Moment { state, by, at_ms });
    shown.pending = true;
}

fn no_such(grant: GrantId) -> Laid {
    let message = format!("there is no grant {grant} that this account has to do with");
    Err((Code::NotFound, message))
}
