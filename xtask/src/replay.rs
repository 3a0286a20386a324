//! `cargo xtask replay FILE`: the record of a world that failed, one event at a time.
//!
//! Shows what someone heard, decided or stored, and how everyone stands after it, with what changed marked. The
//! record is written by `tests/sim/record.rs`.

mod screen;

use std::collections::BTreeMap;
use std::fs;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;
use serde_json::Value;

use crate::Outcome;

/// What to show.
#[derive(Args)]
pub(crate) struct Arguments {
    /// The record, as a failed run of the simulation names it.
    file: PathBuf,
    /// Prints every event instead of showing one at a time.
    #[arg(long)]
    print: bool,
    /// Only events of this one: "machine 2", "hub", "world".
    #[arg(long)]
    who: Option<String>,
}

/// The fields of everyone, by name.
type States = BTreeMap<String, BTreeMap<String, Value>>;

/// One event.
#[derive(Deserialize)]
struct Event {
    step: u64,
    /// Milliseconds since the world began.
    ms: u64,
    who: String,
    what: String,
    /// How everyone stands after it.
    after: States,
}

#[derive(Deserialize)]
struct Title {
    seed: u64,
}

struct Replay {
    seed: u64,
    events: Vec<Event>,
    /// The place of the event that is shown.
    at: usize,
    /// Whose events are shown; everyone's where there is none.
    who: Option<String>,
}

/// Shows the record.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let text = fs::read_to_string(&arguments.file)
        .map_err(|error| format!("{}: {error}", arguments.file.display()))?;
    let mut replay = Replay::read(&text).map_err(|error| {
        format!(
            "{} is no record of a simulated world: {error}",
            arguments.file.display()
        )
    })?;
    replay.who.clone_from(&arguments.who);
    if arguments.print || !std::io::stdout().is_terminal() {
        return replay.print();
    }
    replay.talk()
}

impl Replay {
    fn read(text: &str) -> Result<Self, String> {
        let mut lines = text.lines();
        let title = lines.next().ok_or("it is empty")?;
        let Title { seed } =
            serde_json::from_str(title).map_err(|error| format!("line 1: {error}"))?;
        let read = |(i, line)| {
            serde_json::from_str(line).map_err(|error| format!("line {}: {error}", i + 2))
        };
        let events = lines
            .enumerate()
            .map(read)
            .collect::<Result<Vec<Event>, _>>()?;
        if events.is_empty() {
            return Err("it has no event".to_owned());
        }
        let at = events.len() - 1;
        Ok(Self {
            seed,
            events,
            at,
            who: None,
        })
    }

    fn is_shown(&self, event: &Event) -> bool {
        self.who.as_ref().is_none_or(|who| *who == event.who)
    }

    /// Prints every event that is shown.
    fn print(&self) -> Outcome {
        let mut out = std::io::stdout().lock();
        for (at, event) in self
            .events
            .iter()
            .enumerate()
            .filter(|(_, event)| self.is_shown(event))
        {
            match writeln!(out, "{}", self.plain(at, event)) {
                Ok(()) => {}
                // Whoever reads has read enough.
                Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(())
    }

    /// Shows an event, takes a word, shows the next one.
    fn talk(&mut self) -> Outcome {
        loop {
            print!("\x1b[2J\x1b[H{}\n> ", self.screen());
            std::io::stdout()
                .flush()
                .map_err(|error| error.to_string())?;
            let mut line = String::new();
            let read = std::io::stdin().read_line(&mut line);
            if read.map_err(|error| error.to_string())? == 0 {
                return Ok(());
            }
            match line.trim() {
                "" | "n" => self.go(true),
                "p" => self.go(false),
                "f" => self.at = 0,
                "l" => self.at = self.events.len() - 1,
                "a" => self.who = None,
                "h" => self.who = Some("hub".to_owned()),
                "w" => self.who = Some("world".to_owned()),
                "q" => return Ok(()),
                word => self.jump(word),
            }
        }
    }

    /// Goes to the next event that is shown, or to the one before; stays where there is none.
    fn go(&mut self, forward: bool) {
        let found = |at: &usize| {
            self.events
                .get(*at)
                .is_some_and(|event| self.is_shown(event))
        };
        let place = if forward {
            (self.at + 1..self.events.len()).find(found)
        } else {
            (0..self.at).rev().find(found)
        };
        self.at = place.unwrap_or(self.at);
    }

    /// `m3` shows machine 3 alone, `120` goes to step 120, `/fork` to the next event that says so.
    fn jump(&mut self, word: &str) {
        if let Some(machine) = word.strip_prefix('m') {
            self.who = Some(format!("machine {}", machine.trim()));
        } else if let Some(text) = word.strip_prefix('/') {
            let text = text.to_lowercase();
            let says =
                |event: &Event| self.is_shown(event) && event.what.to_lowercase().contains(&text);
            let later = self.events.iter().enumerate().skip(self.at + 1);
            let place = later
                .filter(|(_, event)| says(event))
                .map(|(at, _)| at)
                .next();
            self.at = place.unwrap_or(self.at);
        } else if let Ok(step) = word.parse::<u64>() {
            let place = self.events.iter().position(|event| event.step >= step);
            self.at = place.unwrap_or(self.events.len() - 1);
        }
    }

    /// What a field was before an event.
    fn before(&self, at: usize, who: &str, field: &str) -> Option<&Value> {
        let before = self.events.get(at.checked_sub(1)?)?;
        before.after.get(who)?.get(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = r#"{"seed":7}
{"step":1,"ms":1000,"who":"machine 0","what":"writes 0","after":{"machine 0":{"number":1,"acked":0},"hub":{"heads":[0]}}}
{"step":2,"ms":1050,"who":"hub","what":"stores a push","after":{"machine 0":{"number":1,"acked":0},"hub":{"heads":[1]}}}
{"step":3,"ms":1050,"who":"machine 0","what":"stores Acknowledge","after":{"machine 0":{"number":1,"acked":1},"hub":{"heads":[1]}}}"#;

    #[test]
    fn a_record_is_walked_through() {
        let mut replay = Replay::read(RECORD).unwrap();
        assert_eq!(
            (replay.seed, replay.at),
            (7, 2),
            "it begins where the world failed"
        );
        assert!(
            replay.screen().contains("acked 0 → 1"),
            "{}",
            replay.screen()
        );
        replay.jump("m0");
        replay.go(false);
        assert_eq!(replay.at, 0, "the hub's event is passed over");
        replay.go(false);
        assert_eq!(replay.at, 0);
        replay.jump("/acknow");
        assert_eq!(replay.at, 2);
        replay.jump("2");
        assert_eq!(replay.at, 1);
        replay.jump("99");
        assert_eq!(replay.at, 2);
    }

    #[test]
    fn what_is_no_record_is_said() {
        assert!(Replay::read("").is_err_and(|why| why.contains("empty")));
        assert!(Replay::read("{\"seed\":1}\n{}").is_err_and(|why| why.starts_with("line 2: ")));
    }
}
