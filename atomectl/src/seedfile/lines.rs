//! Lines of bounded length, with their numbers; empty ones are passed over.

use std::cell::Cell;
use std::io::{self, BufRead, Read};
use std::rc::Rc;

use atome_proto::limit::SEED_LINE_LEN_MAX;

use crate::seedfile::SeedError;

/// What some editors put before the first line.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The lines of one source.
pub(crate) struct Lines<'a> {
    name: String,
    reader: Box<dyn BufRead + 'a>,
    read: Rc<Cell<u64>>,
    buffer: Vec<u8>,
    number: u64,
}

/// One line, without its end.
pub(crate) struct Line<'a> {
    /// Its number, from 1.
    pub(crate) number: u64,
    /// The text, or why it is none.
    pub(crate) text: Result<&'a str, NoText>,
}

/// Why a line is no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoText {
    /// Longer than any record may be.
    #[error("the line has {0} bytes; at most {SEED_LINE_LEN_MAX} are allowed")]
    TooLong(u64),
    /// Not UTF-8.
    #[error("the line is not UTF-8 text")]
    NotUtf8,
}

impl<'a> Lines<'a> {
    pub(super) fn new(name: String, reader: Box<dyn BufRead + 'a>, read: Rc<Cell<u64>>) -> Self {
        Self {
            name,
            reader,
            read,
            buffer: Vec::new(),
            number: 0,
        }
    }

    /// How many bytes of the source are read.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.read.get()
    }

    /// Reads on to the next line that is not empty.
    pub(crate) fn next(&mut self) -> Result<Option<Line<'_>>, SeedError> {
        loop {
            let more = match self.read_line() {
                Ok(more) => more,
                Err(error) => {
                    return Err(SeedError::Read {
                        name: self.name.clone(),
                        line: self.number.saturating_add(1),
                        error,
                    });
                }
            };
            let Some(whole) = more else {
                return Ok(None);
            };
            self.number += 1;
            let number = self.number;
            if let Some(len) = whole {
                let text = Err(NoText::TooLong(len));
                return Ok(Some(Line { number, text }));
            }
            if !trimmed(&self.buffer, number).is_empty() {
                break;
            }
        }
        let number = self.number;
        let bytes = trimmed(&self.buffer, number);
        let text = std::str::from_utf8(bytes).map_err(|_| NoText::NotUtf8);
        Ok(Some(Line { number, text }))
    }

    /// Reads one line into the buffer: `None` at the end, the whole length where it does not fit.
    fn read_line(&mut self) -> io::Result<Option<Option<u64>>> {
        let most = u64::try_from(SEED_LINE_LEN_MAX).unwrap_or(u64::MAX);
        self.buffer.clear();
        // One byte more for the end of the line, one for a carriage return before it.
        let room = most.saturating_add(2);
        let mut len = self.read_up_to(room)?;
        if len == 0 {
            return Ok(None);
        }
        if self.ends() || len < room {
            return Ok(Some(None));
        }
        while !self.ends() {
            self.buffer.clear();
            let more = self.read_up_to(64 << 10)?;
            if more == 0 {
                break;
            }
            len = len.saturating_add(more);
        }
        Ok(Some(Some(len.saturating_sub(u64::from(self.ends())))))
    }

    fn read_up_to(&mut self, len: u64) -> io::Result<u64> {
        let mut part = self.reader.by_ref().take(len);
        let len = part.read_until(b'\n', &mut self.buffer)?;
        Ok(u64::try_from(len).unwrap_or(u64::MAX))
    }

    fn ends(&self) -> bool {
        self.buffer.ends_with(b"\n")
    }
}

fn trimmed(line: &[u8], number: u64) -> &[u8] {
    let line = match number {
        1 => line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line),
        _ => line,
    };
    line.trim_ascii()
}

#[cfg(test)]
mod tests {
    use crate::seedfile::source::Source;

    use super::*;

    fn lines(bytes: &[u8]) -> Vec<(u64, Result<String, NoText>)> {
        let mut source = Source::of_bytes("x", bytes);
        let mut lines = source.lines().unwrap();
        let mut found = Vec::new();
        while let Some(line) = lines.next().unwrap() {
            found.push((line.number, line.text.map(str::to_owned)));
        }
        found
    }

    fn ok(number: u64, text: &str) -> (u64, Result<String, NoText>) {
        (number, Ok(text.to_owned()))
    }

    #[test]
    fn marks_carriage_returns_and_empty_lines_are_passed_over() {
        let text = b"\xef\xbb\xbf{\"a\"}\r\n\r\n  \n{\"b\"}";
        assert_eq!(lines(text), [ok(1, "{\"a\"}"), ok(4, "{\"b\"}")]);
        assert_eq!(lines(b""), []);
        assert_eq!(lines(b"\n\n"), []);
    }

    #[test]
    fn what_is_no_text_is_told_and_the_next_line_is_read() {
        assert_eq!(lines(b"\xff\nb\n"), [(1, Err(NoText::NotUtf8)), ok(2, "b")]);
        let long = SEED_LINE_LEN_MAX + 70_000;
        let mut text = vec![b'a'; long];
        text.extend_from_slice(b"\nb");
        let too_long = NoText::TooLong(u64::try_from(long).unwrap());
        assert_eq!(lines(&text), [(1, Err(too_long)), ok(2, "b")]);
    }

    #[test]
    fn a_line_just_long_enough_is_read() {
        let mut text = vec![b'a'; SEED_LINE_LEN_MAX];
        text.extend_from_slice(b"\r\nb");
        let found = lines(&text);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].1.as_ref().unwrap().len(), SEED_LINE_LEN_MAX);
    }
}
