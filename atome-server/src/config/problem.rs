//! What is wrong with a configuration, told so that a person can put it right.

use std::fmt;
use std::path::PathBuf;

/// Where a setting stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file, at a line from 1.
    File(PathBuf, usize),
    /// In a file as a whole, where something is missing.
    Whole(PathBuf),
    /// In an environment variable.
    Environment(String),
    /// Nowhere: there is no file, and something is missing.
    Nowhere,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file, line) => write!(f, "{}:{line}", file.display()),
            Self::Whole(file) => write!(f, "{}", file.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Nowhere => f.write_str("configuration"),
        }
    }
}

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {}{why}\n  to put it right: {remedy}", prefix(.key))]
pub struct ConfigError {
    /// Where it stands.
    pub place: Place,
    /// The key, dotted; empty where the file as a whole is meant.
    pub key: String,
    /// What is wrong.
    pub why: String,
    /// What would be right.
    pub remedy: String,
}

fn prefix(key: &str) -> String {
    if key.is_empty() {
        String::new()
    } else {
        format!("{key}: ")
    }
}
