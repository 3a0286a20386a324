//! One file: what is on the disk for good, and what was written since it was last synced.

use crate::chance::Chance;

/// What a disk writes whole or not at all, in bytes.
pub(crate) const SECTOR_LEN: usize = 512;

#[derive(Clone, Debug)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Resize { len: usize },
}

impl Change {
    fn carry_out(&self, on: &mut Vec<u8>) {
        match self {
            Self::Write { at, bytes } => put(on, *at, bytes),
            Self::Resize { len } => on.resize(*len, 0),
        }
    }
}

/// A file of a disk.
#[derive(Clone, Debug, Default)]
pub(crate) struct File {
    /// As whoever reads it sees it.
    seen: Vec<u8>,
    /// As it is after a crash, whatever happens.
    durable: Vec<u8>,
    /// What makes the one of the other, in order.
    unsynced: Vec<Change>,
}

impl File {
    /// Its length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.seen.len()
    }

    /// Reads from a place on; what is behind the end reads as zeros. Whether all of it was there.
    pub(crate) fn read(&self, at: usize, into: &mut [u8]) -> bool {
        let there = self.seen.get(at..).unwrap_or_default();
        let (filled, rest) = into.split_at_mut(there.len().min(into.len()));
        filled.copy_from_slice(there.split_at(filled.len()).0);
        rest.fill(0);
        rest.is_empty()
    }

    /// Writes at a place.
    pub(crate) fn write(&mut self, at: usize, bytes: &[u8]) {
        self.change(Change::Write {
            at,
            bytes: bytes.to_vec(),
        });
    }

    /// Cuts or lengthens it.
    pub(crate) fn resize(&mut self, len: usize) {
        self.change(Change::Resize { len });
    }

    fn change(&mut self, change: Change) {
        change.carry_out(&mut self.seen);
        self.unsynced.push(change);
    }

    /// Makes durable all that was written.
    pub(crate) fn sync(&mut self) {
        for change in self.unsynced.drain(..) {
            change.carry_out(&mut self.durable);
        }
    }

    /// A sync fails: of what was to become durable some part did, and the rest will not be tried again. It may
    /// still be seen for as long as it stays in memory, or be gone.
    pub(crate) fn fail_sync(&mut self, chance: &mut Chance) {
        self.keep_some(chance);
        if chance.percent(30) {
            self.seen.clone_from(&self.durable);
        }
    }

    /// The power goes.
    pub(crate) fn crash(&mut self, chance: &mut Chance) {
        self.keep_some(chance);
        self.seen.clone_from(&self.durable);
    }

    /// As another disk that was written from this one has it.
    pub(crate) fn image(&self) -> Self {
        Self {
            seen: self.seen.clone(),
            durable: self.seen.clone(),
            unsynced: vec![],
        }
    }

    fn keep_some(&mut self, chance: &mut Chance) {
        let percent = chance.part();
        for change in self.unsynced.drain(..) {
            match &change {
                Change::Write { at, bytes } => {
                    let mut at = *at;
                    let mut rest = bytes.as_slice();
                    while !rest.is_empty() {
                        let count = rest.len().min(SECTOR_LEN - at % SECTOR_LEN);
                        let (sector, behind) = rest.split_at(count);
                        if chance.percent(percent) {
                            put(&mut self.durable, at, sector);
                        }
                        (at, rest) = (at + count, behind);
                    }
                }
                Change::Resize { .. } => {
                    if chance.percent(percent) {
                        change.carry_out(&mut self.durable);
                    }
                }
            }
        }
    }
}

fn put(on: &mut Vec<u8>, at: usize, bytes: &[u8]) {
    let end = at + bytes.len();
    if on.len() < end {
        on.resize(end, 0);
    }
    if let Some(to) = on.get_mut(at..end) {
        to.copy_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(file: &File) -> Vec<u8> {
        let mut all = vec![0; file.len()];
        assert!(file.read(0, &mut all));
        all
    }

    #[test]
    fn what_was_synced_stays() {
        for seed in 0..200 {
            let mut file = File::default();
            file.write(0, &[1; 2000]);
            file.sync();
            file.write(1000, &[2; 2000]);
            file.crash(&mut Chance::new(seed));
            let all = text(&file);
            assert_eq!(&all[..1000], &[1; 1000], "seed {seed}");
            assert!((2000..=3000).contains(&all.len()), "seed {seed}");
        }
    }

    #[test]
    fn what_was_not_is_torn_by_sectors_in_any_order() {
        let (mut nothing, mut whole, mut torn, mut later_only) = (0, 0, 0, 0);
        for seed in 0..500 {
            let mut file = File::default();
            file.write(0, &[0; 2048]);
            file.sync();
            file.write(0, &[1; 1024]);
            file.write(1024, &[2; 1024]);
            file.crash(&mut Chance::new(seed));
            let sectors: Vec<u8> = text(&file).chunks(SECTOR_LEN).map(|s| s[0]).collect();
            for (sector, all) in sectors.iter().zip(text(&file).chunks(SECTOR_LEN)) {
                assert!(all.iter().all(|byte| byte == sector), "seed {seed}");
            }
            match sectors.as_slice() {
                [0, 0, 0, 0] => nothing += 1,
                [1, 1, 2, 2] => whole += 1,
                [0, 0, 2, 2] => later_only += 1,
                _ => torn += 1,
            }
        }
        for (what, times) in [
            ("nothing", nothing),
            ("whole", whole),
            ("torn", torn),
            ("later only", later_only),
        ] {
            assert!(times > 0, "{what} never happened");
        }
    }

    #[test]
    fn what_a_failing_sync_lost_is_not_tried_again() {
        let (mut seen_and_lost, mut gone) = (0, 0);
        for seed in 0..200 {
            let mut chance = Chance::new(seed);
            let mut file = File::default();
            file.write(0, &[1; SECTOR_LEN]);
            file.fail_sync(&mut chance);
            let before = text(&file);
            file.sync();
            file.crash(&mut chance);
            seen_and_lost += u32::from(text(&file) != before);
            gone += u32::from(before.is_empty());
        }
        assert!(seen_and_lost > 0 && gone > 0);
    }
}
