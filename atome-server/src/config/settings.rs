//! Settings as they are written: by key, each with its place, not yet understood.

use std::collections::BTreeMap;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Environment;
use super::problem::{ConfigError, Place};

/// What an override in the environment begins with.
pub(super) const PREFIX: &str = "ATOME_SERVER_";

/// A value as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Raw {
    /// A string, or any value from the environment.
    Text(String),
    /// An integer in a file.
    Whole(i64),
    /// A value of a kind that no key takes.
    Other(&'static str),
}

/// One setting.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) value: Raw,
    pub(super) place: Place,
}

/// Every setting by its dotted key, and every section that is named.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) keys: BTreeMap<String, Setting>,
    pub(super) sections: BTreeMap<String, Place>,
}

impl Settings {
    /// Takes in the text of a file.
    pub(super) fn read_text(&mut self, file: &Path, text: &str) -> Result<(), ConfigError> {
        let table = DeTable::parse(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start);
            wrong(
                Place::File(file.to_owned(), line_of(text, at)),
                format!("this is not TOML: {}", error.message().trim()),
                remedy_for_syntax(error.message()),
            )
        })?;
        self.take_table("", table.get_ref(), &|at| {
            Place::File(file.to_owned(), line_of(text, at))
        });
        Ok(())
    }

    fn take_table(&mut self, above: &str, table: &DeTable<'_>, place: &dyn Fn(usize) -> Place) {
        for (name, value) in table {
            let key = dotted(above, name.get_ref());
            let here = place(name.span().start);
            if let DeValue::Table(inner) = value.get_ref() {
                self.sections.insert(key.clone(), here);
                self.take_table(&key, inner, place);
            } else {
                let value = raw(value);
                self.keys.insert(key, Setting { value, place: here });
            }
        }
    }

    /// Takes in the overrides of the environment.
    pub(super) fn read_environment(&mut self, env: &Environment) {
        for (name, value) in &env.0 {
            let Some(path) = name.strip_prefix(PREFIX) else {
                continue;
            };
            let key = path.to_ascii_lowercase().replace("__", ".");
            let place = Place::Environment(name.clone());
            if let Some((section, _)) = key.rsplit_once('.') {
                self.sections
                    .entry(section.to_owned())
                    .or_insert_with(|| place.clone());
            }
            let value = Raw::Text(value.clone());
            self.keys.insert(key, Setting { value, place });
        }
    }
}

/// Reads the file, whole and of a sensible length.
pub(super) fn text_of(file: &Path) -> Result<String, ConfigError> {
    atome_service::config::read(file).map_err(|error| {
        wrong(
            Place::Whole(file.to_owned()),
            format!("the file cannot be read: {error}"),
            "name a file that is there and that this user may read, with --config",
        )
    })
}

fn wrong(place: Place, why: String, remedy: &str) -> ConfigError {
    ConfigError {
        place,
        key: String::new(),
        why,
        remedy: remedy.to_owned(),
    }
}

/// What is to be written instead of what is no TOML.
fn remedy_for_syntax(message: &str) -> &'static str {
    if message.contains("duplicate key") {
        "keep one of the two"
    } else if message.contains("escape") {
        "write a backslash twice, or put the text in single quotes"
    } else {
        "write `key = \"value\"` lines below `[section]` lines"
    }
}

fn dotted(above: &str, name: &str) -> String {
    if above.is_empty() {
        name.to_owned()
    } else {
        format!("{above}.{name}")
    }
}

fn raw(value: &Spanned<DeValue<'_>>) -> Raw {
    match value.get_ref() {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Integer(whole) => i64::from_str_radix(whole.as_str(), whole.radix())
            .map_or(Raw::Other("a number that is too large"), Raw::Whole),
        DeValue::Float(_) => Raw::Other("a number with a fraction"),
        DeValue::Boolean(_) => Raw::Other("true or false"),
        DeValue::Datetime(_) => Raw::Other("a date"),
        DeValue::Array(_) => Raw::Other("a list"),
        DeValue::Table(_) => Raw::Other("a section"),
    }
}

fn line_of(text: &str, at: usize) -> usize {
    let before = text.as_bytes().iter().take(at);
    before.filter(|byte| **byte == b'\n').count() + 1
}
