//! `version`, `runtime`, `status`: what the daemon is and how it stands.

use atome_proto::local::v1::{Status, Version};
use atome_proto::sync::v1;

use super::reply::{self, Handled};
use super::route::Asked;

/// The version of the local API.
const LOCAL_VERSION: u32 = 1;
/// The version of the shape of `status`.
const SCHEMA: u32 = 1;

pub(super) fn version(asked: Asked<'_>) -> Handled {
    asked.query.done()?;
    reply::ok(&Version {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        local: vec![LOCAL_VERSION],
        sync: vec![v1::VERSION],
    })
}

pub(super) fn runtime(asked: Asked<'_>) -> Handled {
    asked.query.done()?;
    reply::ok(&asked.shared.declaration)
}

pub(super) async fn status(asked: Asked<'_>) -> Handled {
    asked.query.done()?;
    let shared = asked.shared;
    let mut health = shared.standing.clone();
    let mut accounts = Vec::new();
    for row in shared.accounts.visible(asked.peer).await? {
        let (status, findings) = shared.accounts.status_of(&row).await?;
        accounts.push(status);
        health.extend(findings);
    }
    health.sort_by_key(|finding| finding.severity);
    reply::ok(&Status {
        schema: SCHEMA,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        runtime: shared.declaration.clone(),
        accounts,
        health,
    })
}
