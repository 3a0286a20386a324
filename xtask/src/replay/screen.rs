//! How an event looks: on a screen with a table of everyone, and as plain lines.

use std::fmt::Write as _;

use serde_json::Value;

use super::{Event, Replay};

const BOLD: &str = "\x1b[1m";
const CHANGED: &str = "\x1b[1;33m";
const DIM: &str = "\x1b[2m";
const PLAIN: &str = "\x1b[0m";
/// Ids are long, and differ at their beginning.
const TEXT_MAX: usize = 10;
/// What someone heard or stored may be a whole snapshot.
const WHAT_MAX: usize = 3_000;

const HELP: &str = "enter next · p previous · NUMBER step · /TEXT next that says so · mN machine N only · h hub only \
                    · w world only · a all · f first · l last · q quit";

impl Replay {
    /// The event that is shown, the state of everyone after it, and what can be typed.
    pub(super) fn screen(&self) -> String {
        let Some(event) = self.events.get(self.at) else {
            return String::new();
        };
        let mut text = String::new();
        let shown = self.who.as_deref().unwrap_or("all");
        let _ = writeln!(
            text,
            "{DIM}seed {} · step {} · {} ms · event {} of {} · shown: {shown}{PLAIN}\n",
            self.seed,
            event.step,
            event.ms,
            self.at + 1,
            self.events.len(),
        );
        let _ = writeln!(text, "{BOLD}{}{PLAIN} {}\n", event.who, cut(&event.what));
        let _ = writeln!(
            text,
            "{DIM}after it (changed fields with what they were):{PLAIN}"
        );
        for who in event.after.keys() {
            let mark = if *who == event.who { "▸" } else { " " };
            let _ = write!(text, "{mark} {who:<10}");
            self.line(&mut text, event, who, (CHANGED, PLAIN));
            text.push('\n');
        }
        let _ = write!(text, "\n{DIM}{HELP}{PLAIN}");
        text
    }

    /// The same for a file: the event, and only those whose fields changed.
    pub(super) fn plain(&self, at: usize, event: &Event) -> String {
        let mut text = format!(
            "{} {} ms {}: {}",
            event.step, event.ms, event.who, event.what
        );
        for (who, fields) in &event.after {
            let changed = |field: &String| self.before(at, who, field) != fields.get(field);
            let names: Vec<&String> = fields.keys().filter(|field| changed(field)).collect();
            if names.is_empty() || at == 0 {
                continue;
            }
            let _ = write!(text, "\n    {who}:");
            for name in names {
                let was = self.before(at, who, name).map_or("-".to_owned(), short);
                let _ = write!(
                    text,
                    " {name} {was} → {}",
                    fields.get(name).map_or(String::new(), short)
                );
            }
        }
        text
    }

    fn line(&self, text: &mut String, event: &Event, who: &str, (mark, end): (&str, &str)) {
        for (name, value) in event.after.get(who).into_iter().flatten() {
            match self.before(self.at, who, name) {
                Some(was) if was != value => {
                    let _ = write!(
                        text,
                        "  {mark}{name} {} → {}{end}",
                        short(was),
                        short(value)
                    );
                }
                Some(_) | None => {
                    let _ = write!(text, "  {name} {}", short(value));
                }
            }
        }
    }
}

fn short(value: &Value) -> String {
    match value {
        Value::String(text) if text.chars().count() > TEXT_MAX => {
            let begin: String = text.chars().take(TEXT_MAX - 2).collect();
            format!("{begin}…")
        }
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            other.to_string()
        }
    }
}

fn cut(what: &str) -> String {
    let count = what.chars().count();
    if count <= WHAT_MAX {
        return what.to_owned();
    }
    let begin: String = what.chars().take(WHAT_MAX).collect();
    format!("{begin}… ({} more characters)", count - WHAT_MAX)
}
