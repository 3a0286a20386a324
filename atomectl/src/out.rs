//! Standard output: data and nothing else, as a table for people, as JSON, or as JSON lines.

mod table;
mod tree;

use std::io::{self, BufWriter, Write};

use serde::Serialize;

use crate::cli::Format;

pub(crate) use table::{Listing, plain};
pub(crate) use tree::draw_tree;

/// Standard output in one format.
pub(crate) struct Out {
    format: Format,
    colour: bool,
    to: BufWriter<Box<dyn Write + Send>>,
}

impl Out {
    /// The process's standard output.
    pub(crate) fn to_stdout(format: Format, colour: bool) -> Self {
        Self::new(format, colour, Box::new(io::stdout()))
    }

    fn new(format: Format, colour: bool, to: Box<dyn Write + Send>) -> Self {
        let to = BufWriter::with_capacity(64 << 10, to);
        Self { format, colour, to }
    }

    /// Whether a person reads it.
    pub(crate) fn is_table(&self) -> bool {
        self.format == Format::Table
    }

    /// Whether all is printed as one JSON document.
    pub(crate) fn is_document(&self) -> bool {
        self.format == Format::Json
    }

    /// Prints a line as it is.
    pub(crate) fn line(&mut self, line: &[u8]) -> io::Result<()> {
        self.to.write_all(line)?;
        self.to.write_all(b"\n")
    }

    /// Prints a value as one JSON line, whatever the format.
    pub(crate) fn json_line(&mut self, value: &impl Serialize) -> io::Result<()> {
        serde_json::to_writer(&mut self.to, value)?;
        self.to.write_all(b"\n")
    }

    /// Prints one value: JSON as a document or a line, or for people as `fields` says.
    pub(crate) fn document<T: Serialize>(
        &mut self,
        value: &T,
        fields: impl FnOnce(&T) -> Vec<(&'static str, String)>,
    ) -> io::Result<()> {
        match self.format {
            Format::Table => self.fields(&fields(value)),
            Format::Jsonl => self.json_line(value),
            Format::Json => {
                serde_json::to_writer_pretty(&mut self.to, value)?;
                self.to.write_all(b"\n")
            }
        }
    }

    /// Prints names and values, one a line, the values below one another.
    pub(crate) fn fields(&mut self, fields: &[(&'static str, String)]) -> io::Result<()> {
        let width = fields.iter().map(|(name, _)| name.len()).max();
        let (bold, off) = self.marks();
        for (name, value) in fields {
            let pad = width.unwrap_or_default().saturating_sub(name.len());
            let line = format!("{bold}{name}{off}{:pad$}  {}", "", plain(value));
            self.line(line.trim_end().as_bytes())?;
        }
        Ok(())
    }

    /// Begins a list whose items come one by one.
    pub(crate) fn listing(&mut self, heads: &'static [&'static str]) -> Listing<'_> {
        Listing::new(self, heads)
    }

    /// Lets everything out.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }

    /// What begins and ends bold text.
    fn marks(&self) -> (&'static str, &'static str) {
        if self.colour {
            ("\x1b[1m", "\x1b[0m")
        } else {
            ("", "")
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// An output whose bytes can be looked at.
    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What `print` prints in a format.
    pub(crate) fn printed(
        format: Format,
        print: impl FnOnce(&mut Out) -> io::Result<()>,
    ) -> String {
        let shared = Shared::default();
        let mut out = Out::new(format, false, Box::new(shared.clone()));
        print(&mut out).unwrap();
        out.flush().unwrap();
        let bytes = shared.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_document_has_three_forms() {
        let print = |format| {
            printed(format, |out| {
                out.document(&[1], |_| {
                    vec![("a", "1".into()), ("long", "two\nlines".into())]
                })
            })
        };
        assert_eq!(print(Format::Json), "[\n  1\n]\n");
        assert_eq!(print(Format::Jsonl), "[1]\n");
        assert_eq!(print(Format::Table), "a     1\nlong  two\\nlines\n");
    }
}
