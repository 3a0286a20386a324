//! A unit file, as lines of settings.

use std::fs;
use std::path::Path;

use crate::error::HarnessError;

/// The settings of a unit, in their order.
#[derive(Clone, Debug)]
pub struct Unit(Vec<(String, String)>);

impl Unit {
    /// Reads a unit file.
    ///
    /// # Errors
    ///
    /// Where it cannot be read.
    pub fn read(path: &Path) -> Result<Self, HarnessError> {
        let text = fs::read_to_string(path)
            .map_err(HarnessError::io(format!("read {}", path.display())))?;
        let setting = |line: &str| {
            let (key, value) = line.split_once('=')?;
            (!line.starts_with('#')).then(|| (key.to_owned(), value.to_owned()))
        };
        Ok(Self(text.lines().filter_map(setting).collect()))
    }

    /// The last value of a setting.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        let found = self.0.iter().rev().find(|(found, _)| found == key);
        found.map(|(_, value)| value.as_str())
    }

    /// Every value of a setting.
    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        let found = self.0.iter().filter(move |(found, _)| found == key);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether a setting has this value.
    #[must_use]
    pub fn is(&self, key: &str, value: &str) -> bool {
        self.get(key) == Some(value)
    }
}
