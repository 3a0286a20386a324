//! Canonical values and the numbers of counters.

use atome_proto::Value;
use atome_proto::limit::{NESTING_MAX, VALUE_LEN_MAX};
use atome_proto::value::Number;
use serde_json::Value as Json;

/// Canonical values: one spelling each, within the limits, and numbers that add up.
///
/// # Panics
///
/// Where the decoder breaks a promise.
pub fn value(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(value) = Value::parse(text) else {
        return;
    };
    hold(&value);
    let json: Json = serde_json::from_str(text).expect("a value is JSON");
    let again = Value::from_json(json.clone()).expect("parsed and unparsed agree");
    assert_eq!(again.as_str(), value.as_str());
    let spread = serde_json::to_string_pretty(&json).expect("JSON is written");
    if let Ok(spread) = Value::parse(&spread) {
        assert_eq!(spread.as_str(), value.as_str(), "equal values, equal bytes");
    } else {
        assert!(spread.len() > VALUE_LEN_MAX);
    }
    let wire = serde_json::to_string(&value).expect("a value is written");
    assert_eq!(wire, value.as_str());
    let read: Value = serde_json::from_str(&wire).expect("a value is read");
    assert_eq!(read.as_str(), value.as_str());
    if let Some(number) = value.to_number() {
        count(number);
    }
}

/// What must hold of every value that was taken, wherever it stands.
pub(crate) fn hold(value: &Value) {
    assert!(value.as_str().len() <= VALUE_LEN_MAX, "too long");
    let again = Value::parse(value.as_str()).expect("canonical text is a value");
    assert_eq!(again.as_str(), value.as_str(), "not a fixed point");
    assert!(depth(&value.to_json()) <= NESTING_MAX, "too deep");
}

fn depth(json: &Json) -> usize {
    match json {
        Json::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Json::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => 0,
    }
}

fn count(number: Number) {
    let text = Value::from_number(number);
    let read = text.to_number().expect("a number is a number");
    assert_eq!(read, number, "{}", text.as_str());
    for other in [Number::ZERO, Number::Whole(-1), Number::Double(0.5), number] {
        let (one, two) = (number.plus(other), other.plus(number));
        assert_eq!(
            one.to_string(),
            two.to_string(),
            "sums do not depend on order"
        );
        let sum = Value::from_number(one);
        hold(&sum);
        let finite = one.as_f64().is_finite();
        assert_eq!(sum.to_number().is_some(), finite, "{}", sum.as_str());
    }
}
