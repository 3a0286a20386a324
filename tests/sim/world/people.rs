//! What people do on the machines of a world: they write, wait, and change the mode.

use atome_engine::draft::Draft;
use atome_engine::replica::Input;
use atome_proto::commit::{Create, Key};
use atome_proto::local::v1::{Mode, SetMode};
use atome_proto::value::{Number, Value};
use atome_proto::{AccountId, AtomeId};
use uuid::Uuid;

use super::{Made, World, key};
use crate::machine::Wait;
use crate::record::Who;

/// Whose commits no hub takes from any machine.
const STRANGER: AccountId = AccountId(Uuid::from_u128(99));

impl World {
    /// A person writes on a machine; it is acknowledged once the store has it.
    pub(super) fn write(&mut self) {
        let machine = self.rng.below(self.machines.len());
        let account = self.machines[machine].account;
        let mark = self.next_mark;
        self.next_mark += 1;
        let doomed = self.rng.percent(4);
        // What a replica would refuse itself does not reach the hub; the name of a stranger does.
        let (author, draft) = if doomed {
            let create = Create {
                key: None,
                owner: None,
            };
            (STRANGER, Some(self.new_draft(create)))
        } else {
            (account, self.draft(account, machine))
        };
        let Some(mut draft) = draft else {
            return;
        };
        draft
            .set
            .insert(key("mark"), Value::from_number(Number::Whole(mark as i64)));
        let atome = draft.atome;
        let now = self.machines[machine].now(self.now);
        self.note(
            Who::Machine(machine),
            format_args!("writes {mark}: {atome} {draft:?}"),
        );
        let created = draft.create.is_some() && !doomed;
        self.machines[machine]
            .db
            .write(author, vec![draft], now)
            .expect("a write is taken");
        self.machines[machine].marks.push(mark);
        self.written.insert(mark, account);
        self.tally.writes += 1;
        if doomed {
            self.doomed.insert(mark);
        } else if created {
            self.atomes.push(Made { account, atome });
        }
        let position = self.machines[machine].db.position().expect("a position");
        self.tell(machine, Input::Stored(position));
    }

    pub(super) fn new_draft(&mut self, create: Create) -> Draft {
        let id = u128::from(self.rng.next()) << 64 | u128::from(self.rng.next());
        let mut draft = Draft::new(AtomeId(Uuid::from_u128(id)));
        draft.create = Some(create);
        draft
            .set
            .insert(Key::of_envelope(Key::TYPE), Value::from_text("thing"));
        draft
    }

    /// Something that a person might do to an atome that the machine has.
    pub(super) fn draft(&mut self, account: AccountId, machine: usize) -> Option<Draft> {
        let here: Vec<AtomeId> = self
            .atomes
            .iter()
            .filter(|made| made.account == account)
            .map(|made| made.atome)
            .filter(|atome| {
                self.machines[machine]
                    .db
                    .get(*atome)
                    .expect("read")
                    .is_some()
            })
            .collect();
        if here.is_empty() || (here.len() < 8 && self.rng.percent(40)) {
            return Some(self.new_draft(Create::default()));
        }
        let atome = *self.rng.pick(&here)?;
        let mut draft = Draft::new(atome);
        let name = key(["a", "b", "n"][self.rng.below(3)]);
        match self.rng.below(10) {
            0..3 => {
                let value = Value::from_number(Number::Whole(self.rng.below(50) as i64));
                draft.set.insert(name, value);
            }
            3 => {
                draft.unset.insert(name);
            }
            4..6 => {
                draft
                    .add
                    .insert(key("n"), Number::Whole(self.rng.below(9) as i64 - 4));
            }
            6..8 => {
                draft.add.insert(key("hits"), Number::Whole(1));
            }
            8 => {
                let parent = *self.rng.pick(&here)?;
                if parent != atome {
                    let parent = Value::from_text(&parent.to_string());
                    draft.set.insert(Key::of_envelope(Key::PARENT), parent);
                }
            }
            _ => {
                let deleted = Value::of_bool(self.rng.percent(60));
                draft.set.insert(Key::of_envelope(Key::DELETED), deleted);
            }
        }
        Some(draft)
    }

    /// Someone asks a machine whether it is synced.
    pub(super) fn wait(&mut self) {
        let machine = self.rng.below(self.machines.len());
        self.next_wait += 1;
        let token = self.next_wait;
        let position = self.machines[machine].db.position().expect("a position");
        let wait = Wait {
            marks: self.machines[machine].marks.len(),
            head: self.hub.head(self.machines[machine].account),
        };
        self.note(Who::Machine(machine), format_args!("waits {token}"));
        self.machines[machine].waits.insert(token, wait);
        self.tell(
            machine,
            Input::Wait {
                token,
                number: position.number,
                receipt: None,
            },
        );
    }

    pub(super) fn change_mode(&mut self) {
        let machine = self.rng.below(self.machines.len());
        let mode = [
            Mode::Live,
            Mode::Live,
            Mode::Interval,
            Mode::Manual,
            Mode::Off,
        ][self.rng.below(5)];
        let schedule = SetMode {
            mode,
            every_min: Some(1),
            window_min: None,
        };
        let paused = self.rng.percent(10);
        self.machines[machine].mode = mode;
        self.note(
            Who::Machine(machine),
            format_args!("goes {mode:?}, paused: {paused}"),
        );
        self.tell(machine, Input::Schedule { schedule, paused });
        if self.rng.percent(50) {
            self.tell(machine, Input::SyncNow);
        }
    }
}
