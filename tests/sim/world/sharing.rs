//! What people do in a world whose accounts share: they write on whatever their machine has, offer grants,
//! answer, end them, set policies, publish. What the machine refuses early is not done.

use atome_engine::draft::Draft;
use atome_engine::replica::Input;
use atome_engine::session;
use atome_proto::commit::{Create, Key};
use atome_proto::sharing::{Act, Answer, Grant, GrantState, Mode, Right, Rule, Terms};
use atome_proto::value::{Number, Value};
use atome_proto::{AccountId, AtomeId, GrantId};
use atome_store::replica::{Scan, Which};
use uuid::Uuid;

use super::{World, key};
use crate::network::ConnectionId;
use crate::record::Who;

impl World {
    /// One of these things happens.
    pub(super) fn share_or_write(&mut self) {
        let machine = self.rng.below(self.machines.len());
        if self.is_acquainted && self.rng.percent(10) {
            self.offer_anew(machine);
        } else if self.rng.percent(35) {
            if let Some(act) = self.some_act(machine) {
                self.act(machine, vec![act]);
            }
        } else {
            let draft = self.shared_draft(machine);
            self.write_shared(machine, draft);
        }
    }

    /// Has accounts share while nothing goes wrong yet: else little is shared before the end. No disk is copied
    /// from then on.
    pub(crate) fn acquaint(&mut self) {
        self.is_acquainted = true;
        for machine in 0..self.machines.len() {
            for _ in 0..2 {
                let draft = self.shared_draft(machine);
                self.write_shared(machine, draft);
                if let Some(atome) = self.here(machine).first() {
                    let account = self.machines[machine].account;
                    let others = self.accounts.iter().filter(|other| **other != account);
                    let acts = others.map(|grantee| (*atome, *grantee)).collect::<Vec<_>>();
                    for (atome, grantee) in acts {
                        let (grant, terms) = (self.fresh_grant(), self.terms());
                        let share = Act::Share {
                            grant,
                            atome,
                            grantee,
                            terms,
                        };
                        self.act(machine, vec![share]);
                    }
                }
            }
        }
        self.settle();
        for machine in 0..self.machines.len() {
            let inbox = self.machines[machine].db.grants(Which::Inbox);
            for shown in inbox.expect("a list") {
                if self.rng.percent(60) {
                    let accept = Act::Answer {
                        grant: shown.grant.id,
                        answer: Answer::Accept,
                        always: false,
                    };
                    self.act(machine, vec![accept]);
                }
            }
        }
        self.settle();
        self.faults = true;
    }

    fn act(&mut self, machine: usize, acts: Vec<Act>) {
        self.note(Who::Machine(machine), format_args!("acts {acts:?}"));
        let now = self.machines[machine].now(self.now);
        let account = self.machines[machine].account;
        let count = acts.len() as u64;
        if self.machines[machine].db.act(account, acts, now).is_ok() {
            self.tally.acts += count;
            self.stored(machine);
        }
    }

    fn write_shared(&mut self, machine: usize, draft: Draft) {
        self.note(Who::Machine(machine), format_args!("writes {draft:?}"));
        let now = self.machines[machine].now(self.now);
        let account = self.machines[machine].account;
        let written = self.machines[machine].db.write(account, vec![draft], now);
        if written.is_ok() {
            self.tally.writes += 1;
            self.stored(machine);
        }
    }

    fn stored(&mut self, machine: usize) {
        let position = self.machines[machine].db.position().expect("a position");
        self.tell(machine, Input::Stored(position));
    }

    /// An owner ends a grant and offers it again, while its grantee writes by the old one: where the hub hears of
    /// that later, the write is deferred until the new one is answered.
    fn offer_anew(&mut self, machine: usize) {
        let account = self.machines[machine].account;
        let all = self.machines[machine].db.grants(Which::All);
        let mut own: Vec<Grant> = all
            .expect("a list")
            .into_iter()
            .map(|shown| shown.grant)
            .collect();
        own.retain(|grant| {
            grant.owner.id == account
                && grant.state() == GrantState::Accepted
                && grant.terms.can.contains(&Right::Alter)
        });
        let Some(old) = self.rng.pick(&own).cloned() else {
            return;
        };
        let again = Act::Share {
            grant: self.fresh_grant(),
            atome: old.atome,
            grantee: old.grantee.id,
            terms: old.terms,
        };
        self.act(machine, vec![Act::End { grant: old.id }, again]);
        for other in 0..self.machines.len() {
            if self.machines[other].account == old.grantee.id {
                let mut draft = Draft::new(old.atome);
                let value = Value::from_number(Number::Whole(self.rng.below(50) as i64));
                draft.set.insert(key("a"), value);
                self.write_shared(other, draft);
            }
        }
    }

    fn fresh_grant(&mut self) -> GrantId {
        let id = u128::from(self.rng.next()) << 64 | u128::from(self.rng.next());
        GrantId(Uuid::from_u128(id))
    }

    fn here(&self, machine: usize) -> Vec<AtomeId> {
        let scan = Scan {
            deleted: true,
            limit: u32::MAX,
            ..Scan::default()
        };
        let states = self.machines[machine].db.scan(&scan).expect("a scan");
        states.iter().map(|state| state.atome).collect()
    }

    fn shared_draft(&mut self, machine: usize) -> Draft {
        let here = self.here(machine);
        let parent = self.rng.pick(&here).copied();
        let register = |id: AtomeId| Value::from_text(&id.to_string());
        if here.is_empty() || (here.len() < 12 && self.rng.percent(30)) {
            let parent = parent.filter(|_| self.rng.percent(70));
            let db = &self.machines[machine].db;
            let owner = db.owner_below(parent).expect("an owner");
            let owner = Some(owner).filter(|owner| *owner != self.machines[machine].account);
            let mut draft = self.new_draft(Create { key: None, owner });
            if let Some(parent) = parent {
                draft
                    .set
                    .insert(Key::of_envelope(Key::PARENT), register(parent));
            }
            return draft;
        }
        let atome = *self.rng.pick(&here).expect("some are here");
        let mut draft = Draft::new(atome);
        let name = key(["a", "b", "n"][self.rng.below(3)]);
        match self.rng.below(10) {
            0..4 => {
                let value = Value::from_number(Number::Whole(self.rng.below(50) as i64));
                draft.set.insert(name, value);
            }
            4 => {
                draft.unset.insert(name);
            }
            5..7 => {
                draft.add.insert(key("n"), Number::Whole(1));
            }
            7..9 => match parent.filter(|parent| *parent != atome) {
                Some(parent) => {
                    draft
                        .set
                        .insert(Key::of_envelope(Key::PARENT), register(parent));
                }
                None => {
                    draft.unset.insert(Key::of_envelope(Key::PARENT));
                }
            },
            _ => {
                let deleted = Value::of_bool(self.rng.percent(50));
                draft.set.insert(Key::of_envelope(Key::DELETED), deleted);
            }
        }
        draft
    }

    fn some_act(&mut self, machine: usize) -> Option<Act> {
        let account = self.machines[machine].account;
        let others: Vec<AccountId> = self
            .accounts
            .iter()
            .copied()
            .filter(|other| *other != account)
            .collect();
        let other = *self.rng.pick(&others)?;
        let here = self.here(machine);
        match self.rng.below(20) {
            0..7 => Some(Act::Share {
                grant: self.fresh_grant(),
                atome: *self.rng.pick(&here)?,
                grantee: other,
                terms: self.terms(),
            }),
            7..15 => {
                let inbox = self.machines[machine].db.grants(Which::Inbox);
                let inbox = inbox.expect("a list");
                let grant = self.rng.pick(&inbox)?.grant.id;
                let answers = [
                    Answer::Accept,
                    Answer::Accept,
                    Answer::Accept,
                    Answer::Refuse,
                ];
                Some(Act::Answer {
                    grant,
                    answer: answers[self.rng.below(4)],
                    always: self.rng.percent(10),
                })
            }
            15..17 => {
                let all = self.machines[machine].db.grants(Which::All);
                let all = all.expect("a list");
                let grant = self.rng.pick(&all)?.grant.id;
                Some(Act::End { grant })
            }
            17 => {
                let rules = [Rule::Ask, Rule::Always, Rule::Never, Rule::Block];
                Some(Act::Policy {
                    sender: other,
                    rule: rules[self.rng.below(4)],
                    can: [].into(),
                })
            }
            _ => Some(Act::Publish {
                atome: *self.rng.pick(&here)?,
            }),
        }
    }

    fn terms(&mut self) -> Terms {
        let mut can: std::collections::BTreeSet<Right> = [Right::Read].into();
        for right in Right::ALL {
            if self.rng.percent(50) {
                can.insert(right);
            }
        }
        let mode = [Mode::Linked, Mode::Linked, Mode::Manual, Mode::Copy][self.rng.below(4)];
        let mut only = std::collections::BTreeSet::new();
        if mode == Mode::Copy {
            can = [Right::Read].into();
        } else if self.rng.percent(30) {
            only.insert(key("a"));
        }
        let soon = self.hub.now(self.now).wall_ms + 1_000 * (1 + self.rng.below(600) as u64);
        let until_ms = self.rng.percent(20).then_some(soon + 30_000);
        Terms {
            can,
            only,
            mode,
            from_ms: self.rng.percent(40).then_some(soon),
            until_ms,
            message: None,
        }
    }

    /// What time has brought to grants, and every feed that has grown by whatever was done.
    pub(super) fn tell_heads(&mut self) {
        let wall_ms = self.hub.now(self.now).wall_ms;
        self.hub.db.settle(wall_ms).expect("settled");
        let begun = crate::rule::begun(self);
        self.begun.extend(begun);
        let ids: Vec<ConnectionId> = self.hub.sides.keys().copied().collect();
        for id in ids {
            let Some(account) = self.hub.sides.get(&id).map(|side| side.account) else {
                continue;
            };
            let head = self.hub.head(account);
            self.tell_side(id, session::Input::Head(head));
        }
    }
}
