//! The hub of a world: the real store on a simulated disk, and a session of the real engine a connection.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use atome_engine::clock::Now;
use atome_engine::session::{Effect, Identity, Input, Session};
use atome_proto::account::{DirectoryEntry, Visibility};
use atome_proto::commit::Commit;
use atome_proto::limit::{FRAME_ENTRIES_MAX, FRAME_LEN_TARGET};
use atome_proto::sync::v1::{Batch, Entry, Offer, Offered};
use atome_proto::{AccountId, Epoch, Problem, ReplicaId};
use atome_sim_disk::Disk;
use atome_store::HubError;
use atome_store::hub::{Admission, HubDb, NewAccount, NewSession};

use crate::disk::{self, Trouble};
use crate::model::Told;
use crate::network::ConnectionId;

/// A reader that has written nothing: it is given every commit whole.
const STRANGER: ReplicaId = ReplicaId(u64::MAX);

/// One connection at the hub.
pub(crate) struct Side {
    pub(crate) account: AccountId,
    pub(crate) session: Session,
    /// Effects on the store that were asked for and not carried out.
    pub(crate) todo: VecDeque<Effect>,
    /// Answers of the store that the session has not heard.
    pub(crate) answers: VecDeque<Input>,
}

impl Side {
    /// Whether the store has something to do for it, or its session something to hear from there.
    pub(crate) fn is_busy(&self) -> bool {
        !self.todo.is_empty() || !self.answers.is_empty()
    }
}

pub(crate) struct Hub {
    pub(crate) disk: Disk,
    pub(crate) db: HubDb,
    pub(crate) sides: BTreeMap<ConnectionId, Side>,
    pub(crate) identity: Identity,
    /// What it told, by account, in the order of the feed. In worlds that share there is none.
    log: BTreeMap<AccountId, Vec<Told>>,
    /// A copy of its disk, kept for a bad day.
    backup: Option<Backup>,
    /// How many lives its database has begun.
    lives: u64,
    /// The lives of which it has lost a part, by account: it was put back to what it was in the midst of one.
    pub(crate) cut_short: BTreeSet<(AccountId, Epoch)>,
    /// How far its clock is off, in milliseconds.
    pub(crate) skew_ms: i64,
    /// How much a read brings: small, so that there are many.
    pub(crate) frame_len: usize,
}

/// What a copy of the hub's disk has.
struct Backup {
    disk: Disk,
    /// How much it had told, by account.
    told: BTreeMap<AccountId, usize>,
}

impl Hub {
    pub(crate) fn new(accounts: &[AccountId], small: bool, disk: Disk) -> Self {
        let mut db = disk::hub(&disk);
        for (i, account) in accounts.iter().enumerate() {
            let entry = DirectoryEntry {
                user_id: *account,
                username: format!("account{i}"),
                phone: None,
                visibility: Visibility::Public,
            };
            let new = NewAccount {
                entry,
                password_hash: String::new(),
                retry_hash: [0; 32],
                admission: Admission::Open,
                created_at_ms: 0,
            };
            let session = NewSession {
                account: *account,
                session: account.0,
                token_hash: [u8::try_from(i).expect("few accounts"); 32],
                device: "sim".into(),
                created_at_ms: 0,
                ttl_ms: 1,
            };
            db.register(&new, &session).expect("an account");
        }
        let identity = db.identity().expect("an identity");
        let frame_len = if small { 2_000 } else { FRAME_LEN_TARGET };
        Self {
            disk,
            db,
            sides: BTreeMap::new(),
            identity,
            log: BTreeMap::new(),
            backup: None,
            lives: 0,
            cut_short: BTreeSet::new(),
            skew_ms: 0,
            frame_len,
        }
    }

    pub(crate) fn accept(&mut self, id: ConnectionId, account: AccountId, now: Now) {
        let session = Session::new(self.identity, format!("c{id}"), now);
        let side = Side {
            account,
            session,
            todo: VecDeque::new(),
            answers: VecDeque::new(),
        };
        self.sides.insert(id, side);
    }

    /// The time as the hub sees it.
    pub(crate) fn now(&self, world: Now) -> Now {
        Now {
            wall_ms: world.wall_ms.saturating_add_signed(self.skew_ms),
            ..world
        }
    }

    /// Takes note of what the feed of an account has grown by, as the hub tells it to a stranger.
    pub(crate) fn gather(&mut self, account: AccountId) {
        let log = self.log.entry(account).or_default();
        loop {
            let after = log.len() as u64;
            let batch = self.db.feed(account, STRANGER, after, 10_000, usize::MAX);
            let batch = batch.expect("a batch");
            assert_eq!(batch.from, after + 1, "gapless-feed");
            assert_eq!(
                batch.entries.is_empty(),
                batch.head == after,
                "gapless-feed"
            );
            if batch.entries.is_empty() {
                return;
            }
            for entry in &batch.entries {
                log.push(match entry {
                    Entry::Commit(raw) => Told::Commit(raw.decode().expect("a commit")),
                    Entry::State(raw) => Told::State(raw.decode().expect("a state")),
                    Entry::Mine(_)
                    | Entry::Evict(_)
                    | Entry::Grant(_)
                    | Entry::Policy(_)
                    | Entry::Nothing => panic!("a stranger that shares nothing is told that"),
                });
            }
        }
    }

    /// What an account's feed holds.
    pub(crate) fn told(&self, account: AccountId) -> &[Told] {
        self.log.get(&account).map_or(&[], Vec::as_slice)
    }

    /// Each commit that others are told of, its own replica is told of by its number.
    fn tells_its_own(&self, account: AccountId, replica: ReplicaId, batch: &Batch) {
        let before = usize::try_from(batch.from - 1).expect("a feed number");
        let told = self.told(account).iter().skip(before);
        for (told, entry) in told.zip(&batch.entries) {
            if let Some(commit) = told.commit()
                && commit.stamp.replica == replica
            {
                let number = commit.number;
                assert_eq!(entry, &Entry::Mine(number), "gapless-feed: of {replica}");
            }
        }
    }

    /// The commits in an account's feed.
    pub(crate) fn feed(&self, account: AccountId) -> impl Iterator<Item = &Commit> {
        self.told(account).iter().filter_map(Told::commit)
    }

    /// The power goes: what was not durable is gone, and nobody is told.
    pub(crate) fn crash(&mut self) {
        self.sides.clear();
        self.disk.crash();
        self.db = disk::hub(&self.disk);
        let identity = self.db.identity().expect("an identity");
        assert_eq!(
            identity, self.identity,
            "durable-before-ack: of the hub itself"
        );
    }

    /// Copies the disk, for a bad day.
    pub(crate) fn back_up(&mut self, seed: u64) {
        self.backup = Some(Backup {
            disk: self.disk.image(seed),
            told: self.log.iter().map(|(of, log)| (*of, log.len())).collect(),
        });
    }

    pub(crate) fn has_backup(&self) -> bool {
        self.backup.is_some()
    }

    /// Puts the copy back: by `restore`, which begins another life for all, or by hand, which tells nobody.
    pub(crate) fn put_back(&mut self, is_restored: bool) {
        let Some(Backup { disk, told }) = self.backup.take() else {
            return;
        };
        if !is_restored {
            for account in self.log.keys() {
                self.cut_short.insert((*account, self.epoch(*account)));
            }
        }
        self.disk = disk;
        for (account, log) in &mut self.log {
            log.truncate(told.get(account).copied().unwrap_or(0));
        }
        self.sides.clear();
        self.db = disk::hub(&self.disk);
        if is_restored {
            let epoch = self.fresh_epoch();
            self.db.set_epoch(epoch).expect("another life");
            self.db.accept_setbacks().expect("accepted");
        }
        self.identity = self.db.identity().expect("an identity");
    }

    fn fresh_epoch(&mut self) -> Epoch {
        self.lives += 1;
        Epoch(self.lives)
    }

    /// The life of the database as an account knows it.
    pub(crate) fn epoch(&self, account: AccountId) -> Epoch {
        self.db
            .position(account, ReplicaId(0))
            .expect("a position")
            .epoch
    }

    /// Carries out one effect on the store; the head of the feed, where it may have grown. Where the power
    /// goes meanwhile there is no answer; where the disk fails the session ends.
    pub(crate) fn carry_out(
        &mut self,
        id: ConnectionId,
        wall_ms: u64,
        trouble: Option<Trouble>,
    ) -> Option<u64> {
        let side = self.sides.get_mut(&id)?;
        let effect = side.todo.pop_front()?;
        let account = side.account;
        let mut grown = None;
        let answer = match effect {
            Effect::Admit { replica, push } => {
                let db = &mut self.db;
                let admitted = Trouble::during(trouble, &self.disk, || {
                    db.admit(account, replica, push.first, &push.commits, wall_ms)
                });
                match admitted {
                    Ok(admitted) => {
                        grown = Some(admitted.head);
                        Input::Admitted(admitted)
                    }
                    Err(error) => end(&error, trouble),
                }
            }
            Effect::Heed { replica, claim } => {
                let fresh = self.fresh_epoch();
                let heeded = self.db.heed(account, replica, claim, fresh, wall_ms);
                Input::Position(heeded.expect("it is heeded").0)
            }
            Effect::Offer(Offer { ask, states }) => {
                let db = &mut self.db;
                let taken =
                    Trouble::during(trouble, &self.disk, || db.offer(account, &states, wall_ms));
                match taken {
                    Ok(refused) => {
                        assert!(
                            refused.is_empty(),
                            "what is one's own is taken: {refused:?}"
                        );
                        grown = Some(self.head(account));
                        Input::Offered(Offered { ask, refused })
                    }
                    Err(error) => end(&error, trouble),
                }
            }
            Effect::Evicted { replica, feed } => {
                let db = &mut self.db;
                let noted = Trouble::during(trouble, &self.disk, || {
                    db.evicted(account, replica, feed, wall_ms)
                });
                noted.map_or_else(|error| end(&error, trouble), |()| Input::Tick)
            }
            effect @ (Effect::Position { .. }
            | Effect::ReadFeed { .. }
            | Effect::ReadStates { .. }
            | Effect::ReadChanged { .. }
            | Effect::ReadDigest
            | Effect::ReadBuckets(_)
            | Effect::ReadReceipt(_)
            | Effect::ReadGrants { .. }) => self.read(account, effect),
            Effect::Send(_) | Effect::Close => unreachable!("the world sees to these"),
        };
        if let Some(side) = self.sides.get_mut(&id) {
            side.answers.push_back(answer);
        }
        grown
    }

    /// Answers an effect that alters nothing.
    fn read(&self, account: AccountId, effect: Effect) -> Input {
        match effect {
            Effect::Position { replica } => {
                Input::Position(self.db.position(account, replica).expect("a position"))
            }
            Effect::ReadFeed { replica, after } => {
                let (entries, len) = (FRAME_ENTRIES_MAX, self.frame_len);
                let batch = self.db.feed(account, replica, after, entries, len);
                let batch = batch.expect("a batch");
                self.tells_its_own(account, replica, &batch);
                Input::Feed(batch)
            }
            Effect::ReadStates { after } => Input::States(
                self.db
                    .states(account, after, self.frame_len)
                    .expect("a page"),
            ),
            Effect::ReadChanged { replica, since } => Input::Changed(
                self.db
                    .changed_states(account, replica, since, self.frame_len)
                    .expect("a page"),
            ),
            Effect::ReadDigest => {
                let (feed, buckets) = self.db.digest(account).expect("a digest");
                Input::Digest { feed, buckets }
            }
            Effect::ReadBuckets(ask) => Input::Buckets(
                self.db
                    .buckets(account, &ask, self.frame_len)
                    .expect("a page"),
            ),
            Effect::ReadReceipt(ask) => {
                Input::Receipt(self.db.receipt(account, &ask).expect("an answer"))
            }
            Effect::ReadGrants { after } => Input::Grants(
                self.db
                    .grants(account, after, self.frame_len)
                    .expect("a page"),
            ),
            Effect::Admit { .. }
            | Effect::Heed { .. }
            | Effect::Offer(_)
            | Effect::Evicted { .. }
            | Effect::Send(_)
            | Effect::Close => unreachable!("these read nothing"),
        }
    }

    pub(crate) fn number(&self, account: AccountId, replica: ReplicaId) -> u64 {
        self.db
            .position(account, replica)
            .expect("a position")
            .number
    }

    pub(crate) fn head(&self, account: AccountId) -> u64 {
        self.db
            .position(account, ReplicaId(0))
            .expect("a position")
            .head
    }
}

/// What a session hears whose store failed.
fn end(error: &HubError, trouble: Option<Trouble>) -> Input {
    assert!(
        trouble.is_some(),
        "what a session asks for can be done: {error}"
    );
    let problem = Problem::new(error.code(), error.to_string());
    Input::End { problem }
}
