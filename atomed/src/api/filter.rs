//! `where` and `order`: conditions on particles, and the order of their values.

use std::cmp::Ordering;

use atome_proto::value::{Number, Value};
use atome_proto::{Code, Problem};
use serde_json::Value as Json;

/// What a condition compares with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Contains,
}

/// Two characters before one, so that `<=` is not `<` and a value that begins with `=`.
const OPS: &[(&str, Op)] = &[
    ("!=", Op::NotEqual),
    ("<=", Op::LessOrEqual),
    (">=", Op::GreaterOrEqual),
    ("=", Op::Equal),
    ("<", Op::Less),
    (">", Op::Greater),
    ("~", Op::Contains),
];

/// One condition: `key OP value`.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    key: String,
    op: Op,
    value: Value,
    /// Its place in an order.
    place: SortKey,
    /// What `~` looks for, in lower case.
    needle: String,
}

impl Condition {
    /// Reads a condition; the value is JSON if it parses as JSON, else a text.
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        let bad = |why: String| {
            Problem::new(Code::BadRequest, why)
                .hint("write KEY OP VALUE, such as population>=100000; OP is = != < <= > >= ~")
        };
        let (at, (sign, op)) = text
            .char_indices()
            .find_map(|(at, _)| {
                let rest = text.get(at..)?;
                Some((at, OPS.iter().find(|(sign, _)| rest.starts_with(sign))?))
            })
            .ok_or_else(|| bad(format!("'{text}' has no operator")))?;
        let key = text.get(..at).unwrap_or_default().trim();
        let value = text.get(at + sign.len()..).unwrap_or_default().trim();
        if key.is_empty() {
            return Err(bad(format!("'{text}' names no particle")));
        }
        let needle = match Value::parse(value) {
            Ok(parsed) => parsed.to_text().unwrap_or_else(|| value.to_owned()),
            Err(_) => value.to_owned(),
        };
        let value = Value::parse(value).unwrap_or_else(|_| Value::from_text(value));
        Ok(Self {
            key: key.to_owned(),
            op: *op,
            place: SortKey::of(Some(&value)),
            value,
            needle: needle.to_lowercase(),
        })
    }

    /// The particle that it is about.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Whether it holds of the particle's value. One without a value is unlike every value, and neither less nor
    /// greater.
    pub(super) fn holds(&self, value: Option<&Value>) -> bool {
        let Some(value) = value else {
            return self.op == Op::NotEqual;
        };
        match self.op {
            Op::Equal => *value == self.value,
            Op::NotEqual => *value != self.value,
            Op::Contains => {
                let text = value.to_text().unwrap_or_else(|| value.as_str().to_owned());
                text.to_lowercase().contains(&self.needle)
            }
            Op::Less => self.compare(value) == Some(Ordering::Less),
            Op::Greater => self.compare(value) == Some(Ordering::Greater),
            Op::LessOrEqual => {
                matches!(self.compare(value), Some(Ordering::Less | Ordering::Equal))
            }
            Op::GreaterOrEqual => matches!(
                self.compare(value),
                Some(Ordering::Greater | Ordering::Equal)
            ),
        }
    }

    /// Numbers with numbers, texts with texts; nothing else has an order.
    fn compare(&self, value: &Value) -> Option<Ordering> {
        let (is, than) = (SortKey::of(Some(value)), &self.place);
        let alike = matches!(
            (&is, than),
            (SortKey::Number(_), SortKey::Number(_)) | (SortKey::Text(_), SortKey::Text(_))
        );
        alike.then(|| is.cmp(than))
    }
}

/// A value as something to sort by: what has no value last, and kinds of values one after the other.
#[derive(Clone, Debug)]
pub(super) enum SortKey {
    Null,
    Bool(bool),
    Number(Number),
    Text(Box<str>),
    Other(Box<str>),
    Absent,
}

/// So much of a text decides its place; what is longer and alike so far is sorted by id.
const SORT_LEN_MAX: usize = 256;

impl SortKey {
    /// The key of a value.
    pub(super) fn of(value: Option<&Value>) -> Self {
        let Some(value) = value else {
            return Self::Absent;
        };
        if let Some(number) = value.to_number() {
            return Self::Number(number);
        }
        match value.to_json() {
            Json::Null => Self::Null,
            Json::Bool(is) => Self::Bool(is),
            Json::String(text) => Self::Text(cut(&text)),
            Json::Number(_) | Json::Array(_) | Json::Object(_) => Self::Other(cut(value.as_str())),
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Bool(_) => 1,
            Self::Number(_) => 2,
            Self::Text(_) => 3,
            Self::Other(_) => 4,
            Self::Absent => 5,
        }
    }
}

fn cut(text: &str) -> Box<str> {
    let mut end = text.len().min(SORT_LEN_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default().into()
}

impl Ord for SortKey {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Number(Number::Whole(a)), Self::Number(Number::Whole(b))) => a.cmp(b),
            (Self::Number(a), Self::Number(b)) => a.as_f64().total_cmp(&b.as_f64()),
            (Self::Text(a), Self::Text(b)) | (Self::Other(a), Self::Other(b)) => a.cmp(b),
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }
}

impl PartialOrd for SortKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for SortKey {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for SortKey {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn a_condition_holds_or_not() {
        let particles = BTreeMap::from([
            ("name", r#""Zürich""#),
            ("population", "421878"),
            ("capital", "false"),
            ("languages", r#"["de","en"]"#),
            ("code", r#""41""#),
        ]);
        let holds = |text: &str| {
            let condition = Condition::parse(text).unwrap();
            let value = particles.get(condition.key());
            condition.holds(value.map(|text| Value::parse(text).unwrap()).as_ref())
        };
        for yes in [
            "name=Zürich",
            "name = \"Zürich\"",
            "name~züRI",
            "population=421878",
            "population>=421878",
            "population>1e5",
            "population != 1",
            "name<zz",
            "languages~\"en\"",
            "capital=false",
            "nothing!=1",
            "code=\"41\"",
        ] {
            assert!(holds(yes), "{yes}");
        }
        for no in [
            "name=zürich",
            "name>5",
            "population<5",
            "population<\"z\"",
            "nothing=null",
            "nothing<1",
            "nothing~a",
            "code=41",
            "capital<=true",
        ] {
            assert!(!holds(no), "{no}");
        }
        for bad in ["", "name", "=1", "  <2"] {
            assert_eq!(Condition::parse(bad).unwrap_err().code, Code::BadRequest);
        }
    }

    #[test]
    fn values_sort_by_kind_then_value() {
        let texts = [
            "null", "false", "true", "-1", "2", "2.5", "\"a\"", "\"b\"", "[1]",
        ];
        let keys: Vec<SortKey> = texts
            .iter()
            .map(|text| SortKey::of(Some(&Value::parse(text).unwrap())))
            .chain([SortKey::of(None)])
            .collect();
        assert!(keys.is_sorted());
        assert!(keys.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
