//! Two machines write apart, come together, and hold the same, provably.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use atome_client::Client;
use atome_proto::commit::Key;
use atome_proto::local::v1::{Operation, Write};
use atome_proto::value::Number;
use atome_tests::Machine;
use serde_json::Value;

use crate::world::{Must, World, export, json, run, verified_digest, wait};

const ATOMES: u64 = 1_000;
const COMMITS: u64 = 60;
const OPERATIONS: u64 = 40;

/// A generator of its own, so that a run is the same each time. Source: Knuth's MMIX constants.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

fn key(name: &str) -> Key {
    Key::of_particle(name).unwrap()
}

fn reference(n: u64) -> String {
    format!("key:thing/{n}")
}

/// One edit of one of the atomes, of any kind; `added` remembers what the untouched counter grew by.
fn edit(dice: &mut Dice, machine: &str, atome: u64, added: &mut BTreeMap<u64, i64>) -> Operation {
    let mut operation = Operation {
        atome: Some(reference(atome)),
        ..Operation::default()
    };
    let text = format!("{machine} {}", dice.below(1_000_000));
    match dice.below(8) {
        0 | 1 => {
            let value = atome_proto::Value::from_text(&text);
            operation.set.insert(key("title"), value);
        }
        2 => operation.unset = BTreeSet::from([key("title")]),
        3 => operation.deleted = Some(true),
        4 => operation.deleted = Some(false),
        5 => {
            let parent = dice.below(ATOMES);
            let parent = if parent == atome {
                String::new()
            } else {
                reference(parent)
            };
            operation.parent = Some(parent);
        }
        6 => {
            let by = i64::try_from(dice.below(100)).unwrap() - 50;
            *added.entry(atome).or_default() += by;
            operation.add.insert(key("count"), Number::Whole(by));
        }
        _ => {
            // A counter that is also set: additions to the value that lost go with it.
            let base = Number::Whole(i64::try_from(dice.below(10)).unwrap());
            if dice.below(2) == 0 {
                operation.add.insert(key("score"), base);
            } else {
                let value = atome_proto::Value::from_number(base);
                operation.set.insert(key("score"), value);
            }
        }
    }
    operation
}

fn edit_apart(machine: &Machine, name: &str, seed: u64, added: &mut BTreeMap<u64, i64>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .must();
    let client = Client::new(machine.socket());
    let mut dice = Dice(seed);
    for _ in 0..COMMITS {
        let mut atomes = BTreeSet::new();
        while atomes.len() < usize::try_from(OPERATIONS).unwrap() {
            atomes.insert(dice.below(ATOMES));
        }
        let operations = atomes
            .iter()
            .map(|atome| edit(&mut dice, name, *atome, added));
        let write = Write {
            operations: operations.collect(),
            receipt: false,
        };
        runtime.block_on(client.write(&write)).must();
    }
}

fn thousand() -> String {
    (0..ATOMES).fold(String::new(), |mut lines, n| {
        let parent = n / 10;
        let parent = if parent == n {
            String::new()
        } else {
            format!(r#""parent":"thing/{parent}","#)
        };
        writeln!(
            lines,
            r#"{{"key":"thing/{n}","type":"thing",{parent}"properties":{{"title":"thing {n}"}}}}"#
        )
        .unwrap();
        lines
    })
}

#[test]
fn a_thousand_atomes_edited_apart_come_to_the_same() {
    let world = World::new();
    let hub = world.hub();
    let first = world.machine_with_account("a", Some(&hub));
    run(
        &first,
        &["seed", &world.file("thousand.jsonl", &thousand())],
    );
    wait(&first);
    let second = world.machine_logged_in("b", &hub);
    assert_eq!(export(&first), export(&second));

    run(&first, &["sync", "pause"]);
    run(&second, &["sync", "pause"]);
    let mut added = BTreeMap::new();
    edit_apart(&first, "first", 1, &mut added);
    edit_apart(&second, "second", 2, &mut added);
    assert_ne!(export(&first), export(&second));

    run(&first, &["sync", "resume"]);
    run(&second, &["sync", "resume"]);
    wait(&first);
    wait(&second);
    wait(&first);
    let exported = export(&first);
    assert_eq!(exported, export(&second));
    let digest = verified_digest(&first);
    assert_eq!(digest, verified_digest(&second));
    check_counters(&exported, &added);
    let text = |part: &str| exported.contains(&format!("\"title\":\"{part} "));
    assert!(
        text("first") && text("second"),
        "only one machine's edits are there"
    );

    // A third machine that starts from nothing comes to the same.
    let third = world.machine_logged_in("c", &hub);
    assert_eq!(export(&third), exported);
    assert_eq!(verified_digest(&third), digest);
    // And the trees, rings cut, are the same too.
    let tree = run(&first, &["tree", "-o", "jsonl"]).stdout;
    for machine in [&second, &third] {
        assert_eq!(run(machine, &["tree", "-o", "jsonl"]).stdout, tree);
    }
}

fn check_counters(exported: &str, added: &BTreeMap<u64, i64>) {
    for line in exported.lines() {
        let record: Value = serde_json::from_str(line).unwrap();
        let name = record["key"].as_str().unwrap();
        let n: u64 = name.strip_prefix("thing/").unwrap().parse().unwrap();
        let count = record["properties"]
            .get("count")
            .map(|count| count.as_i64().unwrap());
        assert_eq!(count, added.get(&n).copied(), "{name}");
    }
}

#[test]
fn what_one_machine_writes_the_other_sees_while_it_watches() {
    let world = World::new();
    let mut hub = world.hub();
    let first = world.machine_with_account("a", Some(&hub));
    run(&first, &["create", "task", "--key", "tasks/1"]);
    wait(&first);
    let second = world.machine_logged_in("b", &hub);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .must();
    runtime.block_on(async {
        let client = Client::new(second.socket());
        let mut events = client.watch(None, Some(0)).await.must();
        for n in 1..=3 {
            if n == 3 {
                // Both daemons find the hub again by themselves.
                hub.stop().must();
                hub.start().must();
            }
            run(&first, &["set", "key:tasks/1", &format!("n={n}")]);
            loop {
                let event = events.next().await.expect("the watch ended").must();
                let seen = event
                    .atome
                    .properties
                    .get("n")
                    .map(atome_proto::Value::as_str);
                if seen == Some(&n.to_string()) {
                    break;
                }
            }
        }
    });
    let status = json(&second, &["sync", "status"]);
    assert_eq!(status["connected"], true, "{status}");
}
