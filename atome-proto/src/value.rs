//! Particle values: JSON in one canonical form.
//!
//! Equal values have equal bytes, on every machine: object keys sorted and unique, no white space,
//! the shortest escapes, numbers in one spelling. Numbers are 64-bit integers or IEEE 754 doubles; a
//! double that is a whole number below 2^53 is spelled as an integer, so `1.0` is `1`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::Value as Json;
use serde_json::value::RawValue;

use crate::limit::{NESTING_MAX, VALUE_LEN_MAX};

/// A JSON value as its canonical text.
#[derive(Clone, Serialize)]
#[serde(transparent)]
pub struct Value(Box<RawValue>);

/// Why a text is no value.
#[derive(Debug, thiserror::Error)]
pub enum BadValue {
    /// The text is not JSON.
    #[error("the value is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The value is longer than [`VALUE_LEN_MAX`].
    #[error("the value has {0} bytes; at most {VALUE_LEN_MAX} are allowed")]
    TooLong(usize),
    /// The value nests deeper than [`NESTING_MAX`].
    #[error("the value nests deeper than {NESTING_MAX} levels")]
    TooDeep,
    /// An object has a key that the parser takes for a word of its own.
    #[error("the value has the key '{PARSERS_OWN}', which cannot be kept")]
    Key,
}

/// The key that `serde_json` takes for its own where it stands first: an object with it does not read as it was
/// written.
const PARSERS_OWN: &str = "$serde_json::private::RawValue";

impl Value {
    /// Reads JSON text into canonical form.
    ///
    /// # Errors
    ///
    /// [`BadValue`] where the text is not JSON, or beyond the limits.
    pub fn parse(text: &str) -> Result<Self, BadValue> {
        Self::from_raw(RawValue::from_string(text.to_owned())?)
    }

    fn from_raw(raw: Box<RawValue>) -> Result<Self, BadValue> {
        let text = raw.get();
        if text.len() > VALUE_LEN_MAX {
            return Err(BadValue::TooLong(text.len()));
        }
        if is_plainly_canonical(text) {
            return Ok(Self(raw));
        }
        Self::from_json(serde_json::from_str(text)?)
    }

    /// Brings a parsed JSON value into canonical form.
    ///
    /// # Errors
    ///
    /// [`BadValue`] where the value is beyond the limits.
    pub fn from_json(mut json: Json) -> Result<Self, BadValue> {
        canonicalise(&mut json, 0)?;
        let raw = serde_json::value::to_raw_value(&json)?;
        if raw.get().len() > VALUE_LEN_MAX {
            return Err(BadValue::TooLong(raw.get().len()));
        }
        Ok(Self(raw))
    }

    /// A value of a text that was just made: it is JSON.
    fn made(text: String) -> Self {
        Self(RawValue::from_string(text).unwrap_or_default())
    }

    /// A number as a value; not-a-number and the infinities, which JSON lacks, become `null`.
    #[must_use]
    pub fn from_number(number: Number) -> Self {
        Self::made(number.to_string())
    }

    /// A truth as a value.
    #[must_use]
    pub fn of_bool(truth: bool) -> Self {
        Self::made(truth.to_string())
    }

    /// A text as a value.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        Self::made(Json::from(text).to_string())
    }

    /// The canonical text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The parsed value.
    #[must_use]
    pub fn to_json(&self) -> Json {
        serde_json::from_str(self.as_str()).unwrap_or_default()
    }

    /// The string that the value is, if it is one.
    #[must_use]
    pub fn to_text(&self) -> Option<String> {
        self.as_str()
            .starts_with('"')
            .then(|| serde_json::from_str(self.as_str()).ok())?
    }

    /// The number that the value is, if it is one.
    #[must_use]
    pub fn to_number(&self) -> Option<Number> {
        Number::parse(self.as_str())
    }
}

/// A number that a counter can hold: whole while it fits 64 bits, else a double.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// A whole number.
    Whole(i64),
    /// A double that is no whole number below 2^53.
    Double(f64),
}

impl Number {
    /// Zero.
    pub const ZERO: Self = Self::Whole(0);

    /// Reads a JSON number, if the text is one and finite.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::of_json(&serde_json::from_str(text).ok()?)
    }

    fn of_json(number: &serde_json::Number) -> Option<Self> {
        number
            .as_i64()
            .map(Self::Whole)
            .or_else(|| number.as_f64().map(Self::of_double))
    }

    fn of_double(double: f64) -> Self {
        whole(double).map_or(Self::Double(double), Self::Whole)
    }

    /// The sum; whole numbers stay whole while they fit, and become a double beyond.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        if let (Self::Whole(a), Self::Whole(b)) = (self, other)
            && let Some(sum) = a.checked_add(b)
        {
            return Self::Whole(sum);
        }
        Self::of_double(self.as_f64() + other.as_f64())
    }

    /// The nearest double.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        reason = "the nearest double is what is asked for"
    )]
    pub fn as_f64(self) -> f64 {
        match self {
            Self::Whole(whole) => whole as f64,
            Self::Double(double) => double,
        }
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Whole(whole) => serializer.serialize_i64(*whole),
            Self::Double(double) => serializer.serialize_f64(*double),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = serde_json::Number::deserialize(deserializer)?;
        Self::of_json(&number).ok_or_else(|| de::Error::custom("a finite number was expected"))
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(whole) => whole.fmt(f),
            Self::Double(double) => Json::from(*double).fmt(f),
        }
    }
}

/// The integer that a double below 2^53 spells.
#[expect(
    clippy::cast_possible_truncation,
    reason = "below 2^53 and whole: nothing to truncate"
)]
fn whole(double: f64) -> Option<i64> {
    const SAFE: f64 = 9_007_199_254_740_992.0;
    (double.abs() < SAFE && double.fract() == 0.0).then_some(double as i64)
}

fn canonicalise(json: &mut Json, depth: usize) -> Result<(), BadValue> {
    match json {
        Json::Null | Json::Bool(_) | Json::String(_) => {}
        Json::Number(number) => {
            if let Some(whole) = number.as_f64().filter(|_| number.is_f64()).and_then(whole) {
                *number = whole.into();
            }
        }
        Json::Array(_) | Json::Object(_) if depth == NESTING_MAX => return Err(BadValue::TooDeep),
        Json::Array(items) => {
            for item in items {
                canonicalise(item, depth + 1)?;
            }
        }
        Json::Object(members) => {
            if members.contains_key(PARSERS_OWN) {
                return Err(BadValue::Key);
            }
            for member in members.values_mut() {
                canonicalise(member, depth + 1)?;
            }
        }
    }
    Ok(())
}

/// Sees at a glance that a text, which is JSON, is canonical: short integers, literals, strings without `\u`,
/// nothing between them, keys that need no escape in their order. Most values are, and need no second parse.
fn is_plainly_canonical(text: &str) -> bool {
    after_plain(text.as_bytes(), 0).is_some_and(<[u8]>::is_empty)
}

/// What follows a value that is plainly canonical; `None` where it may not be.
fn after_plain(text: &[u8], depth: usize) -> Option<&[u8]> {
    match text {
        [b'"', rest @ ..] => after_string(rest),
        [b'[', b']', rest @ ..] | [b'{', b'}', rest @ ..] if depth < NESTING_MAX => Some(rest),
        [b'[', rest @ ..] if depth < NESTING_MAX => {
            let mut rest = after_plain(rest, depth + 1)?;
            while let [b',', next @ ..] = rest {
                rest = after_plain(next, depth + 1)?;
            }
            rest.strip_prefix(b"]")
        }
        [b'{', rest @ ..] if depth < NESTING_MAX => after_members(rest, depth + 1),
        [b'-' | b'0'..=b'9', ..] => after_integer(text),
        _ => [b"null".as_slice(), b"true", b"false"]
            .into_iter()
            .find_map(|literal| text.strip_prefix(literal)),
    }
}

fn after_string(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text;
    loop {
        let plain = |b: &u8| *b >= 0x20 && *b != b'"' && *b != b'\\';
        let end = rest.iter().position(|b| !plain(b))?;
        match rest.get(end..)? {
            [b'"', rest @ ..] => return Some(rest),
            [
                b'\\',
                b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't',
                after @ ..,
            ] => rest = after,
            _ => return None,
        }
    }
}

fn after_members(text: &[u8], depth: usize) -> Option<&[u8]> {
    let (mut rest, mut before) = (text, None);
    loop {
        let name = rest.strip_prefix(b"\"")?;
        let after = after_string(name)?;
        let name = name.get(..name.len().checked_sub(after.len() + 1)?)?;
        // The order is that of what escapes stand for; the parser's own key is for the parser to see.
        let is_plain = !name.contains(&b'\\') && name != PARSERS_OWN.as_bytes();
        if !is_plain || before.is_some_and(|before| before >= name) {
            return None;
        }
        before = Some(name);
        rest = after_plain(after.strip_prefix(b":")?, depth)?;
        match rest {
            [b',', next @ ..] => rest = next,
            _ => return rest.strip_prefix(b"}"),
        }
    }
}

fn after_integer(text: &[u8]) -> Option<&[u8]> {
    /// As many digits as every double below 2^53 can have, and one less.
    const DIGITS_MAX: usize = 15;
    if let [b'0', rest @ ..] = text {
        return Some(rest);
    }
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let len = digits.iter().take_while(|b| b.is_ascii_digit()).count();
    let plain = (1..=DIGITS_MAX).contains(&len) && digits.first() != Some(&b'0');
    plain.then(|| digits.get(len..))?
}

/// Values may be anything that a person keeps; a debug print must not carry them into a log.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({} bytes)", self.as_str().len())
    }
}

/// Canonical texts are equal where the values are.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Value {}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::from_raw(raw).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parsers_own_key_is_not_kept() {
        for text in [
            r#"{"$a":1,"$serde_json::private::RawValue":1}"#,
            r#"{"a":1.0,"$serde_json::private::RawValue":-0.1}"#,
            r#"[{"$a":{"$":1,"$serde_json::private::RawValue":2}}]"#,
        ] {
            assert!(matches!(Value::parse(text), Err(BadValue::Key)), "{text}");
        }
        // Where it stands first the parser reads what the text in it says, or nothing.
        let first = Value::parse(r#"{"$serde_json::private::RawValue":"[1]"}"#);
        assert_eq!(first.unwrap().as_str(), "[1]");
        Value::parse(r#"{"$serde_json::private::RawValue":1}"#).unwrap_err();
        let text = r#""$serde_json::private::RawValue""#;
        assert_eq!(
            Value::parse(text).unwrap().as_str(),
            text,
            "as a value it is a text"
        );
    }
    use proptest::prelude::*;

    fn canonical(text: &str) -> String {
        Value::parse(text).unwrap().as_str().to_owned()
    }

    #[test]
    fn one_spelling_a_value() {
        assert_eq!(
            canonical(r#"{"b":1.0,"a":[ 1e2, -0.0 ]}"#),
            r#"{"a":[100,0],"b":1}"#
        );
        assert_eq!(canonical(r#""é\n\/""#), r#""é\n/""#);
        assert_eq!(canonical("18446744073709551615"), "18446744073709551615");
        assert_eq!(canonical("0.1"), "0.1");
        assert_eq!(canonical(" -7 "), "-7");
        assert_eq!(canonical("-0"), "0");
    }

    #[test]
    fn what_is_beyond_the_limits_is_refused() {
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(Value::parse(&deep(NESTING_MAX)).is_ok());
        assert!(matches!(
            Value::parse(&deep(NESTING_MAX + 1)),
            Err(BadValue::TooDeep)
        ));
        let long = format!("\"{}\"", "a".repeat(VALUE_LEN_MAX));
        assert!(matches!(Value::parse(&long), Err(BadValue::TooLong(_))));
        assert!(matches!(Value::parse("{"), Err(BadValue::Json(_))));
        assert!(matches!(
            Value::parse(r#""\ud800""#),
            Err(BadValue::Json(_))
        ));
    }

    #[test]
    fn a_debug_print_does_not_show_the_value() {
        assert_eq!(
            format!("{:?}", Value::from_text("secret")),
            "Value(8 bytes)"
        );
    }

    #[test]
    fn sums_stay_whole_while_they_fit() {
        let sum = |a: &str, b: &str| {
            Number::parse(a)
                .unwrap()
                .plus(Number::parse(b).unwrap())
                .to_string()
        };
        assert_eq!(sum("1", "2"), "3");
        assert_eq!(sum("0.5", "0.5"), "1");
        assert_eq!(
            sum("9223372036854775807", "1"),
            Json::from(2f64.powi(63)).to_string()
        );
        assert_eq!(Number::parse("\"1\""), None);
    }

    #[test]
    fn most_values_are_seen_to_be_canonical() {
        for text in [
            "0",
            "-12",
            "999999999999999",
            "null",
            "[]",
            r#"["a b","é\n\"",[1,{}]]"#,
            r#"{"a":[true,false],"b":{"a":1}}"#,
        ] {
            assert!(is_plainly_canonical(text), "{text}");
        }
        for text in [
            "1000000000000000",
            "-0",
            "1.5",
            "[1, 2]",
            r#"{"b":1,"a":2}"#,
        ] {
            assert!(!is_plainly_canonical(text), "{text}");
        }
    }

    /// JSON in spellings that are canonical, and in others.
    fn spelled() -> impl Strategy<Value = String> {
        let leaf = prop::sample::select(vec![
            "0",
            "-0",
            "7",
            "-7",
            "1.0",
            "1e2",
            "0.5",
            "999999999999999",
            "9007199254740993",
            "null",
            "true",
            "false",
            " 1 ",
            r#""""#,
            r#""a""#,
            r#""\n\\\"""#,
            r#""\/""#,
            r#""\u000a""#,
            r#""\u0041é""#,
            "[]",
            "{}",
            "[ ]",
        ]);
        let key = prop::sample::select(vec!["a", "b", "é", r"\n", r"\u0061", "z", ""]);
        leaf.prop_map(str::to_owned)
            .prop_recursive(4, 24, 4, move |inner| {
                let member =
                    (key.clone(), inner.clone()).prop_map(|(key, it)| format!("\"{key}\":{it}"));
                prop_oneof![
                    prop::collection::vec(inner, 0..4)
                        .prop_map(|items| format!("[{}]", items.join(","))),
                    prop::collection::vec(member, 0..4)
                        .prop_map(|all| format!("{{{}}}", all.join(","))),
                ]
            })
    }

    proptest! {
        #[test]
        fn canonical_text_is_a_fixed_point(number: f64, text: String, whole: i64) {
            for json in [Json::from(number), Json::from(text), Json::from(whole)] {
                let once = Value::from_json(json).unwrap();
                prop_assert_eq!(&Value::parse(once.as_str()).unwrap(), &once);
                prop_assert_eq!(&Value::from_json(once.to_json()).unwrap(), &once);
            }
        }

        #[test]
        fn what_is_taken_at_a_glance_is_what_a_parse_makes(text in spelled()) {
            let json: Json = serde_json::from_str(&text).unwrap();
            let parsed = Value::from_json(json).unwrap();
            prop_assert_eq!(canonical(&text), parsed.as_str());
        }
    }
}
