//! The log: to standard error, as lines or as JSON, with levels that change while the program runs.
//!
//! Where standard error is the journal, each line begins with its level as the journal reads it. Libraries
//! are heard from `warn` up only, whatever the levels say: below it they show what they carry.

use std::io;
use std::sync::Arc;

use tracing::level_filters::LevelFilter;
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, filter, fmt, reload};

mod journal;

/// What the targets of our own crates begin with.
const OURS: &str = "atome";

/// The shape of a log entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A line: with its time, or for the journal, which keeps times of its own, with its level in front.
    Text,
    /// A JSON object a line.
    Json,
}

impl Format {
    /// The words of the configuration.
    pub const WORDS: &[(&str, Self)] = &[("text", Self::Text), ("json", Self::Json)];
}

/// Which events are logged: a least level, or a list of them by part of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Levels(Arc<str>);

impl Default for Levels {
    fn default() -> Self {
        Self("info".into())
    }
}

impl Levels {
    /// Reads `info`, or a list such as `info,atomed::sync=debug`.
    ///
    /// # Errors
    ///
    /// Where it is none of these, or empty.
    pub fn parse(text: &str) -> Result<Self, NoLevels> {
        EnvFilter::try_new(text).map_err(|_| NoLevels)?;
        // A word alone that is no level would be taken for a part of which everything is wanted.
        let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
        let is_fit = |word: &str| word.contains('=') || is_level(word);
        if text.split(',').all(|word| is_fit(word.trim())) {
            Ok(Self(text.into()))
        } else {
            Err(NoLevels)
        }
    }

    fn filter(&self) -> EnvFilter {
        // They were parsed once already.
        EnvFilter::new(&*self.0)
    }
}

impl std::fmt::Display for Levels {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text that names no levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoLevels;

impl NoLevels {
    /// What would be right.
    pub const REMEDY: &str =
        "write error, warn, info, debug or trace, or a list such as \"info,atome_store=debug\"";
}

/// The log of this process, whose levels can be changed.
#[derive(Clone, Debug)]
pub struct Log(Option<reload::Handle<EnvFilter, Registry>>);

impl Log {
    /// Sets up the log of this process; a second one says nothing.
    #[must_use]
    pub fn start(format: Format, levels: &Levels) -> Self {
        let (levels, handle) = reload::Layer::new(levels.filter());
        let is_journal = journal::is_stderr();
        let writer = if is_journal {
            BoxMakeWriter::new(journal::Prefixed)
        } else {
            BoxMakeWriter::new(io::stderr)
        };
        let layer = fmt::layer().with_writer(writer).with_ansi(false);
        let lines = match format {
            Format::Json => layer.json().flatten_event(true).boxed(),
            Format::Text if is_journal => layer.without_time().with_level(false).boxed(),
            Format::Text => layer.boxed(),
        };
        let registry = tracing_subscriber::registry().with(levels);
        let lines = lines.with_filter(filter::filter_fn(is_fit));
        match registry.with(lines).try_init() {
            Ok(()) => Self(Some(handle)),
            Err(_) => Self(None),
        }
    }

    /// Takes other levels from now on.
    pub fn set_levels(&self, levels: &Levels) {
        if let Some(handle) = &self.0
            && let Err(error) = handle.reload(levels.filter())
        {
            tracing::error!(%error, "the levels of the log are not changed");
        }
    }
}

/// Whether an event can hold nothing that a log must not hold.
fn is_fit(metadata: &Metadata<'_>) -> bool {
    *metadata.level() <= Level::WARN || metadata.target().starts_with(OURS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_a_word_or_a_list() {
        for good in ["info", "error", "TRACE", "info,atomed::sync=debug", "off"] {
            assert!(Levels::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "loud",
            "info,",
            "info,atomed",
            "a=b=c",
            "info,atomed=loud",
        ] {
            assert_eq!(Levels::parse(bad), Err(NoLevels), "{bad}");
        }
    }
}
