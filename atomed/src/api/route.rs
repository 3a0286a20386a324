//! Which handler answers which request.

use atome_proto::{Code, Problem};
use http::{Method, Request, Response};
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;

use crate::accounts::{Account, Selected};

use super::query::Query;
use super::reply::{self, Body, Handled};
use super::{
    Peer, Shared, accounts, atomes, backup, commits, directory, find, list, metrics, seed, sharing,
    status, sync, tree, watch,
};

/// A request as handlers take it.
pub(super) struct Asked<'a> {
    pub(super) shared: &'a Shared,
    pub(super) peer: Peer,
    pub(super) query: Query,
    pub(super) body: Incoming,
}

impl Asked<'_> {
    /// The account that the request is about.
    pub(super) async fn account(&mut self) -> Result<Account, Problem> {
        let named = self.query.text("account")?;
        let accounts = &self.shared.accounts;
        accounts.select(self.peer, named.as_deref()).await
    }

    /// The account that the request is about, and what the machine keeps of it.
    pub(super) async fn selected(&mut self) -> Result<Selected, Problem> {
        let named = self.query.text("account")?;
        let accounts = &self.shared.accounts;
        accounts.select_row(self.peer, named.as_deref()).await
    }
}

/// Answers a request, with a problem at worst.
pub(super) async fn answer(
    shared: &Shared,
    peer: Peer,
    request: Request<Incoming>,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    let asked = Asked {
        shared,
        peer,
        query: Query::parse(head.uri.query()),
        body,
    };
    let handled = match segments(head.uri.path()) {
        Ok(segments) => {
            let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
            dispatch(&head.method, &segments, asked).await
        }
        Err(problem) => Err(problem),
    };
    handled.unwrap_or_else(|problem| {
        if problem.code == Code::Internal {
            // What comes after names an account or an atome.
            let what = head.uri.path().split('/').nth(2).unwrap_or_default();
            tracing::error!(what, why = %problem, "a request failed");
        }
        reply::problem(&problem)
    })
}

/// The segments of a path, decoded one by one, so that an external key may hold a slash.
fn segments(path: &str) -> Result<Vec<String>, Problem> {
    let decoded = path.trim_start_matches('/').split('/').map(|segment| {
        let segment = percent_decode_str(segment).decode_utf8();
        segment.map(std::borrow::Cow::into_owned)
    });
    decoded
        .collect::<Result<_, _>>()
        .map_err(|_| Problem::new(Code::BadRequest, "the path is not UTF-8"))
}

async fn dispatch(method: &Method, segments: &[&str], asked: Asked<'_>) -> Handled {
    let Some((&"v1", rest)) = segments.split_first() else {
        return Err(
            no_route(segments).hint("the local API is below /v1/; docs/local-api.md describes it")
        );
    };
    match rest {
        ["sync", rest @ ..] => sync_routes(method, rest, asked).await,
        ["atomes", rest @ ..] => match (method.as_str(), rest) {
            ("GET", []) => list::list(asked).await,
            ("GET", [atome]) => atomes::get(asked, atome).await,
            ("GET", [atome, "history"]) => atomes::history(asked, atome).await,
            (_, [] | [_] | [_, "history"]) => Err(no_method(method)),
            _ => Err(no_route(segments)),
        },
        ["accounts", rest @ ..] => match (method.as_str(), rest) {
            ("GET", []) => accounts::list(asked).await,
            ("POST", []) => accounts::create(asked).await,
            ("GET", [account]) => accounts::show(asked, account).await,
            ("POST", [account, "password"]) => accounts::password(asked, account).await,
            ("POST", [account, "delete"]) => accounts::remove(asked, account).await,
            ("POST", [account, "resolve"]) => accounts::resolve(asked, account).await,
            (_, [] | [_] | [_, "password" | "delete" | "resolve"]) => Err(no_method(method)),
            _ => Err(no_route(segments)),
        },
        ["sessions", rest @ ..] => match (method.as_str(), rest) {
            ("GET", []) => accounts::sessions(asked).await,
            ("DELETE", []) => accounts::revoke_others(asked).await,
            ("DELETE", [session]) => accounts::revoke(asked, session).await,
            (_, [] | [_]) => Err(no_method(method)),
            _ => Err(no_route(segments)),
        },
        ["directory", rest @ ..] => directory_routes(method, rest, asked).await,
        [one] => match (method.as_str(), *one) {
            ("GET", "version") => status::version(asked),
            ("GET", "runtime") => status::runtime(asked),
            ("GET", "status") => status::status(asked).await,
            ("GET", "doctor") => status::doctor(asked).await,
            ("GET", "facts") => status::facts(asked).await,
            ("GET", "prove-direction") => status::prove_direction(asked).await,
            ("GET", "metrics") => metrics::metrics(asked).await,
            ("GET", "whoami") => accounts::whoami(asked).await,
            ("POST", "login") => accounts::login(asked).await,
            ("POST", "logout") => accounts::logout(asked).await,
            ("POST", "commits") => commits::write(asked).await,
            ("GET", "find") => find::find(asked).await,
            ("POST", "index") => find::index(asked).await,
            ("GET", "tree") => tree::tree(asked).await,
            ("GET", "watch") => watch::watch(asked).await,
            ("POST", "seed") => seed::seed(asked).await,
            ("POST", "verify") => seed::verify(asked).await,
            ("POST", "acts") => sharing::act(asked).await,
            ("GET", "grants") => sharing::grants(asked).await,
            ("GET", "policies") => sharing::policies(asked).await,
            ("GET", "why") => sharing::why(asked).await,
            ("GET", "backup") => backup::back_up(asked).await,
            ("POST", "restore-backup") => backup::restore(asked).await,
            (
                _,
                "version" | "runtime" | "status" | "doctor" | "facts" | "prove-direction"
                | "metrics" | "whoami" | "login" | "logout" | "commits" | "find" | "index" | "tree"
                | "watch" | "seed" | "verify" | "acts" | "grants" | "policies" | "why" | "backup"
                | "restore-backup",
            ) => Err(no_method(method)),
            _ => Err(no_route(segments)),
        },
        _ => Err(no_route(segments)),
    }
}

async fn directory_routes(method: &Method, rest: &[&str], asked: Asked<'_>) -> Handled {
    match (method.as_str(), rest) {
        ("GET", []) => directory::list(asked).await,
        ("GET", ["lookup"]) => directory::lookup(asked).await,
        (_, [] | ["lookup"]) => Err(no_method(method)),
        _ => Err(no_route(&[&["directory"], rest].concat())),
    }
}

async fn sync_routes(method: &Method, rest: &[&str], asked: Asked<'_>) -> Handled {
    match (method.as_str(), rest) {
        ("GET", []) => sync::status(asked).await,
        ("POST", ["now"]) => sync::now(asked).await,
        ("POST", ["pause"]) => sync::pause(asked, true).await,
        ("POST", ["resume"]) => sync::pause(asked, false).await,
        ("POST", ["wait"]) => sync::wait(asked).await,
        ("PUT", ["mode"]) => sync::mode(asked).await,
        ("GET", ["verify"]) => sync::verify(asked).await,
        ("GET", ["refused"]) => sync::refused(asked).await,
        ("POST", ["refused", number, "retry"]) => sync::retry(asked, number).await,
        ("DELETE", ["refused", number]) => sync::discard(asked, number).await,
        (
            _,
            []
            | ["now" | "pause" | "resume" | "wait" | "mode" | "verify" | "refused"]
            | ["refused", _]
            | ["refused", _, "retry"],
        ) => Err(no_method(method)),
        _ => Err(no_route(&[&["sync"], rest].concat())),
    }
}

fn no_route(segments: &[&str]) -> Problem {
    Problem::new(
        Code::NotFound,
        format!("there is nothing at /{}", segments.join("/")),
    )
}

fn no_method(method: &Method) -> Problem {
    let mut problem = Problem::new(
        Code::BadRequest,
        format!("{method} is not what this path answers"),
    );
    problem.status = 405;
    problem
}
