//! `kill -9` at any moment loses no acknowledged write, and needs no repair.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::thread;

use atome_client::Client;
use atome_proto::local::v1::{NewAtome, Operation, Write};
use atome_proto::seed::Record;

use crate::world::{Must, World, export, wait};

const KILLS: u64 = 20;
const WRITERS: u64 = 4;

/// Writes one atome after another until the daemon is gone, and tells each that was acknowledged.
async fn write_until_killed(socket: &Path, name: String, acknowledged: Sender<String>) {
    let client = Client::new(socket);
    for n in 0.. {
        let key = format!("{name}/{n}");
        if client.write(&two_particles(&key)).await.is_err() {
            return;
        }
        // The test has counted enough, and no longer listens.
        let _heard = acknowledged.send(key);
    }
}

/// One commit with two particles and an addition: on disk whole, or not at all.
fn two_particles(key: &str) -> Write {
    let text = |text: &str| atome_proto::Value::from_text(text);
    let named = |name: &str| atome_proto::commit::Key::of_particle(name).unwrap();
    let create = NewAtome {
        type_name: "proof".into(),
        key: Some(key.to_owned()),
        ..NewAtome::default()
    };
    let operation = Operation {
        create: Some(create),
        set: BTreeMap::from([(named("one"), text(key)), (named("two"), text(key))]),
        ..Operation::default()
    };
    Write {
        operations: vec![operation],
        receipt: false,
    }
}

#[test]
fn killed_daemons_lose_no_acknowledged_write() {
    let world = World::new();
    let mut hub = world.hub();
    let mut machine = world.machine_with_account("a", Some(&hub));
    let mut acknowledged = Vec::new();
    for round in 0..KILLS {
        let (sender, receiver) = channel();
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (sender, socket) = (sender.clone(), machine.socket());
                thread::spawn(move || {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build();
                    let name = format!("{round}-{writer}");
                    runtime
                        .must()
                        .block_on(write_until_killed(&socket, name, sender));
                })
            })
            .collect();
        drop(sender);
        // Another moment each time: after so many acknowledgements, others are on their way.
        let enough = usize::try_from(1 + round * 7 % 23).unwrap();
        acknowledged.extend(receiver.iter().take(enough));
        machine.kill().must();
        acknowledged.extend(receiver.iter());
        for writer in writers {
            writer.join().unwrap();
        }
        machine.start().must();
    }
    assert!(
        acknowledged.len() > 100,
        "only {} writes",
        acknowledged.len()
    );

    let kept = kept(&export(&machine));
    for key in &acknowledged {
        assert!(kept.contains_key(key), "{key} was acknowledged and is lost");
    }
    // The hub has as much, for a machine that was never killed.
    wait(&machine);
    hub.kill().must();
    hub.start().must();
    let other = world.machine_logged_in("b", &hub);
    assert_eq!(export(&other), export(&machine));
}

/// What an export holds, each atome whole.
fn kept(export: &str) -> BTreeMap<String, Record> {
    let mut kept = BTreeMap::new();
    for line in export.lines() {
        let record: Record = serde_json::from_str(line).unwrap();
        assert_eq!(record.properties.len(), 2, "half a commit: {line}");
        kept.insert(record.key.clone().unwrap(), record);
    }
    kept
}
