//! A message that is right, with every field wrong, one at a time.
//!
//! Made from any JSON message, so that a new field is covered without work by hand. What is to be
//! answered is for the tests to say; [`Wrong::is_no_json`] says which of them nobody may take.

use std::fmt;

use serde_json::{Map, Value, json};

/// A message with one thing wrong.
#[derive(Clone, Debug)]
pub struct Wrong {
    /// The place, as a JSON pointer.
    pub at: String,
    /// What is wrong there.
    pub how: How,
    /// The message.
    pub bytes: Vec<u8>,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// It is not there.
    Missing,
    /// Something else stands there; what, in a word.
    Instead(&'static str),
    /// The same JSON as text, spoiled; how, in a word.
    Spoiled(&'static str),
    /// The key stands there twice.
    Twice,
    /// The message is not over where it should be, or before.
    End(&'static str),
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?}", self.at, self.how)
    }
}

impl Wrong {
    /// Whether it is no JSON at all, or no UTF-8: nobody may take it.
    #[must_use]
    pub fn is_no_json(&self) -> bool {
        serde_json::from_slice::<Value>(&self.bytes).is_err()
    }
}

/// Longer than any name, message or word may be, and shorter than a frame.
const LONG: usize = 5_000;
/// Deeper than any value may nest, and than the parser of JSON goes.
const DEEP: usize = 200;
/// Stands where a text is put that no JSON value can hold.
const MARK: &str = "<mark>";
/// So many entries of a list are made wrong; the others are like them.
const ITEMS_MAX: usize = 2;

/// Every field of `message` wrong in every way.
#[must_use]
pub fn all(message: &Value) -> Vec<Wrong> {
    let mut found = ends(message);
    let mut places = Vec::new();
    gather(message, "", &mut places);
    for at in &places {
        found.extend(missing(message, at));
        for (word, value) in values() {
            found.extend(instead(message, at, word, &value));
        }
        for (word, text) in texts() {
            let marked = replaced(message, at, &Value::from(MARK));
            found.extend(marked.map(|marked| Wrong {
                at: at.clone(),
                how: How::Spoiled(word),
                bytes: spliced(&marked, &text),
            }));
        }
        found.extend(twice(message, at));
    }
    found
}

/// The places of a message, as JSON pointers, its own left out.
fn gather(value: &Value, above: &str, places: &mut Vec<String>) {
    let below: Vec<(String, &Value)> = match value {
        Value::Object(members) => members
            .iter()
            .map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value))
            .collect(),
        Value::Array(items) => (0..)
            .map(|i: usize| i.to_string())
            .zip(items)
            .take(ITEMS_MAX)
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    for (key, value) in below {
        let at = format!("{above}/{key}");
        places.push(at.clone());
        gather(value, &at, places);
    }
}

fn values() -> Vec<(&'static str, Value)> {
    let deep = (0..60).fold(json!(1), |inner, _| json!([inner]));
    vec![
        ("null", Value::Null),
        ("true", json!(true)),
        ("zero", json!(0)),
        ("negative", json!(-1)),
        ("fraction", json!(1.5)),
        ("huge", json!(u64::MAX)),
        ("empty text", json!("")),
        ("unknown word", json!("no_such_word")),
        ("NUL", json!("\0")),
        ("long text", json!("x".repeat(LONG))),
        ("long wide text", json!("é".repeat(LONG))),
        ("empty list", json!([])),
        ("list", json!(["x", 7, null])),
        ("long list", json!(vec![0; LONG])),
        ("empty object", json!({})),
        ("object", json!({ "no_such_field": 1 })),
        ("nested", deep),
    ]
}

fn texts() -> Vec<(&'static str, Vec<u8>)> {
    let deep = [b"[".repeat(DEEP), b"]".repeat(DEEP)].concat();
    vec![
        ("half an escape", br#""\u12""#.to_vec()),
        ("half a surrogate", br#""\ud800""#.to_vec()),
        ("unknown escape", br#""\x41""#.to_vec()),
        ("not UTF-8", b"\"\xff\xfe\"".to_vec()),
        ("overlong UTF-8", b"\"\xc0\x80\"".to_vec()),
        ("a control", b"\"\x01\"".to_vec()),
        ("not closed", b"\"".to_vec()),
        ("too many digits", b"1".repeat(400)),
        ("no number", b"1e999".to_vec()),
        ("not a number", b"NaN".to_vec()),
        ("too deep", deep),
        ("nothing", Vec::new()),
    ]
}

fn ends(message: &Value) -> Vec<Wrong> {
    let text = message.to_string().into_bytes();
    let end = |word, bytes| Wrong {
        at: String::new(),
        how: How::End(word),
        bytes,
    };
    let half = text.get(..text.len() / 2).unwrap_or_default().to_vec();
    vec![
        end("nothing", Vec::new()),
        end("half of it", half),
        end("another after it", [&text[..], &text[..]].concat()),
        end("a letter after it", [&text[..], b"x"].concat()),
        end("a NUL after it", [&text[..], b"\0"].concat()),
        end("in a list", [b"[", &text[..], b"]"].concat()),
        end("null", b"null".to_vec()),
        end("a text", b"\"x\"".to_vec()),
        end("a number", b"7".to_vec()),
        end("an empty object", b"{}".to_vec()),
        end("not UTF-8", [&text[..], b"\xff"].concat()),
    ]
}

fn replaced(message: &Value, at: &str, by: &Value) -> Option<Value> {
    let mut message = message.clone();
    *message.pointer_mut(at)? = by.clone();
    Some(message)
}

fn instead(message: &Value, at: &str, word: &'static str, value: &Value) -> Option<Wrong> {
    if message.pointer(at) == Some(value) {
        return None;
    }
    Some(Wrong {
        at: at.to_owned(),
        how: How::Instead(word),
        bytes: replaced(message, at, value)?.to_string().into_bytes(),
    })
}

/// The object that a place stands in, and its key there.
fn in_object<'a>(message: &'a mut Value, at: &str) -> Option<(&'a mut Map<String, Value>, String)> {
    let (above, key) = at.rsplit_once('/')?;
    let key = key.replace("~1", "/").replace("~0", "~");
    let members = message.pointer_mut(above)?.as_object_mut()?;
    Some((members, key))
}

fn missing(message: &Value, at: &str) -> Option<Wrong> {
    let mut message = message.clone();
    let (members, key) = in_object(&mut message, at)?;
    members.remove(&key)?;
    Some(Wrong {
        at: at.to_owned(),
        how: How::Missing,
        bytes: message.to_string().into_bytes(),
    })
}

fn twice(message: &Value, at: &str) -> Option<Wrong> {
    let mut message = message.clone();
    let (members, key) = in_object(&mut message, at)?;
    let value = members.get(&key)?.clone();
    members.insert(MARK.to_owned(), value);
    Some(Wrong {
        at: at.to_owned(),
        how: How::Twice,
        bytes: spliced(&message, Value::from(key).to_string().as_bytes()),
    })
}

/// The JSON of a message, with bytes in the place of the mark.
fn spliced(marked: &Value, bytes: &[u8]) -> Vec<u8> {
    let text = marked.to_string();
    let mark = Value::from(MARK).to_string();
    let (before, after) = text.split_once(&mark).unwrap_or((&text, ""));
    [before.as_bytes(), bytes, after.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_wrong_in_every_way() {
        let message = json!({ "type": "t", "list": [{ "a/b": 1 }] });
        let found = all(&message);
        let at = |at: &str| found.iter().filter(|wrong| wrong.at == at).count();
        let ways = values().len() + texts().len();
        assert_eq!(at("/type"), ways + 2, "and missing, and twice");
        assert_eq!(at("/list/0/a~1b"), ways + 2);
        assert_eq!(at("/list/0"), ways, "an entry has no key");
        assert_eq!(at(""), ends(&message).len());
        assert!(
            found
                .iter()
                .all(|wrong| wrong.bytes != message.to_string().into_bytes())
        );
    }

    #[test]
    fn a_key_stands_twice_and_bytes_stand_as_they_are() {
        let found = all(&json!({ "k": 1 }));
        let texts: Vec<_> = found
            .iter()
            .map(|wrong| String::from_utf8_lossy(&wrong.bytes))
            .collect();
        assert!(
            texts.iter().any(|text| text == r#"{"k":1,"k":1}"#),
            "{texts:?}"
        );
        assert!(texts.iter().any(|text| text == r#"{"k":"\ud800"}"#));
        assert!(
            found
                .iter()
                .any(|wrong| wrong.bytes == b"{\"k\":\"\xff\xfe\"}")
        );
    }
}
