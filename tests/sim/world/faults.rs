//! What goes wrong in a world: connections break, machines and the hub crash.

use atome_engine::replica::Input;
use atome_proto::{Code, Problem};

use super::{Kind, World};
use crate::disk::Trouble;
use crate::network::ConnectionId;
use crate::record::Who;

impl World {
    /// A connection breaks; either end may or may not notice.
    pub(super) fn cut(&mut self) {
        let ids: Vec<ConnectionId> = self.network.connections.keys().copied().collect();
        let Some(id) = self.rng.pick(&ids).copied() else {
            return;
        };
        self.note(Who::World, format_args!("connection {id} is cut"));
        self.tally.cuts += 1;
        let machine = self.network.connections[&id].machine;
        self.network.close(id);
        if self.rng.percent(70) {
            self.hub.sides.remove(&id);
        }
        if self.machines[machine].connection == Some(id) && self.rng.percent(70) {
            self.machines[machine].connection = None;
            let problem = Problem::new(Code::HubUnreachable, "cut");
            self.tell(machine, Input::Closed(Some(problem)));
        }
    }

    /// What befalls a disk during the next piece of work, if anything.
    pub(super) fn trouble(&mut self) -> Option<Trouble> {
        let trouble = self.faults.then(|| Trouble::perhaps(&mut self.rng))?;
        match trouble {
            Some(Trouble::Full(_) | Trouble::SyncsFail(_)) => self.tally.disk_failures += 1,
            Some(Trouble::PowerCut(_)) => self.tally.power_cuts += 1,
            None => {}
        }
        trouble
    }

    pub(super) fn crash_machine(&mut self) {
        let machine = self.rng.below(self.machines.len());
        self.power_fails(machine);
    }

    /// The power of a machine goes and comes back.
    pub(super) fn power_fails(&mut self, machine: usize) {
        self.note(Who::Machine(machine), format_args!("crashes"));
        self.tally.machine_crashes += 1;
        self.power_off(machine);
        let seed = self.rng.next();
        let now = self.machines[machine].now(self.now);
        self.machines[machine].crash(seed, now);
        self.carry_on(machine);
    }

    /// Ends a machine's connection; the hub may or may not notice.
    pub(super) fn power_off(&mut self, machine: usize) {
        if let Some(id) = self.machines[machine].connection {
            self.network.close(id);
            if self.rng.percent(50) {
                self.hub.sides.remove(&id);
            }
        }
    }

    /// The hub lets go of the oldest entries of a feed, whoever is connected, away, or in the midst of a snapshot.
    pub(super) fn compact(&mut self) {
        if self.rng.percent(50) {
            self.hub.db.accept_setbacks().expect("accepted");
        }
        let kept_ms = [0, 5_000, 60_000][self.rng.below(3)];
        let before_ms = self.hub.now(self.now).wall_ms.saturating_sub(kept_ms);
        let limit = 1 + self.rng.below(30) as u32;
        let compacted = self.hub.db.compact(before_ms, limit).expect("compacted");
        self.tally.compacted += u64::from(compacted);
        self.note(
            Who::Hub,
            format_args!(
                "keeps {kept_ms} ms of its feeds, at most {limit} entries go: {compacted}"
            ),
        );
    }

    pub(super) fn crash_hub(&mut self) {
        self.note(Who::World, format_args!("the hub crashes"));
        self.tally.hub_crashes += 1;
        self.hub.crash();
        if self.kind != Kind::Sharing {
            for account in self.accounts.clone() {
                self.hub.gather(account);
            }
        }
        self.disconnect_all();
    }

    /// All connections of the hub are gone; the machines may or may not notice.
    pub(super) fn disconnect_all(&mut self) {
        let ids: Vec<ConnectionId> = self.network.connections.keys().copied().collect();
        for id in ids {
            let machine = self.network.connections[&id].machine;
            self.network.close(id);
            if self.machines[machine].connection == Some(id) && self.rng.percent(80) {
                self.machines[machine].connection = None;
                self.tell(machine, Input::Closed(None));
            }
        }
    }
}
