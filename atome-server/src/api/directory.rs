//! `/api/v1/directory…`: who is listed, who is found, what changed.

use atome_engine::name::{self, is_e164};
use atome_proto::directory::{DirectoryChanges, DirectoryPage};
use atome_proto::{Code, Problem};
use atome_store::hub::DirectoryKey;

use super::register::BAD_PHONE;
use crate::auth::{Known, store_problem};
use crate::http::ask::Ask;
use crate::http::reply::{self, Answer};
use crate::http::route::bad_request;

pub(super) async fn page(ask: Ask, known: Known) -> Answer {
    let (hub, query) = (&ask.hub, &ask.query);
    let find = name::fold_prefix(query.text("find").unwrap_or_default())
        .map_err(|error| bad_request(format!("find is the beginning of no name: {error}")))?;
    let limit = limit(&ask);
    hub.guard.try_directory(known.session.account)?;
    let after = query.text("after").unwrap_or_default();
    // One more than asked for tells whether there is a next page.
    let mut entries = hub
        .store
        .directory(&find, after, limit.saturating_add(1))
        .await
        .map_err(store_problem)?;
    let len = usize::try_from(limit).unwrap_or(usize::MAX);
    let is_last = entries.len() <= len;
    entries.truncate(len);
    let last = entries.last().filter(|_| !is_last);
    let next = last.and_then(|last| name::fold(&last.username).ok());
    reply::json(&DirectoryPage { entries, next })
}

pub(super) async fn lookup(ask: Ask, known: Known) -> Answer {
    let key = match (ask.query.text("name"), ask.query.text("phone")) {
        (Some(text), None) => {
            let folded = name::fold(text).map_err(|error| bad_request(error.to_string()))?;
            DirectoryKey::Name(folded)
        }
        (None, Some(phone)) if is_e164(phone) => DirectoryKey::Phone(phone.to_owned()),
        (None, Some(_)) => return Err(bad_request(BAD_PHONE).hint("a + in an address is %2B")),
        (None, None) | (Some(_), Some(_)) => {
            return Err(bad_request("either name or phone is given, and not both"));
        }
    };
    ask.hub.guard.try_directory(known.session.account)?;
    let found = ask.hub.store.directory_lookup(key).await;
    let entry = found.map_err(store_problem)?.ok_or_else(|| {
        Problem::new(Code::NotFound, "nobody is listed by that name or number")
            .hint("an account that is not listed is found by its phone number only")
    })?;
    reply::json(&entry)
}

pub(super) async fn changes(ask: Ask, known: Known) -> Answer {
    let hub = &ask.hub;
    hub.guard.try_directory(known.session.account)?;
    let (changes, head) = hub
        .store
        .directory_changes(ask.query.whole("after"), limit(&ask))
        .await
        .map_err(store_problem)?;
    reply::json(&DirectoryChanges {
        hub: hub.identity.hub,
        epoch: hub.identity.epoch,
        changes,
        head,
    })
}

fn limit(ask: &Ask) -> u32 {
    // The table has it in range.
    u32::try_from(ask.query.whole("limit")).unwrap_or(u32::MAX)
}
