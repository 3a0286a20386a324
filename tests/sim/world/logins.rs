//! Accounts that come to machines and leave them.

use atome_engine::replica::Input;
use atome_engine::session;
use atome_proto::{Code, Problem};

use super::{Kind, World};
use crate::network::ConnectionId;
use crate::record::Who;

impl World {
    /// A person logs out of a machine or in, the hub ends its session, or the account leaves the machine and
    /// comes again.
    pub(super) fn log_in_or_out(&mut self) {
        let machine = self.rng.below(self.machines.len());
        let is_in = self.machines[machine].has_token && !self.machines[machine].is_revoked;
        match self.rng.below(8) {
            0 if self.kind != Kind::Forgetful => self.start_over(machine),
            1..3 if is_in => self.log_out(machine),
            3 if is_in => self.revoke(machine),
            _ => self.log_in(machine),
        }
    }

    pub(super) fn log_in(&mut self, machine: usize) {
        let at = &mut self.machines[machine];
        if at.has_token && !at.is_revoked {
            return;
        }
        (at.has_token, at.is_revoked) = (true, false);
        self.note(Who::Machine(machine), format_args!("logs in"));
        self.tally.logins += 1;
        self.tell(machine, Input::Credentials(true));
    }

    fn log_out(&mut self, machine: usize) {
        self.note(Who::Machine(machine), format_args!("logs out"));
        self.tally.logouts += 1;
        self.machines[machine].has_token = false;
        self.tell(machine, Input::Credentials(false));
    }

    /// The hub takes the token no more, and says so where the machine is connected.
    fn revoke(&mut self, machine: usize) {
        self.note(
            Who::World,
            format_args!("the session of machine {machine} is revoked"),
        );
        self.tally.revocations += 1;
        self.machines[machine].is_revoked = true;
        let connections = self.network.connections.iter();
        let ids: Vec<ConnectionId> = connections
            .filter(|(_, connection)| connection.machine == machine)
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            let problem = Problem::new(Code::AuthRequired, "the session is revoked");
            self.tell_side(id, session::Input::End { problem });
        }
    }

    /// The account is taken from the machine, and comes again with nothing.
    fn start_over(&mut self, machine: usize) {
        self.note(
            Who::World,
            format_args!("the account leaves machine {machine} and comes again"),
        );
        self.tally.returns += 1;
        self.power_off(machine);
        let seed = self.rng.next();
        let now = self.machines[machine].now(self.now);
        let had = self.machines[machine].start_over(seed, now);
        self.give_up(machine, &had);
        self.carry_on(machine);
    }
}
