//! The decoders of the local API that are private, for whoever tests them with bytes from outside.

use atome_proto::state::AtomeState;
use atome_proto::{AccountId, Problem};
use atome_store::replica::Wanted;

use super::filter::{Condition, SortKey};
use super::query::Query;
use super::{find, list, reference};

/// Reads the query of a list as `GET /v1/atomes` does: whether each of its conditions holds of a state.
///
/// # Errors
///
/// As the request answers.
pub fn list(query: &str, state: &AtomeState) -> Result<Vec<bool>, Problem> {
    let mut query = Query::parse(Some(query));
    let read = list::read(&mut query)?;
    query.done()?;
    let conditions = read.wheres.iter().map(|text| Condition::parse(text));
    let conditions = conditions.collect::<Result<Vec<_>, _>>()?;
    let order = read.order.and_then(|key| state.value(&key));
    let key = SortKey::of(order.as_ref());
    assert!(key == key.clone(), "a value is in order with itself");
    Ok(conditions
        .iter()
        .map(|condition| condition.holds(state.value(condition.key()).as_ref()))
        .collect())
}

/// Reads the query of a search as `GET /v1/find` does.
///
/// # Errors
///
/// As the request answers.
pub fn find(query: &str) -> Result<Wanted, Problem> {
    let mut query = Query::parse(Some(query));
    let wanted = find::read(&mut query)?;
    query.done()?;
    Ok(wanted)
}

/// Reads a reference to an atome: whether it gives an id by itself, without looking up what begins so.
///
/// # Errors
///
/// As the request answers.
pub fn gives_id(owner: AccountId, text: &str) -> Result<bool, Problem> {
    reference::read(owner, text).map(|read| read.is_id())
}
