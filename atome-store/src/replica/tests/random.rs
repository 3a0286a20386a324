//! Random histories of three replicas and their hub: whatever happens in whatever order, every state is
//! what its versions come to, and in the end all hold the same.

use atome_proto::Epoch;
use proptest::prelude::*;

use super::*;
use crate::hub::Claim;

#[derive(Clone, Debug)]
enum Step {
    Create(u128),
    Set(u128, usize, i64),
    Say(u128, usize, usize),
    Unset(u128, usize),
    Add(u128, usize, i64),
    Move(u128, u128),
    /// A commit that the hub refuses: it names another author.
    Forge(u128, usize),
    /// A write by a clock that is ahead.
    Ahead(u128, usize, i64),
    Push(usize, bool),
    Pull(usize),
    Snapshot(usize),
    Retry,
    Fork,
    Discard,
    Backup,
    /// By the command, which begins another life; or the file alone, so that the clients must show it.
    Restore {
        by_hand: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![24 => plain_step(), 1 => Just(Step::Fork), 1 => Just(Step::Discard)]
}

fn step_with_restores() -> impl Strategy<Value = Step> {
    prop_oneof![24 => plain_step(), 1 => Just(Step::Backup), 1 => any::<bool>().prop_map(|by_hand| Step::Restore { by_hand })]
}

fn plain_step() -> impl Strategy<Value = Step> {
    let (atome, key, by) = (1..6u128, 0..3usize, -9..9i64);
    prop_oneof![
        4 => atome.clone().prop_map(Step::Create),
        6 => (atome.clone(), key.clone(), by.clone()).prop_map(|(a, k, v)| Step::Set(a, k, v)),
        3 => (atome.clone(), key.clone(), 0..TEXTS.len()).prop_map(|(a, k, t)| Step::Say(a, k, t)),
        1 => (atome.clone(), key.clone()).prop_map(|(a, k)| Step::Unset(a, k)),
        6 => (atome.clone(), key.clone(), by.clone()).prop_map(|(a, k, v)| Step::Add(a, k, v)),
        2 => (atome.clone(), atome.clone()).prop_map(|(a, b)| Step::Move(a, b)),
        2 => (atome.clone(), key.clone()).prop_map(|(a, k)| Step::Forge(a, k)),
        3 => (atome, key, by).prop_map(|(a, k, v)| Step::Ahead(a, k, v)),
        6 => (1..4usize, any::<bool>()).prop_map(|(max, lost)| Step::Push(max, lost)),
        6 => (1..5usize).prop_map(Step::Pull),
        2 => (1..2_000usize).prop_map(Step::Snapshot),
        1 => Just(Step::Retry),
    ]
}

const KEYS: [&str; 3] = ["a", "b", "n"];
const TEXTS: [&str; 4] = ["red fox", "Red hen, red fox", "owl", "-"];

/// Writes if it may be written; that is decided by what is there.
fn try_write(db: &mut ReplicaDb, author: AccountId, draft: Draft, ms: u64) {
    match db.write(author, vec![draft], now(ms)) {
        Ok(_) | Err(StoreError::NotFound(_) | StoreError::Exists(_) | StoreError::BadData(_)) => {}
        Err(error) => panic!("{error}"),
    }
}

struct World {
    hub: HubDb,
    backup: Option<HubDb>,
    dbs: Vec<ReplicaDb>,
    ms: u64,
    fresh: u64,
}

impl World {
    fn take(&mut self, who: usize, step: &Step) {
        self.ms += 10;
        let (db, ms) = (&mut self.dbs[who], self.ms);
        match *step {
            Step::Create(n) => try_write(db, ANNA, create(n), ms),
            Step::Set(n, k, v) => try_write(db, ANNA, set(n, KEYS[k], v), ms),
            Step::Say(n, k, t) => {
                let mut draft = Draft::new(atome(n));
                draft.set.insert(key(KEYS[k]), Value::from_text(TEXTS[t]));
                try_write(db, ANNA, draft, ms);
            }
            Step::Unset(n, k) => {
                let mut draft = Draft::new(atome(n));
                draft.unset.insert(key(KEYS[k]));
                try_write(db, ANNA, draft, ms);
            }
            Step::Add(n, k, v) => try_write(db, ANNA, add(n, KEYS[k], v), ms),
            Step::Move(n, parent) => {
                let mut draft = Draft::new(atome(n));
                let parent = Value::from_text(&atome(parent).to_string());
                draft.set.insert(Key::of_envelope(Key::PARENT), parent);
                try_write(db, ANNA, draft, ms);
            }
            Step::Forge(n, k) => {
                let mut draft = set(n, KEYS[k], 666);
                draft.add.insert(key("m"), Number::Whole(1));
                try_write(db, MALLORY, draft, ms);
            }
            Step::Ahead(n, k, v) => {
                let far = 30 * 86_400_000 + ms;
                try_write(db, ANNA, set(n, KEYS[k], v), far);
                try_write(db, ANNA, add(n, KEYS[k], v), far);
            }
            Step::Push(max, lost) => push(db, &mut self.hub, max, lost),
            Step::Pull(max) => {
                pull(db, &self.hub, max);
            }
            Step::Snapshot(bytes) => {
                let keep = db.position().unwrap().cursor.is_none();
                snapshot(db, &self.hub, bytes, keep);
            }
            Step::Retry => {
                if let Some(refused) = db.refused().unwrap().last() {
                    match db.retry_refused(refused.number, now(ms)) {
                        Ok(_) | Err(StoreError::NotFound(_)) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            }
            Step::Fork => self.fork(who),
            Step::Backup => self.backup = Some(self.hub.copy()),
            Step::Restore { by_hand } => self.restore(by_hand),
            Step::Discard => {
                // What the hub has, and has not said so, is not thrown away here: that would be a fork.
                push(db, &mut self.hub, usize::MAX, false);
                try_write(db, ANNA, set(1, "a", 5), ms);
                try_write(db, ANNA, add(2, "n", 5), ms);
                db.discard_pending().unwrap();
            }
        }
        check(&self.dbs[who]);
    }

    /// As after a copy has pushed more under the same id: what the hub has is decided, and the rest moves.
    fn fork(&mut self, who: usize) {
        self.fresh += 1;
        let db = &mut self.dbs[who];
        let own = db.position().unwrap().replica;
        let decided = self.hub.position(ANNA, own).unwrap().number;
        let acked = db.position().unwrap().acked;
        let said = self.hub.verdicts(ANNA, own, acked, decided).unwrap();
        db.acknowledge(decided, &said).unwrap();
        db.fork(decided + 1, ReplicaId(100 + self.fresh)).unwrap();
    }

    /// The hub is what it was at the last backup; each replica hears of it at its next hello.
    fn restore(&mut self, by_hand: bool) {
        let Some(backup) = &self.backup else { return };
        self.fresh += 1;
        self.hub = backup.copy();
        if !by_hand {
            self.hub.set_epoch(Epoch(self.fresh)).unwrap();
        }
        // What one shows, those greeted before hear of when they come again.
        for who in (0..self.dbs.len()).chain(0..self.dbs.len()) {
            self.hello(who);
        }
    }

    fn hello(&mut self, who: usize) {
        let db = &mut self.dbs[who];
        let identity = self.hub.identity().unwrap();
        let position = db.position().unwrap();
        let mut there = self.hub.position(ANNA, position.replica).unwrap();
        let claim = position.hub.map(|(_, epoch)| Claim {
            epoch,
            feed: position.feed(),
            acked: position.acked,
        });
        if let Some(claim) = claim.filter(|claim| claim.exceeds(&there)) {
            let fresh = Epoch(1_000 + self.fresh);
            let heeded = self.hub.heed(ANNA, position.replica, claim, fresh, self.ms);
            there = heeded.unwrap().0;
        }
        db.adopt_hub(identity.hub, there.epoch, there.number)
            .unwrap();
        check(db);
        if db.position().unwrap().cursor.is_none() {
            snapshot(db, &self.hub, 700, true);
            check(db);
        }
        // Some of it, when it has been said, is in what is here; and all of it before anything is pushed.
        while db.position().unwrap().offers > 0 {
            let (atomes, states) = db.offers(300).unwrap();
            assert_eq!(self.hub.offer(ANNA, &states, self.ms).unwrap(), []);
            db.offered(&atomes).unwrap();
        }
    }

    fn settle(&mut self) {
        for _ in 0..2 {
            settle(&mut self.dbs, &mut self.hub);
        }
        for db in &self.dbs {
            assert_same(db, &self.hub);
            let position = db.position().unwrap();
            assert_eq!(position.pending(), 0);
        }
    }
}

impl World {
    fn new() -> Self {
        Self {
            hub: hub(),
            backup: None,
            dbs: (1..=3).map(replica).collect(),
            ms: 0,
            fresh: 0,
        }
    }
}

fn play(mut world: World, steps: &[(usize, Step)]) {
    for (who, step) in steps {
        world.take(*who, step);
    }
    world.settle();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn every_state_is_what_its_versions_come_to(
        steps in prop::collection::vec((0..3usize, step()), 1..60),
    ) {
        play(World::new(), &steps);
    }

    #[test]
    fn a_hub_that_was_restored_is_told_again(
        steps in prop::collection::vec((0..3usize, step_with_restores()), 1..60),
    ) {
        let mut world = World::new();
        world.backup = Some(world.hub.copy());
        play(world, &steps);
    }
}
