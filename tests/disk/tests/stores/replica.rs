//! A replica on its disk, and what it has acknowledged.

use std::collections::BTreeMap;

use atome_engine::clock::{BUILD_TIME_MS, Now};
use atome_engine::digest::add_state;
use atome_engine::draft::Draft;
use atome_engine::session::Admitted;
use atome_proto::commit::{Create, Key, RawCommit};
use atome_proto::digest::Buckets;
use atome_proto::sync::v1::{Batch, Cursor, Entry};
use atome_proto::value::{Number, Value};
use atome_proto::{AccountId, AtomeId, ReplicaId};
use atome_sim_disk::{Chance, Disk};
use atome_store::hub::Identity;
use atome_store::replica::{Position, Scan};
use atome_store::{Durability, OpenError, ReplicaDb, StoreError};
use rusqlite::{Connection, OpenFlags};
use uuid::Uuid;

use crate::rig::{Loss, Tally};

pub(crate) const ANNA: AccountId = AccountId(Uuid::from_u128(0xa));
pub(crate) const NOW: Now = Now {
    mono_ms: 1,
    wall_ms: BUILD_TIME_MS + 1_000_000_000,
};
const FILE: &str = "replica.db";

pub(crate) struct Replica {
    pub(crate) id: ReplicaId,
    pub(crate) disk: Disk,
    /// Nothing while it is closed, or could not be opened.
    pub(crate) db: Option<ReplicaDb>,
    durability: Durability,
    /// How long its longest texts are: long ones bring the WAL to where it is checkpointed.
    long: usize,
    /// Where it stood when it last acknowledged something.
    said: Option<Position>,
    /// The atomes of each of its commits, and of those that came, each with its mark: what it has
    /// acknowledged to have.
    has: BTreeMap<AtomeId, u64>,
    /// Commits that were begun and not acknowledged, of which one may be there after a crash: their number
    /// and the atomes of each.
    open: Vec<(u64, BTreeMap<AtomeId, u64>)>,
}

/// Whether SQLite finds a file sound.
pub(crate) fn is_sound(disk: &Disk, file: &str) -> Result<(), Loss> {
    let check = || -> rusqlite::Result<String> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
        let path = disk.path(file);
        let connection = Connection::open_with_flags_and_vfs(path, flags, Disk::VFS)?;
        connection.query_row("PRAGMA integrity_check", [], |row| row.get(0))
    };
    match check() {
        Ok(said) if said == "ok" => Ok(()),
        Ok(said) => Err(format!("{file} is damaged: {said}")),
        Err(error) => Err(format!("{file} cannot be read: {error}")),
    }
}

impl Replica {
    pub(crate) fn new(
        id: u64,
        rng: &mut Chance,
        tally: &mut Tally,
        durability: Durability,
    ) -> Self {
        let mut replica = Self {
            id: ReplicaId(id),
            disk: Disk::new(rng.any()),
            db: None,
            durability,
            long: [10_000, 10_000, 10_000, 1_000_000][rng.below(4) as usize],
            said: None,
            has: BTreeMap::new(),
            open: vec![],
        };
        replica.open(rng, tally).expect("a store that is new");
        replica
    }

    pub(crate) fn try_open(&self) -> Result<ReplicaDb, OpenError> {
        let path = self.disk.path(FILE);
        ReplicaDb::open_on(Disk::VFS, &path, ANNA, self.id, self.durability)
    }

    /// Opens it; the power may go meanwhile, more than once.
    fn open(&mut self, rng: &mut Chance, tally: &mut Tally) -> Result<(), Loss> {
        if rng.percent(40) {
            self.disk.die_after(rng.below(40));
        }
        for _ in 0..4 {
            match self.try_open() {
                Ok(db) => {
                    self.db = Some(db);
                    break;
                }
                Err(_) if self.disk.is_dead() => {
                    tally.in_openings += 1;
                    self.disk.crash();
                    if rng.percent(50) {
                        self.disk.die_after(rng.below(40));
                    }
                }
                Err(error) => return Err(format!("{}: {error}", self.id)),
            }
        }
        self.disk.stay_alive();
        if self.db.is_none() {
            self.db = Some(self.try_open().map_err(|error| error.to_string())?);
        }
        self.look_what_was_kept(tally);
        Ok(())
    }

    /// Counts a commit that is there without having been acknowledged for one that must be there.
    fn look_what_was_kept(&mut self, tally: &mut Tally) {
        let number = self.position().number;
        for (open, atomes) in std::mem::take(&mut self.open) {
            let first = *atomes.keys().next().expect("a commit has atomes");
            if open <= number && self.db().get(first).expect("read").is_some() {
                tally.kept_all_the_same += 1;
                self.has.extend(atomes);
            } else {
                tally.lost_unacknowledged += 1;
            }
        }
    }

    pub(crate) fn db(&self) -> &ReplicaDb {
        self.db.as_ref().expect("it is open")
    }

    fn position(&self) -> Position {
        self.db().position().expect("a position")
    }

    pub(crate) fn pending(&self) -> u64 {
        self.position().pending()
    }

    pub(crate) fn feed(&self) -> u64 {
        self.position().feed()
    }

    pub(crate) fn digest(&self) -> Buckets {
        self.db().digest().expect("a digest").1
    }

    /// Writes a commit of a few atomes, now and then a long one; all of it or nothing stays.
    pub(crate) fn write(&mut self, rng: &mut Chance, tally: &mut Tally) {
        let number = self.position().number + 1;
        let long = [0, 0, 500, 5_000, self.long][rng.below(5) as usize];
        let (drafts, atomes) = drafts(rng, long);
        tally.commits += 1;
        let before = self.disk.len_of(FILE);
        let db = self.db.as_mut().expect("it is open");
        match db.write(ANNA, drafts, NOW) {
            Ok(written) => {
                assert_eq!(written.number, number);
                self.said = Some(self.position());
                self.has.extend(atomes);
            }
            Err(_) => self.open.push((number, atomes)),
        }
        tally.checkpoints += u64::from(before < self.disk.len_of(FILE));
    }

    /// The first number that the hub has not decided, and commits from there on.
    pub(crate) fn outgoing(&mut self, most: u64, hub: Identity) -> Option<(u64, Vec<RawCommit>)> {
        let acked = self.position().acked;
        let db = self.db.as_mut().expect("it is open");
        db.adopt_hub(hub.hub, hub.epoch, acked).ok()?;
        let commits = db.pending(acked, most as usize, usize::MAX).ok()?;
        Some((acked + 1, commits))
    }

    pub(crate) fn acknowledge(&mut self, admitted: &Admitted) {
        let db = self.db.as_mut().expect("it is open");
        if let Ok(position) = db.acknowledge(admitted.number, &admitted.verdicts) {
            self.said = Some(position);
        }
    }

    pub(crate) fn apply(&mut self, batch: &Batch, at: Cursor, tally: &mut Tally) {
        tally.commits += 1;
        let db = self.db.as_mut().expect("it is open");
        let Ok(position) = db.apply(batch, at) else {
            return;
        };
        self.said = Some(position);
        for entry in &batch.entries {
            if let Entry::Commit(raw) = entry {
                let commit = raw.decode().expect("what the hub sends can be read");
                self.has.extend(marks(&commit));
            }
        }
    }

    /// Closes it in good order: what the WAL has goes into the file, and the WAL goes.
    pub(crate) fn close(&mut self, tally: &mut Tally) {
        self.db = None;
        tally.in_closes += u64::from(self.disk.is_dead());
    }

    /// Where the power has gone it comes back, and the store is opened; then it must have all that it said.
    pub(crate) fn recover(&mut self, rng: &mut Chance, tally: &mut Tally) -> Result<(), Loss> {
        if !self.disk.is_dead() && self.db.is_some() {
            // An operation fails where the disk does, and nowhere else.
            return match self.open.first() {
                Some((number, _)) => Err(format!("commit {number} failed on a sound disk")),
                None => Ok(()),
            };
        }
        if self.disk.is_dead() {
            tally.crashes += 1;
            tally.in_writes += u64::from(!self.open.is_empty());
            self.disk.crash();
            self.db = None;
        }
        self.open(rng, tally)?;
        self.verify()
    }

    /// All that it has acknowledged is there, and nothing in part.
    pub(crate) fn verify(&self) -> Result<(), Loss> {
        is_sound(&self.disk, FILE)?;
        let position = self.position();
        if let Some(said) = &self.said {
            for (what, now, then) in [
                ("commits", position.number, said.number),
                ("acknowledgements", position.acked, said.acked),
                ("feed entries", position.feed(), said.feed()),
            ] {
                if now < then {
                    return Err(format!("replica {}: {now} of {then} {what}", self.id));
                }
            }
        }
        let mut buckets = Buckets::default();
        let mut found = BTreeMap::new();
        let mut scan = Scan {
            deleted: true,
            limit: u32::MAX,
            ..Scan::default()
        };
        loop {
            let page = self.db().scan(&scan).map_err(|error| error.to_string())?;
            let Some(last) = page.last() else { break };
            scan.after = Some(last.atome);
            for state in &page {
                add_state(&mut buckets, state);
                let mark = state.value("mark").expect("every atome has a mark");
                found.insert(state.atome, mark.as_str().parse().expect("a number"));
            }
        }
        if self.digest() != buckets {
            return Err(format!("replica {}: the digest is not the sum", self.id));
        }
        compare(&format!("replica {}", self.id), &found, &self.has)
    }

    /// Tries a write that the disk may refuse.
    pub(crate) fn attempt(&mut self, rng: &mut Chance, long: usize) -> Result<(), StoreError> {
        let number = self.position().number + 1;
        let (drafts, atomes) = drafts(rng, long);
        let db = self.db.as_mut().expect("it is open");
        if let Err(error) = db.write(ANNA, drafts, NOW) {
            self.open.push((number, atomes));
            return Err(error);
        }
        self.open.clear();
        self.has.extend(atomes);
        self.said = Some(self.position());
        Ok(())
    }

    /// The power goes and comes back.
    pub(crate) fn crash(&mut self) -> Result<(), Loss> {
        self.disk.crash();
        self.reopen()
    }

    /// It is closed and opened again, and has what it must have.
    pub(crate) fn reopen(&mut self) -> Result<(), Loss> {
        self.db = None;
        self.db = Some(self.try_open().map_err(|error| error.to_string())?);
        self.look_what_was_kept(&mut Tally::default());
        self.verify()
    }
}

/// Compares the marks that were found with those that were acknowledged: the same, no more and no less.
pub(crate) fn compare(
    whose: &str,
    found: &BTreeMap<AtomeId, u64>,
    due: &BTreeMap<AtomeId, u64>,
) -> Result<(), Loss> {
    if let Some((atome, _)) = due.iter().find(|(id, mark)| found.get(id) != Some(mark)) {
        return Err(format!("{whose}: {atome} was acknowledged and is lost"));
    }
    if let Some((atome, _)) = found.iter().find(|(id, _)| !due.contains_key(id)) {
        return Err(format!(
            "{whose}: {atome} is part of a commit that is not there"
        ));
    }
    Ok(())
}

/// The atomes of a commit, with their marks.
pub(crate) fn marks(commit: &atome_proto::commit::Commit) -> BTreeMap<AtomeId, u64> {
    let mark = |change: &atome_proto::commit::Change| {
        let mark = change.set.get("mark").expect("every atome has a mark");
        (change.atome, mark.as_str().parse().expect("a number"))
    };
    commit.changes.iter().map(mark).collect()
}

fn drafts(rng: &mut Chance, long: usize) -> (Vec<Draft>, BTreeMap<AtomeId, u64>) {
    let key = |name| Key::of_particle(name).expect("a particle's name");
    let mark = rng.below(1 << 40);
    let made = (0..1 + rng.below(4)).map(|_| {
        let id = u128::from(rng.any()) << 64 | u128::from(rng.any());
        let mut draft = Draft::new(AtomeId(Uuid::from_u128(id)));
        draft.create = Some(Create::default());
        draft
            .set
            .insert(Key::of_envelope(Key::TYPE), Value::from_text("thing"));
        let number = Value::from_number(Number::Whole(mark as i64));
        draft.set.insert(key("mark"), number);
        draft
            .set
            .insert(key("text"), Value::from_text(&"x".repeat(long)));
        draft
    });
    let drafts: Vec<Draft> = made.collect();
    let atomes = drafts.iter().map(|draft| (draft.atome, mark)).collect();
    (drafts, atomes)
}
