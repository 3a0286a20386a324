//! The hub on its disk, and what it has acknowledged.

use std::collections::BTreeMap;

use atome_engine::digest::add_state;
use atome_engine::session::Admitted;
use atome_proto::account::{DirectoryEntry, Visibility};
use atome_proto::commit::RawCommit;
use atome_proto::digest::Buckets;
use atome_proto::sync::v1::{Batch, Entry};
use atome_proto::{AtomeId, ReplicaId};
use atome_sim_disk::{Chance, Disk};
use atome_store::hub::{Admission, HubDb, Identity, NewAccount, NewSession};
use atome_store::{Durability, OpenError};

use crate::replica::{ANNA, NOW, compare, is_sound, marks};
use crate::rig::{Loss, Tally};

const FILE: &str = "hub.db";
/// A reader that has written nothing: it is given every commit whole.
const STRANGER: ReplicaId = ReplicaId(u64::MAX);

pub(crate) struct Hub {
    pub(crate) disk: Disk,
    pub(crate) identity: Identity,
    db: Option<HubDb>,
    durability: Durability,
    /// The last number of each replica that it acknowledged, and the head of the feed then.
    said: BTreeMap<ReplicaId, u64>,
    head: u64,
    /// What it has acknowledged to have.
    has: BTreeMap<AtomeId, u64>,
    /// Commits that it was given and did not acknowledge: whose, and from which number on.
    open: Option<(ReplicaId, u64, Vec<RawCommit>)>,
}

impl Hub {
    pub(crate) fn new(rng: &mut Chance, tally: &mut Tally, durability: Durability) -> Self {
        let disk = Disk::new(rng.any());
        let open = || HubDb::open_on(Disk::VFS, &disk.path(FILE), durability);
        // The power goes before the account is there, perhaps while the store is made.
        disk.die_after(rng.below(80));
        let opened = open();
        tally.in_openings += u64::from(disk.is_dead());
        drop(opened);
        disk.crash();
        let mut db = open().expect("a store that is new");
        register(&mut db);
        Self {
            identity: db.identity().expect("an identity"),
            disk,
            db: Some(db),
            durability,
            said: BTreeMap::new(),
            head: 0,
            has: BTreeMap::new(),
            open: None,
        }
    }

    fn try_open(&self) -> Result<HubDb, OpenError> {
        HubDb::open_on(Disk::VFS, &self.disk.path(FILE), self.durability)
    }

    fn db(&self) -> &HubDb {
        self.db.as_ref().expect("it is open")
    }

    pub(crate) fn digest(&self) -> (u64, Buckets) {
        self.db().digest(ANNA).expect("a digest")
    }

    /// Takes commits; nothing where the disk failed.
    pub(crate) fn admit(
        &mut self,
        replica: ReplicaId,
        first: u64,
        commits: &[RawCommit],
        tally: &mut Tally,
    ) -> Option<Admitted> {
        tally.commits += commits.len() as u64;
        let db = self.db.as_mut().expect("it is open");
        let Ok(admitted) = db.admit(ANNA, replica, first, commits, NOW.wall_ms) else {
            self.open = Some((replica, first, commits.to_vec()));
            return None;
        };
        assert_eq!((admitted.fork, admitted.gap), (None, None));
        let said = self.said.entry(replica).or_default();
        *said = admitted.number.max(*said);
        self.head = admitted.head;
        self.keep(commits);
        Some(admitted)
    }

    fn keep(&mut self, commits: &[RawCommit]) {
        for raw in commits {
            let commit = raw.decode().expect("what a replica keeps can be read");
            self.has.extend(marks(&commit));
        }
    }

    pub(crate) fn batch(&self, replica: ReplicaId, after: u64, most: u64) -> Option<Batch> {
        let read = self
            .db()
            .feed(ANNA, replica, after, most as usize, usize::MAX);
        read.ok().filter(|batch| !batch.entries.is_empty())
    }

    pub(crate) fn close(&mut self, tally: &mut Tally) {
        self.db = None;
        tally.in_closes += u64::from(self.disk.is_dead());
    }

    /// Where the power has gone it comes back, and the store is opened; then it must have all that it said.
    pub(crate) fn recover(&mut self, rng: &mut Chance, tally: &mut Tally) -> Result<(), Loss> {
        if !self.disk.is_dead() && self.db.is_some() {
            return match &self.open {
                Some((replica, ..)) => Err(format!("a push of {replica} failed on a sound disk")),
                None => Ok(()),
            };
        }
        if self.disk.is_dead() {
            tally.crashes += 1;
            self.disk.crash();
            self.db = None;
        }
        if rng.percent(40) {
            self.disk.die_after(rng.below(40));
        }
        let mut opened = self.try_open();
        if self.disk.is_dead() {
            tally.in_openings += 1;
            self.disk.crash();
            drop(opened);
            opened = self.try_open();
        }
        self.disk.stay_alive();
        self.db = Some(opened.map_err(|error| format!("{error:?}"))?);
        if let Some((replica, first, commits)) = self.open.take() {
            let position = self.db().position(ANNA, replica).expect("a position");
            let known = self.said.get(&replica).copied().unwrap_or(0);
            let last = first + commits.len() as u64 - 1;
            if position.number == last && last > known {
                tally.kept_all_the_same += 1;
                self.keep(&commits);
                self.said.insert(replica, last);
            } else if position.number != known {
                return Err(format!("a push of {replica} is there in part"));
            } else {
                tally.lost_unacknowledged += 1;
            }
        }
        self.verify()
    }

    /// All that it has acknowledged is there, once, and nothing in part.
    pub(crate) fn verify(&self) -> Result<(), Loss> {
        is_sound(&self.disk, FILE)?;
        if self.db().identity().expect("an identity") != self.identity {
            return Err("it is another hub".to_owned());
        }
        for (replica, number) in &self.said {
            let position = self.db().position(ANNA, *replica).expect("a position");
            if position.number < *number {
                return Err(format!("hub: {} of {number} of {replica}", position.number));
            }
        }
        let (head, digest) = self.digest();
        if head < self.head {
            return Err(format!("hub: {head} of {} feed entries", self.head));
        }
        let mut found = BTreeMap::new();
        let mut after = 0;
        while let Some(batch) = self.batch(STRANGER, after, 1_000) {
            assert_eq!(batch.from, after + 1, "gapless-feed");
            after = batch.to();
            for entry in &batch.entries {
                let Entry::Commit(raw) = entry else {
                    return Err("a stranger has no commits of its own".to_owned());
                };
                for (atome, mark) in marks(&raw.decode().map_err(|error| error.to_string())?) {
                    if found.insert(atome, mark).is_some() {
                        return Err(format!("hub: {atome} was made twice"));
                    }
                }
            }
        }
        if after != head {
            return Err(format!("hub: the feed ends at {after} of {head}"));
        }
        compare("hub", &found, &self.has)?;
        let mut buckets = Buckets::default();
        let page = self.db().states(ANNA, None, usize::MAX);
        for raw in page.map_err(|error| error.to_string())?.states {
            add_state(
                &mut buckets,
                &raw.decode().map_err(|error| error.to_string())?,
            );
        }
        if buckets != digest {
            return Err("hub: the digest is not the sum".to_owned());
        }
        Ok(())
    }
}

fn register(db: &mut HubDb) {
    let account = NewAccount {
        entry: DirectoryEntry {
            user_id: ANNA,
            username: "anna".to_owned(),
            phone: None,
            visibility: Visibility::Public,
        },
        password_hash: String::new(),
        retry_hash: [0; 32],
        admission: Admission::Open,
        created_at_ms: 0,
    };
    let session = NewSession {
        account: ANNA,
        session: ANNA.0,
        token_hash: [0; 32],
        device: String::new(),
        created_at_ms: 0,
        ttl_ms: 0,
    };
    db.register(&account, &session).expect("an account");
}
