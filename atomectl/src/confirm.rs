//! Asks a person to type a name before something is gone for good.

use std::io::{self, IsTerminal};

use crate::fault::Fault;
use crate::say::Say;

/// Says what will be gone, and goes on where its name is typed.
///
/// # Errors
///
/// `bad_request` where there is no terminal to ask on, or anything else is typed.
pub(crate) fn confirm(say: Say, what_goes: &str, name: &str) -> Result<(), Fault> {
    if !io::stdin().is_terminal() {
        return Err(Fault::usage(
            "there is no terminal to ask on whether it is meant; say so with --yes",
        ));
    }
    say.ask(&format!("{what_goes}\nType its name to go on: "));
    let mut typed = String::new();
    io::stdin()
        .read_line(&mut typed)
        .map_err(|error| Fault::usage(format!("the answer cannot be read: {error}")))?;
    if typed.trim() != name.trim() {
        return Err(Fault::usage("that is not its name; nothing was deleted"));
    }
    Ok(())
}
