//! The first reading: every line of every file is a record, and no two records say different things about
//! one atome.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use atome_proto::seed::Record;
use indicatif::ProgressBar;

use crate::seedfile::{SeedError, Source};

/// What records must be beyond well formed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rules {
    /// Each names its atome, by key or by id.
    pub(crate) named: bool,
}

/// A line that is no record, or contradicts another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadLine {
    /// The file.
    pub(crate) name: String,
    /// Its line, from 1.
    pub(crate) line: u64,
    /// What is wrong.
    pub(crate) message: String,
}

/// What the first reading found.
pub(crate) struct Checked {
    /// The sources, each with the lines to pass over at the second reading, in order: bad ones, and
    /// repetitions.
    pub(crate) sources: Vec<(Source, Vec<u64>)>,
    /// Records to be sent.
    pub(crate) records: u64,
    /// Lines that are bad.
    pub(crate) bad: u64,
}

/// Reads all sources once; each bad line goes to `tell` as it is found.
pub(crate) fn check(
    sources: Vec<Source>,
    rules: Rules,
    bar: &ProgressBar,
    mut tell: impl FnMut(BadLine),
) -> Result<Checked, SeedError> {
    let mut seen = Seen::default();
    let mut checked = Checked {
        sources: Vec::new(),
        records: 0,
        bad: 0,
    };
    let mut bytes_before = 0;
    for (file, mut source) in sources.into_iter().enumerate() {
        seen.names.push(source.name().to_owned());
        let mut skip = Vec::new();
        let mut lines = source.lines()?;
        loop {
            let progress = lines.bytes_read();
            let Some(line) = lines.next()? else {
                break;
            };
            if line.number.is_multiple_of(1024) {
                bar.set_position(bytes_before + progress);
            }
            let number = line.number;
            let judged = match line.text {
                Ok(text) => judge(text, rules, &mut seen, Place { file, line: number }),
                Err(no_text) => Err(no_text.to_string()),
            };
            match judged {
                Ok(Judged::New) => checked.records += 1,
                Ok(Judged::Repeated) => skip.push(number),
                Err(message) => {
                    checked.bad += 1;
                    skip.push(number);
                    let name = seen.names.last().cloned().unwrap_or_default();
                    tell(BadLine {
                        name,
                        line: number,
                        message,
                    });
                }
            }
        }
        drop(lines);
        bytes_before += source.len();
        bar.set_position(bytes_before);
        checked.sources.push((source, skip));
    }
    Ok(checked)
}

enum Judged {
    New,
    Repeated,
}

fn judge(text: &str, rules: Rules, seen: &mut Seen, place: Place) -> Result<Judged, String> {
    let record = Record::parse(text).map_err(|error| message_of(&error))?;
    let name = match (&record.key, &record.id) {
        (Some(key), _) => hash_of(&("key", key)),
        (None, Some(id)) => hash_of(&("id", id)),
        (None, None) if rules.named => {
            return Err(
                "the record has neither key nor id: there is nothing to compare it with".into(),
            );
        }
        (None, None) => return Ok(Judged::New),
    };
    seen.note(name, text, place)
}

/// The error without serde's position: a record has one line, whose number is told already.
fn message_of(error: &impl ToString) -> String {
    let text = error.to_string();
    text.replace(" at line 1 column ", " at column ")
}

/// Where a line stands.
#[derive(Clone, Copy, Debug)]
struct Place {
    file: usize,
    line: u64,
}

/// What each record that names its atome said, as hashes: memory grows with the number of records, not with
/// what they say. 128 bits of the name make a false alarm as good as impossible.
#[derive(Default)]
struct Seen {
    names: Vec<String>,
    said: HashMap<u128, (u64, Place)>,
}

impl Seen {
    fn note(&mut self, name: u128, text: &str, place: Place) -> Result<Judged, String> {
        let content = hash_64(&text);
        match self.said.get(&name) {
            None => {
                self.said.insert(name, (content, place));
                Ok(Judged::New)
            }
            Some((same, _)) if *same == content => Ok(Judged::Repeated),
            Some((_, first)) => {
                let file = self.names.get(first.file).map_or("", String::as_str);
                Err(format!(
                    "{file}:{} says something else about the same atome, and the order of lines does not matter",
                    first.line
                ))
            }
        }
    }
}

fn hash_of(name: &impl Hash) -> u128 {
    u128::from(hash_64(&(0_u8, name))) << 64 | u128::from(hash_64(&(1_u8, name)))
}

fn hash_64(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(files: &[&str], rules: Rules) -> (Checked, Vec<String>) {
        let sources = files
            .iter()
            .enumerate()
            .map(|(i, text)| Source::of_bytes(&format!("f{i}"), text.as_bytes()))
            .collect();
        let mut bad = Vec::new();
        let checked = check(sources, rules, &ProgressBar::hidden(), |line| {
            bad.push(format!("{}:{}: {}", line.name, line.line, line.message));
        });
        (checked.unwrap(), bad)
    }

    #[test]
    fn every_bad_line_of_every_file_is_told() {
        let (checked, bad) = run(
            &[
                "{\"key\":\"a\",\"type\":\"t\"}\nnonsense\n",
                "\n{\"type\":\"\"}\r\n{\"type\":\"t\"}\n",
            ],
            Rules::default(),
        );
        assert_eq!((checked.records, checked.bad), (2, 2));
        assert_eq!(bad[0], "f0:2: expected ident at column 2");
        assert!(bad[1].starts_with("f1:2: the type"), "{}", bad[1]);
        assert_eq!(checked.sources[0].1, [2]);
        assert_eq!(checked.sources[1].1, [2]);
    }

    #[test]
    fn two_records_of_one_atome_must_be_the_same() {
        let (checked, bad) = run(
            &[
                "{\"key\":\"a\",\"type\":\"t\"}\n{\"type\":\"t\"}\n{\"type\":\"t\"}",
                "{\"key\":\"a\",\"type\":\"t\"}\n{\"key\":\"a\",\"type\":\"u\"}",
            ],
            Rules::default(),
        );
        assert_eq!((checked.records, checked.bad), (3, 1));
        assert!(
            bad[0].starts_with("f1:2: f0:1 says something else"),
            "{}",
            bad[0]
        );
        assert_eq!(checked.sources[1].1, [1, 2]);
    }

    #[test]
    fn what_is_to_be_verified_names_its_atome() {
        let (checked, bad) = run(&["{\"type\":\"t\"}"], Rules { named: true });
        assert_eq!((checked.records, checked.bad), (0, 1));
        assert!(bad[0].contains("neither key nor id"));
    }
}
