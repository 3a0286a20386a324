//! Two replicas and a hub, each on a disk of its own, and what happens to them.

use atome_proto::sync::v1::Cursor;
use atome_sim_disk::Chance;
use atome_store::Durability;
use atome_store::hub::Identity;

use crate::hub::Hub;
use crate::replica::Replica;

/// What a store no longer has, or has in part.
pub(crate) type Loss = String;

/// How often things happened: a history in which nothing fails proves nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) commits: u64,
    pub(crate) crashes: u64,
    pub(crate) in_writes: u64,
    pub(crate) in_openings: u64,
    pub(crate) in_closes: u64,
    /// Commits that were not acknowledged, and are there.
    pub(crate) kept_all_the_same: u64,
    pub(crate) lost_unacknowledged: u64,
    pub(crate) checkpoints: u64,
}

impl Tally {
    fn parts(&mut self) -> [(&'static str, &mut u64); 8] {
        [
            ("commits", &mut self.commits),
            ("crashes", &mut self.crashes),
            ("crashes in writes", &mut self.in_writes),
            ("crashes in openings", &mut self.in_openings),
            ("crashes in closes", &mut self.in_closes),
            ("commits kept all the same", &mut self.kept_all_the_same),
            ("commits lost unacknowledged", &mut self.lost_unacknowledged),
            ("checkpoints while open", &mut self.checkpoints),
        ]
    }

    pub(crate) fn add(&mut self, other: &Self) {
        let mut other = other.clone();
        for ((_, mine), (_, theirs)) in self.parts().into_iter().zip(other.parts()) {
            *mine += *theirs;
        }
    }

    pub(crate) fn assert_everything_happened(&mut self) {
        for (what, times) in self.parts() {
            assert!(*times > 0, "in all histories together there were no {what}");
        }
    }
}

pub(crate) struct Rig {
    pub(crate) rng: Chance,
    pub(crate) replicas: [Replica; 2],
    pub(crate) hub: Hub,
    pub(crate) tally: Tally,
}

impl Rig {
    pub(crate) fn new(seed: u64, durability: Durability) -> Self {
        let mut rng = Chance::new(seed);
        let mut tally = Tally::default();
        let replicas = [1, 2].map(|id| Replica::new(id, &mut rng, &mut tally, durability));
        let hub = Hub::new(&mut rng, &mut tally, durability);
        Self {
            rng,
            replicas,
            hub,
            tally,
        }
    }

    /// One thing happens, and the power may go in the midst of it.
    pub(crate) fn step(&mut self) -> Result<(), Loss> {
        let (rng, tally) = (&mut self.rng, &mut self.tally);
        let replica = &mut self.replicas[usize::from(rng.percent(50))];
        for disk in [&replica.disk, &self.hub.disk] {
            if rng.percent(25) {
                let within = [4, 16, 64, 400][rng.below(4) as usize];
                disk.die_after(rng.below(within));
            } else {
                disk.stay_alive();
            }
        }
        match rng.below(12) {
            0..5 => replica.write(rng, tally),
            5..7 => push(replica, &mut self.hub, rng, tally),
            7..9 => pull(replica, &self.hub, rng, tally),
            9 => replica.close(tally),
            10 => self.hub.close(tally),
            _ => {
                let dies = rng.percent(50);
                tally.crashes += u64::from(dies);
                if dies {
                    replica.disk.die_after(0);
                } else {
                    self.hub.disk.die_after(0);
                }
            }
        }
        replica.recover(rng, tally)?;
        self.hub.recover(rng, tally)
    }

    /// The disks are sound from now on: all comes to the same.
    pub(crate) fn settle(&mut self) -> Result<(), Loss> {
        let (rng, tally) = (&mut self.rng, &mut self.tally);
        self.hub.disk.stay_alive();
        for replica in &mut self.replicas {
            replica.disk.stay_alive();
            while replica.pending() > 0 {
                push(replica, &mut self.hub, rng, tally);
            }
        }
        let (head, digest) = self.hub.digest();
        for replica in &mut self.replicas {
            while replica.feed() < head {
                pull(replica, &self.hub, rng, tally);
            }
            if replica.digest() != digest {
                return Err(format!("replica {} holds something else", replica.id));
            }
            replica.verify()?;
        }
        self.hub.verify()
    }
}

fn cursor(identity: Identity, feed: u64) -> Cursor {
    Cursor {
        hub: identity.hub,
        epoch: identity.epoch,
        feed,
    }
}

/// A replica's pending commits go to the hub; if its disk holds, the acknowledgement comes back.
fn push(replica: &mut Replica, hub: &mut Hub, rng: &mut Chance, tally: &mut Tally) {
    let Some((first, commits)) = replica.outgoing(1 + rng.below(6), hub.identity) else {
        return;
    };
    if let Some(admitted) = hub.admit(replica.id, first, &commits, tally) {
        replica.acknowledge(&admitted);
    }
}

fn pull(replica: &mut Replica, hub: &Hub, rng: &mut Chance, tally: &mut Tally) {
    let most = 1 + rng.below(6);
    let Some(batch) = hub.batch(replica.id, replica.feed(), most) else {
        return;
    };
    let cursor = cursor(hub.identity, batch.to());
    replica.apply(&batch, cursor, tally);
}
