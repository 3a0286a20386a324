//! Disks that are full, fail to sync, or may only be read: the write is refused, what was acknowledged
//! stays, and work goes on when the disk is well again.

use atome_sim_disk::Chance;
use atome_store::{Durability, Fault, StoreError};

use crate::replica::Replica;
use crate::rig::Tally;

fn replica(seed: u64, durability: Durability) -> (Chance, Replica) {
    let mut rng = Chance::new(seed);
    let replica = Replica::new(1, &mut rng, &mut Tally::default(), durability);
    (rng, replica)
}

#[test]
fn a_full_disk_refuses_and_work_goes_on_when_there_is_room() {
    for seed in 0..20 {
        let (mut rng, mut replica) = replica(seed, Durability::Full);
        replica.attempt(&mut rng, 0).expect("there is room");
        replica.disk.set_free(Some(rng.below(200_000)));
        let mut refused = 0;
        for _ in 0..40 {
            match replica.attempt(&mut rng, 3_000) {
                Ok(()) => {}
                Err(StoreError::Fault(Fault::LowSpace(_))) => refused += 1,
                Err(error) => panic!("seed {seed}: {error}"),
            }
        }
        assert!(refused > 0, "seed {seed}");
        replica.verify().expect("what was acknowledged");
        replica.crash().expect("what was acknowledged");
        replica.disk.set_free(None);
        replica
            .attempt(&mut rng, 3_000)
            .expect("there is room again");
        replica.crash().expect("what was acknowledged");
    }
}

#[test]
fn a_store_opens_on_a_full_disk_and_can_be_read() {
    let (mut rng, mut replica) = replica(1, Durability::Full);
    replica.attempt(&mut rng, 0).expect("there is room");
    replica.disk.set_free(Some(0));
    replica.crash().expect("it opens, and all is there");
    let refused = replica.attempt(&mut rng, 3_000);
    assert!(matches!(
        refused,
        Err(StoreError::Fault(Fault::LowSpace(_)))
    ));
}

/// What a failing sync was for may be on the disk or not, and the system does not try it again: nothing of
/// it may be counted on, and nothing that was acknowledged before is at stake.
fn with_failing_syncs(durability: Durability) {
    let mut failed = 0;
    for seed in 0..30 {
        let (mut rng, mut replica) = replica(seed, durability);
        for _ in 0..30 {
            // Where the WAL cannot be emptied either, only a commit takes the place of the one that failed.
            let more = [0, 0, 1, 2][rng.below(4) as usize];
            if rng.percent(30) {
                replica.disk.fail_syncs(1 + more);
            }
            let long = [0, 3_000, 30_000][rng.below(3) as usize];
            let taken = replica.attempt(&mut rng, long);
            let was_taken = taken.is_ok();
            match taken {
                Ok(()) => {}
                Err(StoreError::Fault(Fault::Io(_))) => failed += 1,
                Err(error) => panic!("seed {seed}: {error}"),
            }
            replica.disk.fail_syncs(0);
            if rng.percent(20) && (was_taken || more == 0) {
                // In good order: it checkpoints, with syncs that may fail too.
                if rng.percent(50) {
                    replica.disk.fail_syncs(1);
                }
                replica.close(&mut Tally::default());
                replica.disk.fail_syncs(0);
                replica
                    .reopen()
                    .unwrap_or_else(|loss| panic!("seed {seed}: {loss}"));
            }
            replica
                .verify()
                .unwrap_or_else(|loss| panic!("seed {seed}: {loss}"));
            if durability == Durability::Full && rng.percent(10) {
                replica
                    .crash()
                    .unwrap_or_else(|loss| panic!("seed {seed}: {loss}"));
            }
        }
    }
    assert!(failed > 0);
}

#[test]
fn a_sync_that_fails_is_not_acknowledged_and_costs_nothing_that_was() {
    with_failing_syncs(Durability::Full);
}

#[test]
fn a_disk_that_turns_read_only_refuses_and_can_be_read() {
    let (mut rng, mut replica) = replica(3, Durability::Full);
    replica.attempt(&mut rng, 0).expect("it is written");
    replica.disk.set_read_only(true);
    let refused = replica.attempt(&mut rng, 0);
    assert!(
        matches!(refused, Err(StoreError::Fault(Fault::Io(_)))),
        "{refused:?}"
    );
    replica.verify().expect("it can be read");
    replica.disk.set_read_only(false);
    replica.attempt(&mut rng, 0).expect("it is written");
    replica.crash().expect("what was acknowledged");
}
