//! Three accounts, their replicas and a real hub, at random: in the end every replica holds what its account
//! may see, by states, digest, grants and policies; and what a replica that is up to date lets its account
//! write, the hub lets it too.

use std::collections::BTreeSet;

use atome_engine::digest::of_state;
use atome_proto::sync::v1::Ruling;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::random::setting;
use super::*;

const KEYS: [&str; 3] = ["a", "b", "n"];

pub(super) fn account(n: usize) -> AccountId {
    AccountId(Uuid::from_u128(0xacc0 + u128::try_from(n).unwrap()))
}

/// Whose the atomes of a number are.
fn owner_of(n: u128) -> AccountId {
    account(usize::from(n > 10))
}

/// Something about sharing.
#[derive(Clone, Debug)]
enum About {
    Share(u128, usize, Terms),
    /// Of the inbox the so many-th.
    Answer(usize, Answer),
    /// Of all grants the so many-th.
    End(usize),
    Policy(usize, Rule),
    Publish(u128),
}

#[derive(Clone, Debug)]
enum Do {
    /// By a replica: an atome of its account, below another.
    Create(u128, Option<u128>),
    Set(u128, usize, i64),
    Add(u128, usize, i64),
    Move(u128, Option<u128>),
    Delete(u128),
    About(About),
    Push(usize),
    Pull(usize),
    Snapshot(bool),
    /// Everyone pushes and pulls all.
    Sync,
    /// Up to date, write and push at once.
    Honest(u128, usize, i64),
}

fn some_terms() -> impl Strategy<Value = Terms> {
    let rights = prop::collection::btree_set(prop::sample::select(&Right::ALL[..]), 0..5);
    let only = prop::collection::btree_set(prop::sample::select(&KEYS[..]), 0..2);
    let mode = prop::sample::select(&[Mode::Linked, Mode::Linked, Mode::Manual, Mode::Copy][..]);
    (rights, only, mode).prop_map(|(mut can, mut only, mode)| {
        can.insert(Right::Read);
        if mode == Mode::Copy {
            can = [Right::Read].into();
            only.clear();
        }
        Terms {
            can,
            only: only.into_iter().map(key).collect(),
            mode,
            ..terms(&[])
        }
    })
}

fn step() -> impl Strategy<Value = Do> {
    const ANSWERS: &[Answer] = &[
        Answer::Accept,
        Answer::Accept,
        Answer::Refuse,
        Answer::Block,
    ];
    const RULES: &[Rule] = &[
        Rule::Ask,
        Rule::Always,
        Rule::Always,
        Rule::Never,
        Rule::Block,
    ];
    // Of the first account, and of the second; some are made anew.
    let atome = || prop_oneof![3 => 1..7u128, 1 => 11..14u128];
    let (key, by) = (|| 0..KEYS.len(), -9..9i64);
    let parent = || prop::option::weighted(0.8, atome());
    prop_oneof![
        6 => (atome(), parent()).prop_map(|(n, parent)| Do::Create(n, parent)),
        5 => (atome(), key(), by.clone()).prop_map(|(n, k, v)| Do::Set(n, k, v)),
        2 => (atome(), key(), by.clone()).prop_map(|(n, k, v)| Do::Add(n, k, v)),
        3 => (atome(), parent()).prop_map(|(n, parent)| Do::Move(n, parent)),
        1 => atome().prop_map(Do::Delete),
        7 => (atome(), 0..3usize, some_terms()).prop_map(|(n, with, terms)| Do::About(About::Share(n, with, terms))),
        7 => (0..3usize, prop::sample::select(ANSWERS)).prop_map(|(place, said)| Do::About(About::Answer(place, said))),
        2 => (0..6usize).prop_map(|it| Do::About(About::End(it))),
        1 => (0..3usize, prop::sample::select(RULES)).prop_map(|(of, rule)| Do::About(About::Policy(of, rule))),
        2 => atome().prop_map(|it| Do::About(About::Publish(it))),
        7 => (1..5usize).prop_map(Do::Push),
        8 => (1..9usize).prop_map(Do::Pull),
        1 => any::<bool>().prop_map(Do::Snapshot),
        3 => Just(Do::Sync),
        3 => (atome(), key(), by).prop_map(|(n, k, v)| Do::Honest(n, k, v)),
    ]
}

pub(super) struct World {
    pub(super) hub: HubDb,
    /// Two replicas of the first account, one of each other.
    pub(super) dbs: Vec<ReplicaDb>,
    ms: u64,
    grants: u128,
}

impl World {
    pub(super) fn new() -> Self {
        let mut hub = HubDb::open_in_memory().unwrap();
        for n in 0..3 {
            register(&mut hub, account(n), n);
        }
        let identity = hub.identity().unwrap();
        let of = [0, 0, 1, 2];
        let open = |(replica, n): (u64, usize)| {
            let mut db = ReplicaDb::open_in_memory(account(n), ReplicaId(replica)).unwrap();
            db.adopt_hub(identity.hub, identity.epoch, 0).unwrap();
            db
        };
        let dbs = (1..).zip(of).map(open).collect();
        let mut world = Self {
            hub,
            dbs,
            ms: 0,
            grants: 0,
        };
        world.begin();
        world
    }

    /// A tree of the first account is shared with both others, and one of the second with the first.
    fn begin(&mut self) {
        for n in 1..5 {
            self.take(0, Do::Create(n, Some(n - 1).filter(|parent| *parent > 0)));
        }
        self.take(2, Do::Create(11, None));
        self.take(2, Do::Create(12, Some(11)));
        self.take(0, Do::Sync);
        let all = terms(&Right::ALL);
        self.take(0, Do::About(About::Share(1, 1, all.clone())));
        let mut some = terms(&[Right::Alter]);
        some.only = [key("a")].into();
        self.take(1, Do::About(About::Share(2, 2, some)));
        self.take(2, Do::About(About::Share(11, 0, all)));
        self.take(0, Do::Sync);
        for who in [0, 2, 3] {
            self.take(who, Do::About(About::Answer(0, Answer::Accept)));
        }
        self.take(0, Do::Sync);
        let sees = |who: usize, n| self.dbs[who].get(atome(n)).unwrap().is_some();
        assert!(sees(1, 12) && sees(2, 1) && sees(3, 4) && !sees(3, 1));
    }

    fn take(&mut self, who: usize, step: Do) {
        self.ms += 10;
        match step {
            // No two accounts make atomes of one id.
            Do::Create(n, parent)
                if self.dbs[who].owner_below(parent.map(atome)).unwrap() != owner_of(n) => {}
            Do::Create(n, parent) => {
                let draft = create(n);
                self.write(who, parent.map_or(draft.clone(), |to| below(draft, to)));
            }
            Do::Set(n, k, v) => self.write(who, set(n, KEYS[k], v)),
            Do::Add(n, k, v) => self.write(who, add(n, KEYS[k], v)),
            Do::Move(_, Some(to)) if self.dbs[who].get(atome(to)).unwrap().is_none() => {}
            Do::Move(n, parent) => {
                let mut draft = Draft::new(atome(n));
                match parent {
                    Some(parent) => draft = below(draft, parent),
                    None => {
                        draft.unset.insert(parent_key());
                    }
                }
                self.write(who, draft);
            }
            Do::Delete(n) => {
                let mut draft = Draft::new(atome(n));
                let deleted = Key::of_envelope(Key::DELETED);
                draft.set.insert(deleted, Value::of_bool(true));
                self.write(who, draft);
            }
            Do::About(about) => self.share(who, about),
            Do::Push(max) => self.push(who, max),
            Do::Pull(max) => {
                self.pull(who, max);
            }
            Do::Snapshot(whole) => self.snapshot(who, whole),
            Do::Sync => self.sync(),
            Do::Honest(n, k, v) => self.honest(who, set(n, KEYS[k], v)),
        }
        check(&self.dbs[who]);
    }

    /// Does something about sharing.
    fn share(&mut self, who: usize, about: About) {
        match about {
            About::Share(n, with, terms) => {
                self.grants += 1;
                let act = Act::Share {
                    grant: grant_id(self.grants),
                    atome: atome(n),
                    grantee: account(with),
                    terms,
                };
                self.act(who, act);
            }
            About::Answer(place, answer) => {
                let inbox = self.dbs[who].grants(Which::Inbox).unwrap();
                let Some(asked) = inbox.get(place) else {
                    return;
                };
                let grant = asked.grant.id;
                let always = false;
                self.act(
                    who,
                    Act::Answer {
                        grant,
                        answer,
                        always,
                    },
                );
            }
            About::End(place) => {
                let all = self.dbs[who].grants(Which::All).unwrap();
                let Some(one) = all.get(place) else { return };
                self.act(
                    who,
                    Act::End {
                        grant: one.grant.id,
                    },
                );
            }
            About::Policy(of, rule) => {
                let (sender, can) = (account(of), BTreeSet::new());
                self.act(who, Act::Policy { sender, rule, can });
            }
            About::Publish(n) => self.act(who, Act::Publish { atome: atome(n) }),
        }
    }

    pub(super) fn write(&mut self, who: usize, draft: Draft) {
        let now = now(self.ms);
        let db = &mut self.dbs[who];
        match db.write(db.account(), vec![draft], now) {
            Ok(_)
            | Err(
                StoreError::NotFound(_)
                | StoreError::Exists(_)
                | StoreError::BadData(_)
                | StoreError::Refused { .. },
            ) => {}
            Err(error) => panic!("{error}"),
        }
    }

    pub(super) fn act(&mut self, who: usize, act: Act) {
        let now = now(self.ms);
        let db = &mut self.dbs[who];
        match db.act(db.account(), vec![act], now) {
            Ok(_) | Err(StoreError::Refused { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }

    fn push(&mut self, who: usize, max: usize) {
        let now_ms = NOW_MS + self.ms;
        self.hub.settle(now_ms).unwrap();
        let db = &mut self.dbs[who];
        let position = db.position().unwrap();
        let commits = db.pending(position.acked, max, usize::MAX).unwrap();
        let first = position.acked + 1;
        let admitted = self
            .hub
            .admit(db.account(), position.replica, first, &commits, now_ms)
            .unwrap();
        assert_eq!((admitted.fork, admitted.gap), (None, None));
        db.acknowledge(admitted.number, &admitted.verdicts).unwrap();
    }

    pub(super) fn pull(&mut self, who: usize, max: usize) -> bool {
        let db = &mut self.dbs[who];
        let position = db.position().unwrap();
        let (feed, replica) = (position.feed(), position.replica);
        let batch = self.hub.feed(db.account(), replica, feed, max, usize::MAX);
        let batch = batch.unwrap();
        if batch.entries.is_empty() {
            return false;
        }
        db.apply(&batch, cursor(&self.hub, batch.to())).unwrap();
        db.scrub().unwrap();
        true
    }

    pub(super) fn snapshot(&mut self, who: usize, whole: bool) {
        let db = &mut self.dbs[who];
        let states = self
            .hub
            .states(db.account(), None, usize::MAX)
            .unwrap()
            .states;
        let grants = self.hub.grants(db.account(), None, usize::MAX).unwrap();
        let page = Snapshot {
            since: self.ms,
            page: 0,
            states,
            gone: vec![],
            grants: grants.grants,
            policies: grants.policies,
            total: 0,
            end: None,
        };
        db.stage(&page).unwrap();
        if whole {
            let own = db.position().unwrap().replica;
            let position = self.hub.position(db.account(), own).unwrap();
            let end = SnapshotEnd {
                cursor: cursor(&self.hub, position.head),
                number: position.number,
            };
            install(db, end, false);
            db.scrub().unwrap();
        }
    }

    pub(super) fn settle_one(&mut self, who: usize) {
        self.push(who, usize::MAX);
        while self.pull(who, usize::MAX) {}
    }

    /// What is up to date refuses all that the hub would refuse.
    fn honest(&mut self, who: usize, draft: Draft) {
        self.settle_one(who);
        let before = self.dbs[who].position().unwrap();
        self.write(who, draft);
        let first = before.number + 1;
        let db = &self.dbs[who];
        let commits = db.pending(before.number, 1, usize::MAX).unwrap();
        let now_ms = NOW_MS + self.ms;
        let admitted = self
            .hub
            .admit(db.account(), before.replica, first, &commits, now_ms)
            .unwrap();
        for said in &admitted.verdicts {
            assert!(!matches!(said.ruling, Ruling::Refused(_)), "{said:?}");
        }
        self.dbs[who]
            .acknowledge(admitted.number.max(before.acked), &admitted.verdicts)
            .unwrap();
    }

    pub(super) fn sync(&mut self) {
        for _ in 0..2 {
            for who in 0..self.dbs.len() {
                self.settle_one(who);
            }
        }
    }

    pub(super) fn settle(&mut self) {
        self.sync();
        self.sync();
        for db in &self.dbs {
            check(db);
            self.assert_same(db);
        }
    }

    fn assert_same(&self, db: &ReplicaDb) {
        let digests = |states: Vec<AtomeState>| -> BTreeMap<AtomeId, _> {
            states
                .iter()
                .map(|state| (state.atome, of_state(state)))
                .collect()
        };
        let theirs = self
            .hub
            .states(db.account(), None, usize::MAX)
            .unwrap()
            .states;
        let mut theirs = digests(theirs.iter().map(|raw| raw.decode().unwrap()).collect());
        let mut ours = digests(states(db).into_values().collect());
        let deferred = db.deferred().unwrap();
        let here = db.recount().unwrap();
        let there = self.hub.digest(db.account()).unwrap();
        assert_eq!((here.feed, &here.decided), (there.0, &there.1));
        assert_eq!(here.at_odds(), [0; 0]);
        if deferred.is_empty() {
            assert_eq!(here.counted, here.decided);
        }
        // What waits at the hub counts here only.
        for atome in deferred.iter().flat_map(|waiting| &waiting.atomes) {
            ours.remove(atome);
            theirs.remove(atome);
        }
        assert_eq!(ours, theirs, "of {}", db.account());
        let told = self.hub.grants(db.account(), None, usize::MAX).unwrap();
        let shown = db.grants(Which::All).unwrap();
        assert!(shown.iter().all(|shown| !shown.pending), "{shown:?}");
        let shown: BTreeMap<_, _> = shown
            .into_iter()
            .map(|it| (it.grant.id, it.grant))
            .collect();
        let mut told: BTreeMap<_, _> = told.grants.into_iter().map(|it| (it.id, it)).collect();
        let ids: Vec<_> = shown.keys().collect();
        assert_eq!(ids, told.keys().collect::<Vec<_>>());
        for (id, shown) in &shown {
            let told = told.remove(id).unwrap();
            assert_eq!(shown.moments, told.moments);
        }
        let sql = "SELECT count(*) FROM acts WHERE NOT settled";
        let open: i64 = db
            .base
            .connection
            .query_row(sql, [], |row| row.get(0))
            .unwrap();
        assert_eq!(open, 0, "every act shows in what the hub says");
        let policies: BTreeSet<_> = db
            .policies()
            .unwrap()
            .iter()
            .map(|it| it.sender.id)
            .collect();
        let told = self
            .hub
            .grants(db.account(), None, usize::MAX)
            .unwrap()
            .policies;
        assert_eq!(policies, told.iter().map(|it| it.sender.id).collect());
    }
}

fn register(hub: &mut HubDb, id: AccountId, n: usize) {
    let account = NewAccount {
        entry: DirectoryEntry {
            user_id: id,
            username: format!("name{n}"),
            phone: None,
            visibility: Visibility::Private,
        },
        password_hash: String::new(),
        retry_hash: [0; 32],
        admission: crate::hub::Admission::Open,
        created_at_ms: 0,
    };
    let session = NewSession {
        account: id,
        session: Uuid::from_u128(u128::try_from(n).unwrap()),
        token_hash: [u8::try_from(n).unwrap(); 32],
        device: String::new(),
        created_at_ms: 0,
        ttl_ms: 0,
    };
    hub.register(&account, &session).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: setting(96),
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_replica_holds_what_its_account_may_see(
        steps in prop::collection::vec((0..4usize, step()), 1..70),
    ) {
        let mut world = World::new();
        for (who, step) in steps {
            world.take(who, step);
        }
        world.settle();
    }
}
