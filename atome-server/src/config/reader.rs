//! Reading settings by key: the kinds of values there are, and which keys.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::problem::{ConfigError, Place};
use super::settings::{PREFIX, Raw, Setting, Settings};

/// Every key there is.
pub(super) const KEYS: &[&str] = &[
    "profile",
    "state_dir",
    "listen",
    "sandbox",
    "log_format",
    "log_level",
    "tls.cert_file",
    "tls.key_file",
    "database.url",
    "database.durability",
    "database.feed_days",
    "accounts.registration",
    "accounts.registrations_per_hour",
    "accounts.session_days",
    "accounts.hashes_at_once",
    "accounts.hashes_waiting_max",
    "limits.connections_max",
    "limits.unknown_per_source_max",
    "limits.directory_per_minute",
    "limits.handshake_timeout_s",
    "limits.request_timeout_s",
    "limits.stop_timeout_s",
    "metrics.listen",
];
/// Every section there is.
const SECTIONS: &[&str] = &["tls", "database", "accounts", "limits", "metrics"];

/// Reads settings by key, and gathers what is wrong with them.
pub(super) struct Reader<'a> {
    pub(super) settings: &'a Settings,
    /// Where what is missing should stand.
    pub(super) whole: Place,
    pub(super) errors: Vec<ConfigError>,
}

impl<'a> Reader<'a> {
    pub(super) fn wrong(&mut self, key: &str, why: impl Into<String>, remedy: impl Into<String>) {
        let place = self
            .settings
            .keys
            .get(key)
            .map(|setting| &setting.place)
            .or_else(|| self.settings.sections.get(key))
            .or_else(|| self.settings.sections.get(key.rsplit_once('.')?.0))
            .unwrap_or(&self.whole)
            .clone();
        self.errors.push(ConfigError {
            place,
            key: key.to_owned(),
            why: why.into(),
            remedy: remedy.into(),
        });
    }

    pub(super) fn unknown(&mut self) {
        let settings = self.settings;
        let strange_section = |key: &str| !SECTIONS.contains(&key);
        for section in settings.sections.keys().filter(|key| strange_section(key)) {
            if KEYS.iter().any(|key| key == section) {
                let remedy = format!("write {} = \"…\", and no section", last(section));
                self.wrong(section, "this is a key, not a section", remedy);
            } else {
                self.wrong(section, "there is no such section", remedy_for(section));
            }
        }
        for key in settings.keys.keys() {
            let section = key.rsplit_once('.').map_or("", |(section, _)| section);
            let told_already = !section.is_empty() && strange_section(section);
            if KEYS.contains(&key.as_str()) || told_already {
                continue;
            }
            let why = if SECTIONS.contains(&key.as_str()) {
                "this is a section, not a key"
            } else {
                "there is no such key"
            };
            let remedy = match settings.keys.get(key).map(|setting| &setting.place) {
                Some(Place::Environment(_)) => remedy_for_variable(key),
                Some(Place::File(..) | Place::Whole(_) | Place::Nowhere) | None => remedy_for(key),
            };
            self.wrong(key, why, remedy);
        }
    }

    pub(super) fn setting(&self, key: &str) -> Option<&'a Setting> {
        self.settings.keys.get(key)
    }

    pub(super) fn text(&mut self, key: &str) -> Option<&'a str> {
        match &self.setting(key)?.value {
            Raw::Text(text) if !text.is_empty() => Some(text),
            Raw::Text(_) => {
                let needed = ["listen", "state_dir", "tls.cert_file", "tls.key_file"];
                let remedy = if needed.contains(&key) {
                    "give it a value: it is needed"
                } else {
                    "give it a value, or leave it out"
                };
                self.wrong(key, "it is empty", remedy);
                None
            }
            Raw::Whole(_) => {
                self.wrong(key, "a number stands here", "put the value in quotes");
                None
            }
            Raw::Other(what) => {
                self.wrong(key, format!("{what} stands here"), "give a text in quotes");
                None
            }
        }
    }

    pub(super) fn choice<T: Copy>(&mut self, key: &str, words: &[(&str, T)], default: T) -> T {
        let Some(text) = self.text(key) else {
            return default;
        };
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return *value;
        }
        let list: Vec<String> = words
            .iter()
            .map(|(word, _)| format!("\"{word}\""))
            .collect();
        self.wrong(
            key,
            format!("\"{text}\" is none of its values"),
            format!("write one of {}", list.join(", ")),
        );
        default
    }

    pub(super) fn whole(&mut self, key: &str, range: RangeInclusive<u32>, default: u32) -> u32 {
        let Some(setting) = self.setting(key) else {
            return default;
        };
        let from_environment = matches!(setting.place, Place::Environment(_));
        let whole = match &setting.value {
            Raw::Whole(whole) => u32::try_from(*whole).ok(),
            Raw::Text(text) if from_environment => text.trim().parse().ok(),
            Raw::Text(_) | Raw::Other(_) => None,
        };
        if let Some(whole) = whole.filter(|whole| range.contains(whole)) {
            return whole;
        }
        let (why, more) = match &setting.value {
            Raw::Whole(whole) => (format!("{whole} is out of its range"), ""),
            Raw::Text(text) if from_environment => (format!("\"{text}\" is no whole number"), ""),
            Raw::Text(_) => ("a text stands here".to_owned(), ", without quotes and unit"),
            Raw::Other(what) => (format!("{what} stands here"), ""),
        };
        let (least, most) = (range.start(), range.end());
        self.wrong(
            key,
            why,
            format!("write a whole number from {least} to {most}{more}"),
        );
        default
    }

    pub(super) fn seconds(
        &mut self,
        key: &str,
        range: RangeInclusive<u32>,
        default: u32,
    ) -> Duration {
        Duration::from_secs(self.whole(key, range, default).into())
    }

    /// A path; a relative one is meant from the folder of the file that names it.
    pub(super) fn path(&mut self, key: &str) -> Option<PathBuf> {
        let text = self.text(key)?;
        let folder = match &self.setting(key)?.place {
            Place::File(file, _) => file.parent().unwrap_or(Path::new("")),
            Place::Environment(_) | Place::Whole(_) | Place::Nowhere => Path::new(""),
        };
        Some(folder.join(text))
    }
}

fn last(key: &str) -> &str {
    key.rsplit('.').next().unwrap_or(key)
}

/// Letters in which a word may differ from the one that was meant.
const TYPOS_MAX: usize = 2;

/// What was probably meant: the known word that is next to what was written.
fn meant<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = known.map(|word| (strsim::damerau_levenshtein(last(word), written), word));
    near.min()
        .filter(|(distance, _)| *distance <= TYPOS_MAX)
        .map(|(_, word)| word)
}

/// Names the variable that was probably meant, else says how they are made.
fn remedy_for_variable(key: &str) -> String {
    let joined = key.replace('.', "_");
    let is_meant = |known: &&&str| known.replace('.', "_") == joined || last(known) == joined;
    let known = KEYS.iter().find(is_meant).copied();
    match known.or_else(|| meant(last(key), KEYS.iter().copied())) {
        Some(known) => {
            let name = known.to_ascii_uppercase().replace('.', "__");
            format!("{PREFIX}{name} was probably meant")
        }
        None => format!("remove it; {PREFIX}TLS__CERT_FILE, for example, is [tls] cert_file"),
    }
}

/// Says where the key belongs, if one of the same last name does, or which was meant; else which keys stand
/// there.
fn remedy_for(key: &str) -> String {
    let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
    let last = |known: &&&str| known.rsplit('.').next() == Some(name);
    if let Some(known) = KEYS.iter().find(last)
        && let Some((section, name)) = known.rsplit_once('.')
    {
        return format!("write {name} below [{section}]");
    }
    if KEYS.contains(&name) {
        return format!("write {name} above the first section");
    }
    if SECTIONS.contains(&name) {
        return format!("write [{name}], and its keys below");
    }
    if let Some(known) = meant(name, KEYS.iter().copied()) {
        return format!("{known} was probably meant");
    }
    if let Some(known) = meant(name, SECTIONS.iter().copied()).filter(|_| section.is_empty()) {
        return format!("[{known}] was probably meant");
    }
    let here: Vec<&str> = KEYS
        .iter()
        .filter_map(|known| {
            let (above, name) = known.rsplit_once('.').unwrap_or(("", known));
            (above == section).then_some(name)
        })
        .collect();
    if section.is_empty() || here.is_empty() {
        format!(
            "the keys are {}; the sections are {}",
            KEYS.iter()
                .filter(|known| !known.contains('.'))
                .copied()
                .collect::<Vec<_>>()
                .join(", "),
            SECTIONS.join(", ")
        )
    } else {
        format!("the keys of [{section}] are {}", here.join(", "))
    }
}
