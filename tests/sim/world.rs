//! A world: who is in it, and what can happen next.

mod carry;
mod clocks;
mod copies;
mod faults;
mod logins;
mod people;
mod setback;
mod sharing;

use std::collections::{BTreeMap, BTreeSet};

use atome_engine::clock::{BUILD_TIME_MS, Now};
use atome_engine::replica::{Effect, Input, StoreJob};
use atome_engine::session;
use atome_proto::commit::Key;
use atome_proto::local::v1::SetMode;
use atome_proto::sync::v1::{Ack, ClientFrame, HubFrame, Ruling};
use atome_proto::{AccountId, AtomeId, GrantId, ReplicaId};
use atome_sim_disk::Disk;
use uuid::Uuid;

use crate::check::Asserted;
use crate::hub::{Hub, Side};
use crate::machine::Machine;
use crate::network::{ConnectionId, Fault, Network, Way};
use crate::record::{Record, Who};
use crate::rng::Rng;
use crate::tally::Tally;

pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) rng: Rng,
    pub(crate) now: Now,
    pub(crate) hub: Hub,
    pub(crate) machines: Vec<Machine>,
    pub(crate) network: Network,
    pub(crate) accounts: Vec<AccountId>,
    /// Atomes that were made, those that the hub will refuse left out.
    atomes: Vec<Made>,
    /// Marks of writes that the hub must refuse.
    pub(crate) doomed: BTreeSet<u64>,
    /// Marks of all writes that a machine has acknowledged, and who wrote.
    pub(crate) written: BTreeMap<u64, AccountId>,
    /// Marks of writes whose only disk may be gone: they need not come back, but not twice either.
    pub(crate) perhaps: BTreeSet<u64>,
    pub(crate) tally: Tally,
    next_mark: u64,
    next_wait: u64,
    faults: bool,
    pub(crate) kind: Kind,
    /// The grants that have come to count by the hub's clock.
    pub(crate) begun: BTreeSet<GrantId>,
    /// Whether its accounts have begun to share before anything went wrong.
    is_acquainted: bool,
    pub(crate) asserted: Asserted,
    pub(crate) record: Option<Record>,
    steps: u64,
}

/// An atome, and by whom it was made.
struct Made {
    account: AccountId,
    atome: AtomeId,
}

/// What a world is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Machines of accounts that have nothing to do with each other, whose disks are copied and put back.
    Apart,
    /// The same, but it is the hub's disk that is put back, and no machine's: what only a replica that is gone has
    /// said, nobody says again.
    Forgetful,
    /// Accounts that share.
    Sharing,
}

impl World {
    pub(crate) fn new(seed: u64, kind: Kind) -> Self {
        let mut rng = Rng::new(seed);
        let small = rng.percent(70);
        let accounts_count = if kind == Kind::Sharing {
            3
        } else {
            1 + rng.below(2)
        };
        let accounts: Vec<AccountId> = (1..=accounts_count)
            .map(|i| AccountId(Uuid::from_u128(i as u128)))
            .collect();
        let count = accounts_count.max(2) + rng.below(3);
        let machines = (0..count).map(|i| {
            let account = accounts[i % accounts.len()];
            let skew_ms = clocks::some_skew_ms(&mut rng);
            let disk = Disk::new(rng.next());
            Machine::new(account, ReplicaId(i as u64 + 1), skew_ms, small, disk)
        });
        let machines = machines.collect();
        let wall_ms = BUILD_TIME_MS + 86_400_000;
        let mut world = Self {
            seed,
            hub: Hub::new(&accounts, small, Disk::new(rng.next())),
            rng,
            now: Now {
                mono_ms: 1_000,
                wall_ms,
            },
            machines,
            network: Network::default(),
            accounts,
            atomes: vec![],
            doomed: BTreeSet::new(),
            written: BTreeMap::new(),
            perhaps: BTreeSet::new(),
            tally: Tally::default(),
            next_mark: 0,
            next_wait: 0,
            faults: true,
            kind,
            begun: BTreeSet::new(),
            is_acquainted: false,
            asserted: Asserted::default(),
            record: None,
            steps: 0,
        };
        for machine in 0..count {
            world.tell(machine, Input::Credentials(true));
        }
        world
    }

    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    /// Writes down from now on what happens.
    pub(crate) fn record(&mut self) {
        self.record = Some(Record::begin(self.seed));
    }

    /// One thing happens.
    pub(crate) fn step(&mut self) {
        self.steps += 1;
        match self.rng.below(108) {
            0..18 => {
                for _ in 0..=self.rng.below(4) {
                    if self.kind == Kind::Sharing {
                        self.share_or_write();
                    } else {
                        self.write();
                    }
                }
            }
            // Nothing is on its way: they wait for their back-off.
            18..86 if !self.is_busy() => self.pass_time(),
            18..48 => self.often(Self::deliver),
            48..68 => self.often(Self::machine_store),
            68..86 => self.often(Self::hub_store),
            86..92 => self.pass_time(),
            92..94 => self.cut(),
            94 => self.crash_machine(),
            95 => self.crash_hub(),
            96..98 if self.kind != Kind::Sharing => self.wait(),
            98..100 => self.change_mode(),
            100..102 => self.jump_clock(),
            102..104 => self.log_in_or_out(),
            104..106 => self.compact(),
            _ if self.kind == Kind::Forgetful => self.hub_goes_back(),
            _ => self.copy_disk(),
        }
    }

    fn often(&mut self, happens: fn(&mut Self)) {
        for _ in 0..=self.rng.below(3) {
            happens(self);
        }
    }

    /// Ends all faults and lets everything that is on its way come to rest.
    pub(crate) fn settle(&mut self) {
        self.faults = false;
        for machine in 0..self.machines.len() {
            self.log_in(machine);
            self.tell(
                machine,
                Input::Schedule {
                    schedule: SetMode::default(),
                    paused: false,
                },
            );
        }
        let mut idle = 0;
        for _ in 0..200_000 {
            self.steps += 1;
            if self.is_busy() {
                idle = 0;
                match self.rng.below(3) {
                    0 => self.deliver(),
                    1 => self.machine_store(),
                    _ => self.hub_store(),
                }
            } else if idle > 12 && self.is_level() {
                return;
            } else {
                idle += 1;
                self.pass_time();
            }
        }
        panic!("progress: the world does not come to rest");
    }

    fn is_busy(&self) -> bool {
        self.machines.iter().any(Machine::is_busy)
            || self.hub.sides.values().any(Side::is_busy)
            || !self.network.busy().is_empty()
    }

    fn is_level(&self) -> bool {
        self.machines.iter().all(|machine| {
            let position = machine.db.position().expect("a position");
            let owes = position.owes || position.offers > 0;
            position.pending() == 0 && !owes && position.feed() == self.hub.head(machine.account)
        })
    }

    /// A frame arrives, or a fault befalls it.
    fn deliver(&mut self) {
        let busy = self.network.busy();
        let Some((id, way)) = self.rng.pick(&busy).copied() else {
            return;
        };
        let faults = self.faults.then_some(&mut self.rng);
        let (frame, fault) = self.network.deliver(id, way, faults);
        match fault {
            Some(Fault::Dropped) => self.tally.dropped += 1,
            Some(Fault::Repeated) => self.tally.repeated += 1,
            Some(Fault::Reordered) => self.tally.reordered += 1,
            None => {}
        }
        self.note(
            Who::World,
            format_args!("brings the next frame of connection {id} {way:?}, fault: {fault:?}"),
        );
        let Some(frame) = frame else {
            return;
        };
        let machine = self.network.connections[&id].machine;
        match way {
            Way::ToHub => {
                let frame = ClientFrame::decode(frame)
                    .expect("a frame")
                    .expect("a known one");
                self.note(
                    Who::Hub,
                    format_args!("hears on connection {id}: {frame:?}"),
                );
                self.tell_side(id, session::Input::Frame(frame));
            }
            Way::ToMachine => {
                let frame = HubFrame::decode(frame)
                    .expect("a frame")
                    .expect("a known one");
                self.note(Who::Machine(machine), format_args!("hears {frame:?}"));
                if let HubFrame::Ack(ack) = &frame {
                    self.count_verdicts(ack);
                }
                if matches!(&frame, HubFrame::Snapshot(page) if page.end.is_some()) {
                    self.tally.snapshots += 1;
                }
                if self.machines[machine].connection == Some(id) {
                    self.tell(machine, Input::Frame(frame));
                }
            }
        }
    }

    fn count_verdicts(&mut self, ack: &Ack) {
        for verdict in &ack.verdicts {
            match verdict.ruling {
                Ruling::Clamped { .. } => self.tally.clamped += 1,
                Ruling::Refused(_) => self.tally.refused += 1,
                Ruling::Deferred { .. } => self.tally.deferred += 1,
            }
        }
    }

    /// A machine's store carries something out, or its engine hears that it did.
    fn machine_store(&mut self) {
        let is_busy = |machine: &usize| self.machines[*machine].is_busy();
        let busy: Vec<usize> = (0..self.machines.len()).filter(is_busy).collect();
        let Some(machine) = self.rng.pick(&busy).copied() else {
            return;
        };
        if self.rng.percent(50)
            && let Some(answer) = self.machines[machine].answers.pop_front()
        {
            return self.tell(machine, answer);
        }
        let trouble = self.trouble();
        let now = self.now;
        let first = self.machines[machine].todo.front().cloned();
        let forks = matches!(&first, Some(Effect::Store(StoreJob::Fork { .. })));
        self.tally.forks += u64::from(forks && trouble.is_none());
        if let Some(first) = first {
            self.note(
                Who::Machine(machine),
                format_args!("stores {first:?}, its disk: {trouble:?}"),
            );
        }
        self.machines[machine].carry_out(now, trouble);
        if self.machines[machine].disk.is_dead() {
            self.power_fails(machine);
        }
    }

    /// The hub's store carries something out, or a session hears that it did.
    fn hub_store(&mut self) {
        let sides = self.hub.sides.iter();
        let busy: Vec<ConnectionId> = sides
            .filter(|(_, side)| side.is_busy())
            .map(|(id, _)| *id)
            .collect();
        let Some(id) = self.rng.pick(&busy).copied() else {
            return;
        };
        if self.rng.percent(50)
            && let Some(answer) = self
                .hub
                .sides
                .get_mut(&id)
                .and_then(|s| s.answers.pop_front())
        {
            return self.tell_side(id, answer);
        }
        let account = self.hub.sides[&id].account;
        let wall_ms = self.hub.now(self.now).wall_ms;
        let first = self.hub.sides[&id].todo.front().cloned();
        let trouble = self.trouble();
        if let Some(first) = first {
            self.note(
                Who::Hub,
                format_args!("stores for connection {id}: {first:?}, its disk: {trouble:?}"),
            );
        }
        let grown = self.hub.carry_out(id, wall_ms, trouble);
        if self.hub.disk.is_dead() {
            return self.crash_hub();
        }
        if self.kind != Kind::Sharing {
            self.hub.gather(account);
        }
        if self.kind == Kind::Sharing {
            self.tell_heads();
        } else if let Some(head) = grown {
            let ids: Vec<ConnectionId> = self.hub.sides.keys().copied().collect();
            for other in ids {
                if self
                    .hub
                    .sides
                    .get(&other)
                    .is_some_and(|side| side.account == account)
                {
                    self.tell_side(other, session::Input::Head(head));
                }
            }
        }
    }

    fn pass_time(&mut self) {
        let ms = [1, 50, 900, 5_000, 20_000][self.rng.below(5)];
        self.now.mono_ms += ms;
        self.now.wall_ms += ms;
        self.note(Who::World, format_args!("lets {ms} ms pass"));
        for machine in 0..self.machines.len() {
            self.tell(machine, Input::Tick);
        }
        if self.kind == Kind::Sharing {
            self.tell_heads();
        }
        let ids: Vec<ConnectionId> = self.hub.sides.keys().copied().collect();
        for id in ids {
            self.tell_side(id, session::Input::Tick);
        }
    }
}

pub(crate) fn key(name: &str) -> Key {
    Key::of_particle(name).expect("a particle's name")
}
