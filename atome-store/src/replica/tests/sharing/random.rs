//! Random histories of what Anna may see of Bob's atomes: what is here is what may be seen, at every moment,
//! and nothing of what may not is left in a file.

use std::collections::BTreeSet;

use atome_engine::digest::of_state;
use atome_engine::sharing::Cut;
use atome_proto::sync::v1::{Refusal, Ruling, Verdict};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::traces::{mark, marked, marks};
use super::*;
use crate::sqlite::Durability;

const KEYS: [&str; 3] = ["a", "b", "c"];

#[derive(Clone, Debug)]
enum Step {
    /// Bob writes a value of some length to a key of one of his atomes, or of two of them.
    Bob(u128, Option<u128>, usize, usize),
    BobAdds(u128, i64),
    /// Anna writes, on what she sees: on one of Bob's, and perhaps on one of her own too.
    Anna(u128, bool, usize, usize),
    AnnaAdds(u128, i64),
    /// So much of one of Bob's atomes may be seen from now on.
    Sight(u128, Option<Cut>),
    /// Anna's replica pushes so many commits; what it may not is deferred, or refused. The answer may be lost.
    Push(usize, bool, bool),
    Pull(usize),
    /// A snapshot that comes whole, or ends after a page.
    Snapshot(bool),
    /// The daemon is killed, and started again.
    Restart,
    /// The hub says that its database begins another life: a snapshot is joined to what is here.
    Epoch,
}

fn step() -> impl Strategy<Value = Step> {
    let keys = prop::collection::btree_set(prop::sample::select(&KEYS[..]), 1..3);
    let cut = prop_oneof![
        Just(Cut::Whole),
        keys.prop_map(|keys| Cut::Only(keys.into_iter().map(key).collect())),
    ];
    let len = || prop_oneof![4 => 20..300usize, 1 => 3_000..30_000usize];
    let atome = || 10..15u128;
    let key = || 0..KEYS.len();
    prop_oneof![
        6 => (atome(), prop::option::weighted(0.3, atome()), key(), len())
            .prop_map(|(n, other, key, len)| Step::Bob(n, other, key, len)),
        1 => (atome(), -9..9i64).prop_map(|(n, by)| Step::BobAdds(n, by)),
        4 => (atome(), any::<bool>(), key(), len())
            .prop_map(|(n, too, key, len)| Step::Anna(n, too, key, len)),
        1 => (atome(), -9..9i64).prop_map(|(n, by)| Step::AnnaAdds(n, by)),
        5 => (atome(), prop::option::weighted(0.6, cut)).prop_map(|(n, cut)| Step::Sight(n, cut)),
        4 => (1..4usize, any::<bool>(), prop::bool::weighted(0.2))
            .prop_map(|(max, defers, lost)| Step::Push(max, defers, lost)),
        6 => (1..6usize).prop_map(Step::Pull),
        1 => any::<bool>().prop_map(Step::Snapshot),
        1 => Just(Step::Restart),
        1 => Just(Step::Epoch),
    ]
}

/// What the hub knows.
#[derive(Default)]
struct Model {
    states: BTreeMap<AtomeId, AtomeState>,
    sights: BTreeMap<AtomeId, Cut>,
    feed: Vec<Entry>,
    /// Every mark that was written to an atome of Bob's, with the number of feed entries before.
    marks: Vec<(AtomeId, String, usize)>,
    decided: u64,
    said: Vec<Verdict>,
    waiting: Vec<Commit>,
    bobs: u64,
}

impl Model {
    fn take(&mut self, commit: &Commit) {
        for change in &commit.changes {
            let before = self.states.remove(&change.atome);
            let after = apply(before, change, Origin::of(commit));
            self.states.insert(change.atome, after);
        }
    }

    fn view(&self, atome: AtomeId) -> Option<AtomeState> {
        let state = self.states.get(&atome)?;
        if state.owner == ANNA {
            return Some(state.clone());
        }
        Some(self.sights.get(&atome)?.state(state))
    }

    fn views(&self) -> Vec<AtomeState> {
        self.states
            .keys()
            .filter_map(|atome| self.view(*atome))
            .collect()
    }

    fn bob(&mut self, changes: Vec<Change>, ms: u64) {
        self.bobs += 1;
        let commit = commit_of(BOB, self.bobs, ms, changes);
        self.take(&commit);
        let mut seen = commit.clone();
        let cut = |change: &Change| self.sights.get(&change.atome)?.change(change);
        seen.changes = commit.changes.iter().filter_map(cut).collect();
        self.feed.push(if seen.changes.is_empty() {
            Entry::Nothing
        } else {
            Entry::Commit(RawCommit::encode(&seen).unwrap())
        });
    }

    fn sight(&mut self, atome: AtomeId, cut: Option<Cut>) {
        let before = self.sights.remove(&atome);
        let narrower = match (&before, &cut) {
            (Some(before), Some(cut)) => before.exceeds(cut),
            (Some(_), None) => true,
            (None, _) => false,
        };
        if narrower {
            self.feed.push(Entry::Evict(vec![atome]));
        }
        let Some(cut) = cut else { return };
        self.sights.insert(atome, cut);
        let view = self.view(atome).unwrap();
        self.feed.push(state_entry(&view));
        for commit in std::mem::take(&mut self.waiting) {
            if self.allows(&commit) {
                self.said.retain(|verdict| verdict.number != commit.number);
                self.take(&commit);
                self.feed.push(Entry::Mine(commit.number));
            } else {
                self.waiting.push(commit);
            }
        }
    }

    fn allows(&self, commit: &Commit) -> bool {
        commit.changes.iter().all(|change| {
            let own = change.create.is_some()
                || self
                    .states
                    .get(&change.atome)
                    .is_some_and(|state| state.owner == ANNA);
            let mut keys = change.set.keys().chain(change.add.keys());
            let sight = self.sights.get(&change.atome);
            own || sight.is_some_and(|sight| keys.all(|key| sight.shows(key)))
        })
    }

    fn push(&mut self, commit: &Commit, defers: bool) {
        self.decided = commit.number;
        let ruling = if self.allows(commit) {
            self.take(commit);
            return self.feed.push(Entry::Mine(commit.number));
        } else if defers {
            let on = "a grant".to_owned();
            self.waiting.push(commit.clone());
            Ruling::Deferred { on }
        } else {
            let changes = commit.changes.iter();
            Ruling::Refused(Box::new(Refusal {
                code: Code::NotAllowed,
                message: "no".to_owned(),
                states: changes
                    .filter_map(|change| self.view(change.atome))
                    .collect(),
            }))
        };
        let number = commit.number;
        self.said.push(Verdict { number, ruling });
    }
}

struct World {
    dir: tempfile::TempDir,
    db: Option<ReplicaDb>,
    hub: Model,
    ms: u64,
    marked: u64,
    /// Marks that may be in no file any more.
    gone: BTreeSet<String>,
    snapshots: u64,
    epoch: u64,
}

impl World {
    fn at(&self, feed: u64) -> Cursor {
        let epoch = Epoch(self.epoch);
        Cursor { epoch, ..at(feed) }
    }

    fn new() -> Self {
        let mut world = Self {
            dir: tempfile::tempdir().unwrap(),
            db: None,
            hub: Model::default(),
            ms: 0,
            marked: 0,
            gone: BTreeSet::new(),
            snapshots: 0,
            epoch: 1,
        };
        world.open();
        let grants = (10..15).map(|n| accepted(grant(n, n, BOB, ANNA, &Right::ALL)));
        world.hub.feed.extend(grants.map(tell));
        let changes = (10..15).map(|n| made(n, None)).collect();
        world.hub.bob(changes, 0);
        write(world.db(), create(1));
        world.take(&Step::Push(1, false, false));
        world.take(&Step::Pull(9));
        world
    }

    fn open(&mut self) {
        self.db = None;
        let path = self.dir.path().join("anna/replica.db");
        let db = ReplicaDb::open(&path, ANNA, ReplicaId(1), Durability::Normal).unwrap();
        self.db = Some(db);
    }

    fn db(&mut self) -> &mut ReplicaDb {
        self.db.as_mut().unwrap()
    }

    fn mark(&mut self, on: AtomeId, len: usize) -> Value {
        self.marked += 1;
        let mark = mark(self.marked);
        let place = self.hub.feed.len();
        self.hub.marks.push((on, mark.clone(), place));
        marked(&mark, len)
    }

    fn take(&mut self, step: &Step) {
        self.ms += 10;
        match *step {
            Step::Bob(n, other, k, len) => {
                let ids: BTreeSet<u128> = [n].into_iter().chain(other).collect();
                let mut changes = vec![];
                for n in ids {
                    let mut change = Change::new(atome(n));
                    change.set.insert(key(KEYS[k]), self.mark(atome(n), len));
                    changes.push(change);
                }
                self.hub.bob(changes, self.ms);
            }
            Step::BobAdds(n, by) => {
                let change = add(n, "n", by).into_change(self.hub.states.get(&atome(n)));
                self.hub.bob(vec![change], self.ms);
            }
            Step::Anna(n, too, k, len) => {
                // It has a mark that may stay: what she wrote is hers until the hub has taken it.
                let mut draft = Draft::new(atome(n));
                draft
                    .set
                    .insert(key(KEYS[k]), Value::from_text(&"y".repeat(len)));
                let mut drafts = vec![draft];
                if too {
                    drafts.push(set(1, KEYS[k], 7));
                }
                self.try_write(drafts);
            }
            Step::AnnaAdds(n, by) => self.try_write(vec![add(n, "n", by)]),
            Step::Sight(n, ref cut) => self.hub.sight(atome(n), cut.clone()),
            Step::Push(max, defers, lost) => self.push(max, defers, lost),
            Step::Pull(max) => self.pull(max),
            Step::Snapshot(whole) => self.snapshot(whole, false),
            Step::Restart => self.open(),
            Step::Epoch => {
                self.epoch += 1;
                let cursor = self.at(0);
                let decided = self.hub.decided;
                let adopted = self.db().adopt_hub(cursor.hub, cursor.epoch, decided);
                assert_eq!(adopted.unwrap().evicted, 0);
                check(self.db());
                self.snapshot(true, true);
            }
        }
        check(self.db());
        self.assert_clean();
    }

    fn try_write(&mut self, drafts: Vec<Draft>) {
        let now = now(self.ms);
        match self.db().write(ANNA, drafts, now) {
            Ok(_) | Err(StoreError::NotFound(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }

    fn push(&mut self, max: usize, defers: bool, lost: bool) {
        let position = self.db().position().unwrap();
        let commits = self.db().pending(position.acked, max, usize::MAX).unwrap();
        let mut number = position.acked;
        for raw in commits {
            let commit = raw.decode().unwrap();
            number = commit.number;
            if number > self.hub.decided {
                self.hub.push(&commit, defers);
            }
        }
        if lost {
            return;
        }
        let mut said = self.hub.said.clone();
        said.retain(|verdict| verdict.number > position.acked && verdict.number <= number);
        self.db().acknowledge(number, &said).unwrap();
    }

    fn pull(&mut self, max: usize) {
        let feed = usize::try_from(self.db().position().unwrap().feed()).unwrap();
        let acked = self.db().position().unwrap().acked;
        // A batch waits for the acknowledgement of what it mentions.
        let known = |entry: &&Entry| !matches!(entry, Entry::Mine(number) if *number > acked);
        let news = self.hub.feed.iter().skip(feed).take(max).take_while(known);
        let entries: Vec<Entry> = news.cloned().collect();
        if entries.is_empty() {
            return;
        }
        for (place, entry) in (feed..).zip(&entries) {
            match entry {
                Entry::Evict(atomes) => {
                    for (atome, mark, before) in &self.hub.marks {
                        if atomes.contains(atome) && *before <= place {
                            self.gone.insert(mark.clone());
                        }
                    }
                }
                Entry::State(raw) => {
                    let back = |mark: &String| !raw.as_str().contains(mark.as_str());
                    self.gone.retain(back);
                }
                Entry::Commit(_)
                | Entry::Mine(_)
                | Entry::Grant(_)
                | Entry::Policy(_)
                | Entry::Nothing => {}
            }
        }
        let from = u64::try_from(feed).unwrap() + 1;
        let batch = Batch {
            from,
            entries,
            head: 0,
        };
        let cursor = self.at(batch.to());
        self.db().apply(&batch, cursor).unwrap();
        self.db().scrub().unwrap();
    }

    fn snapshot(&mut self, whole: bool, keep: bool) {
        self.snapshots += 1;
        let grants = (10..15).map(|n| accepted(grant(n, n, BOB, ANNA, &Right::ALL)));
        let views = self.hub.views();
        let page = Snapshot {
            since: self.snapshots,
            page: 0,
            states: views
                .iter()
                .map(|view| RawState::encode(view).unwrap())
                .collect(),
            gone: vec![],
            grants: grants.collect(),
            policies: vec![],
            total: 0,
            end: None,
        };
        self.db().stage(&page).unwrap();
        let seen = serde_json::to_string(&views).unwrap();
        self.gone.retain(|mark| !seen.contains(mark.as_str()));
        if !whole {
            return;
        }
        let end = SnapshotEnd {
            cursor: self.at(u64::try_from(self.hub.feed.len()).unwrap()),
            number: self.hub.decided,
        };
        install(self.db(), end, keep);
        self.db().scrub().unwrap();
        let all = self.hub.marks.iter().map(|(_, mark, _)| mark.clone());
        self.gone
            .extend(all.filter(|mark| !seen.contains(mark.as_str())));
    }

    /// No file has anything of what was evicted.
    fn assert_clean(&self) {
        let found = marks(self.dir.path());
        let leaked: Vec<_> = found.intersection(&self.gone).collect();
        assert!(leaked.is_empty(), "{leaked:?} (evict)");
    }

    /// In the end what is here is what may be seen.
    fn settle(&mut self) {
        self.push(usize::MAX, false, false);
        let waiting: Vec<Commit> = std::mem::take(&mut self.hub.waiting);
        let no = |commit: Commit| Verdict {
            number: commit.number,
            ruling: Ruling::Refused(Box::new(Refusal {
                code: Code::NotAllowed,
                message: "no".to_owned(),
                states: vec![],
            })),
        };
        self.pull(usize::MAX);
        let later: Vec<Verdict> = waiting.into_iter().map(no).collect();
        let acked = self.db().position().unwrap().acked;
        self.db().acknowledge(acked, &later).unwrap();
        check(self.db());
        self.assert_clean();
        let digests = |states: Vec<AtomeState>| -> BTreeMap<AtomeId, _> {
            states
                .iter()
                .map(|state| (state.atome, of_state(state)))
                .collect()
        };
        let here = states(self.db()).into_values().collect();
        assert_eq!(digests(here), digests(self.hub.views()));
        let position = self.db().position().unwrap();
        assert_eq!(position.pending(), 0);
        // After another life of the hub's database one that was taken meanwhile may still be listed.
        if self.epoch == 1 {
            assert_eq!(self.db().deferred().unwrap(), []);
        }
    }
}

/// How many histories are played: as many as asked for, or `least`.
pub(super) fn setting(least: u32) -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok();
    asked.map_or(least, |text| text.parse().unwrap())
}

proptest! {
    // The same histories each time; more of them with PROPTEST_CASES.
    #![proptest_config(ProptestConfig {
        cases: setting(48),
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn what_is_here_is_what_may_be_seen(steps in prop::collection::vec(step(), 1..50)) {
        let mut world = World::new();
        for step in &steps {
            world.take(step);
        }
        world.settle();
    }
}
