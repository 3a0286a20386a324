//! Every file of every corpus, and mutations of it, through its door: no panic, no hang, no memory
//! beyond the limits.

use std::panic;
use std::time::{Duration, Instant};

use atome_doors::{DOORS, Door};
use atome_proto::limit::FRAME_LEN_MAX;

use crate::mutate::{Random, mutated};
use crate::{ALONE, MEMORY, files, folder};

/// Mutations of each file; `ATOME_FUZZ_CASES` names another number.
const MUTATIONS: u64 = 500;
/// Far above what the slowest takes, without optimisation on a busy machine.
const TIME_MAX: Duration = Duration::from_secs(5);
/// What one input may take: the longest frame, read into a buffer that grew to twice that, and once
/// more while it was moved there.
const MEMORY_MAX: usize = 4 * FRAME_LEN_MAX;
/// Files of a corpus stay small, and few.
const FILE_LEN_MAX: usize = 16 << 10;
const FILES_MAX: usize = 100;

/// One test, for the memory of one door to be told from that of another.
#[test]
fn every_corpus_goes_through_its_door() {
    let _alone = ALONE.lock();
    let cases = std::env::var("ATOME_FUZZ_CASES").ok();
    let cases = cases.map_or(MUTATIONS, |text| text.parse().unwrap());
    for door in DOORS {
        let corpus = files(&folder("fuzz/corpus").join(door.name));
        assert!((1..=FILES_MAX).contains(&corpus.len()), "{}", door.name);
        let mut random = Random(1);
        for (i, (name, bytes)) in corpus.iter().enumerate() {
            assert!(bytes.len() <= FILE_LEN_MAX, "{}/{name} is long", door.name);
            open(door, name, bytes);
            let other = corpus.get((i * 7 + 1) % corpus.len()).unwrap();
            for _ in 0..cases {
                open(door, name, &mutated(bytes, &other.1, &mut random));
            }
        }
    }
}

fn open(door: &Door, name: &str, bytes: &[u8]) {
    let held = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    let began = Instant::now();
    let opened = panic::catch_unwind(|| (door.open)(bytes));
    let (time, memory) = (began.elapsed(), MEMORY.peak_usage().saturating_sub(held));
    let wrong = match opened {
        Err(_) => "panicked",
        Ok(()) if time > TIME_MAX => "took too long",
        Ok(()) if memory > MEMORY_MAX => "took too much memory",
        Ok(()) => return,
    };
    let path = std::env::temp_dir().join(format!("atome-door-{}", door.name));
    std::fs::write(&path, bytes).unwrap();
    panic!(
        "door {} {wrong} ({time:?}, {memory} bytes) at a mutation of {name}: {}",
        door.name,
        path.display()
    );
}

/// A door without a target would not be fuzzed, a corpus without a door not be replayed.
#[test]
fn every_door_has_a_target_and_a_corpus() {
    let manifest = std::fs::read_to_string(folder("fuzz/Cargo.toml")).unwrap();
    for door in DOORS {
        let name = door.name;
        assert!(manifest.contains(&format!("name = \"{name}\"\n")), "{name}");
        let target = folder("fuzz/fuzz_targets").join(format!("{name}.rs"));
        let target = std::fs::read_to_string(target).unwrap();
        assert!(
            target.contains(&format!("atome_doors::{name}(bytes)")),
            "{name}"
        );
    }
    let corpora = std::fs::read_dir(folder("fuzz/corpus")).unwrap();
    assert_eq!(corpora.count(), DOORS.len());
}
