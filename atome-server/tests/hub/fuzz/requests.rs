//! Requests to an operation: right ones, and ones with something wrong.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value, json};

use super::{Operation, schema};

/// Who asks.
#[derive(Clone, Debug)]
pub(super) enum Asker {
    Nobody,
    Bearer,
    Cookie,
    /// With a token that is none.
    Stranger(String),
    /// With a token, and a cookie of another session.
    Both(String),
    /// A browser, on behalf of another site.
    Forged,
}

impl Asker {
    pub(super) fn is_known(&self) -> bool {
        matches!(
            self,
            Self::Bearer | Self::Cookie | Self::Both(_) | Self::Forged
        )
    }
}

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Asking {
    pub(super) asker: Asker,
    /// Whether it names the account and the session of the one that asks, and their password.
    pub(super) is_real: bool,
    pub(super) id: String,
    pub(super) query: Option<String>,
    pub(super) body: Vec<u8>,
}

/// Requests to an operation.
pub(super) fn of(operation: &Operation<'_>) -> BoxedStrategy<Asking> {
    let schema = &operation.description["requestBody"]["content"]["application/json"]["schema"];
    let body = if schema.is_null() {
        prop_oneof![4 => Just(Vec::new()), 1 => vec(any::<u8>(), 0..50)].boxed()
    } else {
        body(schema::values(schema, operation.document))
    };
    let empty = Vec::new();
    let parameters = operation.description["parameters"]
        .as_array()
        .unwrap_or(&empty);
    let query = query(parameters, operation.document);
    (askers(), any::<bool>(), ids(), query, body)
        .prop_map(|(asker, real, id, query, body)| Asking {
            is_real: real && matches!(asker, Asker::Bearer | Asker::Cookie),
            asker,
            id,
            query,
            body,
        })
        .boxed()
}

fn askers() -> impl Strategy<Value = Asker> {
    prop_oneof![
        4 => Just(Asker::Bearer),
        2 => Just(Asker::Cookie),
        1 => Just(Asker::Nobody),
        1 => Just(Asker::Forged),
        1 => "[ -~]{0,80}".prop_map(Asker::Stranger),
        1 => "[0-9a-f]{64}".prop_map(|token| Asker::Stranger(format!("Bearer {token}"))),
        1 => "[0-9a-f]{64}".prop_map(Asker::Both),
    ]
}

fn ids() -> impl Strategy<Value = String> {
    prop_oneof![
        schema::uuids(),
        "[a-zA-Z0-9._~-]{1,40}",
        odd_text().prop_map(|text| {
            let encoded: String = form_urlencoded::byte_serialize(text.as_bytes()).collect();
            if encoded.is_empty() {
                "%00".to_owned()
            } else {
                encoded
            }
        }),
    ]
}

/// Queries: of parameters that there are, mostly, with values that fit, mostly.
fn query(parameters: &[Value], document: &Value) -> BoxedStrategy<Option<String>> {
    let named = parameters
        .iter()
        .filter(|parameter| parameter["in"] == "query");
    let mut pairs: Vec<BoxedStrategy<(String, String)>> = Vec::new();
    for parameter in named {
        let name = parameter["name"].as_str().unwrap().to_owned();
        let right = schema::values(&parameter["schema"], document).prop_map(|value| match &value {
            Value::String(text) => text.clone(),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::Array(_)
            | Value::Object(_) => value.to_string(),
        });
        let value = prop_oneof![6 => right, 1 => odd_text()];
        pairs.push(value.prop_map(move |value| (name.clone(), value)).boxed());
    }
    let odd = prop_oneof![
        Just(String::new()),
        select(vec![
            "&&&", "=", "%zz", "a=%ff%fe", "limit", "%00=%00", "find[]=1", "?"
        ])
        .prop_map(str::to_owned),
        ("[a-z]{1,8}", odd_text()).prop_map(|pair| encode(&[pair])),
    ];
    if pairs.is_empty() {
        return prop_oneof![5 => Just(None), 1 => odd.prop_map(Some)].boxed();
    }
    let one = proptest::strategy::Union::new(pairs.clone()).boxed();
    prop_oneof![
        1 => Just(None),
        // One of them alone, as a look-up needs it.
        4 => one.clone().prop_map(|pair| Some(encode(&[pair]))),
        // All of them.
        2 => pairs.prop_map(|pairs| Some(encode(&pairs))),
        // Some of them, some twice.
        1 => vec(one, 2..4).prop_map(|pairs| Some(encode(&pairs))),
        1 => odd.prop_map(Some),
    ]
    .boxed()
}

fn encode(pairs: &[(String, String)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish()
}

/// What is done to a body.
#[derive(Clone, Debug)]
enum Harm {
    None,
    /// A member is left out.
    Missing(Index),
    /// A member is something else.
    Other(Index, Value),
    /// There is one more.
    Extra(String, Value),
    /// It is no object, or no JSON at all.
    Bytes(Vec<u8>),
    /// It ends too early.
    Cut(Index),
}

fn body(values: BoxedStrategy<Value>) -> BoxedStrategy<Vec<u8>> {
    let other = || {
        prop_oneof![
            3 => schema::any_json(),
            2 => odd_text().prop_map(Value::String),
            1 => (100usize..80_000).prop_map(|len| Value::String("x".repeat(len))),
        ]
    };
    let harm = prop_oneof![
        6 => Just(Harm::None),
        2 => any::<Index>().prop_map(Harm::Missing),
        4 => (any::<Index>(), other()).prop_map(|(at, value)| Harm::Other(at, value)),
        1 => ("[a-zA-Z]{1,10}", other()).prop_map(|(name, value)| Harm::Extra(name, value)),
        1 => prop_oneof![
            vec(any::<u8>(), 0..100),
            schema::any_json().prop_map(|value| value.to_string().into_bytes()),
            (1usize..20_000).prop_map(|depth| "[".repeat(depth).into_bytes()),
        ]
        .prop_map(Harm::Bytes),
        1 => any::<Index>().prop_map(Harm::Cut),
    ];
    (values, harm)
        .prop_map(|(mut value, harm)| {
            match harm {
                Harm::Bytes(bytes) => return bytes,
                Harm::Cut(at) => {
                    let mut bytes = value.to_string().into_bytes();
                    bytes.truncate(at.index(bytes.len()));
                    return bytes;
                }
                Harm::None => {}
                Harm::Missing(at) => {
                    if let Some((members, name)) = member(&mut value, at) {
                        members.remove(&name);
                    }
                }
                Harm::Other(at, other) => {
                    if let Some((members, name)) = member(&mut value, at) {
                        members.insert(name, other);
                    }
                }
                Harm::Extra(name, other) => {
                    value.as_object_mut().unwrap().insert(name, other);
                }
            }
            value.to_string().into_bytes()
        })
        .boxed()
}

/// A member of an object, or of an object in it.
fn member(value: &mut Value, at: Index) -> Option<(&mut Map<String, Value>, String)> {
    let members = value.as_object().filter(|members| !members.is_empty())?;
    let inner: Vec<_> = members
        .iter()
        .flat_map(|(name, inner)| {
            let below = inner.as_object().into_iter().flat_map(|inner| inner.keys());
            let below = below.map(|below| (Some(name.clone()), below.clone()));
            below.chain([(None, name.clone())]).collect::<Vec<_>>()
        })
        .collect();
    let (above, name) = inner[at.index(inner.len())].clone();
    let value = match above {
        Some(above) => &mut value[above],
        None => value,
    };
    Some((value.as_object_mut()?, name))
}

/// Texts that programs stumble over.
fn odd_text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        any::<String>(),
        "\\PC{0,70}",
        select(vec![
            "\0",
            "\u{202e}abc",
            "a\u{200b}b",
            "ﷺﷺﷺ",
            "İ",
            "ß",
            "\u{1f468}\u{200d}\u{1f469}",
            "'; --",
            "%s%n",
            "../../etc/passwd",
            "null",
            "NaN",
            "-0",
            "1e400",
            "\u{fffd}",
            "\u{10ffff}",
        ])
        .prop_map(str::to_owned),
    ]
}

/// The same body, of the account that asks.
pub(super) fn with_real(body: &[u8], entry: &Value, password: &str) -> Vec<u8> {
    let Ok(Value::Object(mut members)) = serde_json::from_slice(body) else {
        return body.to_vec();
    };
    for (name, real) in [
        ("username", entry["username"].clone()),
        ("userId", entry["user_id"].clone()),
        ("password", json!(password)),
    ] {
        // A registration has none of the first two, and its password stays its own.
        if members.contains_key(name) && !members.contains_key("entry") {
            members.insert(name.to_owned(), real);
        }
    }
    Value::Object(members).to_string().into_bytes()
}

/// The same query, with the name of the account that asks.
pub(super) fn with_real_name(query: &str, entry: &Value) -> String {
    let real = entry["username"].as_str().unwrap();
    let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
    let pairs = pairs.map(|(name, value)| match name.as_str() {
        "name" => (name, real.to_owned()),
        _ => (name, value),
    });
    encode(&pairs.collect::<Vec<_>>())
}
