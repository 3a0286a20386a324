//! What every command works with: the client, the output, and how patient to be.

use std::io::{self, IsTerminal};
use std::time::Duration;

use atome_client::Client;

use crate::arg::span::Span;
use crate::cli::{Colour, Format, Global};
use crate::discover::{Places, find_socket};
use crate::fault::Fault;
use crate::out::Out;
use crate::progress::Progress;
use crate::say::Say;

/// How long an answer is waited for where nothing else is said: longer than any single request takes on a
/// slow disk, short enough that a script does not hang on a daemon that does.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What a command works with.
pub(crate) struct Context {
    /// The daemon.
    pub(crate) client: Client,
    /// Standard output.
    pub(crate) out: Out,
    /// Standard error.
    pub(crate) say: Say,
    /// Progress bars, where a person watches.
    pub(crate) progress: Progress,
    /// How long to wait; zero is for ever.
    pub(crate) timeout: Duration,
}

impl Context {
    /// Finds the daemon's socket and makes ready.
    pub(crate) fn new(global: &Global) -> Result<Self, Fault> {
        let say = say_of(global);
        let explicit = global.socket.clone();
        let found = find_socket(explicit, &Places::of_this_user())?;
        for note in &found.notes {
            say.note(note);
        }
        let timeout = global.timeout.map_or(TIMEOUT, Span::duration);
        let account = global.account.as_deref().filter(|name| !name.is_empty());
        let client = Client::new(found.socket)
            .with_account(account)
            .with_timeout((!timeout.is_zero()).then_some(timeout));
        let watched = io::stderr().is_terminal() && !global.no_progress && !global.quiet;
        Ok(Self {
            client,
            out: out_of(global),
            say,
            progress: Progress::new(watched),
            timeout,
        })
    }
}

/// Standard output in the format that is asked for.
pub(crate) fn out_of(global: &Global) -> Out {
    let terminal = io::stdout().is_terminal();
    let format = global.output.unwrap_or(if terminal {
        Format::Table
    } else {
        Format::Jsonl
    });
    Out::to_stdout(format, coloured(global.color, terminal))
}

/// How to speak on standard error.
pub(crate) fn say_of(global: &Global) -> Say {
    Say {
        quiet: global.quiet,
        json: matches!(global.output, Some(Format::Json | Format::Jsonl)),
        colour: coloured(global.color, io::stderr().is_terminal()),
    }
}

/// Whether to use colours. Source: no-color.org for `NO_COLOR`.
fn coloured(choice: Colour, terminal: bool) -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    match choice {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => terminal && !set("NO_COLOR") && !dumb,
    }
}
