//! That the tests find what they look for: stores that are not durable, and disks that lie, lose what
//! was acknowledged.

use atome_store::Durability;

use crate::STEPS;
use crate::rig::{Loss, Rig};

/// The losses that histories come to, each seen at the first.
fn losses(durability: Durability, lies: bool) -> Vec<Loss> {
    let play = |seed| -> Result<(), Loss> {
        let mut rig = Rig::new(seed, durability);
        for disk in [&rig.hub.disk, &rig.replicas[0].disk, &rig.replicas[1].disk] {
            disk.set_lying(lies);
        }
        for _ in 0..STEPS {
            rig.step()?;
        }
        rig.settle()
    };
    (0..20).filter_map(|seed| play(seed).err()).collect()
}

#[test]
fn a_store_that_does_not_sync_each_commit_loses_some_and_is_never_damaged() {
    let losses = losses(Durability::Normal, false);
    println!("{losses:?}");
    assert!(losses.len() > 10, "{losses:?}");
    let harm = |loss: &&Loss| loss.contains("damaged") || loss.contains("digest");
    assert_eq!(losses.iter().find(harm), None, "it loses, and stays whole");
}

#[test]
fn a_disk_that_lies_about_syncs_is_found() {
    let losses = losses(Durability::Full, true);
    println!("{losses:?}");
    assert!(losses.len() > 10, "{losses:?}");
}
