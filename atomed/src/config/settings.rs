//! Settings as they are written: dotted keys with their text and their place.
//!
//! Reads TOML and the environment's overrides, and refuses keys that nobody knows. What a value means
//! is not judged here.

use std::collections::BTreeMap;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::{Fault, Faults, Place};
use super::location::Environment;

/// Every key that takes one text.
pub(super) const KEYS: &[&str] = &[
    "profile",
    "state_dir",
    "sandbox",
    "device",
    "durability",
    "directory",
    "local.socket",
    "remote.endpoint",
    "remote.ca_file",
    "secrets.store",
    "log.level",
    "log.format",
];
/// The keys of one entry of `[[access]]`.
const ACCESS_KEYS: &[&str] = &["unix_user", "account"];
/// What overrides begin with: `ATOMED_REMOTE__ENDPOINT` is `remote.endpoint`.
const PREFIX: &str = "ATOMED_";

/// A text and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) text: String,
    pub(super) place: Place,
}

/// One entry of `[[access]]`.
#[derive(Clone, Debug)]
pub(super) struct AccessSetting {
    pub(super) place: Place,
    pub(super) values: BTreeMap<String, Setting>,
}

/// All that was written.
#[derive(Clone, Debug, Default)]
pub(super) struct Settings {
    pub(super) values: BTreeMap<String, Setting>,
    pub(super) access: Vec<AccessSetting>,
    /// The groups that stand in the file.
    pub(super) groups: BTreeMap<String, Place>,
    pub(super) faults: Vec<Fault>,
}

/// Reads the file's text, then the environment over it.
pub(super) fn gather(
    file: Option<&Path>,
    text: &str,
    environment: &Environment,
) -> Result<Settings, Faults> {
    let mut reader = Reader {
        file: file.unwrap_or(Path::new("configuration")),
        text,
        settings: Settings::default(),
    };
    let table = DeTable::parse(text).map_err(|error| Fault {
        place: reader.place(error.span().map_or(0, |span| span.start)),
        key: None,
        why: format!("this is not TOML: {}", error.message()),
        remedy: remedy_for_syntax(error.message()).to_owned(),
    })?;
    reader.table("", table.get_ref());
    reader.environment(environment);
    Ok(reader.settings)
}

struct Reader<'a> {
    file: &'a Path,
    text: &'a str,
    settings: Settings,
}

impl Reader<'_> {
    fn place(&self, offset: usize) -> Place {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
        Place::File(self.file.to_owned(), line)
    }

    fn fault(&mut self, place: Place, key: String, why: impl Into<String>, remedy: String) {
        self.settings.faults.push(Fault {
            place,
            key: Some(key),
            why: why.into(),
            remedy,
        });
    }

    fn table(&mut self, group: &str, table: &DeTable<'_>) {
        for (name, value) in table {
            let place = self.place(name.span().start);
            let key = dotted(group, name.get_ref());
            match value.get_ref() {
                DeValue::String(text) if KEYS.contains(&key.as_str()) => {
                    let text = text.clone().into_owned();
                    self.settings.values.insert(key, Setting { text, place });
                }
                DeValue::Table(inner) if is_group(&key) => {
                    self.settings.groups.insert(key.clone(), place);
                    self.table(&key, inner);
                }
                DeValue::Array(entries) if key == "access" => {
                    for entry in entries.iter() {
                        self.access(entry);
                    }
                }
                DeValue::String(_)
                | DeValue::Integer(_)
                | DeValue::Float(_)
                | DeValue::Boolean(_)
                | DeValue::Datetime(_)
                | DeValue::Array(_)
                | DeValue::Table(_) => self.misfit(place, key),
            }
        }
    }

    /// A key that is unknown, or known and of another shape.
    fn misfit(&mut self, place: Place, key: String) {
        if KEYS.contains(&key.as_str()) {
            let remedy = format!("write {} = \"…\"", last(&key));
            self.fault(place, key, "a text in quotes was expected", remedy);
        } else if key == "access" {
            let remedy = "write [[access]] (two brackets), below it unix_user and account";
            self.fault(
                place,
                key,
                "a list of entries was expected",
                remedy.to_owned(),
            );
        } else if is_group(&key) {
            let remedy = format!("write [{key}], and its keys below it");
            self.fault(place, key, "a group was expected", remedy);
        } else {
            let remedy = remedy_for_unknown(&key);
            self.fault(place, key, "this key is not known", remedy);
        }
    }

    fn access(&mut self, entry: &Spanned<DeValue<'_>>) {
        let place = self.place(entry.span().start);
        let DeValue::Table(table) = entry.get_ref() else {
            return self.misfit(place, "access".to_owned());
        };
        let mut values = BTreeMap::new();
        for (name, value) in table {
            let place = self.place(name.span().start);
            let name = name.get_ref().as_ref();
            let text = match value.get_ref() {
                DeValue::String(text) => Some(text.clone().into_owned()),
                DeValue::Integer(number) => Some(number.to_string()),
                DeValue::Float(_)
                | DeValue::Boolean(_)
                | DeValue::Datetime(_)
                | DeValue::Array(_)
                | DeValue::Table(_) => None,
            };
            let known = ACCESS_KEYS.contains(&name);
            let Some(text) = text.filter(|_| known) else {
                let why = if known {
                    "a text in quotes was expected"
                } else {
                    "this key is not known"
                };
                let remedy = "an entry has unix_user = \"…\" and account = \"…\"".to_owned();
                self.fault(place, dotted("access", name), why, remedy);
                continue;
            };
            values.insert(name.to_owned(), Setting { text, place });
        }
        self.settings.access.push(AccessSetting { place, values });
    }

    fn environment(&mut self, environment: &Environment) {
        for (name, text) in &environment.0 {
            let Some(rest) = name.strip_prefix(PREFIX) else {
                continue;
            };
            let key = rest.to_ascii_lowercase().replace("__", ".");
            let place = Place::Variable(name.clone());
            if KEYS.contains(&key.as_str()) {
                let text = text.clone();
                self.settings.values.insert(key, Setting { text, place });
            } else {
                let remedy = remedy_for_variable(&key);
                self.fault(place, key, "this variable names no key", remedy);
            }
        }
    }
}

fn dotted(group: &str, name: &str) -> String {
    if group.is_empty() {
        name.to_owned()
    } else {
        format!("{group}.{name}")
    }
}

fn last(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

fn is_group(key: &str) -> bool {
    KEYS.iter().any(|known| {
        known
            .strip_prefix(key)
            .is_some_and(|rest| rest.starts_with('.'))
    })
}

/// What is to be written instead of what is no TOML.
fn remedy_for_syntax(message: &str) -> &'static str {
    if message.contains("duplicate key") {
        "keep one of the two"
    } else if message.contains("escape") {
        "write a backslash twice, or put the text in single quotes"
    } else {
        "a setting is written key = \"value\", a group as [group]"
    }
}

/// Letters in which a word may differ from the one that was meant.
const TYPOS_MAX: usize = 2;

/// Names the key that was probably meant, else those that stand there.
fn remedy_for_unknown(key: &str) -> String {
    let name = last(key);
    if let Some(known) = KEYS.iter().find(|known| last(known) == name) {
        return format!("{known} was probably meant");
    }
    let distance = |known: &&&str| strsim::damerau_levenshtein(last(known), name);
    if let Some(known) = KEYS.iter().min_by_key(distance)
        && distance(&known) <= TYPOS_MAX
    {
        return format!("{known} was probably meant");
    }
    let mut groups: Vec<&str> = KEYS
        .iter()
        .filter_map(|known| known.split_once('.'))
        .map(|it| it.0)
        .collect();
    groups.dedup();
    let is_close = |group: &&&str| strsim::damerau_levenshtein(group, name) <= TYPOS_MAX;
    if let Some(group) = groups.iter().find(is_close).filter(|_| !key.contains('.')) {
        return format!("[{group}] was probably meant");
    }
    let group = key.split_once('.').map_or("", |(group, _)| group);
    let here: Vec<&str> = KEYS
        .iter()
        .filter(|known| {
            known
                .split_once('.')
                .is_some_and(|(there, _)| there == group)
        })
        .map(|known| last(known))
        .collect();
    if here.is_empty() {
        format!("remove it; the keys are {}, [[access]]", KEYS.join(", "))
    } else {
        format!("remove it; the keys of [{group}] are {}", here.join(", "))
    }
}

/// Names the variable that was probably meant, else all keys.
fn remedy_for_variable(key: &str) -> String {
    let variable =
        |known: &str| format!("{PREFIX}{}", known.to_ascii_uppercase().replace('.', "__"));
    if key == "access" || key.starts_with("access.") {
        return "write [[access]] in the file: it is a list, and has no variable".to_owned();
    }
    let joined = key.replace('.', "_");
    let is_meant = |known: &&&str| known.replace('.', "_") == joined || last(known) == joined;
    match KEYS.iter().find(is_meant) {
        Some(known) => format!("{} was probably meant", variable(known)),
        None => format!(
            "remove it; the variables are {}",
            KEYS.iter()
                .map(|known| variable(known))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}
