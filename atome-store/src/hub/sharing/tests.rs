//! Three accounts that share at random: whoever follows a feed holds what the rule lets its account see, no
//! less and no more, and the hub's digest says the same.

use std::collections::BTreeMap;

use atome_engine::digest::of_state;
use atome_engine::merge::{Origin, apply, join};
use atome_engine::sharing::{Sight, counts, is_live};
use atome_engine::tree::ancestors;
use atome_proto::account::{DirectoryEntry, Visibility};
use atome_proto::commit::{Addend, Change, Commit, Create, Key, RawCommit};
use atome_proto::digest::Buckets;
use atome_proto::sharing::{Act, Answer, Grant, GrantState, Mode, Right, Rule, Terms};
use atome_proto::stamp::{HybridTime, Stamp};
use atome_proto::state::AtomeState;
use atome_proto::sync::v1::{Entry, Ruling};
use atome_proto::value::{Number, Value};
use atome_proto::{AccountId, AtomeId, GrantId, ReplicaId};
use proptest::prelude::*;
use uuid::Uuid;

use crate::hub::{Admission, HubDb, NewAccount, NewSession};

mod cases;
mod offers;

const NOW_MS: u64 = 1_800_000_000_000;
const KEYS: [&str; 3] = ["a", "b", "n"];

fn account(n: u128) -> AccountId {
    AccountId(Uuid::from_u128(n))
}

fn atome(owner: u128, n: u128) -> AtomeId {
    AtomeId(Uuid::from_u128(owner * 0x100 + n))
}

fn owner_of(atome: AtomeId) -> u128 {
    atome.0.as_u128() / 0x100
}

fn key(name: &str) -> Key {
    Key::of_particle(name).unwrap()
}

/// A hub with three accounts, each with one replica of the same number.
struct World {
    hub: HubDb,
    now_ms: u64,
    numbers: BTreeMap<u128, u64>,
    grants: Vec<GrantId>,
}

impl World {
    fn new() -> Self {
        let mut hub = HubDb::open_in_memory().unwrap();
        for n in 1..=3 {
            let new = NewAccount {
                entry: DirectoryEntry {
                    user_id: account(n),
                    username: format!("name{n}"),
                    phone: None,
                    visibility: Visibility::Private,
                },
                password_hash: "$argon2id$".to_owned(),
                retry_hash: [7; 32],
                admission: Admission::Open,
                created_at_ms: NOW_MS,
            };
            let session = NewSession {
                account: account(n),
                session: Uuid::from_u128(n),
                token_hash: [u8::try_from(n).unwrap(); 32],
                device: "laptop".to_owned(),
                created_at_ms: NOW_MS,
                ttl_ms: 10_000_000,
            };
            hub.register(&new, &session).unwrap();
        }
        Self {
            hub,
            now_ms: NOW_MS,
            numbers: BTreeMap::new(),
            grants: vec![],
        }
    }

    /// Pushes one commit; what is said of it, where it is not plainly accepted.
    fn push(&mut self, author: u128, changes: Vec<Change>, acts: Vec<Act>) -> Option<Ruling> {
        self.now_ms += 1;
        self.hub.settle(self.now_ms).unwrap();
        let replica = ReplicaId(u64::try_from(author).unwrap());
        let number = self.numbers.get(&author).copied().unwrap_or(0) + 1;
        self.numbers.insert(author, number);
        let commit = Commit {
            number,
            author: account(author),
            stamp: Stamp {
                time: HybridTime::from_ms(self.now_ms),
                replica,
            },
            claimed: None,
            changes,
            acts,
        };
        let raw = RawCommit::encode(&commit).unwrap();
        let admitted = self
            .hub
            .admit(account(author), replica, number, &[raw], self.now_ms)
            .unwrap();
        assert_eq!(admitted.number, number);
        admitted.verdicts.into_iter().next().map(|said| said.ruling)
    }

    fn act(&mut self, actor: u128, act: Act) -> Option<Ruling> {
        self.push(actor, vec![], vec![act])
    }

    fn share(&mut self, by: u128, of: AtomeId, with: u128, terms: Terms) -> Option<Ruling> {
        let grant = GrantId(Uuid::from_u128(
            0x1000 + u128::try_from(self.grants.len()).unwrap(),
        ));
        self.grants.push(grant);
        self.act(
            by,
            Act::Share {
                grant,
                atome: of,
                grantee: account(with),
                terms,
            },
        )
    }

    fn answer(&mut self, actor: u128, place: usize, answer: Answer) -> Option<Ruling> {
        let grant = *self.grants.get(place)?;
        self.act(
            actor,
            Act::Answer {
                grant,
                answer,
                always: false,
            },
        )
    }

    /// Who shared by a grant, and with whom.
    fn parties(&self, place: usize) -> Option<(u128, u128)> {
        let id = self.grants.get(place)?;
        let grant = (1..=3).find_map(|n| self.hub.grant(account(n), *id).unwrap())?;
        let number = |account: AccountId| account.0.as_u128();
        Some((number(grant.by.id), number(grant.grantee.id)))
    }

    /// What an account sees, by the hub.
    fn seen(&self, n: u128) -> BTreeMap<AtomeId, AtomeState> {
        let page = self.hub.states(account(n), None, usize::MAX).unwrap();
        let states = page.states.iter().map(|raw| raw.decode().unwrap());
        states.map(|state| (state.atome, state)).collect()
    }

    /// What is every account's own.
    fn owned(&self) -> BTreeMap<AtomeId, AtomeState> {
        let mut owned = BTreeMap::new();
        for n in 1..=3 {
            let own = self.seen(n).into_iter();
            owned.extend(own.filter(|(_, state)| state.owner == account(n)));
        }
        owned
    }

    fn all_grants(&self) -> Vec<Grant> {
        let told = |id: &GrantId| {
            (1..=3).find_map(|n| {
                let grant = self.hub.grant(account(n), *id).unwrap();
                grant.filter(|grant| grant.grantee.id == account(n) || came_blocked(grant))
            })
        };
        self.grants.iter().filter_map(told).collect()
    }

    /// What the rule says that a reader sees of each atome of others.
    fn sights(&self, n: u128, owned: &BTreeMap<AtomeId, AtomeState>) -> BTreeMap<AtomeId, Sight> {
        let grants = self.all_grants();
        let mut sights = BTreeMap::new();
        for (atome, state) in owned {
            let same = |at: &AtomeId| owned.get(at).filter(|other| other.owner == state.owner);
            let mut line = ancestors::<()>(*atome, |at| {
                let parent = same(&at).and_then(|state| {
                    let stamp = state.particles.get(Key::PARENT)?.stamp;
                    Some((state.parent()?, stamp))
                });
                Ok(parent)
            })
            .unwrap();
            line.push(*atome);
            let terms = grants.iter().filter(|grant| {
                grant.grantee.id == account(n)
                    && grant.owner.id == state.owner
                    && line.contains(&grant.atome)
                    && is_live(&grant.terms)
                    && counts(grant, self.now_ms)
            });
            let sight = Sight::of(terms.map(|grant| &grant.terms));
            if state.owner != account(n) && !sight.is_empty() {
                sights.insert(*atome, sight);
            }
        }
        sights
    }

    fn wait(&mut self, ms: u64) {
        self.now_ms += ms;
        self.hub.settle(self.now_ms).unwrap();
    }

    fn compact(&mut self, ago_ms: u64, limit: u32) {
        let before_ms = self.now_ms - ago_ms;
        while self.hub.compact(before_ms, limit).unwrap() {}
        self.assert_bodies();
    }

    /// Checks that every entry has its body, and every body an entry.
    fn assert_bodies(&self) {
        let sql = "SELECT (SELECT count(*) FROM feed f LEFT JOIN bodies b ON b.id = f.item \
             WHERE f.kind <> 0 AND b.id IS NULL), (SELECT count(*) FROM bodies b WHERE NOT EXISTS \
             (SELECT 1 FROM feed f WHERE f.kind <> 0 AND f.item = b.id))";
        let connection = &self.hub.base.connection;
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?));
        assert_eq!(connection.query_row(sql, [], read).unwrap(), (0, 0));
        let nothing: [String; 0] = [];
        assert_eq!(crate::hub::check::agreement(connection).unwrap(), nothing);
    }

    /// Checks that each account sees what the rule says, and that its digest is of that.
    fn check(&self) {
        let owned = self.owned();
        for n in 1..=3 {
            let mut seen = self.seen(n);
            let mut buckets = Buckets::default();
            for state in seen.values() {
                atome_engine::digest::add_state(&mut buckets, state);
            }
            assert_eq!(self.hub.digest(account(n)).unwrap().1, buckets, "of {n}");
            seen.retain(|_, state| state.owner != account(n));
            for (atome, sight) in self.sights(n, &owned) {
                let found = seen.remove(&atome);
                match (&sight.live, &sight.held) {
                    (Some(live), None) => {
                        let expected = live.state(&owned[&atome]);
                        let found = found.expect("what is allowed is there (no-starve)");
                        assert_eq!(of_state(&found), of_state(&expected), "{atome} of {n}");
                    }
                    _ => {
                        for key in found.iter().flat_map(|state| state.particles.keys()) {
                            assert!(sight.whole().shows(key), "{key} is not allowed (no-leak)");
                        }
                    }
                }
            }
            assert!(seen.is_empty(), "{n} sees what nobody lets it: {seen:?}");
        }
    }
}

fn came_blocked(grant: &Grant) -> bool {
    grant.state() == GrantState::Requested
}

/// Someone who follows the feed of an account, and is none of its writers.
#[derive(Clone, Default)]
struct Follower {
    feed: u64,
    states: BTreeMap<AtomeId, AtomeState>,
}

impl Follower {
    fn follow(&mut self, world: &World, n: u128, entries_max: usize) {
        let reader = ReplicaId(99);
        loop {
            let batch = world
                .hub
                .feed(account(n), reader, self.feed, entries_max, usize::MAX)
                .unwrap();
            if batch.from > self.feed + 1 {
                assert_eq!(batch.entries, [], "nothing comes after a gap");
                self.feed = batch.head;
                self.states = world.seen(n);
                continue;
            }
            if batch.entries.is_empty() {
                return;
            }
            self.feed = batch.to();
            for entry in batch.entries {
                self.apply(entry);
            }
        }
    }

    fn apply(&mut self, entry: Entry) {
        match entry {
            Entry::Commit(raw) => {
                let commit = raw.decode().unwrap();
                for change in &commit.changes {
                    let before = self.states.remove(&change.atome);
                    let after = apply(before, change, Origin::of(&commit));
                    self.states.insert(change.atome, after);
                }
            }
            Entry::State(raw) => {
                let state = raw.decode().unwrap();
                let before = self.states.remove(&state.atome);
                let joined = before.map_or_else(|| state.clone(), |before| join(before, &state));
                self.states.insert(state.atome, joined);
            }
            Entry::Evict(atomes) => {
                for atome in atomes {
                    self.states.remove(&atome);
                }
            }
            Entry::Mine(_) => panic!("it writes nothing"),
            Entry::Grant(_) | Entry::Policy(_) | Entry::Nothing => {}
        }
    }

    fn assert_is(&self, seen: &BTreeMap<AtomeId, AtomeState>, n: u128) {
        let ids: Vec<_> = self.states.keys().collect();
        assert_eq!(ids, seen.keys().collect::<Vec<_>>(), "of {n}");
        for (atome, state) in seen {
            let (ours, theirs) = (of_state(&self.states[atome]), of_state(state));
            assert_eq!(ours, theirs, "{:?} {state:?}", self.states[atome]);
        }
    }
}

#[derive(Clone, Debug)]
enum Step {
    Create(u128, AtomeId, Option<u128>),
    Set(u128, AtomeId, usize, i64),
    Unset(u128, AtomeId, usize),
    Add(u128, AtomeId, usize, i64),
    /// Below another atome of the same owner, or to the top.
    Move(u128, AtomeId, Option<u128>),
    Delete(u128, AtomeId, bool),
    Share(u128, AtomeId, u128, Terms),
    /// By its grantee, or by another; of the grants the so many-th from the last.
    Answer(Option<u128>, usize, Answer),
    /// By who shared it, or by another.
    End(Option<u128>, usize),
    Policy(u128, u128, Rule),
    Publish(u128, AtomeId),
    Wait(u64),
    Pull(u128),
    Snapshot(u128),
    /// What was taken before so many milliseconds ago, so many entries at a time.
    Compact(u64, u32),
}

fn who() -> impl Strategy<Value = u128> {
    1..=3u128
}

/// An atome, mostly of the first account; and who does something with it, mostly its owner.
fn some_atome() -> impl Strategy<Value = (u128, AtomeId)> {
    let owner = prop_oneof![4 => Just(1u128), 1 => who()];
    (owner, 1..6u128, prop::option::weighted(0.3, who()))
        .prop_map(|(owner, n, who)| (who.unwrap_or(owner), atome(owner, n)))
}

fn some_terms() -> impl Strategy<Value = Terms> {
    let rights = prop::collection::btree_set(prop::sample::select(&Right::ALL[..]), 0..5);
    let only = prop::collection::btree_set(prop::sample::select(&KEYS[..]), 0..3);
    let mode = prop::sample::select(&[Mode::Linked, Mode::Linked, Mode::Manual, Mode::Copy][..]);
    let time = prop::option::weighted(0.2, 0..60u64);
    (rights, only, mode, time.clone(), time).prop_map(|(mut can, mut only, mode, from, until)| {
        can.insert(Right::Read);
        if mode == Mode::Copy {
            can = [Right::Read].into();
            only.clear();
        }
        Terms {
            can,
            only: only.into_iter().map(key).collect(),
            mode,
            from_ms: from.map(|ms| NOW_MS + ms),
            until_ms: until.map(|ms| NOW_MS + ms),
            message: None,
        }
    })
}

fn step() -> impl Strategy<Value = Step> {
    const ANSWERS: &[Answer] = &[
        Answer::Accept,
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
    let (answer, rule) = (prop::sample::select(ANSWERS), prop::sample::select(RULES));
    let key = 0..KEYS.len();
    let parent = prop::option::weighted(0.7, 1..6u128);
    let above = prop::option::weighted(0.8, 1..6u128);
    let other = || prop::option::weighted(0.1, who());
    prop_oneof![
        8 => (some_atome(), parent)
            .prop_map(|((who, atome), parent)| Step::Create(who, atome, parent)),
        6 => (some_atome(), key.clone(), 0..9i64)
            .prop_map(|((who, atome), key, value)| Step::Set(who, atome, key, value)),
        1 => (some_atome(), key.clone()).prop_map(|((who, atome), key)| Step::Unset(who, atome, key)),
        3 => (some_atome(), key, -9..9i64)
            .prop_map(|((who, atome), key, by)| Step::Add(who, atome, key, by)),
        4 => (some_atome(), above).prop_map(|((who, atome), to)| Step::Move(who, atome, to)),
        1 => (some_atome(), any::<bool>())
            .prop_map(|((who, atome), deleted)| Step::Delete(who, atome, deleted)),
        6 => (some_atome(), 2..=3u128, some_terms())
            .prop_map(|((who, atome), with, terms)| Step::Share(who, atome, with, terms)),
        8 => (other(), 0..4usize, answer)
            .prop_map(|(who, back, answer)| Step::Answer(who, back, answer)),
        2 => (other(), 0..12usize).prop_map(|(who, grant)| Step::End(who, grant)),
        1 => (who(), who(), rule).prop_map(|(who, sender, rule)| Step::Policy(who, sender, rule)),
        2 => some_atome().prop_map(|(who, atome)| Step::Publish(who, atome)),
        1 => (0..20u64).prop_map(Step::Wait),
        3 => who().prop_map(Step::Pull),
        4 => who().prop_map(Step::Snapshot),
        2 => (0..30u64, 1..9u32).prop_map(|(ago, limit)| Step::Compact(ago, limit)),
    ]
}

fn parent_key() -> Key {
    Key::of_envelope(Key::PARENT)
}

fn made(id: AtomeId, owner: AccountId, parent: Option<AtomeId>) -> Change {
    let mut change = Change::new(id);
    change.create = Some(Create {
        key: None,
        owner: Some(owner),
    });
    change
        .set
        .insert(Key::of_envelope(Key::TYPE), Value::from_text("t"));
    if let Some(parent) = parent.filter(|parent| *parent != id) {
        change
            .set
            .insert(parent_key(), Value::from_text(&parent.to_string()));
    }
    change
}

fn set(id: AtomeId, name: &str, value: i64) -> Change {
    let mut change = Change::new(id);
    change
        .set
        .insert(key(name), Value::from_number(Number::Whole(value)));
    change
}

fn moved(id: AtomeId, parent: Option<AtomeId>) -> Change {
    let mut change = Change::new(id);
    match parent.filter(|parent| *parent != id) {
        Some(parent) => {
            let parent = Value::from_text(&parent.to_string());
            change.set.insert(parent_key(), parent);
        }
        None => {
            change.unset.insert(parent_key());
        }
    }
    change
}

fn carry_out(world: &mut World, step: &Step) {
    let changes = match step.clone() {
        Step::Create(author, id, parent) => {
            let owner = owner_of(id);
            let parent = parent.map(|n| atome(owner, n));
            (author, made(id, account(owner), parent))
        }
        Step::Set(author, id, place, value) => (author, set(id, KEYS[place], value)),
        Step::Unset(author, id, place) => {
            let mut change = Change::new(id);
            change.unset.insert(key(KEYS[place]));
            (author, change)
        }
        Step::Add(author, id, place, by) => {
            let seen = world.seen(author).remove(&id);
            let to = seen.and_then(|state| Some(state.particles.get(KEYS[place])?.stamp));
            let mut change = Change::new(id);
            let by = Number::Whole(by);
            let to = to.unwrap_or(Stamp::ZERO);
            change.add.insert(key(KEYS[place]), Addend { by, to });
            (author, change)
        }
        Step::Move(author, id, to) => (author, moved(id, to.map(|n| atome(owner_of(id), n)))),
        Step::Delete(author, id, deleted) => {
            let mut change = Change::new(id);
            let deleted = Value::parse(&deleted.to_string()).unwrap();
            change.set.insert(Key::of_envelope(Key::DELETED), deleted);
            (author, change)
        }
        Step::Share(by, id, with, terms) => {
            world.share(by, id, with, terms);
            return;
        }
        Step::Answer(actor, back, answer) => {
            let Some(place) = world.grants.len().checked_sub(back + 1) else {
                return;
            };
            let grantee = world.parties(place).map(|(_, grantee)| grantee);
            if let Some(actor) = actor.or(grantee) {
                world.answer(actor, place, answer);
            }
            return;
        }
        Step::End(actor, place) => {
            let by = world.parties(place).map(|(by, _)| by);
            if let Some(actor) = actor.or(by)
                && let Some(grant) = world.grants.get(place).copied()
            {
                world.act(actor, Act::End { grant });
            }
            return;
        }
        Step::Policy(actor, sender, rule) => {
            let (sender, can) = (account(sender), [].into());
            world.act(actor, Act::Policy { sender, rule, can });
            return;
        }
        Step::Publish(actor, atome) => {
            world.act(actor, Act::Publish { atome });
            return;
        }
        Step::Wait(ms) => return world.wait(ms),
        Step::Compact(ago, limit) => return world.compact(ago, limit),
        Step::Pull(_) | Step::Snapshot(_) => return,
    };
    world.push(changes.0, vec![changes.1], vec![]);
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    })]
    #[test]
    fn what_is_followed_is_what_is_allowed(steps in prop::collection::vec(step(), 1..80)) {
        let mut world = World::new();
        let mut followers: BTreeMap<u128, Follower> = (1..=3).map(|n| (n, Follower::default())).collect();
        let mut began: BTreeMap<u128, Follower> = BTreeMap::new();
        for step in &steps {
            carry_out(&mut world, step);
            world.check();
            if let Step::Pull(n) = step {
                let follower = followers.get_mut(n).unwrap();
                follower.follow(&world, *n, 3);
                follower.assert_is(&world.seen(*n), *n);
            }
            if let Step::Snapshot(n) = step {
                let feed = world.hub.digest(account(*n)).unwrap().0;
                began.insert(*n, Follower { feed, states: world.seen(*n) });
            }
        }
        for (n, mut follower) in followers {
            follower.follow(&world, n, 5);
            follower.assert_is(&world.seen(n), n);
            let mut fresh = Follower::default();
            fresh.follow(&world, n, 1_000);
            fresh.assert_is(&world.seen(n), n);
        }
        for (n, mut snapshot) in began {
            let changed = world.hub.changed_states(account(n), ReplicaId(99), snapshot.feed, usize::MAX);
            let changed = changed.unwrap();
            if changed.overtaken {
                let head = world.hub.digest(account(n)).unwrap().0;
                assert_eq!((changed.through, changed.complete), (head, false));
                snapshot.states = world.seen(n);
            }
            snapshot.states.retain(|atome, _| !changed.gone.contains(atome));
            for raw in changed.states {
                // As a replica does with a state that comes twice.
                let state = raw.decode().unwrap();
                let joined = match snapshot.states.remove(&state.atome) {
                    Some(before) => join(before, &state),
                    None => state,
                };
                snapshot.states.insert(joined.atome, joined);
            }
            snapshot.assert_is(&world.seen(n), n);
        }
    }
}
