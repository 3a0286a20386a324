//! A hub and two machines of one account, connected, with so many atomes in sync.

use atome_tests::{Hub, Machine};

use crate::failure::Tried;
use crate::stage::{Stage, World, wait};

/// The account of it.
pub(crate) const ACCOUNT: &str = "ada";

/// The three; in the order in which they have to go.
pub(crate) struct Pair<'a> {
    pub(crate) a: Machine,
    pub(crate) b: Machine,
    pub(crate) hub: Hub,
    pub(crate) world: World<'a>,
}

impl<'a> Pair<'a> {
    /// Starts them, and brings `records` to all.
    pub(crate) async fn with(stage: &'a Stage, records: u64) -> Tried<Self> {
        let world = stage.world()?;
        let hub = world.hub()?;
        Self::at(world, hub, records).await
    }

    /// The same, at a hub that runs.
    pub(crate) async fn at(world: World<'a>, hub: Hub, records: u64) -> Tried<Self> {
        let remote = hub.remote();
        let a = world.machine_with(Some(&remote), ACCOUNT).await?;
        if records > 0 {
            a.ctl().run(&["seed", &world.seed_file(records)?])?;
            wait(&a).await?;
        }
        let (b, _) = world.logged_in(&hub, &remote, ACCOUNT)?;
        Ok(Self { a, b, hub, world })
    }
}
