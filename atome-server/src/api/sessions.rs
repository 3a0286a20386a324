//! `/api/v1/auth/me`, `logout` and `sessions`: the sessions of the account that asks.

use atome_proto::account::{Me, SessionInfo, Sessions, SessionsClosed};
use atome_proto::{Code, Problem};

use crate::auth::{self, Known, cookie, store_problem};
use crate::http::ask::Ask;
use crate::http::reply::{self, Answer};
use crate::hub::wall_ms;

pub(super) async fn me(ask: Ask, known: Known) -> Answer {
    let hub = &ask.hub;
    let session = known.session;
    let account = hub
        .store
        .account(session.account)
        .await
        .map_err(store_problem)?
        .ok_or_else(auth::no_session)?;
    let answer = reply::json(&Me {
        entry: account.entry,
        expires_at_ms: session.expires_at_ms,
    })?;
    let name = cookie::name(hub.config().tls.is_some());
    let kept = cookie::read(ask.request.headers(), name)?.filter(|_| known.by_cookie);
    // The cookie lives on with its session.
    let longer = kept.and_then(|token| {
        let life_s = session.expires_at_ms.saturating_sub(wall_ms()) / 1_000;
        cookie::set(name, token, life_s)
    });
    Ok(auth::with_cookie(answer, longer))
}

pub(super) async fn logout(ask: Ask, known: Known) -> Answer {
    let (hub, session) = (&ask.hub, &known.session);
    hub.store
        .close_session(session.account, session.session)
        .await
        .map_err(store_problem)?;
    tracing::info!(account = %session.account, "a session was closed");
    let name = cookie::name(hub.config().tls.is_some());
    let clear = known.by_cookie.then(|| cookie::clear(name)).flatten();
    Ok(auth::with_cookie(reply::empty(), clear))
}

pub(super) async fn list(ask: Ask, known: Known) -> Answer {
    let sessions = ask
        .hub
        .store
        .sessions(known.session.account, wall_ms())
        .await
        .map_err(store_problem)?;
    let info = sessions.into_iter().map(|session| SessionInfo {
        current: session.session == known.session.session,
        id: session.session,
        device: session.device,
        created_at_ms: session.created_at_ms,
        seen_at_ms: session.seen_at_ms,
        expires_at_ms: session.expires_at_ms,
    });
    reply::json(&Sessions {
        sessions: info.collect(),
    })
}

pub(super) async fn close(ask: Ask, known: Known) -> Answer {
    let account = known.session.account;
    let was_there = ask
        .hub
        .store
        .close_session(account, ask.id()?)
        .await
        .map_err(store_problem)?;
    if !was_there {
        return Err(
            Problem::new(Code::NotFound, "the account has no session of that id")
                .hint("list those that it has with GET /api/v1/auth/sessions"),
        );
    }
    tracing::info!(%account, "a session was closed");
    Ok(reply::empty())
}

pub(super) async fn close_others(ask: Ask, known: Known) -> Answer {
    let session = known.session;
    let closed = ask
        .hub
        .store
        .close_other_sessions(session.account, session.session)
        .await
        .map_err(store_problem)?;
    tracing::info!(account = %session.account, closed, "other sessions were closed");
    reply::json(&SessionsClosed { closed })
}
