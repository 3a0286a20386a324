//! HTTP: from a request to the handler of its route, and what every answer has.
//!
//! What there is to ask for stands in [`crate::api::ROUTES`].

pub mod ask;
pub mod openapi;
pub mod origin;
pub mod query;
pub mod reply;
pub mod route;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use atome_proto::{Code, Problem};
use hyper::body::Incoming;
use hyper::{Method, Request};

use self::ask::Ask;
use self::query::Query;
use self::reply::{Answer, Reply, problem_reply};
use self::route::{Route, Run, Verb};
use crate::api::ROUTES;
use crate::auth;
use crate::hub::Hub;
use crate::listen::Place;

/// Answers one request.
///
/// # Errors
///
/// None: every problem is an answer.
pub async fn answer(
    hub: Arc<Hub>,
    place: Place,
    request: Request<Incoming>,
) -> Result<Reply, Infallible> {
    let peer = place.peer;
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let began = Instant::now();
    let metrics = Arc::clone(&hub.metrics);
    let reply = dispatch(hub, place, request)
        .await
        .unwrap_or_else(|problem| {
            tracing::debug!(%peer, %method, path, code = %problem.code, "a request was not granted");
            problem_reply(&problem)
        });
    metrics.request_time.since(began);
    metrics.count_request(reply.status());
    Ok(reply)
}

async fn dispatch(hub: Arc<Hub>, place: Place, request: Request<Incoming>) -> Answer {
    let path = request.uri().path();
    let here = || ROUTES.iter().filter(|route| route.is_at(path));
    if here().next().is_none() {
        return Err(Problem::new(
            Code::NotFound,
            "there is nothing at this path",
        ));
    }
    let method = request.method();
    if method == Method::OPTIONS {
        return Ok(reply::options(&allowed(here())));
    }
    let Some(route) = here().find(|route| route.takes(method)) else {
        return Ok(reply::wrong_method(&allowed(here())));
    };
    let ask = Ask {
        query: Query::read(request.uri().query().unwrap_or_default(), route.query)?,
        id: route.id_in(path).map(str::to_owned),
        hub,
        place,
        request,
    };
    match route.run {
        Run::Anyone(run) => run(ask).await,
        Run::Known(run) => {
            let headers = ask.request.headers();
            let known = auth::session_of(&ask.hub, &ask.place, headers).await?;
            if known.by_cookie && route.verb != Verb::Get {
                origin::check(headers, ask.hub.config().tls.is_some())?;
            }
            run(ask, known).await
        }
    }
}

/// The methods that the routes of a path take, as the header `Allow` has them.
fn allowed(routes: impl Iterator<Item = &'static Route>) -> String {
    let words = routes.flat_map(|route| route.methods().iter().copied());
    words.chain(["OPTIONS"]).collect::<Vec<_>>().join(", ")
}
