//! The query of a request: only what its route knows, each at most once, of the right kind.

use std::collections::BTreeMap;

use atome_proto::Problem;

use super::route::{Kind, Parameter, bad_request};

/// The values of a route's query parameters.
#[derive(Debug, Default)]
pub struct Query {
    texts: BTreeMap<&'static str, String>,
    wholes: BTreeMap<&'static str, u64>,
}

impl Query {
    /// Understands a query.
    ///
    /// # Errors
    ///
    /// `bad_request`, for the first thing found wrong.
    pub fn read(text: &str, parameters: &'static [Parameter]) -> Result<Self, Problem> {
        let mut query = Self::default();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let Some(parameter) = parameters.iter().find(|known| known.name == name) else {
                return Err(unknown(parameters));
            };
            let name = parameter.name;
            let is_second = match parameter.kind {
                Kind::Text { max, .. } => {
                    if value.chars().nth(max).is_some() {
                        return Err(bad_request(format!(
                            "{name} has more than {max} characters"
                        )));
                    }
                    query.texts.insert(name, value.into_owned()).is_some()
                }
                Kind::Whole { min, max, .. } => {
                    let whole = whole(&value).filter(|whole| (min..=max).contains(whole));
                    let whole = whole.ok_or_else(|| {
                        bad_request(format!("{name} is a whole number from {min} to {max}"))
                    })?;
                    query.wholes.insert(name, whole).is_some()
                }
            };
            if is_second {
                return Err(bad_request(format!("{name} is given twice")));
            }
        }
        for parameter in parameters {
            if let Kind::Whole { default, .. } = parameter.kind {
                query.wholes.entry(parameter.name).or_insert(default);
            }
        }
        Ok(query)
    }

    /// The value of a text, where it is given.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str)
    }

    /// The value of a whole number, or its default.
    #[must_use]
    pub fn whole(&self, name: &str) -> u64 {
        self.wholes.get(name).copied().unwrap_or_default()
    }
}

fn whole(text: &str) -> Option<u64> {
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| text.parse().ok())?
}

fn unknown(parameters: &[Parameter]) -> Problem {
    let names: Vec<_> = parameters.iter().map(|parameter| parameter.name).collect();
    let hint = if names.is_empty() {
        "leave out what comes after the ?".to_owned()
    } else {
        format!("there are {}", names.join(", "))
    };
    bad_request("there is a query parameter that this path does not know").hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMETERS: &[Parameter] = &[
        Parameter {
            name: "find",
            what: "",
            kind: Kind::Text {
                max: 4,
                pattern: None,
            },
        },
        Parameter {
            name: "limit",
            what: "",
            kind: Kind::Whole {
                min: 1,
                max: 9,
                default: 5,
            },
        },
    ];

    #[test]
    fn what_is_right_is_taken() {
        let query = Query::read("find=%C3%A9+&limit=09", PARAMETERS).unwrap();
        assert_eq!((query.text("find"), query.whole("limit")), (Some("é "), 9));
        let query = Query::read("", PARAMETERS).unwrap();
        assert_eq!((query.text("find"), query.whole("limit")), (None, 5));
    }

    #[test]
    fn what_is_wrong_is_refused() {
        for (text, part) in [
            ("colour=red", "does not know"),
            ("FIND=a", "does not know"),
            ("find=a&find=a", "twice"),
            ("limit=1&limit=2", "twice"),
            ("find=abcde", "4 characters"),
            ("limit=0", "from 1 to 9"),
            ("limit=10", "from 1 to 9"),
            ("limit=%2B5", "from 1 to 9"),
            ("limit=-1", "from 1 to 9"),
            ("limit=", "from 1 to 9"),
            ("limit", "from 1 to 9"),
            ("limit=99999999999999999999999", "from 1 to 9"),
        ] {
            let problem = Query::read(text, PARAMETERS).unwrap_err();
            assert!(problem.detail.contains(part), "{text}: {problem}");
        }
    }
}
