//! What people do in a world whose accounts share: they write on whatever their machine has, offer grants,
//! answer, end them, set policies, publish. What the machine refuses early is not done.

use atome_engine::draft::Draft;
use atome_engine::replica::Input;
use atome_engine::session;
use atome_proto::commit::{Create, Key};
use atome_proto::sharing::{Act, Answer, Mode, Right, Rule, Terms};
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
        let (account, now) = {
            let machine = &self.machines[machine];
            (machine.account, machine.now(self.now))
        };
        let done = if self.rng.percent(35) {
            let Some(act) = self.some_act(machine) else {
                return;
            };
            self.note(Who::Machine(machine), format_args!("acts {act:?}"));
            let acted = self.machines[machine].db.act(account, vec![act], now);
            self.tally.acts += u64::from(acted.is_ok());
            acted.is_ok()
        } else {
            let draft = self.shared_draft(machine);
            self.note(Who::Machine(machine), format_args!("writes {draft:?}"));
            let written = self.machines[machine].db.write(account, vec![draft], now);
            self.tally.writes += u64::from(written.is_ok());
            written.is_ok()
        };
        if done {
            let position = self.machines[machine].db.position().expect("a position");
            self.tell(machine, Input::Stored(position));
        }
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
            0..7 => {
                let id = u128::from(self.rng.next()) << 64 | u128::from(self.rng.next());
                Some(Act::Share {
                    grant: GrantId(Uuid::from_u128(id)),
                    atome: *self.rng.pick(&here)?,
                    grantee: other,
                    terms: self.terms(),
                })
            }
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
