//! `version`, `runtime`, `status`, `doctor`, `facts`, `prove-direction`: what the daemon is, how it stands, what it cannot do.

use atome_proto::local::v1::{Status, Version};
use atome_proto::sync::v1;
use atome_proto::{Code, Problem};

use super::reply::{self, Handled};
use super::route::Asked;
use crate::proof;

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
    let mut health = shared.doctor.standing().to_vec();
    let mut accounts = Vec::new();
    for row in shared.accounts.visible(asked.peer).await? {
        let (status, findings) = shared.accounts.status_of(&row).await;
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

/// Looks at everything that a person would look at.
pub(super) async fn doctor(asked: Asked<'_>) -> Handled {
    asked.query.done()?;
    let shared = asked.shared;
    let findings = shared.doctor.examine(&shared.accounts, asked.peer).await?;
    reply::ok(&findings)
}

/// Settings and sizes, for support.
pub(super) async fn facts(asked: Asked<'_>) -> Handled {
    asked.query.done()?;
    let shared = asked.shared;
    reply::ok(&shared.doctor.facts(&shared.accounts, asked.peer).await?)
}

/// Tries what the kernel is to refuse, for root and for whoever has an account here.
pub(super) async fn prove_direction(asked: Asked<'_>) -> Handled {
    asked.query.done()?;
    let shared = asked.shared;
    if !asked.peer.is_root() && shared.accounts.visible(asked.peer).await?.is_empty() {
        let why = "only root, and users with an account here, may have the daemon try this";
        return Err(Problem::new(Code::NotAllowed, why).hint("log in with 'atomectl login NAME'"));
    }
    let ports = shared.ports.clone();
    let tried = tokio::task::spawn_blocking(move || proof::prove(&ports)).await;
    let failed = |error: tokio::task::JoinError| Problem::new(Code::Internal, error.to_string());
    reply::ok(&tried.map_err(failed)?)
}
