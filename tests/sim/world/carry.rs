//! Carrying out what the engines ask for: frames onto the network, the rest into the hands of the stores.

use atome_engine::replica::{Effect, Input};
use atome_engine::session;
use atome_proto::sync::Encoding;
use atome_proto::{Code, Problem};

use super::World;
use crate::network::{ConnectionId, Way};
use crate::record::Who;

impl World {
    /// Gives an input to a machine's engine, and sees to what follows.
    pub(super) fn tell(&mut self, machine: usize, input: Input) {
        let now = self.machines[machine].now(self.now);
        self.machines[machine].replica.handle(input, now);
        self.carry_on(machine);
    }

    pub(super) fn carry_on(&mut self, machine: usize) {
        while let Some(effect) = self.machines[machine].replica.poll_effect() {
            self.note(Who::Machine(machine), format_args!("decides {effect:?}"));
            match effect {
                Effect::Connect if self.machines[machine].is_revoked => {
                    let problem = Problem::new(Code::AuthRequired, "the session is over");
                    let now = self.machines[machine].now(self.now);
                    let replica = &mut self.machines[machine].replica;
                    replica.handle(Input::AuthRefused(problem), now);
                }
                Effect::Connect => {
                    let id = self.network.open(machine);
                    self.machines[machine].connection = Some(id);
                    let account = self.machines[machine].account;
                    self.hub.accept(id, account, self.hub.now(self.now));
                    let now = self.machines[machine].now(self.now);
                    self.machines[machine].replica.handle(Input::Connected, now);
                }
                Effect::Disconnect => {
                    if let Some(id) = self.machines[machine].connection.take() {
                        self.network.close(id);
                        if self.rng.percent(80) {
                            self.hub.sides.remove(&id);
                        }
                    }
                }
                Effect::Send(frame) => {
                    let encoding = [Encoding::Text, Encoding::Zstd][self.rng.below(2)];
                    let frame = frame.encode(encoding).expect("a frame");
                    if let Some(id) = self.machines[machine].connection {
                        self.network.send(id, Way::ToHub, frame);
                    }
                }
                Effect::Waited { token, .. } => {
                    self.tally.waits += 1;
                    crate::check::waited(self, machine, token);
                }
                Effect::Digested(_) | Effect::Shown(..) => {}
                effect @ (Effect::ReadPending { .. }
                | Effect::ReadOffers { .. }
                | Effect::Store(_)
                | Effect::HubTime(_)) => {
                    self.machines[machine].todo.push_back(effect);
                }
            }
        }
    }

    /// Gives an input to a session of the hub, and sees to what follows.
    pub(super) fn tell_side(&mut self, id: ConnectionId, input: session::Input) {
        let now = self.hub.now(self.now);
        let Some(side) = self.hub.sides.get_mut(&id) else {
            return;
        };
        side.session.handle(input, now);
        let effects: Vec<session::Effect> =
            std::iter::from_fn(|| side.session.poll_effect()).collect();
        for effect in effects {
            self.note(
                Who::Hub,
                format_args!("decides on connection {id}: {effect:?}"),
            );
            match effect {
                session::Effect::Send(frame) => {
                    let encoding = [Encoding::Text, Encoding::Zstd][self.rng.below(2)];
                    let frame = frame.encode(encoding).expect("a frame");
                    self.network.send(id, Way::ToMachine, frame);
                }
                session::Effect::Close => {
                    self.hub.sides.remove(&id);
                }
                effect @ (session::Effect::Position { .. }
                | session::Effect::Admit { .. }
                | session::Effect::ReadFeed { .. }
                | session::Effect::ReadStates { .. }
                | session::Effect::ReadGrants { .. }
                | session::Effect::ReadChanged { .. }
                | session::Effect::Evicted { .. }
                | session::Effect::Heed { .. }
                | session::Effect::Offer(_)
                | session::Effect::ReadReceipt(_)
                | session::Effect::ReadBuckets(_)
                | session::Effect::ReadDigest) => {
                    if let Some(side) = self.hub.sides.get_mut(&id) {
                        side.todo.push_back(effect);
                    }
                }
            }
        }
    }
}
