//! The parameters of a request: each known, each at most once unless it may repeat, each well formed.

use std::collections::BTreeMap;
use std::str::FromStr;

use atome_proto::{Code, Problem};

/// The parameters of one request, by name. What a handler does not take is unknown, and refused.
#[derive(Debug, Default)]
pub(super) struct Query(BTreeMap<String, Vec<String>>);

impl Query {
    /// Reads the query of a request.
    pub(super) fn parse(text: Option<&str>) -> Self {
        let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(text.unwrap_or_default().as_bytes()) {
            values
                .entry(name.into_owned())
                .or_default()
                .push(value.into_owned());
        }
        Self(values)
    }

    /// Takes a parameter that may stand several times.
    pub(super) fn all(&mut self, name: &str) -> Vec<String> {
        self.0.remove(name).unwrap_or_default()
    }

    /// Takes a parameter that may stand once.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let mut values = self.all(name);
        let value = values.pop();
        if values.is_empty() {
            Ok(value)
        } else {
            Err(bad(format!("the parameter '{name}' stands more than once")))
        }
    }

    /// Takes a number.
    pub(super) fn number<N: FromStr>(&mut self, name: &str) -> Result<Option<N>, Problem> {
        let parse = |text: String| {
            text.parse().map_err(|_| {
                bad(format!(
                    "the parameter '{name}' is no number in range: {text}"
                ))
            })
        };
        self.text(name)?.map(parse).transpose()
    }

    /// Takes a yes or no; no where it is absent.
    pub(super) fn flag(&mut self, name: &str) -> Result<bool, Problem> {
        match self.text(name)?.as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(other) => Err(bad(format!(
                "the parameter '{name}' is true or false, not '{other}'"
            ))),
        }
    }

    /// Refuses what nobody took.
    pub(super) fn done(self) -> Result<(), Problem> {
        match self.0.into_keys().next() {
            None => Ok(()),
            Some(name) => Err(bad(format!("the parameter '{name}' is not known here"))
                .hint("docs/local-api.md lists the parameters of each request")),
        }
    }
}

fn bad(detail: String) -> Problem {
    Problem::new(Code::BadRequest, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_all_must_be_known() {
        let mut query = Query::parse(Some("where=a%3D1&where=b%20c&limit=3&deleted=true&x=+"));
        assert_eq!(query.all("where"), ["a=1", "b c"]);
        assert_eq!(query.number::<u64>("limit").unwrap(), Some(3));
        assert!(query.flag("deleted").unwrap());
        assert!(!query.flag("absent").unwrap());
        assert_eq!(query.done().unwrap_err().code, Code::BadRequest);
        let mut query = Query::parse(Some("limit=x&a=1&a=2&deleted=yes"));
        assert!(query.number::<u64>("limit").is_err());
        assert!(query.text("a").is_err() && query.flag("deleted").is_err());
        assert!(Query::parse(None).done().is_ok());
    }
}
