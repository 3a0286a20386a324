//! What several doors ask of a thing: written and read again, it is the same.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// Reads JSON; what is taken comes back from its own JSON as it was.
///
/// The JSON is compared, not the thing: secrets have no equality to print.
pub(crate) fn json<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> Option<T> {
    let read: T = serde_json::from_slice(bytes).ok()?;
    let once = serde_json::to_string(&read).expect("what was read can be written");
    let again: T = serde_json::from_str(&once).expect("what was written can be read");
    let twice = serde_json::to_string(&again).expect("what was read again can be written");
    assert_eq!(once, twice, "read again, it is another");
    Some(read)
}

/// Reads a word; what is taken comes back from its own text as it was.
pub(crate) fn word<T>(text: &str) -> Option<T>
where
    T: FromStr<Err: Debug> + Display + PartialEq + Debug,
{
    let read: T = text.parse().ok()?;
    let again = read.to_string().parse::<T>();
    assert_eq!(again.expect("its own text is read"), read);
    Some(read)
}
