//! JSON Schemas, as far as the hub's document needs them: values that fit, and whether one does.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;
use proptest::string::string_regex;
use serde_json::{Map, Value, json};

/// The schema with what it refers to put in its place.
fn resolved(schema: &Value, document: &Value) -> Map<String, Value> {
    let mut members = schema.as_object().cloned().unwrap_or_default();
    if let Some(reference) = members.remove("$ref") {
        let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
        let target = document
            .pointer(pointer)
            .expect("a reference leads somewhere");
        for (name, value) in resolved(target, document) {
            members.entry(name).or_insert(value);
        }
    }
    members
}

fn types(schema: &Map<String, Value>) -> Vec<String> {
    match &schema.get("type") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(several)) => several
            .iter()
            .map(|one| one.as_str().unwrap().to_owned())
            .collect(),
        _ => Vec::new(),
    }
}

/// Values that fit a schema.
pub(super) fn values(schema: &Value, document: &Value) -> BoxedStrategy<Value> {
    let schema = resolved(schema, document);
    if let Some(value) = schema.get("const") {
        return Just(value.clone()).boxed();
    }
    if let Some(values) = schema.get("enum") {
        return select(values.as_array().unwrap().clone()).boxed();
    }
    let branches = ["oneOf", "anyOf"]
        .iter()
        .find_map(|name| schema.get(*name)?.as_array());
    if schema.contains_key("properties") {
        return objects(&schema, branches.map(Vec::as_slice), document);
    }
    if let Some(branches) = branches {
        return Union::new(branches.iter().map(|branch| values(branch, document))).boxed();
    }
    let types = types(&schema);
    if types.is_empty() {
        return any_json().boxed();
    }
    let of_type = |kind: &String| match kind.as_str() {
        "string" => texts(&schema).prop_map(Value::String).boxed(),
        "integer" => {
            let bound = |name: &str, or| schema.get(name).and_then(Value::as_u64).unwrap_or(or);
            let range = bound("minimum", 0)..=bound("maximum", u64::MAX);
            range.prop_map(Value::from).boxed()
        }
        "boolean" => any::<bool>().prop_map(Value::from).boxed(),
        "array" => vec(values(&schema["items"], document), 0..4)
            .prop_map(Value::from)
            .boxed(),
        "null" => Just(Value::Null).boxed(),
        other => panic!("the document has a type {other} that this test does not know"),
    };
    Union::new(types.iter().map(of_type)).boxed()
}

fn texts(schema: &Map<String, Value>) -> BoxedStrategy<String> {
    if let Some(pattern) = schema.get("pattern") {
        let pattern = pattern.as_str().unwrap();
        let bare = pattern.trim_start_matches('^').trim_end_matches('$');
        return string_regex(bare).unwrap().boxed();
    }
    if schema.get("format").is_some_and(|format| format == "uuid") {
        return uuids().boxed();
    }
    let bound = |name: &str, or| schema.get(name).and_then(Value::as_u64).unwrap_or(or);
    let (min, max) = (bound("minLength", 0), bound("maxLength", 40));
    string_regex(&format!("\\PC{{{min},{max}}}"))
        .unwrap()
        .boxed()
}

/// UUIDs of version 7.
pub(super) fn uuids() -> impl Strategy<Value = String> {
    "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
}

/// Objects: what is required, some of the rest, and exactly one of the branches where there are some.
fn objects(
    schema: &Map<String, Value>,
    branches: Option<&[Value]>,
    document: &Value,
) -> BoxedStrategy<Value> {
    let names = |schema: &Value| -> Vec<String> {
        let names = schema.as_array().into_iter().flatten();
        names
            .map(|name| name.as_str().unwrap().to_owned())
            .collect()
    };
    let required = schema.get("required").map(names).unwrap_or_default();
    let members: Vec<_> = schema["properties"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, schema)| {
            let is_required = required.contains(name);
            let (name, right) = (name.clone(), values(schema, document));
            let right = right.prop_map(move |value| Some((name.clone(), value)));
            if is_required {
                right.boxed()
            } else {
                prop_oneof![right, Just(None)].boxed()
            }
        })
        .collect();
    let any_members = members.prop_map(|members| members.into_iter().flatten().collect());
    let Some(branches) = branches else {
        return any_members.prop_map(Value::Object).boxed();
    };
    let one_branch = |at: usize| {
        let chosen = &names(&branches[at]["required"])[0];
        let mut text = resolved(&schema["properties"][chosen], document);
        text.insert("type".to_owned(), json!("string"));
        let chosen = chosen.clone();
        values(&Value::Object(text), document).prop_map(move |value| (chosen.clone(), value))
    };
    let all: Vec<String> = branches
        .iter()
        .flat_map(|branch| names(&branch["required"]))
        .collect();
    let chosen = Union::new((0..branches.len()).map(one_branch));
    (any_members, chosen)
        .prop_map(move |(mut members, (name, value)): (Map<_, _>, _)| {
            all.iter().for_each(|name| drop(members.remove(name)));
            members.insert(name, value);
            Value::Object(members)
        })
        .boxed()
}

/// Any JSON, not too large.
pub(super) fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map("[a-z]{1,6}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// Whether a value fits a schema, but for patterns and ranges.
pub(super) fn fits(schema: &Value, document: &Value, value: &Value) -> bool {
    let schema = resolved(schema, document);
    let all = |name: &str| schema.get(name).and_then(Value::as_array);
    if let Some(wanted) = schema.get("const") {
        return wanted == value;
    }
    if let Some(branches) = all("oneOf").or_else(|| all("anyOf"))
        && !branches.iter().any(|branch| fits(branch, document, value))
    {
        return false;
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let types = types(&schema);
    if !types.is_empty() && !types.iter().any(|known| known == kind) {
        return false;
    }
    match value {
        Value::Array(items) => items
            .iter()
            .all(|item| fits(&schema["items"], document, item)),
        Value::Object(members) => {
            let required = all("required").into_iter().flatten();
            let mut required = required.filter_map(Value::as_str);
            let properties = schema.get("properties").and_then(Value::as_object);
            required.all(|name| members.contains_key(name))
                && properties.is_none_or(|properties| {
                    members.iter().all(|(name, value)| {
                        properties
                            .get(name)
                            .is_some_and(|schema| fits(schema, document, value))
                    })
                })
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            all("enum").is_none_or(|words| words.contains(value))
        }
    }
}
