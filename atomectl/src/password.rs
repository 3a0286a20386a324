//! Passwords: from standard input where a script says so, else from the terminal, never from an argument.

use std::io::{self, BufRead, IsTerminal};
use std::time::Duration;

use atome_proto::account::Secret;
use tokio::sync::{Mutex, MutexGuard};

use crate::fault::Fault;

/// Longest password that is read from standard input, in bytes; anything longer is some other file.
const PASSWORD_LEN_MAX: u64 = 4096;

/// Held while the terminal does not echo.
static TERMINAL: Mutex<()> = Mutex::const_new(());

/// How long an interrupt waits for the terminal to be put back; that takes microseconds.
const RESTORE_MAX: Duration = Duration::from_millis(200);

/// Waits until a prompt that was interrupted has put the terminal back.
pub(crate) async fn until_the_terminal_is_as_it_was() {
    let _ = tokio::time::timeout(RESTORE_MAX, TERMINAL.lock()).await;
}

/// Reads the password of an account; one that is being made is asked for twice.
pub(crate) async fn read(name: &str, from_stdin: bool, twice: bool) -> Result<Secret, Fault> {
    if from_stdin {
        return first_line(io::stdin().lock());
    }
    let _guard = terminal().await?;
    ask(&format!("Password for {name}: "), twice)
}

/// Reads the present password of an account and the one to come, each a line where they are piped in.
pub(crate) async fn read_change(name: &str, from_stdin: bool) -> Result<(Secret, Secret), Fault> {
    if from_stdin {
        let present = first_line(io::stdin().lock())?;
        return Ok((present, first_line(io::stdin().lock())?));
    }
    let _guard = terminal().await?;
    let present = ask(&format!("Present password for {name}: "), false)?;
    Ok((present, ask(&format!("New password for {name}: "), true)?))
}

/// Reads the password of an account that may have none here: where nobody can be asked, or nothing is
/// typed, there is none.
pub(crate) async fn read_if_any(name: &str, from_stdin: bool) -> Result<Option<Secret>, Fault> {
    if from_stdin {
        return first_line(io::stdin().lock()).map(Some);
    }
    if !io::stdin().is_terminal() {
        return Ok(None);
    }
    let _guard = terminal().await?;
    let password = prompt(&format!("Password for {name} (Enter where it has none): "))?;
    Ok((!password.is_empty()).then_some(Secret(password)))
}

async fn terminal() -> Result<MutexGuard<'static, ()>, Fault> {
    if !io::stdin().is_terminal() {
        return Err(Fault::usage(
            "there is no terminal to ask for the password on; pass it with --password-stdin",
        ));
    }
    Ok(TERMINAL.lock().await)
}

fn ask(text: &str, twice: bool) -> Result<Secret, Fault> {
    let password = not_empty(prompt(text)?)?;
    if twice && prompt("The same again: ")? != password.0 {
        return Err(Fault::usage("the two passwords are not the same"));
    }
    Ok(password)
}

fn prompt(text: &str) -> Result<String, Fault> {
    rpassword::prompt_password(text).map_err(|error| {
        if error.kind() == io::ErrorKind::Interrupted {
            Fault::Interrupted
        } else {
            Fault::usage(format!("the password cannot be read: {error}"))
        }
    })
}

fn first_line(input: impl BufRead) -> Result<Secret, Fault> {
    let mut line = String::new();
    input
        .take(PASSWORD_LEN_MAX)
        .read_line(&mut line)
        .map_err(|error| Fault::usage(format!("the password cannot be read: {error}")))?;
    let password = line.strip_suffix('\n').unwrap_or(&line);
    not_empty(password.strip_suffix('\r').unwrap_or(password).to_owned())
}

fn not_empty(password: String) -> Result<Secret, Fault> {
    if password.is_empty() {
        return Err(Fault::usage("the password is empty"));
    }
    Ok(Secret(password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_the_password() {
        let read = |text: &str| first_line(text.as_bytes()).map(|secret| secret.0);
        assert_eq!(read("hunter 2 \nmore").unwrap(), "hunter 2 ");
        assert_eq!(read("hunter\r\n").unwrap(), "hunter");
        assert_eq!(read("hunter").unwrap(), "hunter");
        assert!(read("").is_err());
        assert!(read("\n").is_err());
    }
}
