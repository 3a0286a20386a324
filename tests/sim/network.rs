//! The network: connections that machines open, each with a lane of frames either way.

use std::collections::{BTreeMap, VecDeque};

use atome_proto::sync::FrameBytes;

use crate::rng::Rng;

pub(crate) type ConnectionId = u64;

/// Which way a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    ToHub,
    ToMachine,
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) machine: usize,
    lanes: BTreeMap<Way, VecDeque<FrameBytes>>,
}

/// What a fault did, for the trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    Dropped,
    Repeated,
    Reordered,
}

#[derive(Debug, Default)]
pub(crate) struct Network {
    pub(crate) connections: BTreeMap<ConnectionId, Connection>,
    next: ConnectionId,
}

impl Network {
    pub(crate) fn open(&mut self, machine: usize) -> ConnectionId {
        self.next += 1;
        self.connections.insert(
            self.next,
            Connection {
                machine,
                lanes: BTreeMap::new(),
            },
        );
        self.next
    }

    /// Ends a connection: whatever is on its way is lost.
    pub(crate) fn close(&mut self, id: ConnectionId) {
        self.connections.remove(&id);
    }

    pub(crate) fn send(&mut self, id: ConnectionId, way: Way, frame: FrameBytes) {
        if let Some(connection) = self.connections.get_mut(&id) {
            connection.lanes.entry(way).or_default().push_back(frame);
        }
    }

    /// Lanes that hold something.
    pub(crate) fn busy(&self) -> Vec<(ConnectionId, Way)> {
        let lanes = self.connections.iter().flat_map(|(id, connection)| {
            connection
                .lanes
                .iter()
                .map(move |(way, lane)| (*id, *way, lane))
        });
        lanes
            .filter(|(.., lane)| !lane.is_empty())
            .map(|(id, way, _)| (id, way))
            .collect()
    }

    pub(crate) fn lane_len(&self, id: ConnectionId, way: Way) -> usize {
        self.connections
            .get(&id)
            .and_then(|c| c.lanes.get(&way))
            .map_or(0, VecDeque::len)
    }

    /// Takes the next frame out of a lane, with a fault now and then where those are on.
    pub(crate) fn deliver(
        &mut self,
        id: ConnectionId,
        way: Way,
        faults: Option<&mut Rng>,
    ) -> (Option<FrameBytes>, Option<Fault>) {
        let Some(lane) = self
            .connections
            .get_mut(&id)
            .and_then(|c| c.lanes.get_mut(&way))
        else {
            return (None, None);
        };
        let Some(rng) = faults else {
            return (lane.pop_front(), None);
        };
        match rng.below(100) {
            0..5 => {
                lane.pop_front();
                (None, Some(Fault::Dropped))
            }
            5..10 => (lane.front().cloned(), Some(Fault::Repeated)),
            10..30 if lane.len() > 1 => {
                let place = rng.below(lane.len());
                (lane.remove(place), Some(Fault::Reordered))
            }
            _ => (lane.pop_front(), None),
        }
    }
}
