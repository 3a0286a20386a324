//! The disks that the stores of a world are on: how a store is opened there, and what befalls a disk while
//! one works on it.

use atome_proto::{AccountId, ReplicaId};
use atome_sim_disk::Disk;
use atome_store::Durability;
use atome_store::hub::HubDb;
use atome_store::replica::ReplicaDb;

use crate::rng::Rng;

/// What befalls a disk during one piece of work.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Trouble {
    /// It takes so many bytes more.
    Full(u64),
    /// So many of its syncs fail.
    SyncsFail(u32),
    /// The power goes after so many calls: in the midst of a commit, perhaps of a checkpoint.
    PowerCut(u64),
}

impl Trouble {
    /// One of them, seldom enough that work gets done.
    pub(crate) fn perhaps(rng: &mut Rng) -> Option<Self> {
        match rng.below(200) {
            0 | 1 => Some(Self::Full(rng.below(60_000) as u64)),
            2 | 3 => Some(Self::SyncsFail(1 + rng.below(2) as u32)),
            4 | 5 => Some(Self::PowerCut(rng.below(40) as u64)),
            _ => None,
        }
    }

    fn begin(self, disk: &Disk) {
        match self {
            Self::Full(free) => disk.set_free(Some(free)),
            Self::SyncsFail(count) => disk.fail_syncs(count),
            Self::PowerCut(calls) => disk.die_after(calls),
        }
    }

    fn end(disk: &Disk) {
        disk.set_free(None);
        disk.fail_syncs(0);
        disk.stay_alive();
    }

    /// Does a piece of work while it lasts.
    pub(crate) fn during<T>(trouble: Option<Self>, disk: &Disk, work: impl FnOnce() -> T) -> T {
        if let Some(trouble) = trouble {
            trouble.begin(disk);
        }
        let done = work();
        Self::end(disk);
        done
    }
}

/// Opens a machine's store; makes it, as replica `fresh`, where there is none.
pub(crate) fn replica(disk: &Disk, account: AccountId, fresh: ReplicaId) -> ReplicaDb {
    let path = disk.path("replica.db");
    ReplicaDb::open_on(Disk::VFS, &path, account, fresh, Durability::Full).expect("a replica store")
}

/// Opens the hub's store; makes it where there is none.
pub(crate) fn hub(disk: &Disk) -> HubDb {
    HubDb::open_on(Disk::VFS, &disk.path("hub.db"), Durability::Full).expect("a hub store")
}
