//! The journal: whether standard error leads there, and the level that it reads at the head of a line.
//!
//! Source: systemd.exec(5) on `JOURNAL_STREAM`, sd-daemon(3) on the levels.

use std::env;
use std::io::{self, Write};

use rustix::fs::fstat;
use tracing::{Level, Metadata};
use tracing_subscriber::fmt::MakeWriter;

/// Whether what is written to standard error goes to the journal.
pub(super) fn is_stderr() -> bool {
    let told = env::var("JOURNAL_STREAM").ok();
    told.zip(fstat(io::stderr()).ok())
        .is_some_and(|(told, file)| told == format!("{}:{}", file.st_dev, file.st_ino))
}

/// Standard error, each line with its level in front.
pub(super) struct Prefixed;

impl<'a> MakeWriter<'a> for Prefixed {
    type Writer = Lines;

    fn make_writer(&'a self) -> Lines {
        Lines(prefix_of(Level::INFO))
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Lines {
        Lines(prefix_of(*metadata.level()))
    }
}

/// Writes an event; the journal takes each line of it for an entry.
pub(super) struct Lines(&'static str);

impl Write for Lines {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let mut lines = Vec::with_capacity(event.len() + self.0.len());
        for line in event.split_inclusive(|byte| *byte == b'\n') {
            lines.extend_from_slice(self.0.as_bytes());
            lines.extend_from_slice(line);
        }
        io::stderr().write_all(&lines)?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// The journal has a level less than we have, and `notice`, which is more than a change of state.
fn prefix_of(level: Level) -> &'static str {
    match level {
        Level::ERROR => "<3>",
        Level::WARN => "<4>",
        Level::INFO => "<6>",
        Level::DEBUG | Level::TRACE => "<7>",
    }
}
