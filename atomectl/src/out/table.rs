//! Lists: a table with columns as wide as their contents, a JSON array, or JSON lines.

use std::io;
use std::mem;

use serde::Serialize;

use crate::cli::Format;
use crate::out::Out;

/// Rows that are looked at before the first is printed, to see how wide the columns are. Lists may be long,
/// and memory does not grow with them.
const LOOK_AHEAD: usize = 500;

/// No column pushes the next one further away than this.
const WIDTH_MAX: usize = 64;

/// A list whose items come one by one.
pub(crate) struct Listing<'a> {
    out: &'a mut Out,
    heads: &'static [&'static str],
    waiting: Vec<Vec<String>>,
    widths: Option<Vec<usize>>,
    any: bool,
}

impl<'a> Listing<'a> {
    pub(super) fn new(out: &'a mut Out, heads: &'static [&'static str]) -> Self {
        Self {
            out,
            heads,
            waiting: Vec::new(),
            widths: None,
            any: false,
        }
    }

    /// Prints an item, for people as the cells say.
    pub(crate) fn push<T: Serialize>(
        &mut self,
        item: &T,
        cells: impl FnOnce(&T) -> Vec<String>,
    ) -> io::Result<()> {
        let first = !mem::replace(&mut self.any, true);
        match self.out.format {
            Format::Table => self.row(&cells(item)),
            Format::Jsonl => self.out.json_line(item),
            Format::Json => {
                let before: &[u8] = if first { b"[\n" } else { b",\n" };
                io::Write::write_all(&mut self.out.to, before)?;
                Ok(serde_json::to_writer(&mut self.out.to, item)?)
            }
        }
    }

    /// Prints what is left.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        match self.out.format {
            Format::Table => self.settle(),
            Format::Jsonl => Ok(()),
            Format::Json if self.any => self.out.line(b"\n]"),
            Format::Json => self.out.line(b"[]"),
        }
    }

    fn row(&mut self, cells: &[String]) -> io::Result<()> {
        let cells: Vec<String> = cells.iter().map(|cell| plain(cell)).collect();
        if let Some(widths) = &self.widths {
            return self.out.line(aligned(&cells, widths).as_bytes());
        }
        self.waiting.push(cells);
        if self.waiting.len() == LOOK_AHEAD {
            return self.settle();
        }
        Ok(())
    }

    /// Fixes the widths and prints what has waited for them.
    fn settle(&mut self) -> io::Result<()> {
        let waiting = mem::take(&mut self.waiting);
        if waiting.is_empty() {
            return Ok(());
        }
        let heads: Vec<String> = self.heads.iter().map(|head| (*head).to_owned()).collect();
        let mut widths = vec![0; heads.len()];
        for row in waiting.iter().chain([&heads]) {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().min(WIDTH_MAX).max(*width);
            }
        }
        let (bold, off) = self.out.marks();
        let head = format!("{bold}{}{off}", aligned(&heads, &widths));
        self.out.line(head.as_bytes())?;
        for row in &waiting {
            self.out.line(aligned(row, &widths).as_bytes())?;
        }
        self.widths = Some(widths);
        Ok(())
    }
}

fn aligned(cells: &[String], widths: &[usize]) -> String {
    let mut line = String::new();
    for (cell, width) in cells.iter().zip(widths) {
        line.push_str(cell);
        let pad = width.saturating_sub(cell.chars().count());
        line.extend(std::iter::repeat_n(' ', pad + 2));
    }
    line.truncate(line.trim_end().len());
    line
}

/// A text that cannot move the cursor or colour the terminal, whoever wrote it.
pub(crate) fn plain(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_control() {
            safe.extend(char.escape_default());
        } else {
            safe.push(char);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::out::tests::printed;

    fn list(format: Format, items: &[&str]) -> String {
        printed(format, |out| {
            let mut listing = out.listing(&["NAME", "LENGTH"]);
            for item in items {
                listing.push(item, |item| {
                    vec![(*item).to_owned(), item.len().to_string()]
                })?;
            }
            listing.finish()
        })
    }

    #[test]
    fn a_list_has_three_forms() {
        let items = ["a", "é\x1b[31m"];
        assert_eq!(
            list(Format::Table, &items),
            "NAME         LENGTH\na            1\né\\u{1b}[31m  7\n"
        );
        assert_eq!(list(Format::Jsonl, &items), "\"a\"\n\"é\\u001b[31m\"\n");
        assert_eq!(
            list(Format::Json, &items),
            "[\n\"a\",\n\"é\\u001b[31m\"\n]\n"
        );
    }

    #[test]
    fn an_empty_list_is_empty() {
        assert_eq!(list(Format::Table, &[]), "");
        assert_eq!(list(Format::Jsonl, &[]), "");
        assert_eq!(list(Format::Json, &[]), "[]\n");
    }

    #[test]
    fn a_long_list_prints_every_row_once() {
        let items = vec!["x"; LOOK_AHEAD * 2 + 1];
        assert_eq!(list(Format::Table, &items).lines().count(), items.len() + 1);
    }
}
