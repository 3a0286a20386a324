//! References: how a person names an atome. An id, a unique beginning of one, or `key:EXTERNAL-KEY`.

use atome_proto::{AccountId, AtomeId, Code, Problem};
use atome_store::ReplicaStore;

use crate::store_problem::problem;

/// A beginning of an id has at least so many characters.
const PREFIX_LEN_MIN: usize = 4;
/// An id in text has so many.
const ID_LEN: usize = 36;
/// So many ids are named where a beginning fits several.
const NAMED_MAX: usize = 5;
/// What comes before an external key.
const KEY_PREFIX: &str = "key:";

/// What a reference says, before anything is looked up.
pub(super) enum Reference {
    /// It gives the id by itself.
    Id(AtomeId),
    /// The beginning of an id, in lower case.
    Prefix(String),
}

impl Reference {
    pub(super) fn is_id(&self) -> bool {
        matches!(self, Self::Id(_))
    }
}

pub(super) fn read(owner: AccountId, text: &str) -> Result<Reference, Problem> {
    if let Some(key) = text.strip_prefix(KEY_PREFIX) {
        return Ok(Reference::Id(AtomeId::from_key(owner, key)));
    }
    if let Ok(id) = text.parse() {
        return Ok(Reference::Id(id));
    }
    let prefix = text.to_ascii_lowercase();
    let fits = (PREFIX_LEN_MIN..ID_LEN).contains(&prefix.len())
        && prefix.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    if fits {
        Ok(Reference::Prefix(prefix))
    } else {
        Err(
            Problem::new(Code::BadRequest, format!("'{text}' names no atome")).hint(format!(
                "give an id, the first {PREFIX_LEN_MIN} characters or more of one, or key:EXTERNAL-KEY"
            )),
        )
    }
}

/// The id that a reference names; an atome of that id need not be there, unless only a beginning was
/// given.
pub(super) async fn resolve(
    store: &ReplicaStore,
    owner: AccountId,
    text: &str,
) -> Result<AtomeId, Problem> {
    let prefix = match read(owner, text)? {
        Reference::Id(id) => return Ok(id),
        Reference::Prefix(prefix) => prefix,
    };
    let found = store.find_prefix(&prefix, NAMED_MAX + 1).await;
    let mut found = found.map_err(|e| problem(&e))?;
    match (found.pop(), found.is_empty()) {
        (None, _) => Err(missing(text)),
        (Some(id), true) => Ok(id),
        (Some(last), false) => {
            found.push(last);
            let names: Vec<String> = found.iter().map(AtomeId::to_string).collect();
            let message = format!("'{text}' is the beginning of several: {}", names.join(", "));
            Err(Problem::new(Code::Ambiguous, message).hint("give more of the id"))
        }
    }
}

/// There is no such atome.
pub(super) fn missing(text: &str) -> Problem {
    Problem::new(Code::NotFound, format!("there is no atome '{text}'"))
        .hint("'atomectl list' and 'atomectl tree' show those that are there")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_an_id_a_beginning_or_a_key() {
        let owner = AccountId(uuid::Uuid::from_u128(1));
        let id = AtomeId::from_key(owner, "a/b");
        assert!(matches!(read(owner, "key:a/b"), Ok(Reference::Id(found)) if found == id));
        assert!(matches!(read(owner, &id.to_string()), Ok(Reference::Id(found)) if found == id));
        assert!(matches!(read(owner, "01AB-c"), Ok(Reference::Prefix(p)) if p == "01ab-c"));
        for bad in ["", "01a", "xyzxyz", "../status"] {
            assert!(read(owner, bad).is_err(), "{bad}");
        }
    }
}
