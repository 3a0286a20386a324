//! What goes to standard error: notes, warnings, errors. Nothing there is data.

use std::io::{self, Write};

use atome_proto::{Code, Problem};
use serde::Serialize;

/// How the command speaks to a person, or to a program that asked for JSON.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Say {
    /// Only errors.
    pub(crate) quiet: bool,
    /// Errors as JSON.
    pub(crate) json: bool,
    /// With colours.
    pub(crate) colour: bool,
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: Told<'a>,
}

#[derive(Serialize)]
struct Told<'a> {
    code: Code,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
}

impl Say {
    /// Says something that is good to know.
    pub(crate) fn note(self, text: &str) {
        if !self.quiet {
            write(&format!("{text}\n"));
        }
    }

    /// Says one thing of many that are wrong, before the error that sums them up.
    pub(crate) fn detail(self, text: &str) {
        if !self.json {
            write(&format!("{text}\n"));
        }
    }

    /// Asks what is answered behind it.
    pub(crate) fn ask(self, text: &str) {
        write(text);
    }

    /// Says what went wrong, and what to do next.
    pub(crate) fn error(self, problem: &Problem) {
        write(&self.form(problem));
    }

    fn form(self, problem: &Problem) -> String {
        let hint = problem.hint.as_deref().filter(|hint| !hint.is_empty());
        if self.json {
            let error = Told {
                code: problem.code,
                message: &problem.detail,
                hint,
            };
            let line = serde_json::to_string(&Envelope { error }).unwrap_or_default();
            return format!("{line}\n");
        }
        let (red, bold, off) = if self.colour {
            ("\x1b[1;31m", "\x1b[1m", "\x1b[0m")
        } else {
            ("", "", "")
        };
        let mut text = format!("{red}error:{off} {}\n", problem.detail);
        for line in hint.into_iter().flat_map(str::lines) {
            text.push_str(&format!("{bold}hint:{off} {line}\n"));
        }
        text
    }
}

/// A standard error that cannot be written leaves nobody to be told so.
fn write(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_one_form_for_people_and_one_for_programs() {
        let problem = Problem::new(Code::NotFound, "no such atome").hint("look\nagain");
        let mut say = Say::default();
        assert_eq!(
            say.form(&problem),
            "error: no such atome\nhint: look\nhint: again\n"
        );
        say.json = true;
        assert_eq!(
            say.form(&problem),
            "{\"error\":{\"code\":\"not_found\",\"message\":\"no such atome\",\"hint\":\"look\\nagain\"}}\n"
        );
    }
}
