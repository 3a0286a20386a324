//! A machine of a world: the real store on a simulated disk, driven by the real engine.

use std::collections::{BTreeMap, VecDeque};

use atome_engine::clock::Now;
use atome_engine::replica::{Effect, Input, Replica, StoreJob};
use atome_proto::limit::FRAME_ENTRIES_MAX;
use atome_proto::local::v1::Mode;
use atome_proto::runtime::{Profile, RuntimeDeclaration, RuntimeType};
use atome_proto::{AccountId, Problem, ReplicaId};
use atome_sim_disk::Disk;
use atome_store::StoreError;
use atome_store::replica::{Position, ReplicaDb};

use crate::disk::{self, Trouble};
use crate::network::ConnectionId;

/// A wait that is on: what must be true when it ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait {
    pub(crate) marks: usize,
    pub(crate) head: u64,
}

pub(crate) struct Machine {
    pub(crate) account: AccountId,
    pub(crate) disk: Disk,
    pub(crate) db: ReplicaDb,
    pub(crate) replica: Replica,
    pub(crate) connection: Option<ConnectionId>,
    /// Effects on the store that were asked for and not carried out.
    pub(crate) todo: VecDeque<Effect>,
    /// Answers of the store that the engine has not heard.
    pub(crate) answers: VecDeque<Input>,
    /// How far its clock is off, in milliseconds.
    pub(crate) skew_ms: i64,
    /// Whether there is a token for the hub, and whether the hub takes it.
    pub(crate) has_token: bool,
    pub(crate) is_revoked: bool,
    /// When it syncs.
    pub(crate) mode: Mode,
    /// Marks of the writes that it acknowledged to its people.
    pub(crate) marks: Vec<u64>,
    pub(crate) waits: BTreeMap<u64, Wait>,
    /// The ids that its replica had before.
    pub(crate) former: Vec<Former>,
    /// A copy of the disk, kept for a bad day.
    pub(crate) backup: Option<Backup>,
    /// Ids for the replicas to come.
    pub(crate) fresh: u64,
    /// How much a read brings: small, so that there are many.
    pub(crate) frame_len: usize,
}

/// What a replica was under an id that it had before.
#[derive(Clone, Copy)]
pub(crate) struct Former {
    pub(crate) replica: ReplicaId,
    /// The last of its commits that the hub has decided.
    pub(crate) acked: u64,
    /// How much of the feed it had applied.
    pub(crate) feed: u64,
}

/// What a copy of a machine's disk has.
pub(crate) struct Backup {
    disk: Disk,
    marks: Vec<u64>,
    former: Vec<Former>,
}

fn declaration() -> RuntimeDeclaration {
    RuntimeDeclaration {
        runtime_type: RuntimeType::Daemon,
        has_local_server: true,
        local_endpoint: None,
        remote_endpoint: None,
        profile: Profile::Production,
        enforced: BTreeMap::new(),
        pid: None,
    }
}

impl Machine {
    pub(crate) fn new(
        account: AccountId,
        replica: ReplicaId,
        skew_ms: i64,
        small: bool,
        disk: Disk,
    ) -> Self {
        let db = disk::replica(&disk, account, replica);
        Self {
            account,
            disk,
            replica: Self::engine(&db, replica.0),
            db,
            connection: None,
            todo: VecDeque::new(),
            answers: VecDeque::new(),
            skew_ms,
            has_token: true,
            is_revoked: false,
            mode: Mode::Live,
            marks: vec![],
            waits: BTreeMap::new(),
            former: vec![],
            backup: None,
            fresh: replica.0 << 32,
            frame_len: if small { 1_000 } else { 100_000 },
        }
    }

    /// A machine from a copy of this one's disk.
    pub(crate) fn copy(&self, seed: u64, skew_ms: i64) -> Self {
        let Backup {
            disk,
            marks,
            former,
        } = self.saved(seed);
        let db = disk::replica(&disk, self.account, ReplicaId(seed));
        Self {
            account: self.account,
            disk,
            replica: Self::engine(&db, seed),
            db,
            connection: None,
            todo: VecDeque::new(),
            answers: VecDeque::new(),
            skew_ms,
            has_token: true,
            is_revoked: false,
            mode: Mode::Live,
            marks,
            waits: BTreeMap::new(),
            former,
            backup: None,
            fresh: seed,
            frame_len: self.frame_len,
        }
    }

    /// Whether its store has something to do, or its engine something to hear from it.
    pub(crate) fn is_busy(&self) -> bool {
        !self.todo.is_empty() || !self.answers.is_empty()
    }

    fn saved(&self, seed: u64) -> Backup {
        Backup {
            disk: self.disk.image(seed),
            marks: self.marks.clone(),
            former: self.former.clone(),
        }
    }

    /// Copies the disk, for a bad day.
    pub(crate) fn back_up(&mut self, seed: u64) {
        self.backup = Some(self.saved(seed));
    }

    /// Puts the copy back, as someone does who copies files: the replica is the old one, with its old
    /// numbers. Gives the marks that are not here any more; nothing happens without a copy.
    pub(crate) fn put_back(&mut self, seed: u64, now: Now) -> Option<Vec<u64>> {
        let Backup {
            disk,
            marks,
            former,
        } = self.backup.take()?;
        let had = std::mem::replace(&mut self.marks, marks);
        (self.disk, self.former) = (disk, former);
        self.crash(seed, now);
        Some(had)
    }

    /// Takes the account from the machine; it comes again with nothing. Gives the marks that were here.
    pub(crate) fn start_over(&mut self, seed: u64, now: Now) -> Vec<u64> {
        self.fresh += 1;
        self.disk = Disk::new(seed);
        self.former.clear();
        self.backup = None;
        (self.has_token, self.is_revoked) = (true, false);
        let had = std::mem::take(&mut self.marks);
        self.crash(seed, now);
        had
    }

    fn engine(db: &ReplicaDb, seed: u64) -> Replica {
        Replica::new(&declaration(), db.position().expect("a position"), seed)
    }

    /// How much of the feed its store holds. A fork gives up the cursor, and nothing of what is there.
    pub(crate) fn applied(&self) -> u64 {
        let cursor = self.db.position().expect("a position").cursor;
        let former = || self.former.last().map_or(0, |former| former.feed);
        cursor.map_or_else(former, |cursor| cursor.feed)
    }

    /// The time as this machine sees it.
    pub(crate) fn now(&self, world: Now) -> Now {
        Now {
            wall_ms: world.wall_ms.saturating_add_signed(self.skew_ms),
            ..world
        }
    }

    /// The power goes and comes back: what was not durable is gone.
    pub(crate) fn crash(&mut self, seed: u64, now: Now) {
        self.disk.crash();
        self.db = disk::replica(&self.disk, self.account, ReplicaId(self.fresh));
        self.replica = Self::engine(&self.db, seed);
        self.connection = None;
        self.todo.clear();
        self.answers.clear();
        self.waits.clear();
        self.replica.handle(Input::Credentials(self.has_token), now);
    }

    /// Carries out one effect on the store. Where the power goes meanwhile there is no answer.
    pub(crate) fn carry_out(&mut self, world: Now, trouble: Option<Trouble>) {
        let now = self.now(world);
        let Some(effect) = self.todo.pop_front() else {
            return;
        };
        let answer = match effect {
            Effect::ReadPending {
                after, commits_max, ..
            } => {
                let commits_max = commits_max.min(FRAME_ENTRIES_MAX);
                let commits = self
                    .db
                    .pending(after, commits_max, self.frame_len)
                    .expect("commits");
                Input::Pending { after, commits }
            }
            Effect::ReadOffers { .. } => {
                let (atomes, states) = self.db.offers(self.frame_len).expect("offers");
                Input::Offers { atomes, states }
            }
            Effect::Store(job) => match self.store(&job, trouble) {
                Ok(position) => Input::Done(position),
                Err(_) if self.disk.is_dead() => return,
                Err(error) => {
                    assert!(
                        trouble.is_some(),
                        "what the engine asks for can be stored: {error}"
                    );
                    Input::StoreFailed(Problem::new(error.code(), error.to_string()))
                }
            },
            Effect::HubTime(hub_ms) => {
                self.db.observe_hub_time(hub_ms, now).expect("noted");
                return;
            }
            Effect::Connect
            | Effect::Disconnect
            | Effect::Send(_)
            | Effect::Waited { .. }
            | Effect::Digested(_)
            | Effect::Shown(..) => unreachable!("the world sees to these"),
        };
        self.answers.push_back(answer);
    }

    fn store(&mut self, job: &StoreJob, trouble: Option<Trouble>) -> Result<Position, StoreError> {
        if let StoreJob::Fork { .. } = job {
            let before = self.db.position().expect("a position");
            let (replica, acked, feed) = (before.replica, before.acked, self.applied());
            self.former.push(Former {
                replica,
                acked,
                feed,
            });
            self.fresh += 1;
        }
        let (db, fresh) = (&mut self.db, ReplicaId(self.fresh));
        Trouble::during(trouble, &self.disk, || {
            let done = match job {
                StoreJob::Acknowledge { number, verdicts } => db.acknowledge(*number, verdicts),
                StoreJob::Apply { batch, at } => db.apply(batch, *at),
                StoreJob::Stage(page) => db.stage(page),
                StoreJob::Install(end) => db.install(*end),
                StoreJob::AdoptHub { hub, epoch, number } => db.adopt_hub(*hub, *epoch, *number),
                StoreJob::Offered(atomes) => db.offered(atomes),
                StoreJob::Fork { from } => db.fork(*from, fresh),
            }?;
            // As after each group of a writer: what fails there is tried again after the next.
            Ok(db.scrub().unwrap_or(done))
        })
    }
}
