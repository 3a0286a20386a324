//! What the types of the hub's HTTP interface cannot say of themselves in a JSON Schema.

use serde_json::{Value, json};

/// 256 bits in hexadecimal.
pub(crate) const SECRET: &str = "^[0-9a-f]{64}$";
/// An argon2id hash in PHC form; the ranges of its parameters are checked beyond this.
pub(crate) const PHC: &str = "^\\$argon2id\\$v=19\\$m=[0-9]{5,6},t=[0-9]{1,2},p=[0-9]{1,2}\\$[A-Za-z0-9+/]{11,64}\\$[A-Za-z0-9+/]{22,86}$";
/// A phone number. Source: ITU-T E.164.
pub(crate) const PHONE: &str = "^\\+[1-9][0-9]{6,14}$";

/// Exactly one of two members is there and a text.
pub(crate) fn one_text(one: &str, other: &str) -> Value {
    let text =
        |name: &str| json!({ "required": [name], "properties": { name: { "type": "string" } } });
    json!([text(one), text(other)])
}
