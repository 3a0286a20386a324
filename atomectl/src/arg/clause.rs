//! What `--where` takes: `key OP value`, with `=`, `!=`, `<`, `<=`, `>`, `>=` or `~`.
//!
//! Only the form is checked here, so that a slip shows before the daemon is asked; what it means is the
//! daemon's to say.

use std::str::FromStr;

/// One condition, as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Clause(pub(crate) String);

/// A text that is no condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write 'key OP value' with one of = != < <= > >= ~, such as 'population>1000000'")]
pub(crate) struct BadClause;

impl FromStr for Clause {
    type Err = BadClause;

    fn from_str(text: &str) -> Result<Self, BadClause> {
        let operators = ["!=", "<=", ">=", "=", "<", ">", "~"];
        let begins = |rest: &str| operators.iter().any(|each| rest.starts_with(each));
        let mut places = text.char_indices();
        let at = places
            .find(|(at, _)| text.get(*at..).is_some_and(begins))
            .map(|(at, _)| at);
        let key = at.and_then(|at| text.get(..at)).ok_or(BadClause)?;
        if key.trim().is_empty() {
            return Err(BadClause);
        }
        Ok(Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_checked_and_the_text_kept() {
        for right in [
            "a=1",
            "a = 1",
            "a!=x",
            "a<1",
            "a <= 1",
            "a>1",
            "a>=1",
            "a~x",
            "a=",
            "a.b = c=d",
            "a!b=1",
        ] {
            assert_eq!(right.parse(), Ok(Clause(right.to_owned())));
        }
        for wrong in ["", "a", "=1", " = 1", "a!1", "a 1"] {
            assert_eq!(wrong.parse::<Clause>(), Err(BadClause), "{wrong}");
        }
    }
}
