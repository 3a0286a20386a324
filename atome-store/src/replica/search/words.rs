//! What to search for, and what is searched: words, as people write them.

use std::fmt::Write;

use atome_proto::value::Value;
use serde_json::Value as Json;

/// Stands between the texts of an atome, so that no phrase goes from one into the next: a word of its own, that
/// nobody writes and nobody can search for.
const BETWEEN: &str = " \u{e000} ";
/// Most words and phrases of a search: far more than anyone types, and few enough to be looked up at once.
const TERMS_MAX: usize = 64;

/// Why a text cannot be searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadWords {
    /// No word stands in it.
    #[error("there is no word to search for")]
    NoWord,
    /// Too many words stand in it.
    #[error("there are more than {TERMS_MAX} words to search for")]
    TooMany,
}

/// Words to search for, all of which must be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// An expression of FTS5 in which each word is quoted: whatever was written, it is well formed.
    expression: String,
}

impl Words {
    /// Reads what a person writes: words, with `*` at the end of one whose beginning is meant, and phrases in
    /// double quotes, whose words stand next to each other. A word with punctuation within is a phrase.
    ///
    /// # Errors
    ///
    /// [`BadWords`].
    pub fn parse(text: &str) -> Result<Self, BadWords> {
        let mut expression = String::new();
        let mut terms = 0;
        for (term, begins) in split(text) {
            if !term.chars().any(char::is_alphanumeric) {
                continue;
            }
            terms += 1;
            if terms > TERMS_MAX {
                return Err(BadWords::TooMany);
            }
            let star = if begins { " *" } else { "" };
            // Writing to a String cannot fail.
            let _ = write!(expression, "\"{term}\"{star} ");
        }
        if terms == 0 {
            return Err(BadWords::NoWord);
        }
        Ok(Self { expression })
    }

    /// The same for FTS5.
    pub(super) fn expression(&self) -> &str {
        &self.expression
    }
}

/// Words and phrases, none with a quote or a control character in it, and whether each is only a beginning.
fn split(text: &str) -> Vec<(String, bool)> {
    let mut terms = vec![];
    // What stands between the first quote and the second is a phrase, and so on; the last may have no end.
    for (place, part) in text.split('"').enumerate() {
        let part = part.replace(|c: char| c.is_control() || c == '\u{e000}', " ");
        if place % 2 == 1 {
            terms.push((part, false));
            continue;
        }
        let rest = part.trim_start_matches('*');
        if let (Some((_, begins)), true) = (terms.last_mut(), rest.len() < part.len()) {
            *begins = true;
        }
        for word in rest.split_whitespace() {
            let stem = word.trim_end_matches('*');
            terms.push((stem.to_owned(), stem.len() < word.len()));
        }
    }
    terms
}

/// Adds the texts of a value: itself, where it is one, or those in a list or an object.
pub(super) fn add_texts(value: &Value, to: &mut String) {
    if value.as_str().starts_with(['"', '[', '{']) {
        add(&value.to_json(), to);
    }
}

fn add(json: &Json, to: &mut String) {
    match json {
        Json::String(text) => {
            if !to.is_empty() {
                to.push_str(BETWEEN);
            }
            to.push_str(text);
        }
        Json::Array(items) => items.iter().for_each(|item| add(item, to)),
        Json::Object(members) => members.values().for_each(|member| add(member, to)),
        Json::Null | Json::Bool(_) | Json::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_becomes_an_expression() {
        for (text, expression) in [
            ("bread", r#""bread" "#),
            (" Zürich  lim* ", r#""Zürich" "lim" * "#),
            (r#""to the lake" ferry"#, r#""to the lake" "ferry" "#),
            (r#""to the la"* x"#, r#""to the la" * "x" "#),
            (r#"open "end"#, r#""open" "end" "#),
            ("rock & roll - *", r#""rock" "roll" "#),
            ("a AND NOT b OR c:d^", r#""a" "AND" "NOT" "b" "OR" "c:d^" "#),
            ("nul\0in\u{e000}it", r#""nul" "in" "it" "#),
        ] {
            assert_eq!(Words::parse(text).unwrap().expression, expression, "{text}");
        }
        for none in ["", " ", "*", "\"\"", "- & !", "\u{e000}"] {
            assert_eq!(Words::parse(none), Err(BadWords::NoWord), "{none:?}");
        }
        let many = "a ".repeat(TERMS_MAX);
        assert!(Words::parse(&many).is_ok());
        assert_eq!(Words::parse(&(many + "b")), Err(BadWords::TooMany));
    }

    #[test]
    fn the_texts_of_a_value() {
        for (json, texts) in [
            (r#""a \"b\"""#, "a \"b\""),
            (r#"["a",1,{"k":"b"},[null,"c"]]"#, "a \u{e000} b \u{e000} c"),
            ("12", ""),
            ("null", ""),
        ] {
            let mut found = String::new();
            add_texts(&Value::parse(json).unwrap(), &mut found);
            assert_eq!(found, texts, "{json}");
        }
    }
}
