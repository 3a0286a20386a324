//! What anyone may know: what the hub is, and whether it works.

use atome_proto::account::Server;
use atome_proto::sync::v1;
use atome_proto::{Code, Problem};

use crate::auth::store_problem;
use crate::http::ask::Ask;
use crate::http::reply::{self, Answer};
use crate::hub::wall_ms;

pub(super) fn server(ask: &Ask) -> Answer {
    reply::json(&Server {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        protocols: vec![v1::VERSION],
        registration: ask.hub.config().accounts.registration.as_str().to_owned(),
        timestamp: wall_ms(),
    })
}

pub(super) fn openapi(ask: &Ask) -> Answer {
    Ok(reply::json_bytes(ask.hub.openapi.clone()))
}

pub(super) fn health() -> Answer {
    Ok(reply::text("ok\n"))
}

pub(super) async fn ready(ask: Ask) -> Answer {
    if ask.hub.stop.is_requested() {
        return Err(Problem::new(Code::Stopping, "the hub is stopping"));
    }
    ask.hub.store.identity().await.map_err(store_problem)?;
    Ok(reply::text("ready\n"))
}
