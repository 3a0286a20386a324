//! `/api/v1/grants`, `policies`, `acts` and `why`: sharing, for clients that are online. What a replica does by
//! a commit that holds an act, they do by the act alone.

use atome_proto::commit::Key;
use atome_proto::limit::FRAME_LEN_TARGET;
use atome_proto::sharing::{Act, Grants, Policies, Right};
use atome_proto::{AccountId, AtomeId, Code, GrantId, Problem};
use atome_store::hub::Question;

use crate::auth::{Known, store_problem};
use crate::http::ask::Ask;
use crate::http::reply::{self, Answer};
use crate::http::route::bad_request;
use crate::hub::wall_ms;

pub(super) async fn list(ask: Ask, known: Known) -> Answer {
    let after = ask.query.text("after").map(str::parse::<GrantId>);
    let after = after
        .transpose()
        .map_err(|_| bad_request("after is the id of a grant"))?;
    let store = &ask.hub.store;
    store.settle(wall_ms()).await.map_err(store_problem)?;
    let page = store
        .grants(known.session.account, after, FRAME_LEN_TARGET)
        .await
        .map_err(store_problem)?;
    reply::json(&Grants {
        grants: page.grants,
        next: page.last,
    })
}

pub(super) async fn one(ask: Ask, known: Known) -> Answer {
    let id = GrantId(ask.id()?);
    let store = &ask.hub.store;
    store.settle(wall_ms()).await.map_err(store_problem)?;
    let found = store.grant(known.session.account, id).await;
    let grant = found.map_err(store_problem)?.ok_or_else(|| {
        let detail = "there is no grant of that id that the account has to do with";
        Problem::new(Code::NotFound, detail).hint("list them with GET /api/v1/grants")
    })?;
    reply::json(&grant)
}

pub(super) async fn policies(ask: Ask, known: Known) -> Answer {
    let policies = ask.hub.store.policies(known.session.account).await;
    reply::json(&Policies {
        policies: policies.map_err(store_problem)?,
    })
}

pub(super) async fn act(mut ask: Ask, known: Known) -> Answer {
    let act: Act = ask.json().await?;
    let (store, account) = (&ask.hub.store, known.session.account);
    let now_ms = wall_ms();
    store.settle(now_ms).await.map_err(store_problem)?;
    store
        .act(account, act, now_ms)
        .await
        .map_err(store_problem)?;
    tracing::info!(%account, "an act of sharing was carried out");
    Ok(reply::empty())
}

pub(super) async fn why(ask: Ask, known: Known) -> Answer {
    let query = &ask.query;
    let needed = |name: &str| {
        let missing = || bad_request(format!("{name} is missing"));
        query.text(name).ok_or_else(missing)
    };
    let actor = needed("actor")?;
    let actor: AccountId = actor
        .parse()
        .map_err(|_| bad_request("actor is the id of an account"))?;
    let atome = needed("atome")?;
    let atome: AtomeId = atome
        .parse()
        .map_err(|_| bad_request("atome is the id of an atome"))?;
    let right: Right = needed("right")?
        .parse()
        .map_err(|error: atome_proto::sharing::BadRight| bad_request(error.to_string()))?;
    let key = query.text("key").map(Key::of_particle).transpose();
    let now_ms = wall_ms();
    let at_ms = match query.whole("at") {
        0 => now_ms,
        at_ms => at_ms,
    };
    let question = Question {
        actor,
        right,
        key: key.map_err(|error| bad_request(error.to_string()))?,
        atome,
        at_ms,
    };
    let store = &ask.hub.store;
    store.settle(now_ms).await.map_err(store_problem)?;
    let answer = store.why(known.session.account, question).await;
    reply::json(&answer.map_err(store_problem)?)
}
