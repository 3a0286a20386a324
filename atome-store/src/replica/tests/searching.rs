//! Searching: the index says what a look at every state says, whatever happened before, and can be lost.

use std::collections::BTreeSet;
use std::path::Path;

use atome_proto::commit::Commit;
use proptest::prelude::*;
use serde_json::Value as Json;

use super::*;
use crate::replica::{Wanted, Words};
use crate::sqlite::Durability;

fn wanted(text: &str) -> Wanted {
    Wanted {
        words: Words::parse(text).unwrap(),
        type_name: None,
        limit: usize::MAX,
    }
}

fn found(db: &ReplicaDb, text: &str) -> Vec<AtomeId> {
    db.find(&wanted(text)).unwrap()
}

fn words_of(json: &Json, to: &mut BTreeSet<String>) {
    match json {
        Json::String(text) => to.extend(
            text.split(|c: char| !c.is_alphanumeric())
                .filter(|word| !word.is_empty())
                .map(str::to_lowercase),
        ),
        Json::Array(items) => items.iter().for_each(|item| words_of(item, to)),
        Json::Object(members) => members.values().for_each(|member| words_of(member, to)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

/// The words of an atome that is there.
fn words_in(state: &AtomeState) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    if !state.is_deleted() && !state.type_name().is_empty() {
        for (_, value) in state.properties() {
            words_of(&value.to_json(), &mut words);
        }
    }
    words
}

/// Words that stand somewhere, or did: a few of them, not always the same.
fn some_words(db: &ReplicaDb) -> Vec<String> {
    let mut words = BTreeSet::new();
    let mut statement = db
        .base
        .connection
        .prepare("SELECT body FROM commits")
        .unwrap();
    let bodies = statement
        .query_map([], |row| row.get::<_, String>(0))
        .unwrap();
    for body in bodies {
        let commit: Commit = serde_json::from_str(&body.unwrap()).unwrap();
        for value in commit.changes.iter().flat_map(|change| change.set.values()) {
            words_of(&value.to_json(), &mut words);
        }
    }
    states(db)
        .values()
        .for_each(|state| words.extend(words_in(state)));
    let every = words.len() / 8 + 1;
    let first = usize::try_from(db.head.revision).unwrap() % every;
    words.into_iter().skip(first).step_by(every).collect()
}

/// What is found is what stands there.
pub(super) fn check(db: &ReplicaDb) {
    let texts: BTreeMap<AtomeId, BTreeSet<String>> = states(db)
        .iter()
        .map(|(atome, state)| (*atome, words_in(state)))
        .collect();
    for word in some_words(db) {
        let has =
            |(atome, words): (&AtomeId, &BTreeSet<String>)| words.contains(&word).then_some(*atome);
        let expected: BTreeSet<AtomeId> = texts.iter().filter_map(has).collect();
        let found = found(db, &word);
        let set: BTreeSet<AtomeId> = found.iter().copied().collect();
        assert_eq!(
            (set, found.len()),
            (expected.clone(), expected.len()),
            "{word:.60}"
        );
    }
}

fn say(n: u128, name: &str, value: &str) -> Draft {
    let mut draft = Draft::new(atome(n));
    draft.set.insert(key(name), Value::parse(value).unwrap());
    draft
}

fn made_with(n: u128, name: &str, text: &str) -> Draft {
    let mut draft = create(n);
    draft.set.insert(key(name), Value::from_text(text));
    draft
}

#[test]
fn words_phrases_and_beginnings() {
    let mut db = replica(1);
    write(&mut db, made_with(1, "a", "Zürich, am See: die Fähre"));
    write(&mut db, made_with(2, "a", "zurich ferry"));
    write(
        &mut db,
        say(2, "b", r#"["to the lake", 7, {"x": "Ångström"}]"#),
    );
    write(&mut db, create(3));
    write(&mut db, say(3, "n", "7"));
    let all = |text: &str| -> Vec<u128> {
        let mut found = found(&db, text);
        found.sort_unstable();
        found.iter().map(|id| id.0.as_u128() & 0xff).collect()
    };
    for (text, expected) in [
        ("ZURICH", &[1, 2][..]),
        ("zürich", &[1, 2]),
        ("zurich lake", &[2]),
        ("fahre", &[1]),
        ("angstrom", &[2]),
        ("fer*", &[2]),
        ("f*", &[1, 2]),
        ("fer", &[]),
        ("\"to the lake\"", &[2]),
        ("\"the la\"*", &[2]),
        ("\"lake the\"", &[]),
        // No phrase goes from one text into the next.
        ("\"zurich ferry\"", &[2]),
        ("\"ferry to\"", &[]),
        ("zurich-ferry", &[2]),
        ("7", &[]),
        ("x", &[]),
        ("zurich OR nothing", &[]),
    ] {
        assert_eq!(all(text), expected, "{text}");
    }
}

#[test]
fn the_best_comes_first_then_the_newest() {
    let mut db = replica(1);
    for (ms, n, text) in [
        (10, 1, "fox and many other words about this and that"),
        (20, 2, "fox"),
        (30, 3, "fox"),
        (40, 4, "hen"),
    ] {
        let draft = made_with(n, "a", text);
        db.write(ANNA, vec![draft], now(ms)).unwrap();
    }
    assert_eq!(found(&db, "fox"), [atome(3), atome(2), atome(1)]);
    db.write(ANNA, vec![set(2, "n", 1)], now(50)).unwrap();
    assert_eq!(found(&db, "fox"), [atome(2), atome(3), atome(1)]);
    let two = Wanted {
        limit: 2,
        ..wanted("fox")
    };
    assert_eq!(db.find(&two).unwrap(), [atome(2), atome(3)]);
    for (type_name, count) in [("t", 3), ("other", 0)] {
        let of_type = Wanted {
            type_name: Some(type_name.to_owned()),
            ..wanted("fox")
        };
        assert_eq!(db.find(&of_type).unwrap().len(), count);
    }
}

#[test]
fn what_is_deleted_is_not_found_until_it_comes_back() {
    let mut db = replica(1);
    write(&mut db, made_with(1, "a", "fox"));
    assert_eq!(found(&db, "fox").len(), 1);
    for (deleted, count) in [(true, 0), (false, 1)] {
        let mut draft = Draft::new(atome(1));
        let key = Key::of_envelope(Key::DELETED);
        draft.set.insert(key, Value::of_bool(deleted));
        write(&mut db, draft);
        assert_eq!(found(&db, "fox").len(), count);
    }
    write(&mut db, say(1, "a", "\"hen\""));
    assert_eq!((found(&db, "fox").len(), found(&db, "hen").len()), (0, 1));
    // What was never told to the hub is thrown away, and another atome takes its place in the store.
    db.discard_pending().unwrap();
    assert_eq!(found(&db, "hen"), []);
    write(&mut db, made_with(2, "a", "owl"));
    assert_eq!((found(&db, "hen").len(), found(&db, "owl").len()), (0, 1));
}

#[test]
fn an_index_is_made_part_by_part_while_others_write() {
    let mut db = replica(1);
    let fill = |db: &mut ReplicaDb, ids: std::ops::Range<u128>| {
        let drafts = ids.map(|n| made_with(n, "a", "fox")).collect();
        db.write(ANNA, drafts, now(0)).unwrap();
    };
    for thousand in 0..5 {
        fill(&mut db, thousand * 1_000 + 1..thousand * 1_000 + 1_001);
    }
    let mut lefts = vec![db.advance_index().unwrap()];
    // One that was read already, one that was not, a new one.
    for draft in [say(1, "a", "\"hen\""), say(5_000, "a", "\"hen\"")] {
        write(&mut db, draft);
    }
    fill(&mut db, 6_000..6_001);
    while *lefts.last().unwrap() > 0 {
        lefts.push(db.advance_index().unwrap());
    }
    assert!(
        lefts.len() > 3 && lefts.is_sorted_by(|a, b| a > b),
        "{lefts:?}"
    );
    assert_eq!(db.advance_index().unwrap(), 0);
    assert_eq!(
        (found(&db, "fox").len(), found(&db, "hen").len()),
        (4_999, 2)
    );
}

#[test]
fn what_changed_again_and_again_is_read_once() {
    let mut db = replica(1);
    write(&mut db, made_with(1, "a", "fox"));
    assert_eq!(found(&db, "fox").len(), 1);
    for n in 0..2_500 {
        write(&mut db, set(1, "n", n));
    }
    // In three parts by the changes.
    assert_eq!(db.advance_index().unwrap(), 0);
    assert_eq!(found(&db, "fox").len(), 1);
}

fn open(path: &Path) -> ReplicaDb {
    ReplicaDb::open(path, ANNA, ReplicaId(1), Durability::Full).unwrap()
}

#[test]
fn an_index_outlives_its_process_and_its_loss() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("anna/replica.db");
    let index = path.with_file_name("replica.search.db");
    let mut db = open(&path);
    write(&mut db, made_with(1, "a", "fox"));
    assert!(!index.exists(), "nobody has searched yet");
    assert_eq!(found(&db, "fox").len(), 1);
    drop(db);
    let before = std::fs::read(&index).unwrap();
    let mut db = open(&path);
    assert_eq!(db.advance_index().unwrap(), 0, "it is as it was left");
    write(&mut db, made_with(2, "a", "fox"));
    for damage in [
        b"no database at all".to_vec(),
        Vec::new(),
        // All but the first page.
        before
            .iter()
            .take(4_096)
            .chain(&[0x5a; 40_000])
            .copied()
            .collect(),
    ] {
        drop(db);
        std::fs::write(&index, damage).unwrap();
        db = open(&path);
        assert_eq!(found(&db, "fox").len(), 2);
    }
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(
        index.metadata().unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn an_index_of_another_past_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("anna/replica.db");
    let mut db = open(&path);
    write(&mut db, made_with(1, "a", "fox"));
    drop(db);
    let early = std::fs::read(&path).unwrap();
    let mut db = open(&path);
    db.write(ANNA, vec![say(1, "a", "\"hen\"")], now(10))
        .unwrap();
    assert_eq!(found(&db, "hen").len(), 1);
    drop(db);
    // Someone puts back a copy of the file, and goes on from there: as many changes, and others.
    std::fs::write(&path, early).unwrap();
    let mut db = open(&path);
    assert_eq!((found(&db, "hen").len(), found(&db, "fox").len()), (0, 1));
    db.write(ANNA, vec![say(1, "a", "\"owl\"")], now(20))
        .unwrap();
    assert_eq!(found(&db, "owl").len(), 1);
    drop(db);
    let early = std::fs::read(&path).unwrap();
    let mut db = open(&path);
    db.write(ANNA, vec![say(1, "a", "\"cat\"")], now(30))
        .unwrap();
    assert_eq!(found(&db, "cat").len(), 1);
    drop(db);
    std::fs::write(&path, early).unwrap();
    let mut db = open(&path);
    for draft in [made_with(2, "a", "dog"), set(2, "n", 1)] {
        db.write(ANNA, vec![draft], now(40)).unwrap();
    }
    assert_eq!((found(&db, "cat").len(), found(&db, "owl").len()), (0, 1));
    // Another account has it from now on.
    db.move_to(MALLORY).unwrap();
    assert_eq!(found(&db, "dog").len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_written_is_searched_for(text in "[a-z\"*(): ^+{}\\\\'\0é\u{e000}-]{0,40}", any: String) {
        let mut db = replica(1);
        write(&mut db, made_with(1, "a", &text));
        write(&mut db, made_with(2, "a", &any));
        for asked in [&text, &any] {
            if let Ok(words) = Words::parse(asked) {
                let wanted = Wanted { words, ..wanted("x") };
                db.find(&wanted).unwrap();
            }
        }
    }
}
